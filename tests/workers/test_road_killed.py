"""kill -9 of everything between a client and a worker's code: what was under way is lost, and nothing else."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

pytest.register_assert_rewrite("faults_cluster", "road")
from faults_cluster import alive, cluster, eventually, processes_of, short_directory  # noqa: E402
from road import PARTS, Road, project  # noqa: E402

from holdfast.hosts.layout import Layout  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.faults, pytest.mark.xdist_group("workers-road-killed")]
CLIENTS = 8
HOST = {"host": "kept.localhost"}
STATEFUL = """
import asyncio
import os

from workers import Response

async def on_fetch(request, env):
    if request.url.endswith("/slow"):
        await asyncio.sleep(0.05)
    if request.url.endswith("/long"):
        await asyncio.sleep(25)
    if request.method == "POST":
        text = await request.text()
        await env.DB.prepare("insert into notes (text) values (?)").bind(text).run()
        await env.KV.put(text, "x" * 100)
    return Response(str(os.getpid()))
"""
BOUND = {
    "kv_namespaces": [{"binding": "KV", "id": "notes"}],
    "d1_databases": [{"binding": "DB", "database_name": "notes"}],
}


@pytest.fixture(scope="module")
def road() -> Iterator[Road]:
    with short_directory() as root, cluster(root) as it:
        made = Road(it)
        made.deploy(project(root / "kept", STATEFUL, "kept", **BOUND), "--create-missing")
        (database,) = [each["id"] for each in it.client.items("/databases") if each["name"] == "notes"]
        it.write(database, "CREATE TABLE notes (id integer PRIMARY KEY, text text NOT NULL)")
        eventually(lambda: made.calls("kept"), 30, "the first answer")
        yield made
        made.http.close()


class Load:
    """Clients that ask all the time, each for itself."""

    def __init__(self, port: int, path: str = "/slow") -> None:
        self.port, self.path = port, path
        self.good, self.bad = 0, list[tuple[float, Any]]()
        self.longest = 0.0
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]

    def _ask(self) -> None:
        with httpx.Client(timeout=30) as http:
            while not self._stop.is_set():
                began, failure = time.monotonic(), None
                try:
                    answer = http.get(f"http://127.0.0.1:{self.port}{self.path}", headers=HOST)
                    failure = None if answer.status_code == 200 else (answer.status_code, answer.text)
                except httpx.TransportError as error:
                    failure = error
                with self._lock:
                    self.good += failure is None
                    self.longest = max(self.longest, time.monotonic() - began)
                    if failure is not None:
                        self.bad.append((began, failure))
                if failure is not None:
                    time.sleep(0.02)

    @contextmanager
    def running(self) -> Iterator[Load]:
        for each in self._threads:
            each.start()
        try:
            yield self
        finally:
            self._stop.set()
            for each in self._threads:
                each.join(60)

    def goes_on(self, more: int = 40) -> None:
        wanted = self.good + more
        eventually(lambda: self.good >= wanted, 30, f"{more} more answers")


def test_a_killed_worker_loses_what_it_was_answering(road: Road) -> None:
    with Load(road.port).running() as load:
        load.goes_on()
        (pid,) = road.pids("kept")
        os.kill(pid, signal.SIGKILL)
        killed = time.monotonic()
        eventually(lambda: not alive(pid), 10)
        load.goes_on()
        (other,) = road.pids("kept")
        assert other != pid
        load.goes_on(200)
    # A GET is sent once more by the edge only when it cannot have begun: the rest was in flight.
    assert len(load.bad) <= CLIENTS, load.bad
    assert all(began <= killed + 0.05 for began, _ in load.bad), (killed, load.bad)
    (state,) = road.state_of("kept")
    assert (state["state"], state["crashes"]) == ("running", 1)
    eventually(lambda: road.of("kept", "logs", text="the process ended"), 10, "the reason in its log")


@pytest.mark.parametrize("part", PARTS)
def test_a_killed_part_comes_back_and_calls_go_on(road: Road, part: str) -> None:
    """What the data says was written is there: nothing that was acknowledged is lost."""
    assert road.ask("kept", "/", "POST", content=f"before {part}").status_code == 200
    before = {each: road.it.pid(each) for each in PARTS}
    (pid,) = road.pids("kept")
    with Load(road.port).running() as load:
        load.goes_on()
        road.kill(part)
        load.goes_on()
        failed = len(load.bad)
        load.goes_on(200)
        assert len(load.bad) == failed, load.bad[failed:]
    if part in ("state", "egress"):
        assert load.bad == []
    if part == "edge":
        assert {type(failure).__name__ for _, failure in load.bad} <= {"RemoteProtocolError", "ReadError", "WriteError"}
        assert len(load.bad) <= CLIENTS
    assert {each: road.it.pid(each) for each in PARTS if each != part} == {
        each: pid for each, pid in before.items() if each != part
    }
    assert (road.pids("kept") == [pid]) == (part != "pool")
    eventually(lambda: road.ask("kept", "/", "POST", content=f"after {part}").status_code == 200, 20, "a write")
    (database,) = [each["id"] for each in road.it.client.items("/databases") if each["name"] == "notes"]
    texts = Counter(text for (text,) in road.it.rows(database, "SELECT text FROM notes"))
    assert texts[f"before {part}"] == 1
    assert texts[f"after {part}"] >= 1
    assert road.typed("kv", "key", "get", "notes", f"before {part}").strip() == "x" * 100


def test_everything_at_once(road: Road) -> None:
    pids = [road.it.pid(part) for part in PARTS]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not any(alive(pid) for pid in pids), 10)
    eventually(lambda: road.calls("kept"), 40, "an answer")
    assert road.ask("kept", "/", "POST", content="after all").status_code == 200


def test_a_deploy_while_the_pool_is_away(road: Road) -> None:
    os.kill(road.it.pid("pool"), signal.SIGKILL)
    text = STATEFUL.replace("str(os.getpid())", "'the new one'")
    road.deploy(project(road.it.root / "kept", text, "kept", **BOUND))

    def new() -> bool:
        return road.calls("kept") and road.ask("kept").text == "the new one"

    eventually(new, 30, "the new version")


def test_nothing_is_left_when_it_goes_down(road: Road) -> None:
    """With an idle connection, and a request that would take longer: it is answered or cut off, never left waiting.
    `cluster` looks for processes, mounts and control groups once more at its end."""
    eventually(lambda: road.calls("kept"), 30, "the worker")
    workers = [pid for each in road.state_of("kept") for pid in each["pids"]]
    assert workers
    ended: list[object] = []

    def ask() -> None:
        try:
            ended.append(httpx.get(f"http://127.0.0.1:{road.port}/long", headers=HOST, timeout=60).status_code)
        except httpx.TransportError as error:
            ended.append(type(error).__name__)

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(0.3)
    assert ended == []
    began = time.monotonic()
    road.it.down()
    took = time.monotonic() - began
    asking.join(5)
    assert ended, "its client waits for ever"
    assert not processes_of(road.it.root)
    assert not any(alive(pid) for pid in workers)
    runtime = road.it.settings.runtime
    assert [path for path in runtime.rglob("*") if path.is_socket()] == []
    groups = [where for where, _, _ in os.walk("/sys/fs/cgroup") if Layout.of(road.it.settings).label in where]
    assert groups == []
    assert took < 25
    road.it.up()
    eventually(lambda: road.calls("kept"), 30, "the worker after the start")
