"""How plans fare: what each covers, when it last succeeded there, what is late, and what no plan covers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from holdfast.features.access.actor import Actor
from holdfast.features.access.grants import Columns
from holdfast.features.databases.model import Resource, resources
from holdfast.features.plans import store
from holdfast.features.plans.coverage import DEFAULT, covered
from holdfast.features.plans.model import Plan
from holdfast.features.projects.scope import project_of
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database

PATIENCE = timedelta(hours=1)  # what a turn may take beyond its jitter before it counts as late


@dataclass(frozen=True)
class Late:
    """A database that a plan should have a newer snapshot of. `reason`: "turn_missed" (`due_at` passed without one), or
    "gap_too_long" (longer than the plan allows)."""

    plan_id: str
    plan_name: str
    project_id: str
    environment_id: str
    resource_id: str
    resource_name: str
    repository_id: str | None
    reason: str
    due_at: datetime
    last_success_at: datetime | None

    @property
    def key(self) -> str:
        return f"{self.plan_id}/{self.resource_id}/{self.repository_id or ''}"


@dataclass(frozen=True)
class Covered:
    """One database of a plan, into one repository (None = its default one)."""

    resource: Resource
    repository_id: str | None
    last_success_at: datetime | None
    next_due_at: datetime | None
    late: Late | None


Last = Mapping[tuple[str, str, str], tuple[datetime, datetime]]


def overdue(conn: sa.Connection, now: datetime) -> list[Late]:
    """Every database of every plan that is switched on and should have a newer snapshot. Three statements."""
    plans = store.enabled(conn)
    there = store.databases_of(conn, sorted({plan.project_id for plan in plans}))
    last = store.last_successes(conn, [plan.id for plan in plans])
    return [late for plan in plans for late in late_ones(plan, there, last, now)]


def late_ones(plan: Plan, there: Sequence[Resource], last: Last, now: datetime) -> list[Late]:
    """Those of one plan."""
    if not plan.enabled or not plan.schedules:
        return []
    expected = [
        due
        for timing in plan.timings
        if (due := timing.latest(now - PATIENCE - timedelta(seconds=timing.jitter_seconds))) is not None
    ]
    due = max(expected, default=None)
    found = []
    for resource in covered(plan, there):
        for repository_id in plan.repository_ids or (DEFAULT,):
            seen = last.get((plan.id, resource.id, repository_id))
            late = _late(plan, resource, repository_id, seen, due, now)
            if late is not None:
                found.append(late)
    return found


def _late(
    plan: Plan,
    resource: Resource,
    repository_id: str,
    seen: tuple[datetime, datetime] | None,
    due: datetime | None,
    now: datetime,
) -> Late | None:
    since = max(plan.armed_at, resource.created_at)
    reason, when = "", now
    if due is not None and due > since and (seen is None or seen[0] < due):
        reason, when = "turn_missed", due
    elif plan.max_gap_seconds is not None:
        gap = timedelta(seconds=plan.max_gap_seconds)
        when = (seen[1] if seen else since) + gap
        reason = "gap_too_long" if when < now else ""
    if not reason:
        return None
    return Late(
        plan_id=plan.id,
        plan_name=plan.name,
        project_id=plan.project_id,
        environment_id=resource.environment_id,
        resource_id=resource.id,
        resource_name=resource.name,
        repository_id=repository_id or None,
        reason=reason,
        due_at=when,
        last_success_at=seen[1] if seen else None,
    )


class PlanStatus:
    """What people look at. Every verb takes the actor first."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def next_turns(self, plans: Sequence[Plan]) -> dict[str, datetime]:
        """Plan -> its next turn; of plans the actor was let see already."""
        if not plans:
            return {}
        with self._db.read() as conn:
            return store.next_turns(conn, [plan.id for plan in plans])

    def upcoming(self, plan: Plan, count: int) -> list[tuple[datetime, str]]:
        """The next turns of all its schedules with their names, soonest first, before the jitter."""
        now = self._clock.now()
        found = [(at, timing.name) for timing in plan.timings for at in timing.next(now, count)]
        return sorted(found)[:count]

    def turns_of(self, plan: Plan, count: int) -> dict[str, list[datetime]]:
        """Schedule -> its next turns before the jitter; none while the plan is switched off."""
        now = self._clock.now()
        return {timing.name: list(timing.next(now, count)) if plan.enabled else [] for timing in plan.timings}

    def coverage(self, actor: Actor, plan: Plan, *, after: str | None, limit: int) -> list[Covered]:
        """The databases of a plan that the actor sees, by id, each with its last success and whether it is late."""
        now = self._clock.now()
        visible = actor.visible("plan.read", _RESOURCES)
        with self._db.read() as conn:
            there = store.databases_of(conn, [plan.project_id], visible)
            last = store.last_successes(conn, [plan.id])
            next_turn = store.next_turns(conn, [plan.id]).get(plan.id)
        late = {(each.resource_id, each.repository_id): each for each in late_ones(plan, there, last, now)}
        found = []
        for resource in covered(plan, there):
            for repository_id in plan.repository_ids or (DEFAULT,):
                if after is not None and f"{resource.id}/{repository_id}" <= after:
                    continue
                seen = last.get((plan.id, resource.id, repository_id))
                chosen = repository_id or None
                found.append(
                    Covered(resource, chosen, seen[1] if seen else None, next_turn, late.get((resource.id, chosen)))
                )
        return found[:limit]

    def late(self, actor: Actor, project_id: str, *, after: str | None = None, limit: int = 50) -> list[Late]:
        """What is late in a project, by plan, database and repository."""
        now = self._clock.now()
        with self._db.read() as conn:
            project_of(conn, actor, project_id, "project.read")
            actor.require_within("plan.read", project_id)
            there = store.databases_of(conn, [project_id], actor.visible("plan.read", _RESOURCES))
            plans = store.enabled(conn, project_id)
            last = store.last_successes(conn, [plan.id for plan in plans])
        found = sorted(
            (late for plan in plans for late in late_ones(plan, there, last, now)), key=lambda late: late.key
        )
        return [late for late in found if after is None or late.key > after][:limit]

    def unprotected(
        self, actor: Actor, project_id: str, *, after: str | None = None, limit: int = 50
    ) -> list[Resource]:
        """Living databases that the actor sees and that no plan which runs by itself covers, by id."""
        with self._db.read() as conn:
            project_of(conn, actor, project_id, "project.read")
            actor.require_within("plan.read", project_id)
            there = store.databases_of(conn, [project_id], actor.visible("plan.read", _RESOURCES))
            plans = store.enabled(conn, project_id)
        inside = {resource.id for plan in plans for resource in covered(plan, there)}
        free = [each for each in there if each.id not in inside and (after is None or each.id > after)]
        return free[:limit]


_RESOURCES = Columns(resources.c.project_id, resources.c.environment_id, resources.c.id)
