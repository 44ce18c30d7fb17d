"""What was: times without a snapshot that were longer than the plan allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.actor import Actor
from holdfast.features.access.grants import Columns
from holdfast.features.databases.model import resources
from holdfast.features.plans import store
from holdfast.features.plans.model import Plan
from holdfast.features.projects.scope import project_of
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database

LOOKED_BACK = timedelta(days=90)
Success = sa.Row[Any]


@dataclass(frozen=True)
class Gap:
    """`began` and `ended`: the two snapshots around it. One that still goes on is told as late, not here."""

    plan_id: str
    plan_name: str
    resource_id: str
    resource_name: str
    repository_id: str | None
    began: datetime
    ended: datetime
    allowed_seconds: int

    @property
    def seconds(self) -> int:
        return int((self.ended - self.began).total_seconds())


class GapsService:
    """The actor comes first."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def gaps(self, actor: Actor, project_id: str, *, since: datetime | None, offset: int, limit: int) -> Sequence[Gap]:
        """Newest first, of plans that say how long is too long and databases that the actor sees; 90 days back unless
        told."""
        begin = since or self._clock.now() - LOOKED_BACK
        with self._db.read() as conn:
            project_of(conn, actor, project_id, "project.read")
            actor.require_within("plan.read", project_id)
            c = resources.c
            seen = actor.visible("plan.read", Columns(c.project_id, c.environment_id, c.id))
            there = {resource.id for resource in store.databases_of(conn, [project_id], seen)}
            plans = {plan.id: plan for plan in store.bounded(conn, project_id)}
            rows = (row for row in store.successes(conn, list(plans), begin) if row.resource_id in there)
            found = [
                _gap(plans[row.plan_id], before, row)
                for before, row in pairwise(rows)
                if before[:3] == row[:3] and row.settled_at - before.settled_at > _allowed(plans[row.plan_id])
            ]
        found.sort(key=lambda gap: (gap.ended, gap.resource_id), reverse=True)
        return found[offset : offset + limit]


def _allowed(plan: Plan) -> timedelta:
    return timedelta(seconds=plan.max_gap_seconds or 0)


def _gap(plan: Plan, before: Success, row: Success) -> Gap:
    return Gap(
        plan_id=plan.id,
        plan_name=plan.name,
        resource_id=row.resource_id,
        resource_name=row.resource_name,
        repository_id=row.repository_id or None,
        began=before.settled_at,
        ended=row.settled_at,
        allowed_seconds=plan.max_gap_seconds or 0,
    )
