"""The resource row, its states, and the history of statements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from holdfast.features.access.grants import Place
from holdfast.kernel.db import Json, Timestamp, metadata

KIND = "database"
EXTERNAL: Literal["external"] = "external"  # the host of what is not ours
DRIFTED = "passwords_drifted"  # the reason a ready database gives when its server knows other passwords than we
State = Literal["creating", "ready", "stopped", "starting", "stopping", "restoring", "changing", "failed", "deleted"]
BUSY: frozenset[str] = frozenset({"creating", "starting", "stopping", "restoring", "changing"})

resources = sa.Table(
    "resources",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("project_id", sa.String(40), nullable=False),
    sa.Column("environment_id", sa.String(40), nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("engine", sa.String(40), nullable=False),
    sa.Column("name", sa.String(63), nullable=False),
    sa.Column("spec", Json(), nullable=False),
    sa.Column("labels", Json(), nullable=False),
    sa.Column("colour", sa.String(20)),
    sa.Column("notes", sa.Text, nullable=False, default=""),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("state_reason", Json()),
    sa.Column("host", sa.String(20)),
    sa.Column("endpoint", Json()),
    sa.Column("limits", Json()),
    sa.Column("deletion_protection", sa.Boolean, nullable=False, default=False),
    sa.Column("run_id", sa.String(40)),
    sa.Column("generation", sa.Integer, nullable=False, default=1),
    sa.Column("version", sa.Integer, nullable=False, default=1),
    sa.Column("created_by", sa.String(80), nullable=False),
    sa.Column("created_at", Timestamp(), nullable=False),
    sa.Column("updated_at", Timestamp(), nullable=False),
    sa.Column("deleted_at", Timestamp()),
    sa.Column("purge_after", Timestamp()),
    sa.Column("purged_at", Timestamp()),
    sa.Column("node", sa.String(63)),
)
sa.Index(
    "uq_resources_environment_kind_name",
    resources.c.environment_id,
    resources.c.kind,
    resources.c.name,
    unique=True,
    sqlite_where=resources.c.deleted_at.is_(None),
    postgresql_where=resources.c.deleted_at.is_(None),
)
sa.Index("ix_resources_node", resources.c.node)
sa.Index("ix_resources_project_id", resources.c.project_id, resources.c.id)

statements = sa.Table(
    "statements",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("resource_id", sa.String(40), nullable=False),
    sa.Column("actor", sa.String(80), nullable=False),
    sa.Column("at", Timestamp(), nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("write", sa.Boolean, nullable=False),
    sa.Column("status", sa.String(40), nullable=False),
    sa.Column("duration_ms", sa.Float, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("affected", sa.BigInteger),
)
sa.Index("ix_statements_resource_id", statements.c.resource_id, statements.c.id)

external_reports = sa.Table(
    "external_reports",
    metadata,
    sa.Column("resource_id", sa.String(40), primary_key=True),
    sa.Column("at", Timestamp(), nullable=False),
    sa.Column("ok", sa.Boolean, nullable=False),
    sa.Column("report", Json()),
    sa.Column("error", Json()),
)


@dataclass(frozen=True)
class Resource:
    """One database as recorded. `endpoint` holds no password; `generation` rises when what is behind the endpoint
    changes (start, swap), so that sessions opened before are not used again; `version` is the ETag. `node` hosts
    it; None = it is reached from every node."""

    id: str
    project_id: str
    environment_id: str
    kind: str
    engine: str
    name: str
    spec: Mapping[str, Any]
    labels: Mapping[str, str]
    colour: str | None
    notes: str
    state: State
    state_reason: Mapping[str, Any] | None
    host: str | None
    endpoint: Mapping[str, Any] | None
    limits: Mapping[str, Any] | None
    deletion_protection: bool
    run_id: str | None
    generation: int
    version: int
    created_by: str
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    purge_after: datetime | None
    purged_at: datetime | None
    node: str | None = None

    @property
    def place(self) -> Place:
        return Place(self.project_id, self.environment_id, self.id)


@dataclass(frozen=True)
class Statement:
    """One statement that ran: never its parameters, and its text with every literal replaced by `?`."""

    id: str
    resource_id: str
    actor: str
    at: datetime
    fingerprint: str
    write: bool
    status: str
    duration_ms: float
    rows: int
    affected: int | None


@dataclass(frozen=True)
class Look:
    """The latest look at a database that is not ours. `report` is the newest that succeeded, `error` why this one
    failed."""

    resource_id: str
    at: datetime
    ok: bool
    report: Mapping[str, Any] | None
    error: Mapping[str, Any] | None
