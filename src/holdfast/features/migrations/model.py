"""Migrations, the record of what was done with them, and the structure each database was left with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from holdfast.features.access.grants import Place
from holdfast.kernel.db import Json, Timestamp, metadata

Direction = Literal["up", "down", "baseline"]

migrations = sa.Table(
    "migrations",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("project_id", sa.String(40), nullable=False),
    sa.Column("environment_id", sa.String(40), nullable=False),
    sa.Column("resource_id", sa.String(40), nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("up", sa.Text, nullable=False),
    sa.Column("down", sa.Text),
    sa.Column("checksum", sa.String(64), nullable=False),
    sa.Column("applied_at", Timestamp()),
    sa.Column("applied_by", sa.String(80)),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_by", sa.String(80), nullable=False),
    sa.Column("created_at", Timestamp(), nullable=False),
    sa.UniqueConstraint("resource_id", "number"),
)

migration_steps = sa.Table(
    "migration_steps",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("resource_id", sa.String(40), nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("checksum", sa.String(64), nullable=False),
    sa.Column("direction", sa.String(10), nullable=False),
    sa.Column("outcome", sa.String(10), nullable=False),
    sa.Column("actor", sa.String(80), nullable=False),
    sa.Column("run_id", sa.String(40), nullable=False),
    sa.Column("snapshot_id", sa.String(40)),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("statements", sa.Integer, nullable=False),
    sa.Column("error", Json()),
    sa.Column("at", Timestamp(), nullable=False),
)
sa.Index("ix_migration_steps_resource_id", migration_steps.c.resource_id, migration_steps.c.id)

migration_shapes = sa.Table(
    "migration_shapes",
    metadata,
    sa.Column("resource_id", sa.String(40), primary_key=True),
    sa.Column("number", sa.BigInteger),
    sa.Column("shape", Json(), nullable=False),
    sa.Column("run_id", sa.String(40), nullable=False),
    sa.Column("at", Timestamp(), nullable=False),
)


@dataclass(frozen=True)
class Migration:
    """One versioned change. `number` orders them within their database; `checksum` is of what `up` and `down` say.
    `applied_at` mirrors the database's own ledger as of the last run: the ledger is what counts."""

    id: str
    project_id: str
    environment_id: str
    resource_id: str
    number: int
    name: str
    up: str
    down: str | None
    checksum: str
    applied_at: datetime | None
    applied_by: str | None
    version: int
    created_by: str
    created_at: datetime

    @property
    def place(self) -> Place:
        return Place(self.project_id, self.environment_id, self.resource_id)


@dataclass(frozen=True)
class StepRow:
    """One migration applied, rolled back or taken as given, well or badly."""

    id: str
    resource_id: str
    number: int
    name: str
    checksum: str
    direction: str
    outcome: str
    actor: str
    run_id: str
    snapshot_id: str | None
    seconds: float
    statements: int
    error: Mapping[str, Any] | None
    at: datetime


@dataclass(frozen=True)
class Shape:
    """The structure of a database after its last migration, as `shapes.shape_of` writes it."""

    resource_id: str
    number: int | None
    shape: Mapping[str, Any]
    run_id: str
    at: datetime
