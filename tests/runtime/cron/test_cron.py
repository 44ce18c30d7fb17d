"""Cloudflare's cron lines against a matcher that knows nothing but definitions and looks at every minute."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.kernel.errors import Invalid
from holdfast.runtime import cron

MINUTE = timedelta(minutes=1)
NAMES = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
DAYS = st.sampled_from(
    [
        "*",
        "?",
        "1",
        "31",
        "1,15",
        "10-12",
        "28-3",
        "*/5",
        "20/4",
        "5-20/7",
        "L",
        "LW",
        "L-3",
        "L-3W",
        "L-27",
        "1W",
        "15W",
        "30W",
    ]
)
WEEKDAYS = st.sampled_from(
    ["*", "?", "1", "7", "MON-FRI", "sat", "6-2", "*/2", "L", "6L", "sunL", "2#1", "THU#5", "2,4,6"]
)


def field(value: str, low: int, high: int, names: list[str]) -> set[int]:
    """By definition: each number in turn is asked whether some item of the list counts it."""
    found = set()
    for item in value.upper().split(","):
        span, _, step = item.partition("/")
        first, _, last = span.partition("-")
        begin = low if first == "*" else named(first, names, low)
        end = high if first == "*" or (step and not last) else named(last, names, low) if last else begin
        at, count = begin, 0
        while True:
            if count % int(step or 1) == 0:
                found.add(at)
            if at == end:
                break
            at, count = (low if at == high else at + 1), count + 1
    return found


def named(text: str, names: list[str], low: int) -> int:
    return names.index(text) + low if text in names else int(text)


def near(at: date, wanted: int) -> bool:
    """Whether `at` is the working day of its month nearest to day `wanted`."""
    length = calendar.monthrange(at.year, at.month)[1]
    if not 1 <= wanted <= length:
        return False
    working = [day for day in range(1, length + 1) if at.replace(day=day).weekday() < 5]
    return at.day == min(working, key=lambda day: abs(day - wanted))


def day_matches(at: date, value: str) -> bool:
    length = calendar.monthrange(at.year, at.month)[1]
    if value.startswith("L"):
        rest = value[1:].removesuffix("W").removeprefix("-")
        wanted = length - int(rest or 0)
        return near(at, wanted) if value.endswith("W") else at.day == wanted
    if value.endswith("W"):
        return near(at, int(value[:-1]))
    return at.day in field(value, 1, 31, [])


def weekday_matches(at: date, value: str) -> bool:
    value, number = value.upper(), (at.weekday() + 1) % 7 + 1
    if "#" in value:
        which, nth = value.split("#")
        same = [d for d in range(1, at.day + 1) if at.replace(day=d).weekday() == at.weekday()]
        return number == named(which, NAMES, 1) and len(same) == int(nth)
    if value == "L":
        return at.weekday() == 5
    if value.endswith("L"):
        return number == named(value[:-1], NAMES, 1) and (at + timedelta(days=7)).month != at.month
    return number in field(value, 1, 7, NAMES)


def matches(at: datetime, fields: str) -> bool:
    minute, hour, day, month, weekday = fields.split()
    if at.minute not in field(minute, 0, 59, []) or at.hour not in field(hour, 0, 23, []):
        return False
    months = [name.upper() for name in calendar.month_abbr[1:]]
    if at.month not in field(month, 1, 12, months):
        return False
    free, any_weekday = day in "*?", weekday in "*?"
    if free or any_weekday:
        return (free or day_matches(at, day)) and (any_weekday or weekday_matches(at, weekday))
    return day_matches(at, day) or weekday_matches(at, weekday)


@settings(max_examples=60, deadline=None)
@given(
    minute=st.sampled_from(["0", "59", "*/20", "7,30", "50-10/5"]),
    hour=st.sampled_from(["0", "*/6", "22-2", "13"]),
    day=DAYS,
    month=st.sampled_from(["*", "2", "JAN-MAR", "nov-feb", "*/5"]),
    weekday=WEEKDAYS,
    start=st.datetimes(datetime(2023, 1, 1), datetime(2029, 1, 1)),
)
def test_each_turn_is_the_matchers(minute: str, hour: str, day: str, month: str, weekday: str, start: datetime) -> None:
    fields = f"{minute} {hour} {day} {month} {weekday}"
    aware = start.replace(tzinfo=UTC)
    try:
        line = cron.parse(fields)
    except Invalid:
        days = [datetime(2024, 1, 1) + timedelta(days=n) for n in range(1500)]
        never = not any(_day(at, fields) for at in days)
        assert never, fields
        return
    found = line.next(aware, 3)
    assert all(matches(at, fields) for at in found), fields
    # Nothing was passed over: hours of the days before the first that match would have come earlier.
    at, end = (
        start.replace(second=0, microsecond=0) + MINUTE,
        min(found[0].replace(tzinfo=None), start + timedelta(days=3)),
    )
    while at < end:
        assert not matches(at, fields), (fields, at)
        at += MINUTE
    for early, late in pairwise(found):
        day_after = early.replace(tzinfo=None) + timedelta(days=1)
        while day_after.date() < late.date():
            assert not _day(day_after, fields), (fields, day_after)
            day_after += timedelta(days=1)


def _day(at: datetime, fields: str) -> bool:
    return matches(at.replace(hour=0, minute=0), "* * " + " ".join(fields.split()[2:]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 9 * * 1", "2026-03-01T09:00"),  # 1 = Sunday
        ("0 9 L * *", "2026-02-28T09:00"),
        ("0 9 LW * *", "2026-02-27T09:00"),
        ("0 9 15W 8 *", "2026-08-14T09:00"),  # the 15th is a Saturday
        ("0 9 1W 8 *", "2026-08-03T09:00"),  # never into the month before
        ("0 9 * * 6#2", "2026-03-13T09:00"),
        ("0 9 * * FRIL", "2026-02-27T09:00"),
        ("0 9 13 * FRI", "2026-02-27T09:00"),  # either of the days
        ("0 9 29 2 *", "2028-02-29T09:00"),
        ("CRON_TZ=Europe/Zurich 0 9 1 * *", "2026-03-01T08:00"),
        ("CRON_DIALECT=plain 0 9 * * 1", "2026-03-02T09:00"),  # 1 = Monday
        ("CRON_TZ=Europe/Zurich 30 2 29 3 *", "2026-03-29T01:00"),  # left out by the clock: right after
    ],
)
def test_the_next_turn(text: str, expected: str) -> None:
    line = cron.parse(text)
    assert line.text == text
    assert line.next(datetime(2026, 2, 24, 12, tzinfo=UTC)) == [datetime.fromisoformat(expected).replace(tzinfo=UTC)]


@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1)),
    st.sampled_from(["*/7 * * * *", "5 4 * * 0", "0 0 1,15 * 3"]),
)
@settings(max_examples=30, deadline=None)
def test_plain_cron_is_debians(start: datetime, fields: str) -> None:
    found = cron.parse(f"CRON_DIALECT=plain {fields}").next(start.replace(tzinfo=UTC), 4)
    wanted = CronSim(fields, start)
    assert [at.replace(tzinfo=None) for at in found] == [next(wanted) for _ in found]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 0",
        "* * * * 8",
        "0 0 31 2 *",
        "0 0 L-30 2 *",
        "a * * * *",
        "*/0 * * * *",
        "1- * * * *",
        "1,,2 * * * *",
        "* * * * MON#6",
        "* * 32W * *",
        "* * * * FOO",
        "CRON_TZ=Mars/Base * * * * *",
        "CRON_TZ=../etc * * * * *",
        "TZ=UTC * * * * *",
        "CRON_DIALECT=x * * * * *",
        "CRON_DIALECT=plain 0 0 31 2 *",
        "CRON_DIALECT=plain * * * * MON#9",
        "٣ * * * *",
        "* * * * *" + " " * 300,
    ],
)
def test_what_nobody_understands_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        cron.parse(text)
    assert refused.value.code == "schedule_invalid"


@given(st.text(alphabet="0123456789*,-/LW#? MONSUJA=_", max_size=25))
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_line_or_refused(text: str) -> None:
    try:
        line = cron.parse(text)
    except Invalid as refused:
        assert refused.code == "schedule_invalid"  # noqa: PT017
        return
    assert line.next(datetime(2026, 1, 1, tzinfo=UTC))


class TestMissed:
    LINE = cron.parse("0 * * * *")
    NOW = datetime(2026, 1, 2, 12, 0, 20, tzinfo=UTC)
    LATE = timedelta(minutes=1)

    def hours(self, since: datetime, missed: cron.Missed, now: datetime = NOW, most: int = 3) -> list[int]:
        return [at.hour for at in cron.due(self.LINE, since, now, missed, late=self.LATE, most=most)]

    def test_on_time_each_runs(self) -> None:
        for missed in ("skip", "once", "all"):
            assert self.hours(self.NOW - timedelta(seconds=30), missed) == [12]
            assert self.hours(self.NOW - timedelta(seconds=10), missed) == []

    def test_after_a_pause(self) -> None:
        since, later = self.NOW - timedelta(hours=6), self.NOW + timedelta(minutes=5)
        assert self.hours(since, "skip") == [12]
        assert self.hours(since, "once") == [12]
        assert self.hours(since, "all") == [10, 11, 12]
        assert self.hours(since, "skip", later) == []
        assert self.hours(since, "once", later) == [12]
        assert self.hours(since, "all", later, most=99) == [7, 8, 9, 10, 11, 12]

    def test_a_year_of_minutes_is_not_walked_through(self) -> None:
        line, since = cron.parse("* * * * *"), self.NOW - timedelta(days=366)
        assert len(cron.due(line, since, self.NOW, "all", late=self.LATE, most=5)) == 5

    @given(st.integers(0, 5000), st.integers(1, 8), st.sampled_from(["*/13 * * * *", "5 3 * * *", "0 0 1 * *"]))
    @settings(max_examples=40, deadline=None)
    def test_the_latest_are_the_latest(self, minutes: int, count: int, text: str) -> None:
        line, since = cron.parse(text), self.NOW - timedelta(minutes=minutes)
        every = []
        for at in line.after(since):
            if at > self.NOW:
                break
            every.append(at)
        assert line.last(since, self.NOW, count) == every[-count:]
