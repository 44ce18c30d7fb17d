"""PostgreSQL 16 to 18: clusters from a wheel or the system, logical snapshots by one exported snapshot."""

from holdfast.engines.postgresql.engine import PostgresqlEngine

engine = PostgresqlEngine()

__all__ = ["PostgresqlEngine", "engine"]
