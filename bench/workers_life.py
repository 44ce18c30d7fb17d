"""Lives of workers: the first answer of one that slept, kill -9 under load, and many that are deployed and idle.

Required: of a worker that is killed under 10,000 requests a second only what was in flight fails. Aims: a first answer
within 30 ms (p95), within 40 of a FastAPI worker. Reported: memory of an idle worker (PSS), of many, and what a
deployment takes. `python -m bench.workers_life start` measures the first answers only.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import uvloop

from bench.server import temporary_server
from bench.workers_up import FASTAPI, HELLO, Workers, pss_mb
from holdfast.runtime.pool import PoolClient

STARTS = 25
AIMS_MS = {"hello": 30.0, "fastapi": 40.0}
ANSWERS = {"hello": b"Hello, world!", "fastapi": b'{"hello":"world"}'}
SLEPT = {"hello": 0.5, "fastapi": 3.0}  # seconds after its end: what is kept ready, or stands by, is there then
KILLED_RATE, CONNECTIONS, KILLS = 10_000, 32, 2
APART = 12.0  # seconds: a worker that dies again within ten is held back as one that keeps failing
MANY = int(os.environ.get("HOLDFAST_BENCH_MANY", "200"))


def first_answer(port: int, name: str = "hello") -> float:
    """Milliseconds from the request to its whole answer, on a connection that is open already."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as line:
        began = time.perf_counter()
        line.sendall(f"GET / HTTP/1.1\r\nhost: {name}.localhost\r\n\r\n".encode())
        heard = b""
        while ANSWERS[name] not in heard:
            part = line.recv(65536)
            if not part:
                raise RuntimeError(f"the connection ended after {heard!r}")
            heard += part
        return (time.perf_counter() - began) * 1000


def cold(it: Workers, name: str) -> None:
    pool, took = PoolClient(it.runtime), []
    for _ in range(STARTS):
        time.sleep(1.0)  # it has told what it imported
        pool.kill(version_id=str(it.state(name)["version_id"]))
        while it.state(name)["pids"]:
            time.sleep(0.05)
        time.sleep(SLEPT[name])
        took.append(first_answer(it.port, name))
    pool.kill(version_id=str(it.state(name)["version_id"]))
    cut, aim = statistics.quantiles(took, n=20), AIMS_MS[name]
    words = "within" if cut[18] <= aim else "beyond"
    print(
        f"first answer of {name}, which slept: p50 {statistics.median(took):.1f} ms, p95 {cut[18]:.1f} ms "
        f"({words} the aim of {aim:g}); load {os.getloadavg()[0]:.1f}"
    )


@dataclass
class Load:
    """Connections that send the next request when the last was answered, at most RATE a second together, and are
    opened again when they were cut."""

    port: int
    good: int = 0
    failed: list[float] = field(default_factory=list)
    longest: float = 0.0
    over: bool = False

    async def run(self) -> None:
        await asyncio.gather(*(self._line() for _ in range(CONNECTIONS)))

    async def _line(self) -> None:
        while not self.over:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                await self._ask(reader, writer)
            except (OSError, asyncio.IncompleteReadError):
                self.failed.append(time.monotonic())
            finally:
                writer.close()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not self.over:
            began = time.monotonic()
            writer.write(b"GET / HTTP/1.1\r\nhost: hello.localhost\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            self.longest = max(self.longest, time.monotonic() - began)
            if head.startswith(b"HTTP/1.1 200"):
                self.good += 1
            else:
                self.failed.append(began)
                if b"connection: close" in head.lower():
                    return


async def killed(it: Workers) -> bool:
    load, kills = Load(it.port), []
    running = asyncio.create_task(load.run())
    await asyncio.sleep(1)
    before, begun = load.good, time.monotonic()
    for _ in range(KILLS):
        await asyncio.sleep(APART)
        pid = await asyncio.to_thread(it.pid, "hello")
        os.kill(pid, signal.SIGKILL)
        kills.append(time.monotonic())
    await asyncio.sleep(3)
    rate = (load.good - before) / (time.monotonic() - begun)
    load.over = True
    await running
    allowed = KILLS * CONNECTIONS
    good = len(load.failed) <= allowed
    print(
        f"kill -9 of the worker {KILLS} times under {rate:,.0f} requests a second ({CONNECTIONS} connections): "
        f"{len(load.failed)} failed, at most {allowed} were in flight  {'ok' if good else 'MISSED'}; "
        f"the longest wait {load.longest * 1000:.0f} ms"
        + ("" if rate >= KILLED_RATE else f"; the load is below {KILLED_RATE:,}")
    )
    return good


def many(it: Workers) -> None:
    names = [f"many-{number:03}" for number in range(MANY)]
    with ThreadPoolExecutor(2) as at_once:
        took = list(at_once.map(lambda name: it.deploy(name, HELLO), names))
        list(at_once.map(it.ask, names))
    cut = statistics.quantiles(took, n=20)
    print(
        f"deployments (program's start included, two at once): p50 {statistics.median(took):.2f} s, p95 {cut[18]:.2f} s"
    )
    status = PoolClient(it.runtime).status()
    pids = [int(pid) for each in status for pid in each["pids"]]
    print(f"{len(pids)} idle workers: {pss_mb(pids):,.0f} MB together, {pss_mb(pids) / len(pids):.1f} MB each (PSS)")
    took = [first_answer(it.port) for _ in range(200)]
    print(f"beside them a request takes p50 {statistics.median(took):.2f} ms")


def main() -> int:
    uvloop.install()
    with temporary_server() as server:
        it = Workers(server)
        seconds = it.deploy("hello", HELLO)
        print(f"the first deployment of all took {seconds:.2f} s; load of the machine: {os.getloadavg()[0]:.1f}")
        it.ask("hello")
        cold(it, "hello")
        it.deploy("fastapi", FASTAPI, "fastapi\n")
        it.ask("fastapi")
        cold(it, "fastapi")
        if len(sys.argv) > 1 and sys.argv[1] == "start":
            return 0
        good = asyncio.run(killed(it))
        if MANY:
            many(it)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
