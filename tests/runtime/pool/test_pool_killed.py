"""kill -9 of the pool itself, with real sandboxes: they die with it, and a new pool needs no hand."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from holdfast.runtime.live import Sockets

SCRIPT = """
import asyncio, sys
from pathlib import Path
from holdfast.sandboxes import Sandboxes
from holdfast.runtime.live import LiveVersion
from holdfast.runtime.pool import Parts, Pool
from holdfast.runtime.sandbox.zygotes import Zygotes
from holdfast.runtime.telemetry import TelemetryWriter, path_of

async def main(root):
    one = LiveVersion(id="v", number=1, tag=None, worker_id="w", worker="w", project_id="p", environment_id="e",
                      code=root / "code", main="main.py", packages=None, token="token", weight=100, created_at="now")
    data = root / "data"
    spawn = Sandboxes(data, Zygotes()).spawn
    parts = Parts(root / "r", lambda: [one], spawn, TelemetryWriter(path_of(data)), data / "schedules.json")
    await Pool(parts).run(asyncio.Event())

asyncio.run(main(Path(sys.argv[1])))
"""
MAIN = "from workers import WorkerEntrypoint, Response\n\n\nclass Default(WorkerEntrypoint):\n"
MAIN += "    async def fetch(self, request):\n        return Response('here')\n"


def get(path: Path) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect(str(path))
        connection.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer


def answers(path: Path) -> bool:
    try:
        return get(path).endswith(b"here")
    except ConnectionRefusedError:
        return False  # nobody listens at what the old one has left


def until(true: Callable[[], Any], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def family(pid: int) -> set[int]:
    """A process and all below it."""
    found, parents = {pid}, {}
    for each in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = each.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            parents[int(each.parent.name)] = int(fields[1])
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found & {*parents, pid}


@pytest.mark.slow
def test_its_sandboxes_die_with_it_and_a_new_one_serves(short: Path) -> None:
    short.chmod(0o711)
    (short / "code").mkdir()
    (short / "code" / "main.py").write_text(MAIN)
    http = Sockets.of(short / "r", "token").http

    def started() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", SCRIPT, str(short)], env={**os.environ})

    pool = started()
    try:
        until(http.exists)
        assert get(http).endswith(b"here")
        below = family(pool.pid) - {pool.pid}
        assert below
        pool.send_signal(signal.SIGKILL)
        pool.wait()
        until(lambda: not any(Path(f"/proc/{pid}").exists() and family(pid) & {pid} for pid in below), 15)
        with pytest.raises(ConnectionRefusedError):
            get(http)
        pool = started()
        until(lambda: answers(http))
    finally:
        pool.kill()
        pool.wait()
