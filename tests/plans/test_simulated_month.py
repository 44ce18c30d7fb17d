"""A month of nights with eight databases (forty by `make month`), against a model that reckons what must be there.

Among them: a store that is gone for a night, a runner that dies with work in hand, a night nobody works, a change of
the clocks, and a clock that is set back.
"""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from stepped import Stepped, stepped
from world import OWNER

from holdfast.features.plans.service import overdue
from holdfast.jobs import store as run_store

ZONE = ZoneInfo("Europe/Zurich")
START = datetime(2026, 3, 10, 12, tzinfo=UTC)
DAYS = 31
GROUPS = 4
EACH = int(os.environ.get("HOLDFAST_MONTH_DATABASES", "8")) // GROUPS  # 40 by `make month`
RETENTION = {"daily": 4, "weekly": 2, "monthly": None, "minimum": 2}
STORE_GONE, RUNNER_DIES, NOBODY, SET_BACK = 4, 9, 13, 22


def due_on(day: date) -> datetime:
    """Half past two by the wall, found by looking at every minute; right after the gap where there is none."""
    now = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=3)
    before = None
    while True:
        local = now.astimezone(ZONE)
        if local.date() == day and (local.hour, local.minute) >= (2, 30) and before is not None:
            return now
        before, now = local, now + timedelta(minutes=1)


def _day(moment: datetime) -> object:
    return moment.astimezone(ZONE).date()


def _week(moment: datetime) -> object:
    return moment.astimezone(ZONE).isocalendar()[:2]


def kept(moments: list[datetime]) -> list[datetime]:
    """What the policy leaves of these: of each of the last four days and two weeks the newest, and two at least."""
    newest = sorted(moments, reverse=True)
    stay: set[datetime] = set()
    for period, count in ((_day, 4), (_week, 2)):
        first: dict[object, datetime] = {}
        for moment in newest:
            first.setdefault(period(moment), moment)
        stay |= set(list(first.values())[:count])
    for moment in newest:
        if len(stay) < 2:
            stay.add(moment)
    return sorted(stay)


def night(here: Stepped, number: int) -> set[int]:
    """What happens in it; the groups whose snapshots fail."""
    if number == STORE_GONE:
        config = next(iter(sorted((here.settings.data / "repositories").glob("*/*/config"))), None) or next(
            iter(sorted((here.settings.data / "repositories").rglob("config")))
        )
        away = config.with_name("config.away")
        config.rename(away)
        here.work()
        away.rename(config)
        return {-1}
    if number == RUNNER_DIES:
        here.runners[0].runner._fire_schedules()
        with here.db.write() as conn:
            kinds = here.runners[0].runner._tasks.kinds()
            for _ in range(2):
                found = run_store.claim(
                    conn,
                    runner="dead",
                    kinds=kinds,
                    exclusive_kinds=[],
                    now=here.clock.now(),
                    node=here.runners[0].runner._node,
                )
                assert found is not None
            assert len(run_store.release_all_of(conn, "dead")) == 2
    here.work()
    return set()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_month_of_nights_leaves_what_the_model_says() -> None:
    with stepped(START) as here:
        here.runners[0] = _light(here.runners[0])
        groups, plans = [], []
        for group in range(GROUPS):
            label = {"group": str(group)}
            groups.append([here.database(f"db{group}-{n}", labels=label) for n in range(EACH)])
            with here.db.write() as conn:
                repository = here.services.keys.insert(conn, here.project.id, f"repo{group}", OWNER.id)
            plans.append(
                here.plan(
                    f"plan{group}",
                    selection={"labels": [f"group={group}"]},
                    repository_ids=[repository.id],
                    schedules=[{"cron": "30 2 * * *", "tz": "Europe/Zurich", "missed": "skip", "late_seconds": 7200}],
                    retention=RETENTION,
                    verify_level=1,
                    concurrency=3,
                )
            )
        model: dict[str, list[datetime]] = {each.id: [] for group in groups for each in group}
        expected: list[list[str]] = [[] for _ in plans]
        for number in range(1, DAYS + 1):
            due = due_on((START + timedelta(days=number)).astimezone(ZONE).date())
            if number == NOBODY:
                here.at(due + timedelta(hours=4))  # too late for what the plans find fine
                here.work()
                for states in expected:
                    states.append("skipped")
                continue
            here.at(due)
            failing = night(here, number)
            for index, group in enumerate(groups):
                turn = here.turns(plans[index])[-1]
                assert turn.due_at == due
                assert turn.total == EACH
                assert (turn.state == "failed") or (turn.state == "succeeded"), (number, turn)
                expected[index].append("failed" if turn.state == "failed" else "succeeded")
                for each in group:
                    if turn.state == "succeeded":
                        model[each.id] = kept([*model[each.id], due])
                    there = [snapshot.taken_at for snapshot in here.snapshots(each)]
                    assert there == model[each.id], (number, each.name)
            failed = sum(states[-1] == "failed" for states in expected)
            assert failed == (1 if failing else 0), number
            if number == SET_BACK:
                here.clock.set_wall(due - timedelta(hours=1))
                here.step(hours=2)
                here.clock.set_wall(due + timedelta(hours=2))
        for plan, states in zip(plans, expected, strict=True):
            assert here.states(plan) == states
            assert len(states) == DAYS
        with here.db.read() as conn:
            assert overdue(conn, here.clock.now() + timedelta(hours=3)) == []
            assert len(overdue(conn, here.clock.now() + timedelta(days=1, hours=3))) == GROUPS * EACH


def _light(parts):
    """Without the sweeps that look at servers and files elsewhere: they would be most of the time."""
    from dataclasses import replace

    wanted = ("PlanSweep", "BackupSweep", "DatabaseSweep")
    sweeps = tuple(sweep for sweep in parts.sweeps if type(getattr(sweep, "__self__", None)).__name__ in wanted)
    assert len(sweeps) == len(wanted)
    return replace(parts, sweeps=sweeps)
