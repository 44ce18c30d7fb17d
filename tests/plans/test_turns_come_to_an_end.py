"""Every turn ends: also one among very many that wait, and one whose run is over or gone. Looking costs the same."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from statements import statements
from stepped import AWKWARD, Stepped
from world import OWNER

from holdfast.features.plans import store
from holdfast.features.plans.model import Member, Turn, plan_turns
from holdfast.features.plans.sweep import PlanSweep
from holdfast.jobs.schema import runs
from holdfast.kernel.ids import new_id
from holdfast.kernel.wake import Wake


def wait_too(here: Stepped, turn: Turn, count: int) -> None:
    """As many more that are due when `turn` is, with runs of their own."""
    with here.db.write() as conn:
        run = dict(conn.execute(sa.select(runs).where(runs.c.id == turn.run_id)).mappings().one())
        ids = [(new_id("turn"), new_id("run")) for _ in range(count)]
        conn.execute(runs.insert(), [run | {"id": run_id} for _, run_id in ids])
        conn.execute(plan_turns.insert(), [asdict(turn) | {"id": each, "run_id": run_id} for each, run_id in ids])


def test_a_turn_ends_however_many_wait_after_it(here: Stepped) -> None:
    shop = here.database(AWKWARD)
    plan = here.plan(schedules=[])
    service = here.services.plans.service
    now, _ = service.run(OWNER, plan.id)
    later, _ = service.run(OWNER, plan.id, in_seconds=24 * 3600)
    wait_too(here, later, 1200)
    here.work()
    assert here.services.plans.turns.get(OWNER, now.id).state == "succeeded"
    assert len(here.snapshots(shop)) == 1
    with statements(here.db) as said:
        PlanSweep(here.db, here.clock).sweep()
    assert len(said) == 3, [each.text for each in said]
    assert here.services.plans.turns.get(OWNER, later.id).state == "pending"


@pytest.mark.parametrize(
    ("became", "state"), [("failed", "failed"), ("cancelled", "cancelled"), ("succeeded", "failed"), (None, "failed")]
)
def test_one_that_waits_ends_with_its_run(here: Stepped, became: str | None, state: str) -> None:
    plan = here.plan(schedules=[])
    turn, run = here.services.plans.service.run(OWNER, plan.id, in_seconds=3600)
    over(here, run.id, became)
    PlanSweep(here.db, here.clock).sweep()
    found = here.services.plans.turns.get(OWNER, turn.id)
    assert (found.state, found.ended_at) == (state, here.clock.now())
    assert found.reason is not None
    assert found.reason["code"] == ("no_luck" if became == "failed" else "run_ended")


def test_what_was_not_asked_for_fails_with_the_run_that_should_have(here: Stepped) -> None:
    plan = here.plan(schedules=[])
    turn, run = here.services.plans.service.run(OWNER, plan.id, in_seconds=3600)
    values: dict[str, Any] = dict.fromkeys(Member.__dataclass_fields__)
    values |= {"turn_id": turn.id, "resource_id": "db_0", "repository_id": "", "plan_id": plan.id, "state": "waiting"}
    member = Member(**{**values, "resource_name": AWKWARD, "due_at": turn.due_at, "not_before": turn.due_at})
    done = replace(member, resource_id="db_1", state="succeeded", settled_at=here.clock.now())
    others = [replace(member, resource_id=f"db_{number}") for number in range(2, 40)]
    with here.db.write() as conn:
        store.change_turn(conn, turn.id, states=("pending",), state="running", total=40)
        store.insert_members(conn, [member, done, *others])
    over(here, run.id, "failed")
    with statements(here.db) as said:
        PlanSweep(here.db, here.clock).sweep()
    assert len(said) < 10, [each.text for each in said]
    found = here.services.plans.turns.get(OWNER, turn.id)
    assert (found.state, found.total, found.succeeded, found.failed) == ("partial", 40, 1, 39)
    members = here.services.plans.turns.members(OWNER, turn.id, after=None, limit=50)
    assert [each.state for each in members].count("failed") == 39
    assert {each.reason["code"] for each in members if each.reason} == {"no_luck"}


def over(here: Stepped, run_id: str, became: str | None) -> None:
    mine = runs.c.id == run_id
    error = {"code": "no_luck", "message": "x"} if became == "failed" else None
    with here.db.write() as conn:
        if became is None:
            conn.execute(runs.delete().where(mine))
        else:
            conn.execute(runs.update().where(mine).values(state=became, error=error, finished_at=here.clock.now()))


def test_the_end_of_a_turn_is_told_and_nothing_else(here: Stepped, tmp_path: Path) -> None:
    wake = Wake(tmp_path / "w")
    plan = here.plan(schedules=[])
    _, run = here.services.plans.service.run(OWNER, plan.id, in_seconds=3600)
    sweep = PlanSweep(here.db, here.clock, wake)
    with wake.listen("here") as ear:
        sweep.sweep()
        assert ear.wait(0) == set()
        over(here, run.id, "failed")
        sweep.sweep()
        assert ear.wait(5) == {f"plan:{plan.id}"}
