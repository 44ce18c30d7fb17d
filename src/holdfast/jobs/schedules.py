"""Schedules: which kind of run is due when. Judged by the wall clock, as people mean it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import sqlalchemy as sa
from cronsim import CronSim, CronSimError

from holdfast.jobs.model import ENDED
from holdfast.jobs.schema import runs, schedules
from holdfast.kernel.errors import Invalid

Submit = Callable[[sa.Connection, Mapping[str, Any]], str]


@dataclass(frozen=True)
class Rule:
    """Every so many seconds, or by a five-field cron line in time zone `tz`."""

    every_seconds: int | None
    cron: str | None
    tz: str = "UTC"

    def next_after(self, moment: datetime) -> datetime:
        """The first due moment later than `moment`. Raises Invalid."""
        if (self.every_seconds is None) == (self.cron is None):
            raise Invalid("a schedule has either every_seconds or cron", code="schedule_invalid")
        if self.every_seconds is not None:
            if self.every_seconds < 1:
                raise Invalid("every_seconds must be at least 1", code="schedule_invalid")
            return moment + timedelta(seconds=self.every_seconds)
        try:
            return next(CronSim(self.cron or "", moment.astimezone(ZoneInfo(self.tz)))).astimezone(moment.tzinfo)
        except (CronSimError, ZoneInfoNotFoundError, StopIteration, ValueError) as error:
            raise Invalid(
                f"not a schedule: {self.cron!r} in {self.tz!r}",
                code="schedule_invalid",
                hint="Five fields: minute hour day month weekday, and a time zone such as Europe/Zurich.",
            ) from error


def put(
    conn: sa.Connection,
    *,
    name: str,
    kind: str,
    rule: Rule,
    project_id: str,
    values: Mapping[str, Any],
    now: datetime,
) -> datetime:
    """Create or replace; an unchanged rule keeps its next moment, so that restarts do not push it away for ever."""
    due = rule.next_after(now)
    row = {
        "kind": kind,
        "project_id": project_id,
        "input": dict(values),
        "every_seconds": rule.every_seconds,
        "cron": rule.cron,
        "tz": rule.tz,
    }
    found = conn.execute(sa.select(schedules).where(schedules.c.name == name)).mappings().first()
    if found is None:
        conn.execute(sa.insert(schedules).values(name=name, next_at=due, **row))
        return due
    if Rule(found["every_seconds"], found["cron"], found["tz"]) == rule:
        due = found["next_at"]
    conn.execute(sa.update(schedules).where(schedules.c.name == name).values(next_at=due, **row))
    return due


def any_due(conn: sa.Connection, now: datetime) -> bool:
    return conn.execute(sa.select(schedules.c.name).where(schedules.c.next_at <= now).limit(1)).first() is not None


def fire_due(conn: sa.Connection, now: datetime, submit: Submit) -> list[str]:
    """Submit one run for each due schedule whose last run has ended, and set its next moment. The new runs' ids."""
    submitted = []
    due = sa.select(schedules).where(schedules.c.next_at <= now).with_for_update(skip_locked=True)
    for row in conn.execute(due).mappings().all():
        following = Rule(row["every_seconds"], row["cron"], row["tz"]).next_after(now)
        changes: dict[str, Any] = {"next_at": following}
        last = conn.execute(sa.select(runs.c.state).where(runs.c.id == row["last_run_id"])).scalar()
        if last is None or last in ENDED:
            changes["last_run_id"] = submit(conn, dict(row))
            submitted.append(changes["last_run_id"])
        conn.execute(sa.update(schedules).where(schedules.c.name == row["name"]).values(**changes))
    return submitted
