"""Limits of a process: time, processor time, places, output; and its end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

Start = Callable[..., Any]

SLOW = """
import asyncio, time
from workers import WorkerEntrypoint, Response, wait_until

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        path = request.url.rpartition("/")[2]
        if path == "sleep":
            print("sleeps")
            await asyncio.sleep(60)
        elif path == "stubborn":
            while True:
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    pass
        elif path == "loop":
            while True:
                pass
        elif path == "blocked":
            time.sleep(60)
        elif path == "swallow":
            while True:
                try:
                    while True:
                        pass
                except BaseException:
                    pass
        elif path == "half":
            print("sleeps")
            await asyncio.sleep(0.5)
        elif path == "after":
            async def later():
                await asyncio.sleep(1)
                print("later")
            self.ctx.waitUntil(later())
        elif path == "after-bad":
            async def bad():
                raise KeyError("lost")
            self.ctx.waitUntil(bad())
        elif path == "noise":
            for number in range(50):
                print(number)
        return Response("done")
"""


def test_a_timeout_cancels_and_others_live_on(start: Start) -> None:
    host = start(SLOW, limits={"timeout_seconds": 0.4})
    answer = host.get("/sleep")
    assert answer.status_code == 504
    record = host.invocation(path="/sleep")
    assert record["outcome"] == "timeout"
    assert 300 < record["wall_ms"] < 8000
    assert host.get("/x").text == "done"


def test_what_ignores_its_cancellation_is_given_up_with_the_process(start: Start) -> None:
    host = start(SLOW, limits={"timeout_seconds": 0.2})
    with host.client() as client, pytest.raises(Exception, match=r"disconnect|closed|reset"):
        client.get("/stubborn")
    host.process.wait(timeout=10)
    assert host.process.returncode == 75
    assert host.invocation(path="/stubborn")["outcome"] == "timeout"


def test_an_endless_loop_is_ended_and_others_live_on(start: Start) -> None:
    host = start(SLOW, limits={"cpu_ms": 300})
    answer = host.get("/loop")
    assert answer.status_code == 503
    record = host.invocation(path="/loop")
    assert record["outcome"] == "exceededCpu"
    assert 250 < record["cpu_ms"] < 3000
    assert host.get("/x").text == "done"
    assert host.process.poll() is None


def test_a_loop_that_begins_just_as_the_watcher_went_to_sleep_is_ended(start: Start) -> None:
    """A request that follows a short one within the tenth of a second in which the host still looks at deadlines."""
    host = start(SLOW, limits={"cpu_ms": 100})
    with host.client() as client:
        for gap in (0.055, 0.065, 0.075, 0.085, 0.095):
            time.sleep(0.3)  # all is quiet
            assert client.get("/x").text == "done"
            time.sleep(gap)
            assert client.get("/loop", timeout=10).status_code == 503


def test_code_that_blocks_the_loop_is_ended_by_the_timeout(start: Start) -> None:
    host = start(SLOW, limits={"timeout_seconds": 0.5})
    assert host.get("/blocked").status_code == 504
    assert host.invocation(path="/blocked")["outcome"] == "timeout"
    assert host.get("/x").text == "done"


def test_a_loop_that_swallows_everything_is_given_up(start: Start) -> None:
    host = start(SLOW, limits={"cpu_ms": 200})
    with host.client() as client, pytest.raises(Exception, match=r"disconnect|closed|reset"):
        client.get("/swallow")
    host.process.wait(timeout=10)
    assert host.process.returncode == 75
    assert host.invocation(path="/swallow")["outcome"] == "exceededCpu"


@pytest.mark.slow
def test_a_call_that_never_lets_go_of_the_interpreter_dies_by_the_kernel(start: Start) -> None:
    code = "from workers import Response\ndef on_fetch(request):\n    return Response(str(len(str(7 ** (10 ** 9)))))\n"
    host = start(code, limits={"cpu_ms": 100, "timeout_seconds": 0.5})
    with host.client() as client, pytest.raises(Exception, match=r"disconnect|closed|reset|timed out"):
        client.get("/", timeout=30)
    host.process.wait(timeout=30)
    assert host.process.returncode == 27


def test_all_places_taken_answers_503(start: Start) -> None:
    host = start(SLOW, limits={"concurrency": 2})
    answers: list[tuple[int, str | None]] = []

    def ask() -> None:
        answer = host.get("/half")
        answers.append((answer.status_code, answer.headers.get("retry-after")))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
        time.sleep(0.02)
    for thread in threads:
        thread.join()
    assert sorted(answers, key=str) == [(200, None), (200, None), (503, "1"), (503, "1")]


def test_wait_until_goes_on_after_the_answer(start: Start) -> None:
    host = start(SLOW)
    begun = time.monotonic()
    assert host.get("/after").text == "done"
    assert time.monotonic() - begun < 0.9
    record = host.invocation(path="/after")
    assert record["wall_ms"] > 990
    assert host.logs(record["id"]) == [("info", "later")]
    assert host.get("/after-bad").status_code == 200
    record = host.invocation(path="/after-bad")
    assert record["outcome"] == "exception"
    assert record["error"]["type"] == "KeyError"


def test_lines_beyond_the_limit_are_not_kept(start: Start) -> None:
    host = start(SLOW, limits={"log_lines": 10})
    host.get("/noise")
    lines = host.logs(host.invocation(path="/noise")["id"])
    assert len(lines) == 10
    assert lines[-1] == ("warn", "no more lines of this invocation are kept: the limit is 10")


def test_stop_lets_what_runs_end(start: Start) -> None:
    host = start(SLOW)
    got: list[str] = []
    thread = threading.Thread(target=lambda: got.append(host.get("/half").text))
    thread.start()
    host.wait(lambda message: message.get("text") == "sleeps")
    assert host.stop(grace=5) == 0
    thread.join()
    assert got == ["done"]


def test_stop_cancels_what_outlasts_its_grace(start: Start) -> None:
    host = start(SLOW)
    got: list[int] = []
    thread = threading.Thread(target=lambda: got.append(host.get("/sleep").status_code))
    thread.start()
    host.wait(lambda message: message.get("text") == "sleeps")
    assert host.stop(grace=0.2) == 0
    thread.join()
    assert got == [503]
    assert host.invocation(path="/sleep")["outcome"] == "cancelled"


def test_the_end_of_the_channel_ends_the_host(start: Start) -> None:
    host = start(SLOW)
    host.channel.close()
    assert host.process.wait(timeout=5) == 0


def test_a_flood_of_lines_never_blocks_a_request(start: Start) -> None:
    """Nobody reads the channel while the worker writes more than it holds; the loss is told."""
    code = (
        "from workers import Response\n"
        "def on_fetch(request):\n"
        "    for number in range(20000):\n        print('x' * 200)\n    return Response('done')\n"
    )
    host = start(code, limits={"log_lines": 100000})
    assert host.get("/").text == "done"
    lost = host.wait(lambda told: "messages were lost" in told.get("text", ""))
    assert lost["level"] == "warn"
    assert len(host.logs()) < 20000


def test_a_client_that_leaves_cancels_its_request(start: Start) -> None:
    host = start(SLOW)
    with host.raw() as connection:
        connection.sendall(b"GET /sleep HTTP/1.1\r\nhost: a\r\n\r\n")
        host.wait(lambda told: told.get("text") == "sleeps")
    assert host.invocation(path="/sleep")["outcome"] == "cancelled"
