"""Namespaces: a name, and the database that holds the entries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from holdfast.features.access.grants import Place
from holdfast.kernel.db import Timestamp, metadata
from holdfast.runtime.bindings.kv_usage import KvQuota

LABEL = "holdfast/kv"  # on the database of a namespace, so that people see why it is there

kv_namespaces = sa.Table(
    "kv_namespaces",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("project_id", sa.String(40), nullable=False),
    sa.Column("environment_id", sa.String(40), nullable=False),
    sa.Column(
        "resource_id",
        sa.String(40),
        sa.ForeignKey("resources.id", ondelete="CASCADE"),
        nullable=False,
        unique=True,
    ),
    sa.Column("name", sa.String(60), nullable=False),
    sa.Column("max_keys", sa.BigInteger),
    sa.Column("max_bytes", sa.BigInteger),
    sa.Column("created_by", sa.String(80), nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Index("ix_kv_namespaces_environment_id", "environment_id", "name"),
)


@dataclass(frozen=True)
class Namespace:
    """`state`, `run_id` and `path` are its database's: deleted with it, back when that is undeleted, gone when that is
    purged. `path` is None until it was provisioned. `max_keys`, `max_bytes`: its quota, None without a limit."""

    id: str
    project_id: str
    environment_id: str
    resource_id: str
    name: str
    created_by: str
    created_at: datetime
    state: str
    run_id: str | None
    path: str | None
    max_keys: int | None = None
    max_bytes: int | None = None

    @property
    def quota(self) -> KvQuota | None:
        """What it may hold; None without a limit."""
        limited = self.max_keys is not None or self.max_bytes is not None
        return KvQuota(self.max_keys, self.max_bytes) if limited else None

    @property
    def place(self) -> Place:
        return Place(self.project_id, self.environment_id, self.resource_id)


@dataclass(frozen=True)
class Entry:
    """One key. `expires_at` in seconds since 1970; `metadata` is JSON text."""

    key: str
    value: bytes | None
    metadata: str | None
    expires_at: int | None


def database_name(name: str) -> str:
    """What the database of a namespace is called."""
    return f"kv-{name}"
