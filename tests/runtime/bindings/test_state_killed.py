"""kill -9 of the state process: what was acknowledged is there, callers are told, and they connect again."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvloop
from bindings_served import Place

from holdfast.runtime.bindings.attributes import BindingLost
from holdfast.runtime.bindings.client import connect
from holdfast.runtime.bindings.kv_file import KvFile

STATE = """
import asyncio, sys
from pathlib import Path
import uvloop
from bindings_served import version
from holdfast.runtime.bindings.server import BindingServer
from holdfast.runtime.live import Binding
async def main(runtime, path, database):
    server = BindingServer(Path(runtime))
    kv = Binding("KV", "kv", {"namespace_id": "n", "path": path})
    d1 = Binding("DB", "d1", {"resource_id": "d", "path": database})
    await server.follow([version("a", [kv, d1])])
    print("ready", flush=True)
    await asyncio.Event().wait()
uvloop.run(main(*sys.argv[1:]))
"""


@contextmanager
def state(place: Place, kv: Path, database: str, **variables: str):
    argv = [sys.executable, "-c", STATE, str(place.runtime), str(kv), database]
    process = subprocess.Popen(
        argv, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": ":".join(sys.path), **variables}
    )
    try:
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


ENV = [{"name": "KV", "kind": "kv"}, {"name": "DB", "kind": "d1"}]


@pytest.mark.faults
@pytest.mark.slow
def test_no_acknowledged_write_is_lost_and_callers_connect_again(place: Place) -> None:
    path, database = place.namespace(), str(place.d1().target["path"])
    acknowledged: dict[str, str] = {}
    rows: list[int] = []
    lost = 0

    async def load(kill: subprocess.Popen[str], number: int) -> None:
        nonlocal lost
        client = await connect(place.socket("a"))
        env = client.env(ENV)

        async def write(worker: int) -> None:
            nonlocal lost
            for step in range(10_000):
                key = f"{number}:{worker}:{step}"
                try:
                    await env["KV"].put(key, key * 3)
                except BindingLost:
                    lost += 1
                    return
                acknowledged[key] = key * 3

        async def insert() -> None:
            for step in range(10_000):
                try:
                    done = await env["DB"].prepare("INSERT INTO t VALUES (?)").bind(number * 10_000 + step).run()
                except BindingLost:
                    return
                assert done.success
                rows.append(number * 10_000 + step)

        await env["DB"].exec("CREATE TABLE IF NOT EXISTS t (a INTEGER PRIMARY KEY)")
        busy = [asyncio.ensure_future(write(worker)) for worker in range(8)] + [asyncio.ensure_future(insert())]
        await asyncio.sleep(random.Random(number).uniform(0.15, 0.4))
        kill.kill()
        await asyncio.to_thread(kill.wait)
        await asyncio.wait(busy)
        for each in busy:
            each.result()
        with state(place, path, database):
            before = time.monotonic()
            assert await env["KV"].get(f"{number}:0:0") == f"{number}:0:0" * 3
            assert time.monotonic() - before < 3
            assert await env["DB"].prepare("SELECT count(*) AS n FROM t").first("n") >= len(rows)
        client.close()

    for number in range(3):
        with state(place, path, database) as process:
            uvloop.run(load(process, number))
    assert lost >= 3
    assert len(acknowledged) > 50
    with KvFile.open(path) as file:
        missing = [key for key, value in acknowledged.items() if (file.get(key) or file).value != value]
    assert missing == []


@pytest.mark.faults
def test_a_crash_inside_the_group_commit_acknowledges_nothing_and_leaves_nothing(place: Place) -> None:
    path, database = place.namespace(), str(place.d1().target["path"])

    async def put() -> None:
        client = await connect(place.socket("a"))
        kv = client.env(ENV)["KV"]
        answers = await asyncio.gather(*(kv.put(f"k{n}", "v") for n in range(20)), return_exceptions=True)
        assert all(isinstance(answer, BindingLost) for answer in answers)
        assert "may have been made or not" in str(answers[0])
        client.close()

    with state(place, path, database, HOLDFAST_CRASH_AT="kv.commit") as process:
        uvloop.run(put())
        assert process.wait(5) == -9
    with KvFile.open(path) as file:
        assert file.count() == (0, 0)
        file.put("next", "write")
