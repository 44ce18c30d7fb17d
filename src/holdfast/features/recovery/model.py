"""Snapshots of the metadata, and which repositories they go to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from holdfast.kernel.db import Json, Timestamp, metadata

State = Literal["creating", "ready", "failed", "deleted"]

metadata_snapshots = sa.Table(
    "metadata_snapshots",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("repository_id", sa.String(40), sa.ForeignKey("repositories.id"), nullable=False),
    sa.Column("restic_id", sa.String(64)),
    sa.Column("run_id", sa.String(40)),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("trigger", sa.String(20), nullable=False),
    sa.Column("bytes", sa.BigInteger),
    sa.Column("stored_bytes", sa.BigInteger),
    sa.Column("rows", sa.BigInteger),
    sa.Column("audit_seq", sa.BigInteger),
    sa.Column("error", Json()),
    sa.Column("created_at", Timestamp(), nullable=False),
    sa.Column("taken_at", Timestamp()),
    sa.Index("ix_metadata_snapshots_repository_id", "repository_id", "id"),
)

metadata_homes = sa.Table(
    "metadata_homes",
    metadata,
    sa.Column("repository_id", sa.String(40), sa.ForeignKey("repositories.id"), primary_key=True),
    sa.Column("added_by", sa.String(80), nullable=False),
    sa.Column("added_at", Timestamp(), nullable=False),
)


@dataclass(frozen=True)
class MetadataSnapshot:
    """One snapshot of Holdfast's own records, in one repository. `audit_seq`: the audit log's end in it. "ready" means
    stored and every byte read back."""

    id: str
    repository_id: str
    restic_id: str | None
    run_id: str | None
    state: State
    trigger: str
    bytes: int | None
    stored_bytes: int | None
    rows: int | None
    audit_seq: int | None
    error: Mapping[str, Any] | None
    created_at: datetime
    taken_at: datetime | None


@dataclass(frozen=True)
class Home:
    """A repository that gets every snapshot of the metadata."""

    repository_id: str
    added_by: str
    added_at: datetime
