"""A month of nights with four databases (forty by `make month`), against a model that reckons what must be there.

Two runners share the work, and every night both want to begin it at once. Among the nights: a store that is gone, a
runner that dies with work in hand, nobody at work, a change of the clocks, and a clock that is set back.
"""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from stepped import Stepped, stepped
from world import OWNER

from holdfast.features.plans.service import overdue
from holdfast.formats.restic import keyfile
from holdfast.jobs import store as run_store
from holdfast.runner import RunnerParts
from holdfast.vault import locks

ZONE = ZoneInfo("Europe/Zurich")
START = datetime(2026, 3, 10, 12, tzinfo=UTC)
DAYS = 31
_DATABASES = int(os.environ.get("HOLDFAST_MONTH_DATABASES", "4"))  # 40 by `make month`
GROUPS = 4 if _DATABASES > 8 else 2
EACH = _DATABASES // GROUPS
RETENTION = {"daily": 4, "weekly": 2, "monthly": None, "minimum": 2}
STORE_GONE, RUNNER_DIES, NOBODY, SET_BACK = (4, 17, 25), (9, 20), (13,), (11, 22)


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


@dataclass
class Month:
    """What happened in it. `checked`: times that a database's snapshots were compared with the model."""

    taken: int = 0
    deleted: int = 0
    checked: int = 0
    failures: Counter[str] = field(default_factory=Counter)

    def told(self) -> str:
        harm = ", ".join(f"{count} x {kind}" for kind, count in sorted(self.failures.items()))
        return (
            f"{DAYS} nights, {GROUPS * EACH} databases, {GROUPS} plans, 2 runners: {self.taken} snapshots taken, "
            f"{self.deleted} deleted by retention, {self.failures.total()} failures ({harm}), "
            f"{self.checked} comparisons with the model"
        )


def night(here: Stepped, number: int, month: Month) -> int:
    """What happens in it; how many groups' snapshots fail."""
    with ThreadPoolExecutor(len(here.runners)) as both:  # whose schedule is it?
        for done in [both.submit(parts.runner._fire_schedules) for parts in here.runners]:
            done.result()
    first = number % 2
    if number in STORE_GONE:
        month.failures["store gone"] += 1
        configs = sorted((here.settings.data / "repositories").rglob("config"))
        config = configs[number % len(configs)]
        away = config.with_name("config.away")
        config.rename(away)
        here.work(here.runners[first], here.runners[1 - first])
        away.rename(config)
        return 1
    if number in RUNNER_DIES:
        month.failures["runner dead"] += 1
        dies(here, here.runners[first])
        here.work(here.runners[1 - first])
        return 0
    here.work(here.runners[first], here.runners[1 - first])
    return 0


def dies(here: Stepped, parts: RunnerParts) -> None:
    """With two runs in hand: what it had claimed is put back."""
    with here.db.write() as conn:
        for _ in range(2):
            found = run_store.claim(
                conn,
                runner="dead",
                kinds=parts.runner._tasks.kinds(),
                exclusive_kinds=[],
                now=here.clock.now(),
                node=parts.runner._node,
            )
            assert found is not None
        assert len(run_store.release_all_of(conn, "dead")) == 2


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_month_of_nights_leaves_what_the_model_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "_SETTLE_SECONDS", 0.01)  # for stores that list late; it was a third of the time
    monkeypatch.setattr(keyfile, "SCRYPT_N", 1 << 10)  # every run opens a repository
    month = Month()
    with stepped(START, runners=2) as here:
        here.runners[:] = map(_light, here.runners)
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
            if number in NOBODY:
                month.failures["nobody at work"] += 1
                here.at(due + timedelta(hours=4))  # too late for what the plans find fine
                here.work()
                for states in expected:
                    states.append("skipped")
                continue
            here.at(due)
            failing = night(here, number, month)
            for index, group in enumerate(groups):
                turn = here.turns(plans[index])[-1]
                assert turn.due_at == due
                assert turn.total == EACH
                assert (turn.state == "failed") or (turn.state == "succeeded"), (number, turn)
                expected[index].append("failed" if turn.state == "failed" else "succeeded")
                for each in group:
                    if turn.state == "succeeded":
                        before, model[each.id] = model[each.id], kept([*model[each.id], due])
                        month.taken, month.deleted = month.taken + 1, month.deleted + len({*before} - {*model[each.id]})
                    there = [snapshot.taken_at for snapshot in here.snapshots(each)]
                    assert there == model[each.id], (number, each.name)
                    month.checked += 1
            failed = sum(states[-1] == "failed" for states in expected)
            assert failed == failing, number
            if number in SET_BACK:
                month.failures["clock set back"] += 1
                here.clock.set_wall(due - timedelta(hours=1))
                here.step(hours=2)
                here.clock.set_wall(due + timedelta(hours=2))
        for plan, states in zip(plans, expected, strict=True):
            assert here.states(plan) == states
            assert len(states) == DAYS
        with here.db.read() as conn:
            assert overdue(conn, here.clock.now() + timedelta(hours=3)) == []
            assert len(overdue(conn, here.clock.now() + timedelta(days=1, hours=3))) == GROUPS * EACH
    print(month.told())


def _light(parts: RunnerParts) -> RunnerParts:
    """Without the sweeps that look at servers and files elsewhere: they would be most of the time."""
    wanted = ("PlanSweep", "BackupSweep", "DatabaseSweep")
    sweeps = tuple(sweep for sweep in parts.sweeps if type(getattr(sweep, "__self__", None)).__name__ in wanted)
    assert len(sweeps) == len(wanted)
    return replace(parts, sweeps=sweeps)
