"""Namespaces: a name, and the database that holds the entries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from holdfast.features.access.grants import Place
from holdfast.kernel.db import Timestamp, metadata

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
    sa.Column("created_by", sa.String(80), nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Index("ix_kv_namespaces_environment_id", "environment_id", "name"),
)


@dataclass(frozen=True)
class Namespace:
    """`state`, `run_id` and `path` are its database's: deleted with it, back when that is undeleted, gone when that is
    purged. `path` is None until it was provisioned."""

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
