"""Is it up, is it ready, and what of it is not."""
