"""Runs from submit to end, as everyone uses them."""

import statistics
import threading
import time
from datetime import timedelta
from pathlib import Path

import metadata_home
import pytest

from holdfast.jobs import Run, Runner, TaskContext, TaskRegistry
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Invalid, NotFound, Permanent, Retryable
from holdfast.kernel.stop import Stop


def registry(**tasks) -> TaskRegistry:
    made = TaskRegistry()
    for name, task in tasks.items():
        made.add(name, task)
    return made


def logs(world, run: Run) -> list:
    with world.db.read() as conn:
        return list(world.jobs.logs(conn, run.id))


def test_a_run_exists_exactly_when_its_transaction_commits(world) -> None:
    with pytest.raises(RuntimeError), world.db.write() as conn:  # noqa: PT012
        lost = world.jobs.submit(conn, kind="x", actor="usr_1", project_id="prj_1")
        assert world.jobs.get(conn, lost.id) == lost
        raise RuntimeError
    with world.db.read() as conn:
        assert world.jobs.get(conn, lost.id) is None
        assert world.jobs.list(conn) == []
    kept = world.submit("x", resource_id="db_1", input={"a": [1, "ü"]}, correlation_id="c")
    assert world.run(kept.id) == kept
    assert (kept.state, kept.epoch, kept.input, kept.trigger) == ("queued", 0, {"a": [1, "ü"]}, "api")


def test_success_keeps_result_progress_log_and_removes_the_scratch(world) -> None:
    seen: list[Path] = []

    def task(ctx: TaskContext):
        (ctx.scratch / "f").write_text("x")
        seen.append(ctx.scratch)
        ctx.progress("copy", 5, 10, "bytes")
        ctx.log("half way", bytes=5)
        ctx.log("more")
        return {"ok": [1]}

    with world.runner(registry(t=task)):
        run = world.submit("t")
        ended = world.jobs.wait(run.id, 10)
        assert (ended.state, ended.result, ended.error, ended.epoch) == ("succeeded", {"ok": [1]}, None, 1)
        assert ended.progress is not None
        assert (ended.progress.phase, ended.progress.done, ended.progress.total) == ("copy", 5, 10)
        assert ended.requested_at <= ended.started_at <= ended.finished_at
        assert [(line.seq, line.message, line.fields) for line in logs(world, run)] == [
            (1, "half way", {"bytes": 5}),
            (2, "more", {}),
        ]
        world.until(lambda: not seen[0].parent.exists())


def test_our_errors_are_kept_as_they_are_and_unknown_ones_hide_their_traceback_in_the_log(world) -> None:
    def ours(ctx: TaskContext):
        raise Permanent("no such table", code="gone", hint="look", details={"table": "t"})

    def fault(ctx: TaskContext):
        raise KeyError("oops")

    def odd(ctx: TaskContext):
        return {"x": object()}

    with world.runner(registry(ours=ours, fault=fault, odd=odd)):
        ended = world.jobs.wait(world.submit("ours").id, 10)
        assert ended.state == "failed"
        assert ended.error == {
            "code": "gone",
            "message": "no such table",
            "hint": "look",
            "details": {"table": "t"},
            "retryable": False,
        }
        ended = world.jobs.wait(world.submit("fault").id, 10)
        assert ended.error is not None
        assert (ended.error["code"], ended.error["message"]) == ("internal", "KeyError: 'oops'")
        assert "Traceback" not in str(ended.error)
        assert "Traceback" in str(logs(world, ended)[0].fields["traceback"])
        ended = world.jobs.wait(world.submit("odd").id, 10)
        assert ended.state == "failed"


def test_a_retryable_error_is_tried_again_and_said_in_the_log(world, monkeypatch) -> None:
    monkeypatch.setattr("holdfast.jobs.attempt.RETRY_WAITS", (0.01, 0.02, 0.03))
    tries: list[int] = []

    def third(ctx: TaskContext):
        tries.append(1)
        if len(tries) < 3:
            raise Retryable("the server is starting", code="starting")
        return {}

    def never(ctx: TaskContext):
        raise Retryable("still no", code="starting")

    with world.runner(registry(third=third, never=never)):
        ended = world.jobs.wait(world.submit("third").id, 10)
        assert (ended.state, len(tries)) == ("succeeded", 3)
        assert [line.level for line in logs(world, ended)] == ["warning", "warning"]
        ended = world.jobs.wait(world.submit("never").id, 10)
        assert ended.error is not None
        assert (ended.state, ended.error["retryable"], len(logs(world, ended))) == ("failed", True, 3)


