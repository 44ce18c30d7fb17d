"""Plans, the turns they take and what belonged to each: rows and records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from holdfast.features.access.grants import Place
from holdfast.features.plans.selection import Selection
from holdfast.features.plans.timing import Timing
from holdfast.kernel.db import Json, Timestamp, metadata

TurnState = Literal["pending", "running", "succeeded", "partial", "failed", "cancelled", "skipped"]
Trigger = Literal["schedule", "manual", "once"]
MANUAL = ""  # the schedule of a turn that somebody asked for

plans = sa.Table(
    "plans",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("project_id", sa.String(40), sa.ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
    sa.Column("environment_id", sa.String(40)),
    sa.Column("name", sa.String(63), nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("environment_ids", Json, nullable=False),
    sa.Column("repository_ids", Json, nullable=False),
    sa.Column("selection", Json, nullable=False),
    sa.Column("schedules", Json, nullable=False),
    sa.Column("retention", Json),
    sa.Column("options", Json, nullable=False),
    sa.Column("verify_level", sa.Integer),
    sa.Column("concurrency", sa.Integer, nullable=False),
    sa.Column("per_node", sa.Integer),
    sa.Column("deadline_seconds", sa.Integer),
    sa.Column("max_gap_seconds", sa.Integer),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("armed_at", Timestamp, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_by", sa.String(80), nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Column("updated_at", Timestamp, nullable=False),
    sa.UniqueConstraint("project_id", "name"),
)

plan_turns = sa.Table(
    "plan_turns",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("plan_id", sa.String(40), sa.ForeignKey("plans.id", ondelete="CASCADE"), nullable=False),
    sa.Column("project_id", sa.String(40), nullable=False),
    sa.Column("environment_id", sa.String(40)),
    sa.Column("schedule", sa.String(63), nullable=False),
    sa.Column("trigger", sa.String(20), nullable=False),
    sa.Column("actor", sa.String(120), nullable=False),
    sa.Column("run_id", sa.String(64), nullable=False, unique=True),
    sa.Column("correlation_id", sa.String(128)),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("requested_at", Timestamp, nullable=False),
    sa.Column("due_at", Timestamp, nullable=False),
    sa.Column("started_at", Timestamp),
    sa.Column("expanded_at", Timestamp),
    sa.Column("ended_at", Timestamp),
    sa.Column("total", sa.Integer, nullable=False),
    sa.Column("succeeded", sa.Integer, nullable=False),
    sa.Column("failed", sa.Integer, nullable=False),
    sa.Column("reason", Json),
    sa.Index("ix_plan_turns_plan_id", "plan_id", "id"),
    sa.Index("ix_plan_turns_state", "state", "id"),
)
# Whatever the code does: one schedule of a plan never has two turns at work.
sa.Index(
    "uq_plan_turns_at_work",
    plan_turns.c.plan_id,
    plan_turns.c.schedule,
    unique=True,
    sqlite_where=plan_turns.c.state == "running",
    postgresql_where=plan_turns.c.state == "running",
)

plan_members = sa.Table(
    "plan_members",
    metadata,
    sa.Column("turn_id", sa.String(40), sa.ForeignKey("plan_turns.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("resource_id", sa.String(40), primary_key=True),
    sa.Column("repository_id", sa.String(40), primary_key=True),
    sa.Column("plan_id", sa.String(40), nullable=False),
    sa.Column("resource_name", sa.String(63), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("snapshot_id", sa.String(40)),
    sa.Column("run_id", sa.String(64)),
    sa.Column("due_at", Timestamp, nullable=False),
    sa.Column("not_before", Timestamp, nullable=False),
    sa.Column("settled_at", Timestamp),
    sa.Column("reason", Json),
    sa.Column("retention", Json),
    sa.Index("ix_plan_members_plan_id", "plan_id", "resource_id", "repository_id", "due_at"),
    sa.Index("ix_plan_members_state", "state", "turn_id"),
)


@dataclass(frozen=True)
class Plan:
    """`environment_ids` empty = every environment of the project; `environment_id` is the one, when there is just one.
    `repository_ids` empty = each database's default one. `retention` None = nothing is deleted. `max_gap_seconds`: a
    longer time without a good snapshot is flagged, whatever the schedules say. `armed_at`: since when it covers what it
    covers and is due when it is due; turns before count as missed by nobody."""

    id: str
    project_id: str
    environment_id: str | None
    name: str
    description: str
    environment_ids: Sequence[str]
    repository_ids: Sequence[str]
    selection: Mapping[str, Any]
    schedules: Sequence[Mapping[str, Any]]
    retention: Mapping[str, Any] | None
    options: Mapping[str, Any]
    verify_level: int | None
    concurrency: int
    per_node: int | None
    deadline_seconds: int | None
    max_gap_seconds: int | None
    enabled: bool
    armed_at: datetime
    version: int
    created_by: str
    created_at: datetime
    updated_at: datetime

    @property
    def place(self) -> Place:
        return Place(self.project_id, self.environment_id)

    @property
    def selects(self) -> Selection:
        return Selection.from_json(self.selection)

    @property
    def timings(self) -> Sequence[Timing]:
        return tuple(Timing.from_json(each) for each in self.schedules)

    def timing(self, name: str) -> Timing | None:
        return next((each for each in self.timings if each.name == name), None)


@dataclass(frozen=True)
class Turn:
    """One time a plan was carried out. `due_at`: when it should have been; `total`, `succeeded`, `failed` count
    snapshots, one for each database and repository."""

    id: str
    plan_id: str
    project_id: str
    environment_id: str | None
    schedule: str
    trigger: Trigger
    actor: str
    run_id: str
    correlation_id: str | None
    state: TurnState
    requested_at: datetime
    due_at: datetime
    started_at: datetime | None
    expanded_at: datetime | None
    ended_at: datetime | None
    total: int
    succeeded: int
    failed: int
    reason: Mapping[str, Any] | None

    @property
    def place(self) -> Place:
        return Place(self.project_id, self.environment_id)


@dataclass(frozen=True)
class TurnFilter:
    """None and () = whatever it is. `since` and `until` compare when a turn was due."""

    plan_id: str | None = None
    project_id: str | None = None
    states: Sequence[str] = ()
    triggers: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        c = plan_turns.c
        same = ((c.plan_id, self.plan_id), (c.project_id, self.project_id))
        found: list[sa.ColumnElement[bool]] = [column == value for column, value in same if value is not None]
        found += [
            column.in_(values) for column, values in ((c.state, self.states), (c.trigger, self.triggers)) if values
        ]
        if self.since is not None:
            found.append(c.due_at >= self.since)
        if self.until is not None:
            found.append(c.due_at < self.until)
        return found


@dataclass(frozen=True)
class Member:
    """One database into one repository, in one turn. `state`: waiting (nobody was asked yet), asked, then what its run
    became, or skipped. `retention`: what went because of it, or why nothing could."""

    turn_id: str
    resource_id: str
    repository_id: str
    plan_id: str
    resource_name: str
    state: str
    snapshot_id: str | None
    run_id: str | None
    due_at: datetime
    not_before: datetime
    settled_at: datetime | None
    reason: Mapping[str, Any] | None
    retention: Mapping[str, Any] | None
