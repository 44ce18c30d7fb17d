"""Times of a wall clock as moments, right over the changes of its zone.

A line of times that names hours keeps to the wall: a local time that a change skips comes once, right after the gap,
and one that comes twice counts the first time only. A line for every hour keeps to real time: no hour of the doubled
ones is left out, and nothing is made up for an hour that never was. So does Debian's cron(8).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from holdfast.kernel.errors import Invalid

# Local times without a zone, later than the one given, in order; it ends when there is none any more.
Line = Callable[[datetime], Iterator[datetime]]
_MARGIN = timedelta(hours=26)  # no change of a zone was ever larger: Apia left out a day in 2011


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


def moments(line: Line, zone: ZoneInfo, moment: datetime, *, hourly: bool) -> Iterator[datetime]:
    """All moments later than `moment`, in UTC and in order. `hourly`: the line is due in each hour of its days."""
    find = _by_real_time if hourly else _by_the_wall
    while True:
        found = find(line, zone, moment.astimezone(UTC))
        if found is None:
            return
        yield found
        moment = found


def _by_the_wall(line: Line, zone: ZoneInfo, moment: datetime) -> datetime | None:
    for local in _local(line, zone, moment):
        found = _real(local, zone, 0) or _gap_end(local, zone)
        if found > moment:
            return found
    return None


def _by_real_time(line: Line, zone: ZoneInfo, moment: datetime) -> datetime | None:
    best: datetime | None = None
    for local in _local(line, zone, moment):
        first = local.replace(tzinfo=zone).astimezone(UTC)
        if best is not None and first >= best:
            return best
        for fold in (0, 1):
            found = _real(local, zone, fold)
            if found is not None and found > moment and (best is None or found < best):
                best = found
    return best


def _local(line: Line, zone: ZoneInfo, moment: datetime) -> Iterator[datetime]:
    """Matching local times, from so early on that none at or after `moment` is missing."""
    start = moment.astimezone(zone).replace(tzinfo=None) - timedelta(minutes=1)
    offsets = {(moment + shift).astimezone(zone).utcoffset() for shift in (-_MARGIN, timedelta(0), _MARGIN)}
    return line(start - _MARGIN if len(offsets) > 1 else start)


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
