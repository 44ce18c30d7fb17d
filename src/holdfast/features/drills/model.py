"""What a drill of a database asks and aims at, and the drills there were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from holdfast.features.access.grants import Place
from holdfast.kernel.db import Json, Timestamp, metadata

DrillState = Literal["running", "passed", "failed", "cancelled"]

drill_aims = sa.Table(
    "drill_aims",
    metadata,
    sa.Column("resource_id", sa.String(40), primary_key=True),
    sa.Column("checks", Json, nullable=False),
    sa.Column("rto_seconds", sa.Integer),
    sa.Column("rpo_seconds", sa.Integer),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("changed_by", sa.String(80), nullable=False),
    sa.Column("changed_at", Timestamp, nullable=False),
)

drills = sa.Table(
    "drills",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("project_id", sa.String(40), nullable=False),
    sa.Column("environment_id", sa.String(40), nullable=False),
    sa.Column("resource_id", sa.String(40), nullable=False),
    sa.Column("resource_name", sa.String(63), nullable=False),
    sa.Column("snapshot_id", sa.String(40), nullable=False),
    sa.Column("run_id", sa.String(40)),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("aims", Json, nullable=False),
    sa.Column("rto_seconds", sa.Float),
    sa.Column("rpo_seconds", sa.Float),
    sa.Column("checks", Json, nullable=False),
    sa.Column("error", Json),
    sa.Column("requested_by", sa.String(80), nullable=False),
    sa.Column("requested_at", Timestamp, nullable=False),
    sa.Column("finished_at", Timestamp),
    sa.Index("ix_drills_resource_id", "resource_id", "id"),
    sa.Index("ix_drills_project_id", "project_id", "id"),
    sa.Index("ix_drills_state", "state"),
)


@dataclass(frozen=True)
class Aims:
    """`checks` are statements with what their first value must be; `rto_seconds` how long bringing back may take,
    `rpo_seconds` how old what comes back may be. None: measured, not judged. Version 0: nobody has set any."""

    resource_id: str
    checks: Sequence[Mapping[str, Any]] = ()
    rto_seconds: int | None = None
    rpo_seconds: int | None = None
    version: int = 0
    changed_by: str | None = None
    changed_at: datetime | None = None


@dataclass(frozen=True)
class Drill:
    """One rehearsal. `aims` as they were when it was asked for. `rto_seconds`: from opening the repository until the
    data was back and could be asked; `rpo_seconds`: how old the snapshot was when the drill began."""

    id: str
    project_id: str
    environment_id: str
    resource_id: str
    resource_name: str
    snapshot_id: str
    run_id: str | None
    state: DrillState
    aims: Mapping[str, Any]
    rto_seconds: float | None
    rpo_seconds: float | None
    checks: Sequence[Mapping[str, Any]]
    error: Mapping[str, Any] | None
    requested_by: str
    requested_at: datetime
    finished_at: datetime | None

    @property
    def place(self) -> Place:
        return Place(self.project_id, self.environment_id, self.resource_id)
