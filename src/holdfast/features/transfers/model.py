"""Uploads, exports and imports as recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.grants import Place
from holdfast.kernel.db import Json, Timestamp, metadata


def _where() -> list[sa.Column[Any]]:
    return [
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("project_id", sa.String(40), nullable=False),
        sa.Column("environment_id", sa.String(40), nullable=False),
        sa.Column("resource_id", sa.String(40), nullable=False),
        sa.Column("created_by", sa.String(80), nullable=False),
        sa.Column("created_at", Timestamp(), nullable=False),
        sa.Column("expires_at", Timestamp(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("node", sa.String(63)),
    ]


uploads = sa.Table(
    "uploads",
    metadata,
    *_where(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("received", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.String(64)),
    sa.Index("ix_uploads_created_by", "created_by", "id"),
    sa.Index("ix_uploads_expires_at", "expires_at"),
)

exports = sa.Table(
    "exports",
    metadata,
    *_where(),
    sa.Column("run_id", sa.String(40)),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("wish", Json(), nullable=False),
    sa.Column("bytes", sa.BigInteger),
    sa.Column("sha256", sa.String(64)),
    sa.Column("error", Json()),
    sa.Column("finished_at", Timestamp()),
    sa.Index("ix_exports_project_id", "project_id", "id"),
    sa.Index("ix_exports_expires_at", "expires_at"),
)

imports = sa.Table(
    "imports",
    metadata,
    *_where(),
    sa.Column("run_id", sa.String(40)),
    sa.Column("upload_id", sa.String(40), nullable=False),
    sa.Column("wish", Json(), nullable=False),
    sa.Column("token", sa.String(80)),
    sa.Column("result", Json()),
    sa.Column("error", Json()),
    sa.Column("finished_at", Timestamp()),
    sa.Index("ix_imports_project_id", "project_id", "id"),
    sa.Index("ix_imports_expires_at", "expires_at"),
)


@dataclass(frozen=True)
class _Placed:
    id: str
    project_id: str
    environment_id: str
    resource_id: str
    created_by: str
    created_at: datetime
    expires_at: datetime
    state: str
    node: str | None = field(default=None, kw_only=True)
    """Whose disk its file is on."""

    @property
    def place(self) -> Place:
        return Place(self.project_id, self.environment_id, self.resource_id)


@dataclass(frozen=True)
class Upload(_Placed):
    """A file that is being sent: `received` bytes of `size` are here. States: open, complete, taken."""

    name: str
    size: int
    received: int
    sha256: str | None


@dataclass(frozen=True)
class Export(_Placed):
    """A table, a result or a database as a file. States: running, ready, failed, cancelled."""

    run_id: str | None
    name: str
    wish: Mapping[str, Any]
    bytes: int | None
    sha256: str | None
    error: Mapping[str, Any] | None
    finished_at: datetime | None


@dataclass(frozen=True)
class Import(_Placed):
    """A file's rows on their way into a table. `token` names the transaction about to be committed, `result` what it
    does: after a crash they say what became of it. States: running, done, failed, cancelled."""

    run_id: str | None
    upload_id: str
    wish: Mapping[str, Any]
    token: str | None
    result: Mapping[str, Any] | None
    error: Mapping[str, Any] | None
    finished_at: datetime | None
