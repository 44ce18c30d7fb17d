"""Many small databases go in one run, and each fares as if it had gone alone."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import apsw
import pytest
import sqlalchemy as sa
from statements import statements
from stepped import AWKWARD, Stepped
from world import OWNER, actor_with, refused

from holdfast.features.backups import asking, batch_members, batching, store
from holdfast.features.backups.asking import KIND, How
from holdfast.features.backups.choosing import Which
from holdfast.features.backups.model import VerificationRow
from holdfast.features.backups.restore_service import RestoreWish
from holdfast.features.databases.model import Resource, resources
from holdfast.features.plans.model import Plan
from holdfast.jobs.schema import runs
from holdfast.kernel.ids import new_id
from holdfast.web.idempotency import NEVER

NAMES = [AWKWARD, "ä" * 31, *(f"small {number}" for number in range(7))]
STATEMENTS = 8  # of a database, from its turn to its settled member


@pytest.fixture
def many(here: Stepped) -> list[Resource]:
    """One is made by the product, the others are its copies: making them is not what is tried."""
    model = here.database(NAMES[0])
    write(model, "CREATE TABLE kept AS SELECT 5 AS n")
    return [model, *copies(here, model, NAMES[1:])]


def copies(here: Stepped, model: Resource, names: Sequence[str]) -> list[Resource]:
    made = []
    for name in names:
        own = new_id("db")
        path = here.settings.data / "databases" / own / "database.sqlite"
        path.parent.mkdir()
        shutil.copyfile(path_of(model), path)
        made.append(replace(model, id=own, name=name, endpoint={**(model.endpoint or {}), "path": str(path)}))
    columns = {column.name for column in resources.columns}
    with here.db.write() as conn:
        rows = [{key: value for key, value in vars(each).items() if key in columns} for each in made]
        conn.execute(resources.insert(), rows)
    return made


def turn(here: Stepped, plan: Plan, day: int) -> Any:
    here.at(datetime(2026, 3, day, 2, 0, 1, tzinfo=UTC))
    here.work()
    return here.turns(plan)[-1]


def proofs(here: Stepped, snapshot_id: str) -> list[tuple[int, bool | None]]:
    with here.db.read() as conn:
        found = store.page(conn, VerificationRow, snapshot_id=snapshot_id, limit=10)
    return sorted((row.level, row.ok) for row in found if row.level)


def ask(here: Stepped, which: Which, **more: Any) -> list[asking.Asked]:
    how = How(OWNER, "manual", **more)
    return here.services.snapshots.create_many(OWNER, which, how, repository_id=None, once=NEVER)


def path_of(resource: Resource) -> Path:
    return Path(str((resource.endpoint or {})["path"]))


def write(resource: Resource, statement: str) -> list[Any]:
    with contextlib.closing(apsw.Connection(str(path_of(resource)))) as connection:
        return connection.execute(statement).fetchall()


def test_a_turn_is_one_run_that_carries_the_others(here: Stepped, many: list[Resource]) -> None:
    plan = here.plan(verify_level=None)
    first = turn(here, plan, 2)
    (batch,) = here.runs_of(KIND)
    carried = here.runs_of("snapshot.create")
    assert (batch.state, batch.result) == ("succeeded", {"taken": 9, "failed": 0, "alone": 0})
    assert {run.carrier for run in carried} == {batch.id}
    assert {run.resource_id for run in carried} == {each.id for each in many}
    assert {(run.state, run.trigger, run.actor) for run in carried} == {("succeeded", "schedule", f"plan:{plan.id}")}
    assert (first.state, first.total, first.succeeded) == ("succeeded", 9, 9)
    for each in many:
        (snapshot,) = here.snapshots(each)
        assert (snapshot.verification, snapshot.verified_level, snapshot.plan_id) == ("green", 3, plan.id)
        assert proofs(here, snapshot.id) == [(1, True), (3, True)]
        assert {run.id for run in carried} >= {snapshot.run_id}
    write(many[0], "CREATE TABLE news AS SELECT 7 AS n")
    second = turn(here, plan, 3)
    assert second.state == "succeeded"
    newest = here.snapshots(many[1])[-1]
    assert (newest.summary["type"], newest.verified_level) == ("incremental", 1)
    asked, _, run = here.services.restores.restore(
        OWNER, here.snapshots(many[0])[-1].id, RestoreWish(mode="new", name="copy")
    )
    here.work()
    copy = here.services.databases.get(OWNER, asked.id)
    assert (run.kind, copy.state) == ("snapshot.restore", "ready")
    assert write(copy, "SELECT (SELECT n FROM kept), (SELECT n FROM news)") == [(5, 7)]


def test_one_that_fails_fails_alone(here: Stepped, many: list[Resource]) -> None:
    plan = here.plan()
    for suffix in ("", "-wal", "-shm"):
        path_of(many[3]).with_name(path_of(many[3]).name + suffix).unlink(missing_ok=True)
    path_of(many[3]).write_bytes(b"no database at all, whatever it says" * 200)
    done = turn(here, plan, 2)
    assert (done.state, done.total, done.succeeded, done.failed) == ("partial", 9, 8, 1)
    (batch,) = here.runs_of(KIND)
    assert batch.state == "succeeded"
    (failed,) = here.snapshots(many[3], "failed")
    (run,) = [run for run in here.runs_of("snapshot.create") if run.resource_id == many[3].id]
    assert run.state == "failed"
    assert run.error is not None
    assert failed.error is not None
    assert (failed.verification, failed.error["code"]) == ("red", run.error["code"])
    assert all(len(here.snapshots(each)) == 1 for each in many if each.id != many[3].id)


def test_what_has_grown_goes_alone(here: Stepped, many: list[Resource], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "SMALL", 50_000)
    monkeypatch.setattr(batch_members, "SMALL", 50_000)
    write(many[2], "CREATE TABLE big AS SELECT randomblob(300000) AS b")
    plan = here.plan(verify_level=1)
    assert turn(here, plan, 2).state == "succeeded"
    (first,) = here.runs_of(KIND)
    assert first.result == {"taken": 8, "failed": 0, "alone": 1}
    assert turn(here, plan, 3).state == "succeeded"
    assert here.runs_of(KIND)[1].input["databases"] == 8, "it is known to be big now"
    assert [len(here.snapshots(each)) for each in many] == [2] * 9


def test_a_database_that_another_run_has_goes_later_and_one_that_went_away_is_said(
    here: Stepped, many: list[Resource]
) -> None:
    """The batch does not wait for it, and never touches it meanwhile."""
    asked = ask(here, Which(all=True), level=1)
    with here.db.write() as conn:
        blocker = here.services.jobs.submit(
            conn, kind="database.stop", actor="somebody", project_id=here.project.id, resource_id=many[5].id
        )
        conn.execute(runs.update().where(runs.c.id == blocker.id).values(state="running", exclusive=True))
        conn.execute(sa.text("UPDATE resources SET state = 'stopped' WHERE id = :id"), {"id": many[6].id})
    runner = here.runners[0]
    runner.runner._fill()
    while runner.runner._active:
        runner.runner._look.wait(1)
        runner.runner._look.clear()
    mine = {each.want.resource.id: each.run_id for each in asked}
    with here.db.write() as conn:
        waiting, stopped = (here.services.jobs.get(conn, mine[each.id] or "") for each in many[5:7])
        conn.execute(runs.update().where(runs.c.id == blocker.id).values(state="cancelled", exclusive=False))
    assert waiting is not None
    assert stopped is not None
    assert (waiting.state, waiting.carrier, waiting.epoch) == ("queued", None, 0)
    assert (stopped.state, (stopped.error or {})["code"]) == ("failed", "wrong_state")
    here.work()
    assert [len(here.snapshots(each)) for each in many] == [1] * 6 + [0] + [1] * 2


def test_cancelled_before_it_began(here: Stepped, many: list[Resource]) -> None:
    """The one that was cancelled has no snapshot and the others do; the batch cancelled, none of those left has."""
    asked = ask(here, Which(ids=[each.id for each in many]), level=1)
    with here.db.write() as conn:
        here.services.jobs.cancel(conn, asked[2].run_id or "")
    here.work()
    assert [len(here.snapshots(each)) for each in many] == [1, 1, 0, 1, 1, 1, 1, 1, 1]
    assert here.snapshots(many[2], "failed")[0].error is not None
    asked = ask(here, Which(all=True), level=1)
    with here.db.write() as conn:
        here.services.jobs.cancel(conn, asked[0].carrier or "")
    here.work()
    assert [len(here.snapshots(each)) for each in many] == [1, 1, 0, 1, 1, 1, 1, 1, 1]
    states = {run.state for run in here.runs_of("snapshot.create")[-9:]}
    assert states == {"cancelled"}
    assert len({each.id for each in many if here.snapshots(each, "creating")}) == 0


def test_cancelled_in_the_middle_what_was_stored_stays(
    here: Stepped, many: list[Resource], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "GROUP", 4)
    asked = ask(here, Which(all=True), level=1)
    real = batching.BatchTaker._record

    def record(self: Any, ctx: Any, *rest: Any) -> None:
        real(self, ctx, *rest)
        with here.db.write() as conn:
            here.services.jobs.cancel(conn, ctx.run.id)
        here.runners[0].runner._check_claims()

    monkeypatch.setattr(batching.BatchTaker, "_record", record)
    here.work()
    with here.db.read() as conn:
        batch = here.services.jobs.get(conn, asked[0].carrier or "")
    assert batch is not None
    assert batch.state == "cancelled"
    taken = [each for each in asked if here.snapshots(each.want.resource)]
    assert taken == asked[:4], "the first group stays, whole"
    states = [run.state for run in here.runs_of("snapshot.create")]
    assert sorted(states) == ["cancelled"] * 5 + ["succeeded"] * 4
    assert sum(len(here.snapshots(each, "failed")) for each in many) == 5


def test_what_fails_for_all_is_left_to_each(here: Stepped, many: list[Resource]) -> None:
    """A repository that cannot be opened fails nobody through somebody else's run: each says so itself."""
    asked = ask(here, Which(all=True), level=1)
    directory = here.settings.data / "repositories"
    assert asked[0].snapshot is not None
    (directory / asked[0].snapshot.repository_id).parent.mkdir(parents=True, exist_ok=True)
    (directory / asked[0].snapshot.repository_id).write_text("a file where a directory must be")
    here.work()
    (batch,) = here.runs_of(KIND)
    assert batch.state == "succeeded"
    assert batch.result is not None
    assert "ended_early" in batch.result
    own = here.runs_of("snapshot.create")
    assert {(run.state, run.carrier) for run in own} == {("failed", None)}
    assert all(here.snapshots(each, "failed") for each in many)


