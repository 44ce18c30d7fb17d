"""Migrations: versioned changes of a database's structure, applied, rolled back and compared with what is there."""
