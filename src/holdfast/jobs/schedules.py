"""Schedules: which kind of run is due when. Judged by the wall clock, as people mean it.

However long nobody looked, one turn is made up for: the latest that was due. A turn and the moment of the next are
written in one transaction with the run, so that no turn is lost by a crash and none comes twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from holdfast.jobs import cron as lines
from holdfast.jobs.model import ENDED
from holdfast.jobs.schema import runs, schedules
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.errors import Invalid

Submit = Callable[[sa.Connection, Mapping[str, Any]], str]
# A next turn further off than this, though others come before it: the clock was wrong when it was worked out.
STRANDED = timedelta(hours=26)
_RECENT = timedelta(days=2)
_PUZZLED = timedelta(hours=1)
_log = logging.getLogger("holdfast.jobs")


@dataclass(frozen=True)
class Rule:
    """Every so many seconds, or by a five-field cron line in time zone `tz` (see `jobs/cron`)."""

    every_seconds: int | None
    cron: str | None
    tz: str = "UTC"

    def next_after(self, moment: datetime) -> datetime:
        """The first due moment later than `moment`. Raises Invalid."""
        if (self.every_seconds is None) == (self.cron is None):
            raise Invalid("a schedule has either every_seconds or cron", code="schedule_invalid")
        if self.every_seconds is None:
            return lines.next_after(self.cron or "", self.tz, moment)
        if self.every_seconds < 1:
            raise Invalid("every_seconds must be at least 1", code="schedule_invalid")
        return moment + timedelta(seconds=self.every_seconds)

    def latest(self, due: datetime, now: datetime) -> datetime:
        """The last turn up to `now`; `due` is one of them. What came before it and was missed stays missed."""
        if self.every_seconds is not None:
            return due
        for start in (max(due, now - _RECENT), due):
            last = due
            for moment in lines.occurrences(self.cron or "", self.tz, start):
                if moment > now:
                    break
                last = moment
            if last > due or start == due:
                return last
        return due


def put(
    conn: sa.Connection,
    *,
    name: str,
    kind: str,
    rule: Rule,
    project_id: str,
    values: Mapping[str, Any],
    now: datetime,
    enabled: bool = True,
) -> datetime:
    """Create or replace; an unchanged rule keeps its next moment, so that restarts do not push it away for ever. One
    that was switched off starts anew: what fell due meanwhile is not made up for."""
    due = rule.next_after(now)
    row = {
        "kind": kind,
        "project_id": project_id,
        "input": dict(values),
        "every_seconds": rule.every_seconds,
        "cron": rule.cron,
        "tz": rule.tz,
        "enabled": enabled,
    }
    found = conn.execute(sa.select(schedules).where(schedules.c.name == name)).mappings().first()
    if found is None:
        conn.execute(sa.insert(schedules).values(name=name, next_at=due, **row))
        return due
    if _rule(found) == rule and (found["enabled"] or not enabled):
        due = found["next_at"]
    conn.execute(sa.update(schedules).where(schedules.c.name == name).values(next_at=due, **row))
    return due


def remove(conn: sa.Connection, prefix: str, keep: frozenset[str] = frozenset()) -> None:
    """Those whose name begins with `prefix`, but for `keep`. Runs that were submitted stay."""
    c = schedules.c
    mine = c.name.startswith(prefix, autoescape=True)
    conn.execute(sa.delete(schedules).where(mine, c.name.not_in(sorted(keep))))


def any_due(conn: sa.Connection, now: datetime) -> bool:
    c = schedules.c
    return conn.execute(sa.select(c.name).where(c.next_at <= now, c.enabled).limit(1)).first() is not None


def fire_due(conn: sa.Connection, now: datetime, submit: Submit) -> list[str]:
    """Submit one run for each due schedule whose last run has ended, and set its next moment. The new runs' ids.

    `submit` gets the row with `due`: the turn it is for.
    """
    submitted = []
    c = schedules.c
    due = sa.select(schedules).where(c.next_at <= now, c.enabled).order_by(c.name).with_for_update(skip_locked=True)
    for row in conn.execute(due).mappings().all():
        rule = _rule(row)
        this = sa.update(schedules).where(c.name == row["name"])
        try:
            turn, following = rule.latest(row["next_at"], now), rule.next_after(now)
        except Invalid:  # its zone is no longer known here: the others must not wait for it
            _log.exception("a schedule cannot be understood any more", extra={"schedule": row["name"]})
            conn.execute(this.values(next_at=now + _PUZZLED))
            continue
        changes: dict[str, Any] = {"next_at": following}
        last = conn.execute(sa.select(runs.c.state).where(runs.c.id == row["last_run_id"])).scalar()
        if last is None or last in ENDED:
            changes |= {"last_run_id": submit(conn, {**row, "due": turn}), "last_due": turn}
            submitted.append(changes["last_run_id"])
            crash_point("schedule.submitted")
        conn.execute(this.values(**changes))
    return submitted


def mend(conn: sa.Connection, now: datetime) -> list[str]:
    """After the clock was set back by more than a day: schedules whose next turn lies behind others that come first
    are reckoned anew, otherwise they would be silent until the wrong time comes. Their names. Set back by less, a
    schedule waits: no turn comes twice."""
    mended = []
    c = schedules.c
    for row in conn.execute(sa.select(schedules).where(c.next_at > now + STRANDED)).mappings().all():
        rule = _rule(row)
        try:
            first = rule.next_after(now)
            others_first = rule.next_after(first) < row["next_at"]
        except Invalid:  # as above: it is said when it falls due
            continue
        if others_first:
            changed = sa.update(schedules).where(c.name == row["name"], c.next_at == row["next_at"])
            conn.execute(changed.values(next_at=first))
            mended.append(row["name"])
    return mended


def _rule(row: Mapping[Any, Any]) -> Rule:
    return Rule(row["every_seconds"], row["cron"], row["tz"])


class WallWatch:
    """Notices a wall clock that was set back, by the clock that nobody sets."""

    def __init__(self) -> None:
        self._seen: tuple[datetime, float] | None = None

    def set_back(self, now: datetime, monotonic: float) -> bool:
        """Whether it was since the last call; True for the first one, since nobody watched before."""
        before, self._seen = self._seen, (now.astimezone(UTC), monotonic)
        if before is None:
            return True
        return (now - before[0]).total_seconds() < monotonic - before[1] - 60
