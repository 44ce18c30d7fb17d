"""Five-field cron lines by the wall clock of a time zone, right over its changes.

A line that names hours keeps to the wall: a local time that a change skips comes once, right after the gap, and one
that comes twice counts the first time only. A line for every hour keeps to real time: no hour of the doubled ones is
left out, and nothing is made up for an hour that never was. Fields as in Debian's crontab(5), parsed by cronsim.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from holdfast.kernel.errors import Invalid

_MARGIN = timedelta(hours=26)  # no change of a zone was ever larger: Apia left out a day in 2011
_HOURS = frozenset(range(24))


def next_after(cron: str, tz: str, moment: datetime) -> datetime:
    """The first occurrence later than `moment`, in UTC. Raises Invalid("schedule_invalid")."""
    return next(occurrences(cron, tz, moment))


def occurrences(cron: str, tz: str, moment: datetime) -> Iterator[datetime]:
    """All of them later than `moment`, in order. Raises Invalid("schedule_invalid"), also when there is never one."""
    zone = zone_of(tz)
    hourly = _every_hour(cron, moment)
    while True:
        try:
            moment = (_by_real_time if hourly else _by_the_wall)(cron, zone, moment.astimezone(UTC))
        except (StopIteration, CronSimError, ValueError, OverflowError) as error:
            raise _not_a_schedule(cron) from error
        yield moment


def zone_of(tz: str) -> ZoneInfo:
    """The IANA zone of that name. Raises Invalid("schedule_invalid")."""
    try:
        return ZoneInfo(tz)
    except (KeyError, ValueError, OSError) as error:  # names that look like paths, directories, too long ones
        raise Invalid(
            f"there is no time zone {tz[:64]!r}",
            code="schedule_invalid",
            hint="An IANA name such as Europe/Zurich or UTC.",
            details={"fields": [{"field": "tz", "message": "not an IANA time zone"}]},
        ) from error


def _every_hour(cron: str, moment: datetime) -> bool:
    """Whether it runs in each hour of its days. Raises Invalid for a line nobody understands."""
    if len(cron) > 100 or len(cron.split()) != 5 or not cron.isascii():
        raise _not_a_schedule(cron)
    try:
        return CronSim(cron, moment.replace(tzinfo=None)).hours >= _HOURS
    except (CronSimError, ValueError) as error:
        raise _not_a_schedule(cron) from error


def _by_the_wall(cron: str, zone: ZoneInfo, moment: datetime) -> datetime:
    for local in _local(cron, zone, moment):
        found = _real(local, zone, 0) or _gap_end(local, zone)
        if found > moment:
            return found
    raise StopIteration


def _by_real_time(cron: str, zone: ZoneInfo, moment: datetime) -> datetime:
    best: datetime | None = None
    for local in _local(cron, zone, moment):
        first = local.replace(tzinfo=zone).astimezone(UTC)
        if best is not None and first >= best:
            return best
        for fold in (0, 1):
            found = _real(local, zone, fold)
            if found is not None and found > moment and (best is None or found < best):
                best = found
    raise StopIteration


def _local(cron: str, zone: ZoneInfo, moment: datetime) -> CronSim:
    """Matching local times without a zone, from so early on that none at or after `moment` is missing."""
    start = moment.astimezone(zone).replace(tzinfo=None) - timedelta(minutes=1)
    offsets = {(moment + shift).astimezone(zone).utcoffset() for shift in (-_MARGIN, timedelta(0), _MARGIN)}
    return CronSim(cron, start - _MARGIN if len(offsets) > 1 else start)


def _real(local: datetime, zone: ZoneInfo, fold: int) -> datetime | None:
    """The moment of a local time; None when there was none (or, for fold 1, no second one)."""
    found = local.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    back = found.astimezone(zone)
    if back.replace(tzinfo=None, fold=0) != local or back.fold != fold:
        return None
    return found


def _gap_end(local: datetime, zone: ZoneInfo) -> datetime:
    """The first moment after the gap that a local time fell into: the first minute whose offset is the later one."""
    late = local.replace(tzinfo=zone, fold=0).astimezone(UTC)  # with the offset before the gap: after its end
    early = local.replace(tzinfo=zone, fold=1).astimezone(UTC)  # with the offset after it: before its beginning
    offset = late.astimezone(zone).utcoffset()
    while late - early > timedelta(seconds=1):
        middle = early + (late - early) // 2
        if middle.astimezone(zone).utcoffset() == offset:
            late = middle
        else:
            early = middle
    return late.replace(microsecond=0)


def _not_a_schedule(cron: str) -> Invalid:
    return Invalid(
        f"not a schedule: {cron[:100]!r}",
        code="schedule_invalid",
        hint="Five fields: minute hour day month weekday, such as `30 2 * * 1-5`.",
        details={"fields": [{"field": "cron", "message": "five fields, and some day on which it is due"}]},
    )
