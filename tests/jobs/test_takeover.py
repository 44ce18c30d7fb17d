"""Runners that die, sleep and wake up again: real processes, real signals."""

import os
import signal
from datetime import UTC, datetime

import pytest

from holdfast.jobs.lease import Lease
from holdfast.jobs.schema import runners, runs
from holdfast.kernel.clock import ManualClock

pytestmark = [pytest.mark.faults, pytest.mark.slow]


@pytest.mark.parametrize("point", ["step.two.before", "step.two.after", "step.three.after", "run.before_end"])
def test_after_kill_9_another_runner_goes_on_and_each_recorded_step_was_done_once(world, point: str) -> None:
    run = world.submit("steps")
    first = world.process("r1", HOLDFAST_CRASH_AT=point)
    assert first.wait(120) == -signal.SIGKILL
    assert world.run(run.id).state == "running"
    world.process("r2")
    ended = world.jobs.wait(run.id, 10)  # at once, not after the 15 s a silent runner gets
    assert (ended.state, ended.result, ended.epoch) == ("succeeded", {"made": ["one", "two", "three"]}, 2)
    assert world.lines() == ["one", "two", "three"]


def test_killed_between_the_work_and_its_record_the_step_runs_again(world) -> None:
    """The limit of the promise: a step is idempotent by its own key, since no record can be written before the work."""
    run = world.submit("steps")
    assert world.process("r1", HOLDFAST_CRASH_AT="step.two.done").wait(120) == -signal.SIGKILL
    world.process("r1")
    assert world.jobs.wait(run.id, 10).state == "succeeded"
    assert world.lines() == ["one", "two", "two", "three"]


def test_a_runner_that_was_stopped_and_wakes_up_changes_nothing(world) -> None:
    run = world.submit("paused")
    first = world.process("r1", lease=2)
    world.until(lambda: "begun:r1:1" in world.lines())
    os.kill(first.pid, signal.SIGSTOP)
    world.process("r2", lease=2)
    world.until(lambda: "begun:r2:2" in world.lines(), 20)
    (world.root / "go").touch()
    ended = world.jobs.wait(run.id, 10)
    assert (ended.state, ended.result, ended.correlation_id, ended.epoch) == ("succeeded", {"by": "r2"}, "r2", 2)
    os.kill(first.pid, signal.SIGCONT)
    world.until(lambda: "refused:r1:claim_lost" in world.lines())
    again = world.submit("steps")
    assert world.jobs.wait(again.id, 10).state == "succeeded"
    assert world.run(run.id) == ended
    assert "wrote:r1" not in world.lines()


@pytest.mark.parametrize(
    ("stubborn", "tries", "hint"),
    [(False, ["work"] * 4 + ["undo"], "removed"), (True, ["work"] * 4 + ["undo"] * 2, "may")],
)
def test_a_run_that_ends_its_runner_each_time_is_given_up(world, stubborn: bool, tries: list[str], hint: str) -> None:
    """Undone once it was four times too many; when the undoing dies as well it is left, and says so."""
    if stubborn:
        (world.root / "stubborn").touch()
    run = world.submit("deadly")
    for _ in range(len(tries) if stubborn else len(tries) - 1):
        assert world.process("r").wait(120) == -signal.SIGKILL
    world.process("r")
    ended = world.jobs.wait(run.id, 10)
    assert (ended.state, ended.error["code"], world.lines()) == ("failed", "run_ends_its_runner", tries)
    assert hint in ended.error["hint"]


def test_suspects_run_one_at_a_time(world) -> None:
    """Otherwise whoever happens to run beside the guilty one would be counted with it until given up too."""
    first, second = world.submit("paused"), world.submit("paused")
    with world.db.write() as conn:
        conn.execute(runs.update().values(deaths=2))
    world.process("r")
    world.until(lambda: "begun:r:1" in world.lines())
    fresh = world.submit("once")
    assert world.jobs.wait(fresh.id, 10).state == "succeeded"
    assert [world.run(each.id).state for each in (first, second)] == ["running", "queued"]
    (world.root / "go").touch()
    assert [world.jobs.wait(each.id, 10).state for each in (first, second)] == ["succeeded", "succeeded"]


def test_two_runners_never_run_one_run_twice(world) -> None:
    world.process("r1")
    world.process("r2")
    submitted = [world.submit("once") for _ in range(60)]
    ended = [world.jobs.wait(run.id, 30) for run in submitted]
    assert {run.state for run in ended} == {"succeeded"}
    assert sorted(world.lines()) == sorted(f"{run.id}:1" for run in submitted)


def test_a_wall_clock_set_backwards_or_forwards_ends_no_lease(world) -> None:
    """A runner on another machine is judged by its beats alone, on our monotonic clock."""
    clock = ManualClock()
    watcher = Lease(world.db, clock, "watcher", lease_seconds=15)
    watcher.beat()
    run = world.submit("t")
    with world.db.write() as conn:
        conn.execute(
            runners.insert().values(
                id="far", name="far", machine="elsewhere", pid=1, pid_started="1", beat=1, beat_at=clock.now()
            )
        )
        conn.execute(runs.update().values(state="running", claimed_by="far", epoch=1))
    assert watcher.bury() == []
    clock.set_wall(datetime(2031, 1, 1, tzinfo=UTC))
    assert watcher.bury() == []
    clock.advance(14)
    clock.set_wall(datetime(2001, 1, 1, tzinfo=UTC))
    assert watcher.bury() == []
    with world.db.write() as conn:
        conn.execute(runners.update().where(runners.c.id == "far").values(beat=2))
    clock.advance(14)
    assert watcher.bury() == []
    clock.advance(14)
    assert watcher.bury() == []
    clock.advance(2)
    assert watcher.bury() == [run.id]
    assert (world.run(run.id).state, world.run(run.id).epoch) == ("queued", 1)
