"""A process that stands by in a real sandbox: behind every wall before anything of its packages runs, and still."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from needs import need
from pool_sandboxes import Deployed, deployed

from holdfast.runtime.sandbox.users import uid_of

PACKAGE = """
import os, threading

def refused(call):
    try:
        call()
    except OSError as error:
        return type(error).__name__

uid = os.getuid()
seen = [refused(lambda: open("/etc/shadow")), refused(lambda: os.unlink("/app/entry.py")), refused(os.fork)]
secret = os.environ.get("TOKEN")
threading.Thread(target=lambda: [None for _ in iter(int, 1)], daemon=True).start()  # takes what it gets, for ever
"""
MAIN = """
import sys, time
early, at = "greedy" in sys.modules, time.time()
import greedy, json
from workers import WorkerEntrypoint, Response

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        told = {"early": early, "at": at, "uid": greedy.uid, "seen": greedy.seen, "secret": greedy.secret}
        return Response(json.dumps(told), headers={"content-type": "application/json"})
"""


def project(root: Path) -> Path:
    folder = root / "sleepy"
    (root / "packages" / "greedy").mkdir(parents=True)
    (root / "packages" / "greedy" / "__init__.py").write_text(PACKAGE)
    folder.mkdir()
    (folder / "entry.py").write_text(MAIN)
    (folder / "wrangler.jsonc").write_text(json.dumps({"name": "sleepy", "main": "entry.py"}))
    return folder


def status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def ticks(pid: int) -> int:
    """Processor time of all its threads: proc_pid_stat(5), fields 14 and 15."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


async def until(true: Callable[[], Any], seconds: float = 20) -> Any:
    end = asyncio.get_running_loop().time() + seconds
    while not (found := true()):
        assert asyncio.get_running_loop().time() < end, "it did not come to that"
        await asyncio.sleep(0.05)
    return found


async def slept(at: Deployed) -> int:
    """Its process is ended as an idle one; the one that stands by then, stopped."""
    keeper = at.pool.keeper("sleepy")
    (first,) = await until(lambda: keeper.pids)
    await asyncio.sleep(0.7)  # half a second after it was ready it has told what it imported
    keeper.kill()
    await until(lambda: not keeper.pids)
    pid: int = await until(lambda: keeper.standby)
    assert pid != first
    await until(lambda: status(pid)["State"].startswith("T"))
    return pid


def test_it_stands_still_behind_every_wall(short: Path) -> None:
    async def work() -> None:
        need(os.geteuid() == 0, "root")
        source = project(short / "source")
        async with deployed(short, ("sleepy", source), secrets={"sleepy": {"TOKEN": "s3cret"}}) as at:
            packages = short / "source" / "packages"
            at.versions["sleepy"] = version = replace(at.versions["sleepy"], packages=packages)
            await at.pool.refresh()
            user = uid_of(short / "data", version.token)
            code, cold = await at.ask("sleepy")
            assert (code, cold["early"], cold["uid"]) == (200, False, user)
            pid = await slept(at)
            found = status(pid)
            assert found["Uid"].split() == [str(user)] * 4
            assert (found["Seccomp"], found["NoNewPrivs"], found["CapEff"].strip("0")) == ("2", "1", "")
            before = ticks(pid)
            await asyncio.sleep(0.5)
            assert ticks(pid) == before, "what its packages started goes on while it sleeps"
            asked = time.time()
            code, warm = await at.ask("sleepy")
            assert (at.pool.keeper("sleepy").pids, code, warm["early"]) == ([pid], 200, True)
            assert warm["at"] >= asked, "the worker's own code ran before anybody asked"
            assert warm["seen"] == cold["seen"] == ["FileNotFoundError", "OSError", "PermissionError"]
            assert warm["secret"] == cold["secret"] == "s3cret"
            at.writer.flush()
            assert at.telemetry.logs("sleepy") == []

    asyncio.run(work())
