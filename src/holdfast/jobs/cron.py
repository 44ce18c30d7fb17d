"""Five-field cron lines by the wall clock of a time zone (`kernel/wall.py` has what becomes of them at its changes).

Fields as in Debian's crontab(5), parsed by cronsim.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from cronsim import CronSim, CronSimError

from holdfast.kernel.errors import Invalid
from holdfast.kernel.wall import moments, zone_of

__all__ = ["next_after", "occurrences", "zone_of"]

_HOURS = frozenset(range(24))


def next_after(cron: str, tz: str, moment: datetime) -> datetime:
    """The first occurrence later than `moment`, in UTC. Raises Invalid("schedule_invalid")."""
    return next(occurrences(cron, tz, moment))


def occurrences(cron: str, tz: str, moment: datetime) -> Iterator[datetime]:
    """All of them later than `moment`, in order. Raises Invalid("schedule_invalid"), also when there is never one."""
    zone = zone_of(tz)
    hourly = _every_hour(cron, moment)
    try:
        yield from moments(lambda start: CronSim(cron, start), zone, moment, hourly=hourly)
    except (CronSimError, ValueError, OverflowError) as error:
        raise _not_a_schedule(cron) from error
    raise _not_a_schedule(cron)


def _every_hour(cron: str, moment: datetime) -> bool:
    """Whether it runs in each hour of its days. Raises Invalid for a line nobody understands."""
    if len(cron) > 100 or len(cron.split()) != 5 or not cron.isascii():
        raise _not_a_schedule(cron)
    try:
        return CronSim(cron, moment.replace(tzinfo=None)).hours >= _HOURS
    except (CronSimError, ValueError) as error:
        raise _not_a_schedule(cron) from error


def _not_a_schedule(cron: str) -> Invalid:
    return Invalid(
        f"not a schedule: {cron[:100]!r}",
        code="schedule_invalid",
        hint="Five fields: minute hour day month weekday, such as `30 2 * * 1-5`.",
        details={"fields": [{"field": "cron", "message": "five fields, and some day on which it is due"}]},
    )
