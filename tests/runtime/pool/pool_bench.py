"""A pool on the real thing but the walls: plain processes in place of sandboxes."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from holdfast.runtime.live import LiveVersion, Sockets
from holdfast.runtime.pool import Order, Policy, Pool
from holdfast.runtime.telemetry import TelemetryReader, TelemetryWriter

SERVER = Path(__file__).with_name("pool_server_process.py")
QUICK = Policy(
    start_seconds=10, steady_seconds=5, first_pause=0.3, longest_pause=2, grace_seconds=0.3, drain_seconds=2,
    refresh_seconds=5, sample_seconds=0.1, cron_pause=0.05,
)  # fmt: skip


@dataclass(frozen=True)
class PlainExit:
    status: int
    out_of_memory: bool = False
    cpu_seconds: float | None = None

    @property
    def words(self) -> str:
        return f"it ended with status {self.status}"


class Plain:
    """A process with the face of a sandbox."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.pid = process.pid
        self._ended = asyncio.get_running_loop().run_in_executor(None, process.wait)

    async def wait(self) -> PlainExit:
        return PlainExit(await asyncio.shield(self._ended))

    def kill(self) -> None:
        self._process.kill()

    def signal(self, number: int) -> None:
        self._process.send_signal(number)


@dataclass
class Spawner:
    """`spawned`: what was ordered. `refuse`: what to raise instead."""

    spawned: list[Order] = field(default_factory=list)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    refuse: list[Exception] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    delay: float = 0.0

    async def __call__(self, order: Order) -> Plain:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.delay)
            if self.refuse:
                raise self.refuse.pop(0)
            return self._started(order)
        finally:
            self.at_once -= 1

    def _started(self, order: Order) -> Plain:
        self.spawned.append(order)
        descriptors = (*order.listeners, order.channel)
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(SERVER), *map(str, descriptors)],
            stdin=subprocess.PIPE,
            pass_fds=descriptors,
        )
        assert process.stdin is not None
        process.stdin.write(order.payload)
        process.stdin.close()
        self.processes.append(process)
        return Plain(process)


@dataclass
class Bench:
    """A pool that runs, what it is to run, and what it wrote."""

    pool: Pool
    living: list[LiveVersion]
    spawner: Spawner
    runtime: Path
    writer: TelemetryWriter
    telemetry: TelemetryReader

    async def show(self, *versions: LiveVersion) -> None:
        self.living[:] = versions
        await self.pool.refresh()

    async def get(self, version: LiveVersion, path: str = "/", door: str = "http") -> tuple[int, bytes]:
        async with asyncio.timeout(10):
            reader, writer = await asyncio.open_unix_connection(
                str(getattr(Sockets.of(self.runtime, version.token), door))
            )
            writer.write(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
            raw = await reader.read()
            writer.close()
        if not raw:
            raise ConnectionResetError(path)
        head, _, body = raw.partition(b"\r\n\r\n")
        return int(head.split()[1]), body

    async def json(self, version: LiveVersion, path: str = "/") -> Any:
        status, body = await self.get(version, path)
        assert status == 200, body
        return json.loads(body)

    async def until(self, true: Callable[[], Any], seconds: float = 5) -> Any:
        end = time.monotonic() + seconds
        while not (found := true()):
            assert time.monotonic() < end, "it did not come to that"
            await asyncio.sleep(0.02)
        return found

    def state(self, version: LiveVersion) -> str:
        return self.pool.keeper(version.id).state().state

    def lines(self, version: LiveVersion) -> list[str]:
        self.writer.flush()
        return [each.text for each in reversed(self.telemetry.logs(version.worker_id, limit=1000))]


Open = Callable[..., Any]


def run(work: Any) -> None:
    asyncio.run(asyncio.wait_for(work, 30))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def version(name: str = "v1", *, worker: str = "w1", **fields: Any) -> LiveVersion:
    base = LiveVersion(
        id=name, number=1, tag=None, worker_id=worker, worker=worker, project_id="p", environment_id="e",
        code=Path("/nowhere"), main="main.py", packages=None, token=f"{name}token", weight=100, created_at="2026-01-01",
    )  # fmt: skip
    return replace(base, **fields)
