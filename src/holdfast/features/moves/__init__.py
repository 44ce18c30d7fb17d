"""Moving a database's content to another engine: planned, accepted, copied, compared."""
