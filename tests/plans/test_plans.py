"""A plan from its schedule to its snapshots, what it keeps, what is late, and what nobody covers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from stepped import AWKWARD, Stepped
from world import OWNER, actor_with, refused

from holdfast.features.plans.model import TurnFilter
from holdfast.features.plans.service import overdue
from holdfast.features.plans.wanted import WantedPlan
from holdfast.jobs.schema import schedules
from holdfast.kernel.errors import HoldfastError


def test_a_schedule_takes_snapshots_of_what_its_labels_cover_also_later(here: Stepped) -> None:
    gold = here.database(AWKWARD, labels={"tier": "gold"})
    tin = here.database("tin", labels={"tier": "tin"})
    plan = here.plan(AWKWARD, selection={"labels": ["tier=gold"]})
    here.at(datetime(2026, 3, 2, 2, 0, 1, tzinfo=UTC))
    here.work()
    later = here.database("later", labels={"tier": "gold"})
    here.at(datetime(2026, 3, 3, 2, 0, 1, tzinfo=UTC))
    here.work()
    assert here.states(plan) == ["succeeded", "succeeded"]
    assert [len(here.snapshots(each)) for each in (gold, tin, later)] == [2, 0, 1]
    snapshot = here.snapshots(later)[0]
    assert (snapshot.plan_id, snapshot.trigger, snapshot.verification) == (plan.id, "schedule", "green")
    turn = here.turns(plan)[-1]
    assert (turn.due_at, turn.total, turn.succeeded) == (datetime(2026, 3, 3, 2, tzinfo=UTC), 2, 2)
    status = here.services.plans.status
    assert [each.id for each in status.unprotected(OWNER, here.project.id)] == [tin.id]
    covered = status.coverage(OWNER, plan, after=None, limit=50)
    assert [(each.resource.name, each.late) for each in covered] == [(AWKWARD, None), ("later", None)]
    assert covered[0].next_due_at == datetime(2026, 3, 4, 2, tzinfo=UTC)


def test_a_database_knows_its_plans_and_nobody_elses(here: Stepped) -> None:
    gold, tin = here.database(AWKWARD, labels={"tier": "gold"}), here.database("tin", labels={"tier": "tin"})
    every, some = here.plan("every", selection={"all": True}), here.plan("some", selection={"labels": ["tier=gold"]})
    service = here.services.plans.service
    assert [plan.id for plan in service.list(OWNER, database_id=gold.id)] == [some.id, every.id]
    assert [plan.id for plan in service.list(OWNER, database_id=gold.id, limit=1)] == [some.id]
    assert [plan.id for plan in service.list(OWNER, database_id=gold.id, after=some.id)] == [every.id]
    assert [plan.id for plan in service.list(OWNER, database_id=tin.id)] == [every.id]
    with pytest.raises(HoldfastError) as caught:
        service.list(actor_with("plan.read", "database.read", projects=frozenset({"prj_other"})), database_id=gold.id)
    assert caught.value.code == "database_not_found"


def test_what_is_kept_is_the_plans_policy(here: Stepped) -> None:
    shop = here.database("shop")
    plan = here.plan(retention={"daily": 2, "weekly": None, "monthly": None, "minimum": 1})
    for day in range(2, 8):
        here.at(datetime(2026, 3, day, 2, 0, 1, tzinfo=UTC))
        here.work()
    assert [each.created_at.day for each in here.snapshots(shop)] == [6, 7]
    members = here.services.plans.turns.members(OWNER, here.turns(plan)[-1].id, after=None, limit=5)
    assert list(members[0].retention["forgotten"].values()) == [["no rule keeps it"]]


def test_a_one_off_waits_its_time_and_can_be_cancelled(here: Stepped) -> None:
    shop = here.database("shop")
    plan = here.plan(schedules=[])
    service, turns = here.services.plans.service, here.services.plans.turns
    for wrong in (59, 30 * 24 * 3600 + 1):
        refused("delay_invalid", lambda wrong=wrong: service.run(OWNER, plan.id, in_seconds=wrong))
    stays, _ = service.run(OWNER, plan.id, in_seconds=600)
    goes, _ = service.run(OWNER, plan.id, in_seconds=3600)
    assert [each.id for each in turns.list(OWNER, TurnFilter(states=["pending"]))] == [goes.id, stays.id]
    assert turns.cancel(OWNER, goes.id).state == "cancelled"
    here.step(seconds=599)
    assert here.snapshots(shop) == []
    here.step(seconds=1)
    assert len(here.snapshots(shop)) == 1
    here.step(hours=2)
    assert here.states(plan) == ["succeeded", "cancelled"]
    assert turns.get(OWNER, goes.id).reason["message"] == f"cancelled by {OWNER.id}"


def test_run_now_works_on_a_plan_that_is_switched_off(here: Stepped) -> None:
    shop = here.database("shop")
    plan = here.plan(enabled=False)
    here.step(days=3)
    assert here.turns(plan) == []
    turn, _ = here.services.plans.service.run(OWNER, plan.id)
    refused_while = here.services.plans.service
    here.work()
    assert here.states(plan) == ["succeeded"]
    assert (turn.trigger, turn.actor, len(here.snapshots(shop))) == ("manual", OWNER.id, 1)
    assert refused_while.get(OWNER, plan.id).enabled is False


def test_switched_on_again_nothing_is_made_up_for(here: Stepped) -> None:
    here.database("shop")
    plan = here.plan()
    here.change(plan, enabled=False)
    here.step(days=5)
    here.change(plan, enabled=True)
    here.step(minutes=1)
    assert here.turns(plan) == []
    here.step(days=1)
    assert here.states(plan) == ["succeeded"]


@pytest.mark.parametrize(("missed", "states"), [("once", ["succeeded"]), ("skip", ["skipped"])])
def test_a_runner_that_was_away_makes_up_for_one_turn_or_none(here: Stepped, missed: str, states: list[str]) -> None:
    here.database("shop")
    plan = here.plan(schedules=[{"preset": "daily", "missed": missed, "late_seconds": 3600}])
    here.step(days=9)  # 12:00: the last turn was due at 02:00
    here.step(seconds=5)
    assert here.states(plan) == states
    turn = here.turns(plan)[0]
    assert turn.due_at == datetime(2026, 3, 10, 2, tzinfo=UTC)
    if missed == "skip":
        assert turn.reason["code"] == "turn_missed"


def test_late_but_within_what_is_fine_is_no_missed_turn(here: Stepped) -> None:
    here.database("shop")
    plan = here.plan(schedules=[{"preset": "hourly", "missed": "skip", "late_seconds": 600}])
    here.step(hours=5, minutes=9)  # five were missed, the last of them is nine minutes late
    assert here.states(plan) == ["succeeded"]


def test_a_clock_set_back_repeats_no_turn_and_strands_no_schedule(here: Stepped) -> None:
    here.database("shop")
    plan = here.plan(schedules=[{"preset": "hourly"}])
    here.at(datetime(2026, 3, 2, 2, 0, 5, tzinfo=UTC))
    here.work()
    here.clock.set_wall(datetime(2026, 3, 2, 1, 58, tzinfo=UTC))
    for _ in range(4):
        here.step(minutes=1)
    assert [turn.due_at.hour for turn in here.turns(plan)] == [2]
    here.step(hours=1)
    assert [turn.due_at.hour for turn in here.turns(plan)] == [2, 3]
    here.clock.set_wall(datetime(2031, 1, 1, 0, 30, tzinfo=UTC))  # far forward: one turn, not forty thousand
    here.work()
    assert [turn.due_at.year for turn in here.turns(plan)] == [2026, 2026, 2031]
    here.clock.set_wall(datetime(2026, 3, 2, 4, 30, tzinfo=UTC))  # and back: the next is due at five, not in 2031
    here.work()
    here.step(minutes=31)
    assert here.turns(plan)[-1].due_at == datetime(2026, 3, 2, 5, tzinfo=UTC)


def test_jitter_spreads_databases_the_same_way_every_day(here: Stepped) -> None:
    names = [here.database(f"db{n}") for n in range(4)]
    plan = here.plan(schedules=[{"preset": "daily", "jitter_seconds": 600}])
    starts = []
    for day in (2, 3):
        here.at(datetime(2026, 3, day, 2, 0, 0, tzinfo=UTC))
        here.work()
        members = here.services.plans.turns.members(OWNER, here.turns(plan)[-1].id, after=None, limit=9)
        for moment in sorted(member.not_before for member in members):
            before = sum(bool(here.snapshots(each)) for each in names) if day == 2 else 0
            here.at(moment)
            here.work()
            assert day == 3 or sum(bool(here.snapshots(each)) for each in names) > before
        starts.append([here.snapshots(each)[-1].taken_at - timedelta(days=day) for each in names])
    assert starts[0] == starts[1]
    assert len(set(starts[0])) == len(names)
    assert max(starts[0]) - min(starts[0]) < timedelta(seconds=600)
    assert here.states(plan) == ["succeeded"] * 2


def test_what_is_late_is_told_for_each_database(here: Stepped) -> None:
    shop, shut = here.database("shop"), here.database("shut")
    plan = here.plan(max_gap_seconds=2 * 24 * 3600)
    here.services.databases.stop(OWNER, shut.id)
    here.work()
    here.at(datetime(2026, 3, 2, 2, 0, 1, tzinfo=UTC))
    here.work()
    assert here.states(plan) == ["partial"]

    def late() -> list[tuple[str, str]]:
        with here.db.read() as conn:
            return [(each.resource_name, each.reason) for each in overdue(conn, here.clock.now())]

    assert late() == []  # an hour is given to every turn
    here.clock.advance(3600)
    assert late() == [("shut", "turn_missed")]
    here.clock.advance(25 * 3600)  # and nobody works any more
    assert late() == [("shop", "turn_missed"), ("shut", "turn_missed")]
    here.change(plan, schedules=[{"preset": "monthly"}])
    here.clock.advance(24 * 3600)
    assert late() == [("shop", "gap_too_long")]  # two days since its last, but not since the plan was changed
    here.change(plan, enabled=False)
    assert late() == []
    assert shop.id in {each.id for each in here.services.plans.status.unprotected(OWNER, here.project.id)}


def test_a_plan_into_two_repositories_takes_one_snapshot_for_each(here: Stepped) -> None:
    shop = here.database("shop")
    with here.db.write() as conn:
        ids = [here.services.keys.insert(conn, here.project.id, name, OWNER.id).id for name in ("one", AWKWARD)]
    plan = here.plan(repository_ids=ids)
    here.at(datetime(2026, 3, 2, 2, 0, 1, tzinfo=UTC))
    here.work()
    assert sorted(each.repository_id for each in here.snapshots(shop)) == sorted(ids)
    assert here.turns(plan)[0].total == 2


def test_a_deleted_plan_leaves_its_snapshots_and_no_schedule(here: Stepped) -> None:
    shop = here.database("shop")
    plan = here.plan()
    here.step(days=1)
    refused("confirm_mismatch", lambda: here.services.plans.service.delete(OWNER, plan.id, "other"))
    here.services.plans.service.delete(OWNER, plan.id, plan.name)
    here.step(days=2)
    assert len(here.snapshots(shop)) == 1
    with here.db.read() as conn:
        assert plan.id not in repr(conn.execute(schedules.select()).all())


def test_nobody_writes_a_plan_that_does_more_than_they_may(here: Stepped) -> None:
    here.database("shop")
    service = here.services.plans.service
    writer = actor_with("plan.read", "plan.write", "snapshot.create", "repository.read")
    wanted = WantedPlan("theirs", {"all": True}, retention={})
    denied = refused("permission_denied", lambda: service.create(writer, here.project.id, wanted))
    assert denied.details["permission"] == "retention.apply"
    made = service.create(writer, here.project.id, WantedPlan("theirs", {"all": True}))
    denied = refused("permission_denied", lambda: service.update(writer, made.id, 1, {"retention": {}}, made.name))
    assert service.get(OWNER, made.id).retention is None
    elsewhere = actor_with(*writer.permissions, projects=frozenset({"prj_other"}))
    refused("plan_not_found", lambda: service.get(elsewhere, made.id))
    refused("repository_not_found", lambda: here.plan("r", repository_ids=["repo_" + "0" * 26]))
    refused("database_not_found", lambda: here.plan("d", selection={"resources": ["db_" + "0" * 26]}))
    refused("environment_not_found", lambda: here.plan("e", environment_ids=["env_" + "0" * 26]))
    refused("confirm_mismatch", lambda: service.update(OWNER, made.id, 1, {"enabled": False}))  # production is covered
    free = here.plan("free", environment_ids=[here.environment.id])
    assert service.update(OWNER, free.id, 1, {"enabled": False}).enabled is False
