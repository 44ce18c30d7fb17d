"""A schedule's turn comes once: killed before or after the commit, and with runners that look at the same moment."""

from __future__ import annotations

import signal
import time
from datetime import timedelta

import pytest

from holdfast.jobs.schema import schedules
from holdfast.kernel.clock import SystemClock


def due(world, name: str) -> None:
    """One turn was due half a minute ago; the next is far away."""
    with world.db.write() as conn:
        world.jobs.schedule(conn, name, "once", cron="0 0 1 1 *", tz="Pacific/Kiritimati")
        late = SystemClock().now() - timedelta(seconds=30)
        conn.execute(schedules.update().where(schedules.c.name == name).values(next_at=late))


def made(world):
    with world.db.read() as conn:
        return world.jobs.list(conn, kinds=["once"])


def ended(world) -> bool:
    found = made(world)
    return bool(found) and all(run.state == "succeeded" for run in found)


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.parametrize(("point", "left"), [("schedule.submitted", 0), ("schedule.committed", 1)])
def test_killed_around_the_commit_the_turn_comes_once(world, point: str, left: int) -> None:
    due(world, "a\"b'; --")
    first = world.process("r1", lease=1, HOLDFAST_CRASH_AT=point)
    assert first.wait(120) == -signal.SIGKILL
    assert len(made(world)) == left
    world.process("r2", lease=1)
    world.until(lambda: ended(world), 40)
    time.sleep(2.5)  # two more looks of the runner
    assert len(made(world)) == 1
    assert made(world)[0].input["due"] is not None


@pytest.mark.slow
def test_two_runners_that_look_at_once_make_one_run(world) -> None:
    for n in range(5):
        due(world, f"s{n}")
    children = [world.process(f"r{n}", lease=5) for n in range(2)]
    world.until(lambda: len(made(world)) >= 5 and ended(world), 40)
    time.sleep(1.5)
    assert len(made(world)) == 5
    assert [child.poll() for child in children] == [None, None]
