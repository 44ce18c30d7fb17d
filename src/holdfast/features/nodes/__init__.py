"""The nodes that share one metadata database."""
