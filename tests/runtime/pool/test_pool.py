"""A version has its sockets always and its processes when they are needed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pool_bench import QUICK, Open, alive, run, version

from holdfast.kernel.errors import Permanent
from holdfast.runtime.live import Binding, Sockets, WorkerLimits
from holdfast.runtime.pool import Policy, Used


def test_a_request_starts_a_process_and_the_next_finds_it(bench: Open) -> None:
    async def work() -> None:
        async with bench() as b:
            one = version()
            await b.show(one)
            assert b.state(one) == "cold"
            assert not b.spawner.spawned
            first, second = await asyncio.gather(b.json(one), b.json(one, "/x"))
            assert first["pid"] == second["pid"]
            assert (await b.json(one))["pid"] == first["pid"]
            assert b.state(one) == "running"
            b.writer.flush()
            assert {each.path for each in b.telemetry.invocations("w1")} >= {"/", "/x"}
            assert b.telemetry.states("w1")[0].state == "running"
            assert b.telemetry.states("w1")[0].start_ms

    run(work())


def test_what_a_process_is_told(bench: Open) -> None:
    def secrets(of: Any) -> dict[str, str]:
        return {"TOKEN": "s3cret", "OTHER": "not asked for"}

    async def work() -> None:
        async with bench(secrets=secrets) as b:
            kv = Binding("CACHE", "kv", {"namespace_id": "n", "path": "/data/kv.db"})
            one = version(secrets=("TOKEN",), vars={"A": [1]}, bindings=(kv,), crons=("0 0 1 1 *",), flags=("f",))
            await b.show(one)
            told = (await b.json(one))["payload"]
            assert told["secrets"] == {"TOKEN": "s3cret"}
            assert told["bindings"] == [{"name": "CACHE", "kind": "kv", "target": {"namespace_id": "n"}}]
            assert (told["vars"], told["flags"], told["crons"]) == ({"A": [1]}, ["f"], ["0 0 1 1 *"])
            assert told["version"]["id"] == "v1"
            assert told["limits"]["timeout_seconds"] == 30.0
            assert "s3cret" not in repr(b.spawner.spawned[0])

    run(work())


def test_the_doors_are_ours_alone_and_open_at_once(bench: Open, short: Path) -> None:
    async def work() -> None:
        async with bench() as b:
            one = version()
            Sockets.of(short, one.token).directory.mkdir(parents=True)
            Sockets.of(short, one.token).http.write_text("left by someone")
            await b.show(one)
            at = Sockets.of(short, one.token)
            assert stat.S_IMODE(at.directory.stat().st_mode) == 0o711
            assert stat.S_IMODE(at.http.stat().st_mode) == stat.S_IMODE(at.inner.stat().st_mode) == 0o600
        assert not at.directory.exists()

    run(work())


def test_idle_processes_stop_and_start_again(bench: Open) -> None:
    async def work() -> None:
        async with bench() as b:
            one = version(idle_seconds=0.2)
            await b.show(one)
            first = (await b.json(one))["pid"]
            await b.until(lambda: b.state(one) == "cold")
            assert not alive(first)
            assert (await b.json(one))["pid"] != first
            assert b.pool.keeper("v1").state().crashes == 0
            assert b.lines(one) == []

    run(work())


def test_warm_processes_stay(bench: Open) -> None:
    async def work() -> None:
        async with bench() as b:
            one = version(warm=2, idle_seconds=0.1)
            await b.show(one)
            await b.until(lambda: len(b.pool.keeper("v1").pids) == 2 and b.state(one) == "running")
            await asyncio.sleep(0.5)
            pids = b.pool.keeper("v1").pids
            os.kill(pids[0], signal.SIGKILL)
            await b.until(lambda: len(set(b.pool.keeper("v1").pids) - {pids[0]}) == 2)

    run(work())


def test_a_killed_process_costs_only_what_was_in_flight(bench: Open) -> None:
    async def work() -> None:
        async with bench() as b:
            one = version()
            await b.show(one)
            pid = (await b.json(one))["pid"]
            slow = asyncio.create_task(b.get(one, "/sleep/5"))
            await asyncio.sleep(0.1)
            os.kill(pid, signal.SIGKILL)
            later = await asyncio.gather(*(b.json(one) for _ in range(5)))
            assert all(each["pid"] != pid for each in later)
            lost = await asyncio.gather(slow, return_exceptions=True)
            assert isinstance(lost[0], ConnectionResetError)
            assert any("status -9" in text for text in b.lines(one))
            assert b.pool.keeper("v1").state().crashes == 1

    run(work())


def test_a_version_that_cannot_start_is_left_alone_and_answers_at_once(bench: Open) -> None:
    async def work() -> None:
        async with bench() as b:
            one = version(vars={"fatal": "no module named 'nope'"})
            await b.show(one)
            status, body = await b.get(one)
            assert status == 503
            assert b"nope" not in body  # for its owner's eyes alone
            keeper = b.pool.keeper("v1")
            assert b.state(one) == "backoff"
            assert keeper.error == "ImportError: no module named 'nope'"
            starts = len(b.spawner.spawned)
            answers = await asyncio.gather(*(b.get(one, door=d) for d in ["http", "inner"] * 20))
            assert {each for each, _ in answers} == {503}
            assert len(b.spawner.spawned) == starts
            b.living[:] = [version()]  # mended: it is tried at once
            await b.pool.refresh()
            assert (await b.json(one))["pid"]
            assert keeper.error is None
            text = b.lines(one)
            assert "Traceback" in text[0]
            assert "the process did not start: ImportError" in text[1]

    run(work())


def test_pauses_grow_and_a_steady_process_forgets_them(bench: Open) -> None:
    policy = Policy(first_pause=0.5, longest_pause=8)
    assert [policy.pause(n, ready=False) for n in range(1, 7)] == [0.5, 1, 2, 4, 8, 8]
    assert [policy.pause(n, ready=True) for n in range(1, 4)] == [0, 1, 2]

    async def work() -> None:
        async with bench() as b:
            one = version()
            await b.show(one)
            for wanted in ("running", "backoff"):
                with contextlib.suppress(ConnectionResetError):
                    await b.get(one, "/crash")
                await b.until(lambda: b.pool.keeper("v1").state().crashes)
                if wanted == "running":
                    assert (await b.json(one))["pid"]
            await b.until(lambda: b.state(one) == "backoff")
            assert (await b.get(one))[0] == 503
            await b.until(lambda: b.state(one) == "cold")
            assert (await b.json(one))["pid"]

    run(work())


def test_a_start_that_hangs_is_ended(bench: Open) -> None:
    async def work() -> None:
        async with bench(Policy(start_seconds=0.5, first_pause=5, drain_seconds=1)) as b:
            one = version(vars={"never_ready": True})
            await b.show(one)
            asking = asyncio.create_task(b.get(one))
            await b.until(lambda: b.state(one) == "backoff")
            words = "it was not ready after 0.5 s: its main module was still being imported, and it was ended"
            assert b.pool.keeper("v1").error == words
            await b.until(lambda: b.spawner.processes[0].poll() is not None)
            status, body = await asking  # who waited all the time is told too
            assert (status, b"could not be started" in body) == (503, True)
            assert (await b.get(one))[0] == 503
            assert any(f"the process did not start: {words}; the next try is in" in text for text in b.lines(one))

    run(work())


def test_what_the_sandbox_refuses_is_told(bench: Open) -> None:
    async def work() -> None:
        async with bench() as b:
            b.spawner.refuse.append(Permanent("user namespaces are refused here"))
            one = version()
            await b.show(one)
            assert (await b.get(one))[0] == 503
            assert b.pool.keeper("v1").error == "user namespaces are refused here"
            b.spawner.refuse.append(ZeroDivisionError("a defect"))
            await b.until(lambda: b.state(one) == "cold")
            assert (await b.get(one))[0] == 503
            assert "ZeroDivisionError" in (b.pool.keeper("v1").error or "")

    run(work())


def test_only_so_many_start_at_once(bench: Open) -> None:
    async def work() -> None:
        policy = Policy(starting=2, drain_seconds=2)
        async with bench(policy) as b:
            b.spawner.delay = 0.05
            versions = [version(f"v{n}", worker=f"w{n}") for n in range(5)]
            await b.show(*versions)
            await asyncio.gather(*(b.json(each) for each in versions))
            assert b.spawner.most_at_once == 2

    run(work())


def test_starts_that_hang_do_not_hold_up_others(bench: Open) -> None:
    async def work() -> None:
        async with bench(Policy(starting=1, place_seconds=0.2, start_seconds=20, drain_seconds=0.5)) as b:
            hanging = [version(f"v{n}", worker=f"w{n}", vars={"never_ready": True}) for n in range(3)]
            await b.show(*hanging, version("good", worker="good"))
            asking = [asyncio.create_task(b.get(each)) for each in hanging]
            await asyncio.sleep(0.1)
            async with asyncio.timeout(8):
                assert (await b.json(version("good", worker="good")))["pid"]
            for each in asking:
                each.cancel()
            await asyncio.gather(*asking, return_exceptions=True)

    run(work())


def test_a_process_deaf_to_its_stop_is_killed(bench: Open) -> None:
    async def work() -> None:
        async with bench() as b:
            one = version(vars={"deaf": True}, idle_seconds=0.1)
            await b.show(one)
            pid = (await b.json(one))["pid"]
            await b.until(lambda: not alive(pid))
            assert b.lines(one) == []  # it was asked to

    run(work())


def test_lies_on_the_channel_are_stored_or_dropped(bench: Open) -> None:
    async def work() -> None:
        async with bench() as b:
            one = version(vars={"noise": True})
            await b.show(one)
            await b.json(one)
            await asyncio.sleep(0.1)
            await b.json(one)
            assert "? half" in b.lines(one)
            assert {each.trigger for each in b.telemetry.invocations("w1")} == {"http"}
            assert b.state(one) == "running"

    run(work())


def test_a_flood_of_lines_is_cut_and_told(bench: Open) -> None:
    async def work() -> None:
        async with bench(Policy(lines_per_second=100, drain_seconds=2)) as b:
            one = version()
            await b.show(one)
            await b.json(one, "/log/1500")

            def counted() -> tuple[int, int]:
                text = b.lines(one)
                lost = sum(int(each.split()[0]) for each in text if "were not kept" in each)
                return sum(each.startswith("line") for each in text), lost

            await b.until(lambda: sum(counted()) == 1500)
            assert 100 <= counted()[0] < 1000  # a second or more may begin meanwhile

    run(work())


def test_restart_and_kill_by_request(bench: Open) -> None:
    async def work() -> None:
        async with bench() as b:
            one = version()
            await b.show(one)
            first = (await b.json(one))["pid"]
            await b.pool.ask("restart", {"worker_id": "w1"})
            await b.until(lambda: not alive(first))
            second = (await b.json(one))["pid"]
            await b.pool.ask("kill", {"version_id": "v1"})
            await b.until(lambda: not alive(second))
            assert (await b.json(one))["pid"] not in (first, second)
            assert b.pool.keeper("v1").state().crashes == 0
            status = await b.pool.ask("status", {})
            assert [each["version_id"] for each in status] == ["v1"]

    run(work())


def test_the_end_of_the_pool_lets_requests_end_and_leaves_nothing(bench: Open, short: Path) -> None:
    async def work() -> None:
        one, two = version("v1"), version("v2", worker="w2", vars={"deaf": True})
        async with bench(Policy(drain_seconds=0.6)) as b:
            await b.show(one, two)
            pids = [(await b.json(each))["pid"] for each in (one, two)]
            slow = asyncio.create_task(b.json(one, "/sleep/0.3"))
            await asyncio.sleep(0.05)
        assert (await slow)["pid"] == pids[0]
        assert not any(alive(pid) for pid in pids)
        assert list((short / "w").iterdir()) == []

    run(work())


def test_a_new_pool_replaces_what_a_killed_one_left(bench: Open, short: Path) -> None:
    async def work() -> None:
        one = version()
        for token in (one.token, "gone"):
            left = Sockets.of(short, token)
            left.directory.mkdir(parents=True)
            with socket.socket(socket.AF_UNIX) as made:
                made.bind(str(left.http))
        async with bench() as b:
            await b.show(one)
            assert (await b.json(one))["pid"]
            assert [each.name for each in (short / "w").iterdir()] == [one.token]

    run(work())


def test_what_is_to_run_cannot_be_read_for_a_while(bench: Open) -> None:
    async def work() -> None:
        async with bench() as b:
            one = version()
            await b.show(one)
            pid = (await b.json(one))["pid"]
            parts = b.pool._parts
            object.__setattr__(parts, "living", lambda: 1 / 0)
            await b.pool.refresh()
            assert (await b.json(one))["pid"] == pid

    run(work())


@pytest.mark.parametrize(("how", "words"), [("spin", "held by code"), ("stop", "stopped by a signal")])
def test_a_process_that_falls_silent_is_given_up(bench: Open, how: str, words: str) -> None:
    class Named:
        """Groups in name alone."""

        def __init__(self) -> None:
            self.names: list[str] = []

        def make(self, name: str, limits: object) -> tuple[str, ...]:
            self.names.append(name)
            return (name,)

        def used(self, directories: tuple[str, ...]) -> Any:
            return Used(1000, 1.0)

        def remove(self, directories: tuple[str, ...]) -> None:
            self.names.remove(directories[0])

    groups = Named()

    async def work() -> None:
        async with bench(replace(QUICK, silent_seconds=1.0, sample_seconds=0.2), groups=groups) as b:
            one = version(limits=WorkerLimits(timeout_seconds=0.1))
            await b.show(one)
            assert groups.names == []
            pid = (await b.json(one))["pid"]
            assert len(groups.names) == 1
            await asyncio.sleep(2)
            assert (await b.json(one))["pid"] == pid, "one that only waits was given up"
            stuck = asyncio.create_task(b.get(one, "/spin" if how == "spin" else "/sleep/20"))
            await asyncio.sleep(0.1)
            if how == "stop":
                os.kill(pid, signal.SIGSTOP)
            await b.until(lambda: b.pool.keeper("v1").error, 10)
            assert words in b.pool.keeper("v1").error
            await asyncio.gather(stuck, return_exceptions=True)
            assert (await b.json(one))["pid"] != pid
        assert groups.names == []

    run(work())
