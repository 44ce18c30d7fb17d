"""Whether each database of a project could be brought back: one fold over all of them, in a few statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

import sqlalchemy as sa

from holdfast.features.access.actor import Actor
from holdfast.features.access.grants import Columns
from holdfast.features.backups.model import IMPORTED, restores, snapshots
from holdfast.features.databases.model import KIND, resources
from holdfast.features.plans import store as plan_store
from holdfast.features.plans.coverage import covered
from holdfast.features.plans.model import Plan
from holdfast.features.plans.status import late_ones
from holdfast.features.projects.model import environments
from holdfast.features.projects.scope import project_of
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database

Level = Literal["bad", "warn", "good"]
Why = Literal["never", "damaged", "late", "failed", "unverified", "unplanned", "fine"]
LEVELS: tuple[Level, ...] = get_args(Level)
_LEVEL: Mapping[Why, Level] = {
    "never": "bad",
    "damaged": "bad",
    "late": "bad",
    "failed": "warn",
    "unverified": "warn",
    "unplanned": "warn",
    "fine": "good",
}
_WORST = tuple(_LEVEL)
SOON = 5  # turns told
_RESOURCES = Columns(resources.c.project_id, resources.c.environment_id, resources.c.id)


@dataclass(frozen=True)
class Protected:
    """One database. `at`: of its newest snapshot; when it was due, where it is late."""

    id: str
    name: str
    environment: str
    why: Why
    at: datetime | None
    source_bytes: int | None

    @property
    def level(self) -> Level:
        return _LEVEL[self.why]


@dataclass(frozen=True)
class Due:
    """A plan's next turn."""

    plan_id: str
    plan_name: str
    at: datetime


@dataclass(frozen=True)
class Protection:
    """`worst`: the first of them, the worst first. `due`: the next turns, soonest first. `restored`: something of the
    project was brought back once."""

    counts: Mapping[Level, int]
    worst: Sequence[Protected]
    source_bytes: int
    stored_bytes: int
    due: Sequence[Due]
    restored: bool


class ProtectionService:
    """Red: nothing to bring back, the newest snapshot is damaged, or a plan's turn is overdue. Yellow: the last try
    failed, the newest one is not proven, or no plan takes the next. Green: none of it."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def of(self, actor: Actor, project_id: str, *, environment_id: str | None = None, limit: int = 12) -> Protection:
        """Of the databases whose metrics the actor may see. What plans say counts where they may see plans."""
        with self._db.read() as conn:
            project_of(conn, actor, project_id, "project.read")
            actor.require_within("metric.read", project_id)
            visible = actor.visible("metric.read", _RESOURCES)
            rows = conn.execute(_newest(project_id, environment_id, visible)).all()
            overdue, unplanned, due = self._planned(conn, actor, project_id)
            restored = self._restored(conn, actor, project_id)
        found = [_protected(row, overdue, unplanned) for row in rows]
        found.sort(key=lambda each: (_WORST.index(each.why), each.name, each.id))
        return Protection(
            counts={level: sum(each.level == level for each in found) for level in LEVELS},
            worst=found[:limit],
            source_bytes=sum(row.source_bytes or 0 for row in rows),
            stored_bytes=sum(row.stored_bytes or 0 for row in rows),
            due=due[:SOON],
            restored=restored,
        )

    def _planned(
        self, conn: sa.Connection, actor: Actor, project_id: str
    ) -> tuple[Mapping[str, datetime], frozenset[str], Sequence[Due]]:
        """Database -> since when a snapshot is due; those that no plan covers which runs by itself; the next turns."""
        if "plan.read" not in actor.permissions:
            return {}, frozenset(), ()
        there = plan_store.databases_of(conn, [project_id], actor.visible("plan.read", _RESOURCES))
        plans = plan_store.enabled(conn, project_id)  # a plan that is not seen covers what is seen all the same
        last = plan_store.last_successes(conn, [plan.id for plan in plans])
        now = self._clock.now()
        overdue: dict[str, datetime] = {}
        for plan in plans:
            for late in late_ones(plan, there, last, now):
                overdue[late.resource_id] = min(late.due_at, overdue.get(late.resource_id, late.due_at))
        inside = {resource.id for plan in plans for resource in covered(plan, there)}

        def seen(plan: Plan) -> bool:
            return actor.may("plan.read", plan.place)

        turns = plan_store.next_turns(conn, [plan.id for plan in plans])
        due = [Due(plan.id, plan.name, turns[plan.id]) for plan in plans if plan.id in turns and seen(plan)]
        return overdue, frozenset(each.id for each in there if each.id not in inside), sorted(due, key=_soon)

    def _restored(self, conn: sa.Connection, actor: Actor, project_id: str) -> bool:
        at = Columns(restores.c.project_id, restores.c.environment_id, restores.c.resource_id)
        query = sa.select(restores.c.id).where(
            restores.c.project_id == project_id,
            restores.c.state == "succeeded",
            actor.visible("metric.read", at),
        )
        return conn.execute(query.limit(1)).first() is not None


def _soon(due: Due) -> tuple[datetime, str]:
    return due.at, due.plan_name


def _newest(project_id: str, environment_id: str | None, visible: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Each living database with its newest good snapshot; `tried`: the newest that failed."""
    s, r = snapshots.c, resources.c
    ends = (
        sa.select(
            s.resource_id,
            sa.func.max(sa.case((s.state == "ready", s.id))).label("good"),
            sa.func.max(sa.case((s.state == "failed", s.id))).label("tried"),
        )
        .where(s.project_id == project_id, s.trigger != IMPORTED, s.state.in_(("ready", "failed")))
        .group_by(s.resource_id)
        .subquery()
    )
    query = (
        sa.select(
            r.id,
            r.name,
            environments.c.name.label("environment"),
            s.taken_at,
            s.verification,
            s.source_bytes,
            s.stored_bytes,
            ends.c.good,
            ends.c.tried,
        )
        .join(environments, environments.c.id == r.environment_id)
        .join(ends, ends.c.resource_id == r.id, isouter=True)
        .join(snapshots, s.id == ends.c.good, isouter=True)
        .where(visible, r.project_id == project_id, r.kind == KIND, r.deleted_at.is_(None))
    )
    return query if environment_id is None else query.where(r.environment_id == environment_id)


def _protected(row: Any, overdue: Mapping[str, datetime], unplanned: frozenset[str]) -> Protected:
    why, at = _why(row, row.id in overdue, row.id in unplanned), row.taken_at
    if why == "late":
        at = overdue[row.id]
    return Protected(row.id, row.name, row.environment, why, at, row.source_bytes)


def _why(row: Any, late: bool, unplanned: bool) -> Why:
    """The worst that is to be said of it."""
    reasons: tuple[tuple[Why, bool], ...] = (
        ("never", row.good is None),
        ("damaged", row.verification == "red"),
        ("late", late),
        ("failed", row.tried is not None and row.tried > (row.good or "")),
        ("unverified", row.verification != "green"),
        ("unplanned", unplanned),
    )
    return next((why for why, holds in reasons if holds), "fine")
