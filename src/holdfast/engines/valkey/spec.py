"""What a user may ask of a Valkey server."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from holdfast.contract.spec import Spec

MOST_DATABASES = 1024
REDIS = "redis-7.0"


class ValkeySpec(Spec):
    """One server with its numbered databases. With a memory limit, what its data may take is tuned to it."""

    version: Literal["9", "redis-7.0"] = Field(
        default="9", description="Valkey 9, or the Redis 7.0 of the system's packages."
    )
    databases: int = Field(default=16, ge=1, le=MOST_DATABASES, description="Numbered databases, 0 to this less one.")
    max_data_mb: int = Field(default=256, ge=8, description="Data the server may hold, in MB (maxmemory).")
    eviction: Literal["noeviction", "allkeys-lru", "allkeys-lfu", "volatile-lru", "volatile-ttl"] = Field(
        default="noeviction", description="What happens when the data no longer fits; noeviction refuses writes."
    )
    max_clients: int = Field(default=100, ge=10, le=10000, description="Connections at once, ours included.")
    memory_mb: int | None = Field(default=None, ge=64, description="Memory limit of the server's process, in MB.")
    cpus: float | None = Field(default=None, gt=0, le=256, description="CPU limit of the server, in cores.")

    @model_validator(mode="before")
    @classmethod
    def _tuned(cls, given: Any) -> Any:
        """Two fifths for the data: a restored copy stands beside the living data for a while, and buffers take some."""
        size = given.get("memory_mb") if isinstance(given, dict) else None
        if isinstance(size, bool) or not isinstance(size, int) or size < 64:
            return given
        return {"max_data_mb": size * 2 // 5, **given}
