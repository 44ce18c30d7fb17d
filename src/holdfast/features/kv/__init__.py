"""Key-value namespaces: each owns an ordinary SQLite database."""
