"""When a worker's `triggers.crons` are due: Cloudflare's dialect, plain cron, time zones, and turns that were missed.

A line is five fields, `minute hour day month weekday`, and may begin with `CRON_TZ=Zone` (UTC without) and with
`CRON_DIALECT=plain` (crontab(5) of Debian, weekday 0 or 7 = Sunday). Cloudflare's own dialect: names of months and
weekdays in any case, weekday 1 = Sunday to 7 = Saturday, day `L` `LW` `L-3` `L-3W` `15W`, weekday `L` `6L` `2#3`,
ranges that wrap (`22-2`), and where both day fields are more than `*` either of them is enough.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Literal
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from holdfast.kernel.errors import Invalid
from holdfast.kernel.wall import moments, zone_of

Missed = Literal["skip", "once", "all"]
Dialect = Literal["cloudflare", "plain"]
MAX_CHARACTERS = 200
_YEARS = 50  # a line without a day in so long never has one
_MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
_WEEKDAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), 1)}
_ITEM = re.compile(
    r"(?:(?P<star>\*)|(?P<first>[0-9]{1,2}|[A-Z]{3})(?:-(?P<last>[0-9]{1,2}|[A-Z]{3}))?)(?:/(?P<step>[0-9]{1,2}))?"
)
_DAY = re.compile(r"L(?:-(?P<back>[0-9]{1,2}))?(?P<near>W)?|(?P<day>[0-9]{1,2})W")
_WEEKDAY = re.compile(r"(?P<name>[0-9]|[A-Z]{3})?L|(?P<which>[0-9]|[A-Z]{3})#(?P<nth>[1-5])")
_Days = Callable[[date], bool]


@dataclass(frozen=True)
class Line:
    """A line that was understood. `text` is what was given and what the worker is told."""

    text: str
    fields: str
    dialect: Dialect
    zone: ZoneInfo
    hourly: bool
    _locals: Callable[[datetime], Iterator[datetime]] = field(repr=False, compare=False)

    def after(self, moment: datetime) -> Iterator[datetime]:
        """All turns later than `moment` (aware), in UTC and in order."""
        return moments(self._locals, self.zone, moment, hourly=self.hourly)

    def next(self, moment: datetime, count: int = 1) -> list[datetime]:
        """The next turns; fewer only where the calendar ends."""
        return list(islice(self.after(moment), count))

    def last(self, since: datetime, until: datetime, count: int = 1) -> list[datetime]:
        """The latest turns in (since, until], at most `count`, in order. Looks back in growing steps: a line of every
        minute is not walked through for a year."""
        back = timedelta(hours=2)
        while True:
            start = max(since, until - back)
            found: list[datetime] = []
            for moment in self.after(start):
                if moment > until:
                    break
                found = [*found[-count + 1 :], moment] if count > 1 else [moment]
            if len(found) >= count or start == since:
                return found
            back *= 8


def parse(text: str) -> Line:
    """Raises Invalid("schedule_invalid"), also for a line that is never due."""
    words = text.split() if len(text) <= MAX_CHARACTERS and text.isascii() else []
    tz, dialect = "UTC", "cloudflare"
    while words and "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        if name == "CRON_TZ":
            tz = value
        elif name == "CRON_DIALECT" and value in ("cloudflare", "plain"):
            dialect = value
        else:
            raise _wrong(text, f"{name}: CRON_TZ=Zone and CRON_DIALECT=plain|cloudflare are known")
    if len(words) != 5:
        raise _wrong(text, "five fields are expected: minute hour day month weekday")
    zone, fields = zone_of(tz), " ".join(words)
    return _plain(text, fields, zone) if dialect == "plain" else _cloudflare(text, fields, zone)


def due(
    line: Line, since: datetime, now: datetime, missed: Missed, *, late: timedelta, most: int = 10
) -> list[datetime]:
    """The turns in (since, now] that are to be run now, in order. Those at most `late` ago are on time; of older ones
    `skip` runs none, `once` the latest one when none is on time, `all` the latest `most`."""
    on_time = line.last(max(since, now - late), now, most)
    if missed == "skip" or since >= now - late:
        return on_time
    older = line.last(since, now - late, most if missed == "all" else 1)
    if missed == "once":
        return on_time or older
    return [*older, *on_time][-most:]


def _plain(text: str, fields: str, zone: ZoneInfo) -> Line:
    def local(start: datetime) -> Iterator[datetime]:
        try:
            yield from CronSim(fields, start)
        except (ValueError, OverflowError):
            return  # the calendar's last year

    try:
        hourly = CronSim(fields, datetime(2026, 1, 1)).hours >= set(range(24))
    except (CronSimError, ValueError) as error:
        raise _wrong(text, str(error) or "not a line of crontab(5)") from error
    return _due_some_day(Line(text, fields, "plain", zone, hourly, local))


def _cloudflare(text: str, fields: str, zone: ZoneInfo) -> Line:
    minute, hour, day, month, weekday = fields.upper().split()
    minutes = sorted(_numbers(text, "minute", minute, 0, 59, {}))
    hours = sorted(_numbers(text, "hour", hour, 0, 23, {}))
    months = _numbers(text, "month", month, 1, 12, _MONTHS)
    times = [time(h, m) for h in hours for m in minutes]
    matches = _matcher(text, day, weekday)

    def local(start: datetime) -> Iterator[datetime]:
        found = start.date()
        while found.year <= start.year + _YEARS:
            if found.month in months and matches(found):
                yield from (at for each in times if (at := datetime.combine(found, each)) > start)
            if found > date.max - timedelta(days=40):
                return
            if found.month in months:
                found += timedelta(days=1)
            else:
                found = (found.replace(day=1) + timedelta(days=32)).replace(day=1)

    return _due_some_day(Line(text, fields, "cloudflare", zone, len(hours) == 24, local))


def _due_some_day(line: Line) -> Line:
    if next(line._locals(datetime(2023, 12, 31)), None) is None:  # a leap year follows
        raise _wrong(line.text, "there is no day on which it is due")
    return line


def _matcher(text: str, day: str, weekday: str) -> _Days:
    days = None if day in ("*", "?") else _any(text, day, _one_day)
    weekdays = None if weekday in ("*", "?") else _any(text, weekday, _one_weekday)
    if days is None or weekdays is None:
        return days or weekdays or (lambda _: True)
    return lambda at: days(at) or weekdays(at)


def _any(text: str, value: str, one: Callable[[str, str], _Days]) -> _Days:
    found = [one(text, item) for item in value.split(",")]
    return lambda at: any(each(at) for each in found)


def _one_day(text: str, item: str) -> _Days:
    if (match := _DAY.fullmatch(item)) is None:
        wanted = _numbers(text, "day", item, 1, 31, {})
        return lambda at: at.day in wanted
    if match["day"] is not None:
        number = _number(text, "day", match["day"], 1, 31, {})
        return lambda at: number <= _length(at) and at.day == _nearest(at, number)
    back = _number(text, "day", match["back"], 1, 30, {}) if match["back"] else 0
    if match["near"]:  # the last weekday lies before the end of the month, never in the next
        return lambda at: back < _length(at) and at.day == _nearest(at, _length(at) - back)
    return lambda at: at.day == _length(at) - back


def _one_weekday(text: str, item: str) -> _Days:
    if (match := _WEEKDAY.fullmatch(item)) is None:
        wanted = _numbers(text, "weekday", item, 1, 7, _WEEKDAYS)
        return lambda at: _weekday(at) in wanted
    if match["which"] is not None:
        number, nth = _number(text, "weekday", match["which"], 1, 7, _WEEKDAYS), int(match["nth"])
        return lambda at: _weekday(at) == number and (at.day + 6) // 7 == nth
    if match["name"] is None:
        return lambda at: _weekday(at) == 7  # alone: the last day of the week
    number = _number(text, "weekday", match["name"], 1, 7, _WEEKDAYS)
    return lambda at: _weekday(at) == number and at.day + 7 > _length(at)


def _numbers(text: str, name: str, value: str, low: int, high: int, names: dict[str, int]) -> frozenset[int]:
    """All that a list of numbers, ranges and steps means."""
    found: set[int] = set()
    for item in value.split(","):
        match = _ITEM.fullmatch(item)
        if match is None:
            raise _wrong(text, f"{name}: cannot read {item[:20]!r}")
        first = low if match["star"] else _number(text, name, match["first"], low, high, names)
        last = high if match["star"] or (match["step"] and not match["last"]) else first
        if match["last"]:
            last = _number(text, name, match["last"], low, high, names)
        step = 1 if match["step"] is None else _number(text, f"{name}: step", match["step"], 1, high, {})
        span = range(first, last + 1) if first <= last else [*range(first, high + 1), *range(low, last + 1)]
        found.update(span[::step])
    return frozenset(found)


def _number(text: str, name: str, value: str, low: int, high: int, names: dict[str, int]) -> int:
    number = names.get(value, -1) if value.isalpha() else int(value)
    if not low <= number <= high:
        raise _wrong(text, f"{name}: {value} is not within {low} to {high}")
    return number


def _weekday(at: date) -> int:
    return at.isoweekday() % 7 + 1


def _length(at: date) -> int:
    return calendar.monthrange(at.year, at.month)[1]


def _nearest(at: date, number: int) -> int:
    """The day from Monday to Friday nearest to day `number`, within the same month."""
    weekday = at.replace(day=number).isoweekday()
    if weekday == 6:
        return number - 1 if number > 1 else 3
    if weekday == 7:
        return number + 1 if number < _length(at) else number - 2
    return number


def _wrong(text: str, message: str) -> Invalid:
    return Invalid(
        f"not a schedule: {text[:MAX_CHARACTERS]!r}: {message}",
        code="schedule_invalid",
        hint="Five fields: minute hour day month weekday, such as `30 2 * * MON-FRI`.",
        details={"fields": [{"field": "cron", "message": message}]},
    )
