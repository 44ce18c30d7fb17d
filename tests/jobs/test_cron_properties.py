"""Schedules against a brute-force model that looks at every minute there is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from holdfast.jobs.cron import next_after, occurrences
from holdfast.kernel.errors import Invalid

MINUTE = timedelta(minutes=1)
# Zone, and a moment close to a change of it: hours, half an hour, at midnight, a whole day, none.
CHANGES = [
    ("Europe/Zurich", datetime(2026, 3, 29, 1, tzinfo=UTC)),
    ("Europe/Zurich", datetime(2026, 10, 25, 1, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 8, 7, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, 6, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
    ("America/Sao_Paulo", datetime(2018, 11, 4, 3, tzinfo=UTC)),
    ("America/Sao_Paulo", datetime(2018, 2, 18, 2, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC)),
    ("Asia/Kathmandu", datetime(2026, 1, 1, tzinfo=UTC)),
    ("UTC", datetime(2026, 1, 31, tzinfo=UTC)),
]


def model(minutes: set[int], hours: set[int], days: set[int], zone: ZoneInfo, start: datetime, end: datetime):
    """Due moments in (start, end], minute by minute; weekdays in `days`, Monday 0."""

    def matches(local: datetime) -> bool:
        return local.minute in minutes and local.hour in hours and local.weekday() in days

    due = []
    now = start.replace(second=0, microsecond=0) - timedelta(hours=30)
    before = now.astimezone(zone).replace(tzinfo=None) - MINUTE
    while now <= end:
        local = now.astimezone(zone)
        wall = local.replace(tzinfo=None, fold=0)
        if hours == set(range(24)):
            hit = matches(wall)
        else:
            first = local.fold == 0 and matches(wall)
            jumped, skipped = before + MINUTE, False
            while jumped < wall:  # the wall clock jumped over these
                skipped = skipped or matches(jumped)
                jumped += MINUTE
            hit = first or skipped
        if hit and start < now <= end:
            due.append(now)
        before, now = wall, now + MINUTE
    return due


def field(values: set[int]) -> str:
    return ",".join(str(value) for value in sorted(values))


@settings(max_examples=60, deadline=None)
@given(
    change=st.sampled_from(CHANGES),
    minutes=st.sets(st.sampled_from([0, 1, 15, 29, 30, 31, 45, 59]), min_size=1, max_size=4),
    hours=st.one_of(st.just(set(range(24))), st.sets(st.sampled_from([0, 1, 2, 3, 4, 12, 23]), min_size=1, max_size=4)),
    days=st.one_of(st.just(set(range(7))), st.sets(st.integers(0, 6), min_size=1, max_size=6)),
    shift=st.integers(-26 * 60, 26 * 60),
    seconds=st.integers(0, 59),
)
@example(CHANGES[1], {0, 30}, {2}, set(range(7)), 10, 5)  # asked in the second 02:10: the 02:30 before is over
@example(CHANGES[0], {15, 30}, {2, 3}, set(range(7)), -60, 0)  # two skipped at once come once
@example(CHANGES[8], {0}, {12}, set(range(7)), -600, 0)  # a day that was left out
def test_every_occurrence_is_the_models(change, minutes, hours, days, shift, seconds) -> None:
    tz, at = change
    start = at + timedelta(minutes=shift, seconds=seconds)
    end = start + timedelta(hours=60)
    weekdays = field({(day + 1) % 7 for day in days}) if len(days) < 7 else "*"
    hour = "*" if len(hours) == 24 else field(hours)
    cron = f"{field(minutes)} {hour} * * {weekdays}"
    expected = model(minutes, hours, days, ZoneInfo(tz), start, end)
    found = []
    for due in occurrences(cron, tz, start):
        if due > end:
            break
        found.append(due)
    assert found == expected, (cron, tz, start)
    for moment in [start, *expected[:-1]][:6]:  # and asked anew from any of them it is the same line of moments
        assert next_after(cron, tz, moment) == next(
            due for due in [*expected, next_after(cron, tz, end)] if due > moment
        )


@pytest.mark.parametrize(
    ("cron", "tz"),
    [
        ("* * * *", "UTC"),
        ("* * * * * *", "UTC"),
        ("61 * * * *", "UTC"),
        ("0 0 31 2 *", "UTC"),
        ("0 2 * * *", "Mars/Olympus"),
        ("0 2 * * *", "../../etc/passwd"),
        ("0 2 * * *", "Europe"),
        ("٣ 2 * * *", "UTC"),
        ("a\"b'; --", "UTC"),
        ("0 2 * * *" + " " * 200, "x" * 300),
    ],
)
def test_what_nobody_understands_is_refused(cron, tz) -> None:
    with pytest.raises(Invalid) as refused:
        next_after(cron, tz, datetime(2026, 1, 1, tzinfo=UTC))
    assert refused.value.code == "schedule_invalid"


def test_the_presets_are_where_people_expect_them() -> None:
    start = datetime(2026, 1, 1, 12, tzinfo=UTC)
    daily = list(islice(occurrences("0 2 * * *", "Europe/Zurich", start), 2))
    assert daily == [datetime(2026, 1, 2, 1, tzinfo=UTC), datetime(2026, 1, 3, 1, tzinfo=UTC)]
    assert next_after("0 2 * * 0", "UTC", start) == datetime(2026, 1, 4, 2, tzinfo=UTC)
    assert next_after("0 2 1 * *", "UTC", start) == datetime(2026, 2, 1, 2, tzinfo=UTC)
