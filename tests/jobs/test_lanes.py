"""Runs that share a limit, projects that take turns, and runs over their deadline."""

from __future__ import annotations

import threading
import time

import pytest

from holdfast.jobs import TaskRegistry, store
from holdfast.jobs.lanes import Lane
from holdfast.jobs.model import TaskContext
from holdfast.jobs.schema import runners, runs
from holdfast.kernel.clock import SystemClock


def claim(world, runner="r1", node=None, **more):
    with world.db.write() as conn:
        found = store.claim(
            conn, runner=runner, kinds=["t"], exclusive_kinds=[], now=SystemClock().now(), node=node, **more
        )
    return found and found.id


def end(world, run_id):
    with world.db.write() as conn:
        conn.execute(runs.update().where(runs.c.id == run_id).values(state="succeeded"))


def test_a_lane_takes_no_more_than_its_limit_and_others_go_on(world) -> None:
    full = [world.submit("t", lane=Lane("a\"b'; --", 2)).id for _ in range(3)]
    other = world.submit("t", lane=Lane("other", 1)).id
    assert [claim(world) for _ in range(4)] == [full[0], full[1], other, None]
    end(world, full[0])
    assert claim(world) == full[2]


def test_what_somebody_waits_for_goes_first(world) -> None:
    laned = world.submit("t", lane=Lane("a")).id
    waited_for = world.submit("t").id
    assert [claim(world), claim(world)] == [waited_for, laned]
    world.submit("t", lane=Lane("a"))
    assert claim(world, laned=False) is None


def test_projects_take_turns(world) -> None:
    with world.db.write() as conn:
        ids = {
            world.jobs.submit(conn, kind="t", actor="usr_1", project_id=project, lane=Lane(project)).id: project
            for project in ["big"] * 4 + ["small"] * 2
        }
    assert [ids[claim(world)] for _ in range(6)] == ["big", "small", "big", "small", "big", "big"]


def test_a_node_takes_no_more_than_its_share(world) -> None:
    now = SystemClock().now()
    facts = {"machine": "m", "pid": 1, "pid_started": "", "beat": 1, "beat_at": now}
    with world.db.write() as conn:
        for name in ("one", "two"):
            conn.execute(runners.insert().values(id=name, name=name, node=name, **facts))
    for _ in range(4):
        world.submit("t", lane=Lane("a", 3, 1))
    found = [claim(world, runner, runner) for runner in ("one", "one", "two", "two")]
    assert [bool(each) for each in found] == [True, False, True, False]


def test_two_runners_that_claim_at_once_do_not_pass_the_limit(world) -> None:
    """On PostgreSQL both would count before either has written."""
    for _ in range(30):
        world.submit("t", lane=Lane("a", 2))
    at_once: list[int] = []
    failed: list[Exception] = []
    barrier = threading.Barrier(3)

    def work(name: str) -> None:
        barrier.wait()
        try:
            for _ in range(20):
                found = claim(world, name)
                with world.db.read() as conn:
                    running = conn.execute(runs.select().where(runs.c.state == "running")).all()
                at_once.append(len(running))
                if found:
                    end(world, found)
        except Exception as error:  # noqa: BLE001 - shown by the test
            failed.append(error)

    threads = [threading.Thread(target=work, args=(f"r{n}",)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    assert max(at_once) <= 2


def slow(ctx: TaskContext) -> None:
    while True:
        ctx.stop.check()
        time.sleep(0.005)


@pytest.mark.slow
def test_a_run_over_its_deadline_is_cancelled_and_says_so(world) -> None:
    tasks = TaskRegistry()
    tasks.add("slow", slow)
    run = world.submit("slow", deadline_seconds=1)
    with world.runner(tasks):
        ended = world.until(lambda: (found := world.run(run.id)).state not in ("queued", "running") and found)
    assert (ended.state, ended.error["code"], ended.error["details"]) == (
        "cancelled",
        "deadline_exceeded",
        {"deadline_seconds": 1},
    )


def test_a_runner_keeps_a_place_for_what_somebody_waits_for(world) -> None:
    tasks, begun = TaskRegistry(), []
    go = threading.Event()

    def held(ctx: TaskContext) -> None:
        begun.append(ctx.run.lane)
        assert go.wait(20)

    tasks.add("held", held)
    for _ in range(3):
        world.submit("held", lane=Lane("a"))
    with world.runner(tasks, concurrency=2):
        world.until(lambda: begun == ["a"])
        world.submit("held")
        world.until(lambda: begun == ["a", None])
        go.set()
        world.until(lambda: len(begun) == 4)
