"""Clones: which database was copied into which, as of when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.kernel.db import Json, Timestamp, metadata

clones = sa.Table(
    "clones",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("project_id", sa.String(40), nullable=False),
    sa.Column("environment_id", sa.String(40), nullable=False),
    sa.Column("resource_id", sa.String(40), nullable=False),
    sa.Column("source_id", sa.String(40), nullable=False),
    sa.Column("source_name", sa.String(63), nullable=False),
    sa.Column("actor", sa.String(80), nullable=False),
    sa.Column("run_id", sa.String(40)),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("masking", Json()),
    sa.Column("receipt", Json()),
    sa.Column("verdict", Json()),
    sa.Column("error", Json()),
    sa.Column("moment", Timestamp()),
    sa.Column("at", Timestamp(), nullable=False),
    sa.Column("finished_at", Timestamp()),
)
sa.Index("ix_clones_resource_id", clones.c.resource_id)


@dataclass(frozen=True)
class Clone:
    """`resource_id` is the copy, `source_id` what it was made of; `moment` is when the source looked like that."""

    id: str
    project_id: str
    environment_id: str
    resource_id: str
    source_id: str
    source_name: str
    actor: str
    run_id: str | None
    state: str
    masking: Mapping[str, Any] | None
    receipt: Mapping[str, Any] | None
    verdict: Mapping[str, Any] | None
    error: Mapping[str, Any] | None
    moment: datetime | None
    at: datetime
    finished_at: datetime | None


@dataclass(frozen=True)
class Origin:
    """Where a database came from. `how`: "created", "cloned" or "restored"."""

    how: str
    source_id: str | None = None
    source_name: str | None = None
    snapshot_id: str | None = None
    moment: datetime | None = None
    masking: str | None = None
