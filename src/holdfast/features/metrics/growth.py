"""How much there was to bring back, and how much was stored for it, day by day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.actor import Actor
from holdfast.features.access.grants import Columns
from holdfast.features.backups.model import IMPORTED, snapshots
from holdfast.features.databases.model import resources
from holdfast.features.projects.scope import project_of
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.db.day import utc_day

_SNAPSHOTS = Columns(snapshots.c.project_id, snapshots.c.environment_id, snapshots.c.resource_id)
_RESOURCES = Columns(resources.c.project_id, resources.c.environment_id, resources.c.id)
_TAKEN = ("ready", "forgotten", "forgetting", "deleted")


@dataclass(frozen=True)
class GrowthPoint:
    """The end of a day in UTC. `source_bytes`: of each living database its newest snapshot then; `stored_bytes`: what
    the snapshots that were kept then had added to their repositories."""

    day: date
    source_bytes: int
    stored_bytes: int


class GrowthService:
    """Out of what is recorded of snapshots, also of those that are deleted; three statements however many."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def of(
        self, actor: Actor, project_id: str, *, environment_id: str | None = None, days: int = 90
    ) -> Sequence[GrowthPoint]:
        """One point a day, oldest first; nothing before the first snapshot."""
        source: Counter[date] = Counter()
        stored: Counter[date] = Counter()
        with self._db.read() as conn:
            project_of(conn, actor, project_id, "project.read")
            actor.require_within("metric.read", project_id)
            where = _within(snapshots.c, project_id, environment_id, actor.visible("metric.read", _SNAPSHOTS))
            for row in conn.execute(_taken(where)):
                source[_date(row.day)] += int(row.source or 0)
                stored[_date(row.day)] += int(row.stored or 0)
            for row in conn.execute(_deleted(where)):
                stored[_date(row.day)] -= int(row.stored or 0)
            gone = _within(resources.c, project_id, environment_id, actor.visible("metric.read", _RESOURCES))
            for row in conn.execute(_gone(gone)):
                source[_date(row.day)] -= int(row.source or 0)
        return _points(source, stored, self._clock.now().date(), days)


def _within(
    columns: Any, project_id: str, environment_id: str | None, visible: sa.ColumnElement[bool]
) -> list[sa.ColumnElement[bool]]:
    here = [visible, columns.project_id == project_id]
    return here if environment_id is None else [*here, columns.environment_id == environment_id]


def _taken(where: Sequence[sa.ColumnElement[bool]]) -> sa.Select[str, Any]:
    """By day: how much larger the newest snapshots became, and what was stored."""
    c = snapshots.c
    before = sa.func.lag(c.source_bytes).over(partition_by=c.resource_id, order_by=c.id)
    each = (
        sa.select(
            utc_day(c.taken_at).label("day"),
            (sa.func.coalesce(c.source_bytes, 0) - sa.func.coalesce(before, 0)).label("more"),
            c.stored_bytes,
        )
        .where(*where, c.taken_at.is_not(None), c.state.in_(_TAKEN), c.trigger != IMPORTED)
        .subquery()
    )
    sums = (sa.func.sum(each.c.more).label("source"), sa.func.sum(each.c.stored_bytes).label("stored"))
    return sa.select(each.c.day, *sums).group_by(each.c.day)


def _deleted(where: Sequence[sa.ColumnElement[bool]]) -> sa.Select[str, Any]:
    c = snapshots.c
    day = utc_day(c.deleted_at).label("day")
    ended = (c.state == "deleted", c.deleted_at.is_not(None), c.taken_at.is_not(None), c.trigger != IMPORTED)
    return sa.select(day, sa.func.sum(c.stored_bytes).label("stored")).where(*where, *ended).group_by(day)


def _gone(where: Sequence[sa.ColumnElement[bool]]) -> sa.Select[str, Any]:
    """Databases that were deleted, with what their newest snapshot held."""
    s, r = snapshots.c, resources.c
    newest = (
        sa.select(sa.func.max(s.id))
        .where(s.resource_id == r.id, s.taken_at.is_not(None), s.state.in_(_TAKEN), s.trigger != IMPORTED)
        .correlate(resources)
        .scalar_subquery()
    )
    day = utc_day(r.deleted_at).label("day")
    joined = sa.select(day, sa.func.sum(s.source_bytes).label("source")).join(snapshots, s.id == newest)
    return joined.where(*where, r.deleted_at.is_not(None)).group_by(day)


def _date(text: str) -> date:
    return date.fromisoformat(text)


def _points(source: Counter[date], stored: Counter[date], today: date, days: int) -> list[GrowthPoint]:
    seen = sorted({*source, *stored})
    if not seen:
        return []
    first = max(seen[0], today - timedelta(days=days - 1))
    data = sum(value for day, value in source.items() if day < first)
    kept = sum(value for day, value in stored.items() if day < first)
    points = []
    for offset in range((today - first).days + 1):
        day = first + timedelta(days=offset)
        data += source[day]
        kept += stored[day]
        points.append(GrowthPoint(day, max(0, data), max(0, kept)))
    return points
