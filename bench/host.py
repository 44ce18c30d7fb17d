"""Hello on a unix socket at 32 connections: the host of Python workers beside uvicorn, in the same run.

The client is this process: asyncio protocols on uvloop that write the next request when the last answer has come.
The machine's load is printed, because with two cores client and server share them.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvloop

CONNECTIONS = 32
SECONDS = 3.0
ROUNDS = 3
REQUEST = b"GET / HTTP/1.1\r\nhost: shop.example\r\nx-forwarded-for: 192.0.2.7\r\nuser-agent: bench\r\n\r\n"

ASGI = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"Hello, world!"})
"""
FASTAPI = """
from fastapi import FastAPI
app = FastAPI()
@app.get("/")
async def hello():
    return {"hello": "world"}
"""
WORKER = """
from workers import Response, WorkerEntrypoint
class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response("Hello, world!")
"""


class Client(asyncio.Protocol):
    """One connection; `count` answers so far. Every answer has the first one's length."""

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.count = 0
        self.length = 0
        self.got = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        if not self.length:
            assert data.startswith(b"HTTP/1.1 200"), data
            self.length = len(data)
        self.got += len(data)
        if self.got >= self.length:
            self.got -= self.length
            self.count += 1
            self.transport.write(self.request)


async def load(path: str, request: bytes = REQUEST) -> float:
    """Requests per second."""
    loop = asyncio.get_running_loop()
    clients = [(await loop.create_unix_connection(lambda: Client(request), path))[1] for _ in range(CONNECTIONS)]
    await asyncio.sleep(0.5)
    before, begun = sum(each.count for each in clients), time.perf_counter()
    await asyncio.sleep(SECONDS)
    done = (sum(each.count for each in clients) - before) / (time.perf_counter() - begun)
    for each in clients:
        each.transport.abort()
    return done


@contextmanager
def our_host(directory: Path, code: str) -> Iterator[tuple[str, int]]:
    app = directory / "app"
    app.mkdir()
    (app / "entry.py").write_text(code)
    listeners = []
    for name in ("http", "inner"):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(directory / name))
        listener.listen(128)
        listeners.append(listener)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    fds = [listeners[0].fileno(), listeners[1].fileno(), theirs.fileno()]
    begin = "import sys; from holdfast.runtime.python import host; "
    start = begin + "host.main(*map(int, sys.argv[1:4]), sys.argv[4].encode())"
    payload = json.dumps({"main": "entry.py", "code": str(app), "packages": str(directory / "none")})
    process = subprocess.Popen([sys.executable, "-c", start, *map(str, fds), payload], pass_fds=fds)
    theirs.close()
    drain = subprocess.Popen(
        [sys.executable, "-c", f"import socket\ns=socket.socket(fileno={ours.fileno()})\nwhile s.recv(65536): pass"],
        pass_fds=[ours.fileno()],
    )
    try:
        yield str(directory / "http"), process.pid
    finally:
        for each in (process, drain):
            each.kill()
            each.wait()
        for each in (*listeners, ours):
            each.close()


@contextmanager
def uvicorn(directory: Path, code: str) -> Iterator[tuple[str, int]]:
    (directory / "entry.py").write_text(code)
    path = str(directory / "http")
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "entry:app", "--uds", path, "--no-access-log", "--log-level", "warning"],
        cwd=directory,
    )
    try:
        end = time.monotonic() + 20
        while not os.path.exists(path) and time.monotonic() < end:
            time.sleep(0.05)
        yield path, process.pid
    finally:
        process.kill()
        process.wait()


def cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_of(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def main() -> int:
    uvloop.install()
    cases = {
        "worker on our host": (our_host, WORKER),
        "bare ASGI on our host": (our_host, ASGI),
        "FastAPI on our host": (our_host, FASTAPI),
        "bare ASGI on uvicorn": (uvicorn, ASGI),
        "FastAPI on uvicorn": (uvicorn, FASTAPI),
    }
    print(f"load at the start: {os.getloadavg()[0]:.1f}; {CONNECTIONS} connections, best of {ROUNDS} x {SECONDS:.0f} s")
    best: dict[str, float] = {}
    for name, (serve, code) in cases.items():
        with tempfile.TemporaryDirectory(prefix="hb") as directory, serve(Path(directory), code) as (path, pid):
            rates, costs = [], []
            for _ in range(ROUNDS):
                before = cpu_of(pid)
                rates.append(asyncio.run(load(path)))
                costs.append((cpu_of(pid) - before) / (rates[-1] * (SECONDS + 0.5)) * 1e6)
            best[name] = max(rates)
            print(
                f"{name:24} {max(rates):8,.0f} req/s (from {min(rates):,.0f}), "
                f"{min(costs):5.1f} us of processor each, {memory_of(pid):.1f} MB PSS",
                flush=True,
            )
    asgi = best["bare ASGI on our host"] / best["bare ASGI on uvicorn"]
    fastapi = best["FastAPI on our host"] / best["FastAPI on uvicorn"]
    print(f"bare ASGI {asgi:.2f} x uvicorn, FastAPI {fastapi:.2f} x uvicorn; load at the end: {os.getloadavg()[0]:.1f}")
    return 0 if asgi >= 1.0 and fastapi >= 1.0 else 1


if __name__ == "__main__":
    sys.exit(main())
