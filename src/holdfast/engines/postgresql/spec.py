"""What a user may ask of a PostgreSQL database."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from holdfast.contract.spec import Spec

Version = Literal["18", "16"]


class PostgresqlSpec(Spec):
    """One cluster for one database. Defaults idle under 30 MB; every setting is safe to raise later. With a memory
    limit, what was not given is tuned to it."""

    version: Version = Field(default="18", description="Major version of the server.")
    max_connections: int = Field(default=30, ge=10, le=500, description="Sessions at once, ours included.")
    shared_buffers_mb: int = Field(default=32, ge=8, le=16384, description="Page cache of the server, in MB.")
    work_mem_mb: int = Field(default=4, ge=1, le=1024, description="Memory of one sort or hash, in MB.")
    maintenance_work_mem_mb: int = Field(default=64, ge=8, le=4096, description="Memory of an index build, in MB.")
    max_wal_size_mb: int = Field(default=512, ge=64, le=65536, description="WAL between checkpoints, in MB.")
    connection_limit: int = Field(default=20, ge=1, le=490, description="Sessions users may open at once.")
    memory_mb: int | None = Field(default=None, ge=64, description="Memory limit of the server, in MB.")
    cpus: float | None = Field(default=None, gt=0, le=256, description="CPU limit of the server, in cores.")
    extensions: tuple[str, ...] = Field(
        default=(), max_length=0, description="Extensions to install; none is offered yet."
    )

    @model_validator(mode="before")
    @classmethod
    def _tuned(cls, given: Any) -> Any:
        """A quarter for the page cache, a sixteenth for index builds, and sorts that all sessions can do at once."""
        size = given.get("memory_mb") if isinstance(given, dict) else None
        if isinstance(size, bool) or not isinstance(size, int) or size < 64:
            return given
        sessions = given.get("connection_limit")
        share = size // 4 // (sessions if isinstance(sessions, int) and sessions > 0 else 20)
        tuned = {
            "shared_buffers_mb": min(size // 4, 16384),
            "maintenance_work_mem_mb": min(max(size // 16, 8), 2048),
            "work_mem_mb": min(max(share, 1), 256),
        }
        return {**tuned, **given}
