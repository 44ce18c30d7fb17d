"""What walls cost: from the order to a worker's first answer, isolated and not. Required: p95 at most twice an
unisolated fork's. Reported: with control groups, through bubblewrap, and the memory (PSS) of an idle worker."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from holdfast.contract.spec import Limits
from holdfast.hosts.limits import Groups, remove
from holdfast.runtime.live import Sockets
from holdfast.runtime.sandbox.cell import Cell
from holdfast.runtime.sandbox.modes import ENVIRONMENT, Mode
from holdfast.runtime.sandbox.view import View
from holdfast.runtime.sandbox.zygotes import Zygotes

ROUNDS, BAR = 100, 2.0
HERE = Path(__file__).parent
REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


class Place:
    """A version's directory, its listeners, and a client that waits for an answer."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.sockets = Sockets.of(home, "token")
        self.sockets.directory.mkdir(parents=True)
        self.sockets.directory.chmod(0o711)
        (home / "code").mkdir()
        self.listeners = [socket.socket(socket.AF_UNIX) for _ in range(2)]
        for listener, path in zip(self.listeners, (self.sockets.http, self.sockets.inner), strict=True):
            listener.bind(str(path))
            listener.listen()
        self.ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    async def answer(self, start: Callable[[], Awaitable[None]]) -> float:
        """Seconds from the order to the first answer: the client waits in the backlog, as behind the edge."""
        with socket.socket(socket.AF_UNIX) as client:
            client.setblocking(False)
            loop = asyncio.get_running_loop()
            began = time.perf_counter()
            await loop.sock_connect(client, str(self.sockets.http))
            await loop.sock_sendall(client, REQUEST)
            await start()
            if not (await loop.sock_recv(client, 100)).startswith(b"HTTP/1.1 200"):
                raise RuntimeError("no answer")
            return time.perf_counter() - began


class Walled:
    """Starts sandboxes, one after the other."""

    def __init__(self, place: Place, mode: Mode | None, groups: tuple[str, ...] = ()) -> None:
        view = View.here(extra=[(HERE.parent, "bench/sandbox_worker.py"), (HERE.parent, "bench/__init__.py")])
        self.zygotes = Zygotes(mode=mode, entry="bench.sandbox_worker:main", view=view)
        self.place, self.groups = place, groups
        self.entered: list[float] = []
        self.pss: list[int] = []

    async def round(self) -> float:
        place = self.place
        listeners = (place.listeners[0].fileno(), place.listeners[1].fileno())
        cell = Cell(
            "bench", "bench", 200_001, place.home / "code", None, place.sockets, listeners, place.theirs.fileno()
        )
        cell = Cell(**(vars(cell) | {"groups": self.groups}))

        async def start() -> None:
            began = time.perf_counter()
            self.running = await self.zygotes.spawn(cell)
            self.entered.append(time.perf_counter() - began)

        took = await place.answer(start)
        self.pss.append(pss(self.running.pid))
        self.running.kill()
        await self.running.wait()
        return took


class Bare:
    """Starts the same server by a fork and nothing else."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            environment = ENVIRONMENT | {"PYTHONPATH": os.pathsep.join(one for one in sys.path if one)}
            argv = [sys.executable, "-m", "bench.sandbox_worker", str(theirs.fileno())]
            self.process = subprocess.Popen(argv, env=environment, cwd=HERE.parent, pass_fds=(theirs.fileno(),))
        self.control.recv(16)
        self.pss: list[int] = []

    async def round(self) -> float:
        payload = os.memfd_create("payload")
        place = self.place
        descriptors = [one.fileno() for one in (*place.listeners, place.theirs)]

        async def start() -> None:
            socket.send_fds(self.control, [b"go"], [*descriptors, payload, place.theirs.fileno()])

        took = await place.answer(start)
        pid = int(self.control.recv(64))
        self.pss.append(pss(pid))
        os.kill(pid, signal.SIGKILL)
        self.control.send(b"killed")
        self.control.recv(16)
        os.close(payload)
        return took

    def close(self) -> None:
        self.control.close()
        self.process.wait()


def pss(pid: int) -> int:
    """Proportional set size in KiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def told(name: str, took: list[float], more: str = "") -> float:
    ordered = sorted(took)
    p50, p95 = statistics.median(ordered), ordered[int(len(ordered) * 0.95) - 1]
    print(f"{name:<34} p50 {p50 * 1000:6.1f} ms  p95 {p95 * 1000:6.1f} ms  {more}", flush=True)
    return p95


async def measure(home: Path) -> bool:
    place = Place(home)
    groups = Groups(f"holdfast-bench-{os.getpid()}")
    joined = groups.create("cell", Limits(memory_bytes=256 << 20, cpus=1.0, tasks=64))
    walled, grouped, bare = Walled(place, None), Walled(place, None, joined), Bare(place)
    try:
        for one in (walled, grouped, bare, walled, grouped, bare):
            await one.round()
        walled.entered.clear()
        took: dict[str, list[float]] = {"bare": [], "walled": [], "grouped": []}
        for _ in range(ROUNDS):  # by turns: whatever else the machine does falls on all
            for name, one in (("bare", bare), ("walled", walled), ("grouped", grouped)):
                took[name].append(await one.round())
        base = told("fork alone, to the first answer", took["bare"], f"PSS {statistics.median(bare.pss)} KiB")
        told("  of it walls, to the entry", walled.entered)
        isolated = told("walls, to the first answer", took["walled"], f"PSS {statistics.median(walled.pss)} KiB")
        told("walls and control groups", took["grouped"], f"v{groups.version}, {len(joined)} joined")
        if shutil.which("bwrap"):
            other = Walled(place, "bubblewrap")
            told("bubblewrap and a fresh Python", [await other.round() for _ in range(20)], f"PSS {other.pss[-1]} KiB")
            await other.zygotes.close()
    finally:
        await asyncio.gather(walled.zygotes.close(), grouped.zygotes.close())
        bare.close()
        remove(joined)
        groups.sweep()
    ratio = isolated / base
    print(f"p95 with walls / without: {ratio:.2f}, bar {BAR:.1f}  {'ok' if ratio <= BAR else 'MISSED'}", flush=True)
    return ratio <= BAR


def main() -> int:
    load = Path("/proc/loadavg").read_text().split()[0]
    with tempfile.TemporaryDirectory(prefix="hfb-") as home:
        met = asyncio.run(measure(Path(home)))
    print(f"load average {load} before, {Path('/proc/loadavg').read_text().split()[0]} after", flush=True)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
