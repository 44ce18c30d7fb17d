"""SQLite: one file per database, opened through APSW, guarded by an authorizer."""

from holdfast.engines.sqlite.engine import SqliteEngine

engine = SqliteEngine()

__all__ = ["SqliteEngine", "engine"]