def test_cancel_of_a_queued_run_is_at_once_and_it_never_runs(world) -> None:
    ran = []
    run = world.submit("t")
    assert world.cancel(run.id).state == "cancelled"
    with world.runner(registry(t=lambda ctx: ran.append(1))):
        world.jobs.wait(world.submit("t").id, 10)
    assert ran == [1]
    assert world.run(run.id).epoch == 0
    with pytest.raises(NotFound):
        world.cancel("run_none")


def test_cancel_of_a_running_run_reaches_it_quickly_and_a_finished_one_stays(world) -> None:
    begun = threading.Event()

    def task(ctx: TaskContext):
        begun.set()
        ctx.stop.wait(20)
        ctx.stop.check()

    with world.runner(registry(t=task)):
        run = world.submit("t")
        assert begun.wait(10)
        started = time.monotonic()
        assert world.cancel(run.id).state == "running"
        ended = world.jobs.wait(run.id, 10)
        assert time.monotonic() - started < 15
        assert ended.error is not None
        assert (ended.state, ended.error["code"]) == ("cancelled", "cancelled")
        assert world.cancel(run.id) == ended


def test_a_runner_that_shuts_down_gives_its_runs_back_and_steps_are_not_done_twice(world) -> None:
    done: list[str] = []
    begun = threading.Event()
    second = threading.Event()

    def task(ctx: TaskContext):
        value = ctx.step("a", lambda: (done.append("a"), {"n": 1})[1])
        begun.set()
        if not second.is_set():
            ctx.stop.wait(20)
        ctx.stop.check()
        return value

    with world.runner(registry(t=task)):
        run = world.submit("t")
        assert begun.wait(10)
    waiting = world.run(run.id)
    assert (waiting.state, waiting.claimed_by) == ("queued", None)
    second.set()
    with world.runner(registry(t=task), name="r2"):
        ended = world.jobs.wait(run.id, 10)
    assert (ended.state, ended.result, ended.epoch, done) == ("succeeded", {"n": 1}, 2, ["a"])


def test_runs_of_one_resource_that_exclude_each_other_wait_and_others_do_not(world) -> None:
    inside: list[str] = []
    most: dict[str, int] = {}
    lock = threading.Lock()

    def task(ctx: TaskContext):
        resource = str(ctx.run.resource_id)
        with lock:
            inside.append(resource)
            most[resource] = max(most.get(resource, 0), inside.count(resource))
            most["all"] = max(most.get("all", 0), len(inside))
        time.sleep(0.05)
        with lock:
            inside.remove(resource)
        return {}

    tasks = TaskRegistry()
    tasks.add("t", task, resource_exclusive=True)
    with world.runner(tasks, concurrency=4), world.runner(tasks, name="r2", concurrency=4):
        submitted = [world.submit("t", resource_id=f"db_{i % 3}") for i in range(12)]
        assert {world.jobs.wait(run.id, 20).state for run in submitted} == {"succeeded"}
    assert (most["db_0"], most["db_1"], most["db_2"]) == (1, 1, 1)
    assert most["all"] > 1


def test_a_delayed_run_waits_and_an_unknown_kind_is_left_to_others(world) -> None:
    with world.runner(registry(t=lambda ctx: {})):
        other = world.submit("someone.elses")
        run = world.submit("t", delay_seconds=1)
        ended = world.jobs.wait(run.id, 10)
        assert ended.started_at - ended.requested_at >= timedelta(seconds=1)
        assert world.run(other.id).state == "queued"


def test_lists_are_filtered_paged_and_newest_first(world) -> None:
    made = [world.submit("a" if i % 2 else "b", resource_id=f"db_{i % 3}") for i in range(9)]
    world.cancel(made[0].id)
    with world.db.read() as conn:
        page = world.jobs.list(conn, limit=4)
        rest = world.jobs.list(conn, limit=50, before=page[-1].id)
        assert [run.id for run in page + rest] == sorted((run.id for run in made), reverse=True)
        assert {run.kind for run in world.jobs.list(conn, kinds=["a"])} == {"a"}
        assert len(world.jobs.list(conn, resource_id="db_0")) == 3
        assert [run.id for run in world.jobs.list(conn, states=["cancelled"])] == [made[0].id]
        assert world.jobs.list(conn, project_id="prj_other") == []