def test_who_may_not_changes_nothing(here: Stepped, many: list[Resource]) -> None:
    reader = actor_with("snapshot.read", "database.read")
    elsewhere = actor_with("snapshot.create", projects=frozenset({"prj_other"}))
    named, every = Which(ids=[each.id for each in many]), Which(all=True)
    for actor, which, code in (
        (reader, named, "permission_denied"),
        (reader, every, "permission_denied"),
        (elsewhere, named, "database_not_found"),
        (elsewhere, every, "nothing_selected"),
    ):
        how = How(actor, "manual")
        service = here.services.snapshots
        refused(code, partial(service.create_many, actor, which, how, repository_id=None, once=NEVER))
    refused("selection_invalid", lambda: Which(ids=["db_1"], all=True))
    assert here.runs_of(KIND, "snapshot.create") == []
    with here.db.read() as conn:
        assert conn.execute(sa.text("SELECT count(*) FROM snapshots")).scalar() == 0


def test_a_schedule_can_demand_that_everything_is_read(here: Stepped, many: list[Resource]) -> None:
    """In a batch and alone; the other schedule's turns take over what they can."""
    here.plan(schedules=[{"preset": "daily"}, {"preset": "weekly", "mode": "full"}], verify_level=1)
    for day in (6, 7, 8):  # Sunday the 8th has both
        here.at(datetime(2026, 3, day, 2, 0, 1, tzinfo=UTC))
        here.work()
    found = [(each.summary["type"], each.summary.get("why_full")) for each in here.snapshots(many[3])]
    assert found[1][0] == "incremental"
    assert sorted(kind for kind, _ in found[2:]) == ["full", "incremental"]
    assert ("full", "asked for") in found[2:]


def test_statements_of_a_database_are_few(here: Stepped, many: list[Resource]) -> None:
    def turn_of(plan: Plan, day: int) -> int:
        with statements(here.db) as heard:
            assert turn(here, plan, day).state == "succeeded"
        return len(heard)

    plan = here.plan(verify_level=1)
    turn_of(plan, 2)
    few = turn_of(plan, 3)
    copies(here, many[0], [f"more {number}" for number in range(9)])
    turn_of(plan, 4)
    each = (turn_of(plan, 5) - few) / 9
    assert each <= STATEMENTS, f"{each} statements of one database more"