def test_commit_is_one_transaction_with_the_claim(world) -> None:
    refused = []

    def task(ctx: TaskContext):
        with world.db.write() as conn:  # what another runner's claim does
            conn.exec_driver_sql("UPDATE runs SET epoch = epoch + 1")
        try:
            with ctx.commit():
                refused.append("entered")
        except Conflict as error:
            refused.append(error.code)
            raise

    with world.runner(registry(t=task)):
        run = world.submit("t")
        world.until(lambda: refused)
        time.sleep(0.1)
        assert (refused, world.run(run.id).state) == (["claim_lost"], "running")


def test_schedules_fire_when_due_and_do_not_pile_up(world) -> None:
    hold = threading.Event()

    def task(ctx: TaskContext):
        hold.wait(10)
        return {}

    with world.db.write() as conn:
        world.jobs.schedule(conn, "purge", "t", every_seconds=1, input={"a": 1})
        with pytest.raises(Invalid):
            world.jobs.schedule(conn, "bad", "t", cron="not cron")
        with pytest.raises(Invalid):
            world.jobs.schedule(conn, "bad", "t", cron="* * * * *", tz="Mars/Olympus")
        with pytest.raises(Invalid):
            world.jobs.schedule(conn, "bad", "t")
        due = world.jobs.schedule(conn, "nightly", "t", cron="30 3 * * *", tz="Europe/Zurich")
        assert due.minute == 30

    def mine() -> list[Run]:
        with world.db.read() as conn:
            return world.jobs.list(conn, kinds=["t"])

    with world.runner(registry(t=task)):
        world.until(mine)
        time.sleep(2.2)
        assert len(mine()) == 1
        assert (mine()[0].actor, mine()[0].trigger, mine()[0].input) == ("schedule:purge", "schedule", {"a": 1})
        hold.set()
        world.until(lambda: len(mine()) > 1)


def test_a_runner_is_woken_and_does_not_wait_for_its_next_look(world) -> None:
    """It looks once a second by itself."""
    with world.runner(registry(t=lambda ctx: {})):
        delays = []
        for _ in range(12):
            ended = world.jobs.wait(world.submit("t").id, 10)
            delays.append((ended.started_at - ended.requested_at).total_seconds())
    assert statistics.median(delays) < 0.5


@pytest.mark.skipif(metadata_home.POSTGRESQL, reason="never: writers on PostgreSQL do not wait for one lock")
def test_the_end_of_a_run_is_written_however_long_the_database_is_busy(world) -> None:
    done = threading.Event()

    def task(ctx: TaskContext):
        done.wait(10)
        return {"ok": True}

    impatient = Database(f"{world.url}?timeout=0.1")
    stop = Stop()
    runner = Runner(impatient, registry(t=task), name="r1", scratch_root=world.root / "s", wake=world.wake)
    thread = threading.Thread(target=runner.run_forever, args=(stop,))
    thread.start()
    try:
        run = world.submit("t")
        world.until(lambda: world.run(run.id).state == "running")
        with world.db.write():
            done.set()
            time.sleep(1.2)
            assert world.run(run.id).state == "running"
        ended = world.jobs.wait(run.id, 15)
        assert (ended.state, ended.epoch) == ("succeeded", 1)
    finally:
        stop.stop()
        thread.join(20)
        impatient.close()


def test_progress_is_written_while_the_task_goes_on_with_rate_and_time_left(world) -> None:
    hold = threading.Event()

    def task(ctx: TaskContext):
        for done in range(1000):
            ctx.progress("copy", done * 100, 200_000, "bytes")
            if hold.wait(0.005):
                return {}
        return {}

    with world.runner(registry(t=task)), world.wake.listen("test") as ear:
        run = world.submit("t")
        seen = world.until(lambda: (p := world.run(run.id).progress) and p.rate and p)
        assert (seen.phase, seen.total, seen.unit) == ("copy", 200_000, "bytes")
        assert 2_000 < seen.rate < 25_000
        assert seen.eta_seconds == pytest.approx((seen.total - seen.done) / seen.rate, rel=0.01)
        assert f"run:{run.id}" in ear.wait(5)
        hold.set()
        world.jobs.wait(run.id, 10)
