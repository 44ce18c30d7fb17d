"""The edge against Debian's Caddy, both to the same worker's unix socket: a small answer at 32 connections.

Required: at least as many requests a second, at most 0.7 of the processor time for each, and under 40 MB of memory
while ten clients stall on an answer of 200 MB. The load is `wrk`'s, from Debian too.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import httptools
import uvloop

SECONDS, ROUNDS, CONNECTIONS, CLIENTS = 4, 5, 32, 10
BIG = 200 * 1024 * 1024
FASTER, PROCESSOR, MEMORY_MB = 1.0, 0.7, 40.0
HELLO = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 13\r\n\r\nHello, World!"


class Worker(asyncio.Protocol):
    """Answers /big with 200 MB, as fast as they are taken, and everything else with a few words."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self.url, self.left = cast(asyncio.Transport, transport), b"", 0
        self.parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.url = url

    def on_message_complete(self) -> None:
        if self.url != b"/big":
            self.transport.write(HELLO)
            return
        self.left = BIG
        self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % BIG)
        self.resume_writing()

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        block = bytes(64 * 1024)
        while self.left and not self.paused:
            self.left -= len(block)
            self.transport.write(block)


async def serve(path: str) -> None:
    """The worker's process: `python -m bench.edge worker PATH`."""
    server = await asyncio.get_running_loop().create_unix_server(Worker, path, backlog=1024)
    print("ready", flush=True)
    await server.serve_forever()


@dataclass
class Server:
    name: str
    pid: int
    port: int
    rates: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)

    def processor_seconds(self) -> float:
        ticks = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")

    def megabytes(self) -> float:
        """Its own and its share of what it shares (PSS)."""
        text = Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        return int(re.findall(r"^Pss:\s+(\d+)", text, re.MULTILINE)[0]) / 1024


@contextmanager
def process(argv: list[str], descriptors: tuple[int, ...] = (), **environ: str) -> Iterator[subprocess.Popen[bytes]]:
    made = subprocess.Popen(
        argv,
        pass_fds=descriptors,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **environ},
    )
    try:
        yield made
    finally:
        made.terminate()
        made.wait(15)


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


@contextmanager
def edge(root: Path) -> Iterator[Server]:
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    number = listener.fileno()
    argv = [sys.executable, "-m", "holdfast.edge", "--fd", f"apps={number}"]
    home = {"HOLDFAST_RUNTIME": str(root), "HOLDFAST_DATA": str(root), "HOLDFAST_LOG_LEVEL": "error"}
    with process(argv, (number,), **home) as made:
        yield Server("edge", made.pid, listener.getsockname()[1])
    listener.close()


@contextmanager
def caddy(root: Path, path: Path) -> Iterator[Server]:
    port = free_port()
    proxy = {"handler": "reverse_proxy", "upstreams": [{"dial": f"unix/{path}"}]}
    http = {"servers": {"a": {"listen": [f"127.0.0.1:{port}"], "routes": [{"handle": [proxy]}]}}}
    (root / "caddy.json").write_text(json.dumps({"admin": {"disabled": True}, "apps": {"http": http}}))
    argv = [program("caddy"), "run", "--config", str(root / "caddy.json")]
    with process(argv, HOME=str(root), XDG_DATA_HOME=str(root), XDG_CONFIG_HOME=str(root)) as made:
        yield Server("caddy", made.pid, port)


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise SystemExit(f"MISSING on this machine: {name}. Run: bash tools/system-parts.sh caddy wrk")
    return found


def ready(server: Server) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            with socket.create_connection(("127.0.0.1", server.port), timeout=5) as line:
                line.sendall(b"GET / HTTP/1.1\r\nHost: app.localhost\r\n\r\n")
                if b"Hello, World!" in line.recv(65536):
                    return
        except OSError:
            pass
        time.sleep(0.05)
    raise RuntimeError(f"{server.name} does not answer")


def load(server: Server) -> None:
    """One round of requests."""
    before = server.processor_seconds()
    argv = [program("wrk"), "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-H", "Host: app.localhost"]
    done = subprocess.run([*argv, f"http://127.0.0.1:{server.port}/"], capture_output=True, text=True, check=True)
    found = re.search(r"(\d+) requests in ([\d.]+)s", done.stdout)
    if found is None or "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise RuntimeError(f"{server.name}: {done.stdout}")
    requests = int(found[1])
    server.rates.append(requests / float(found[2]))
    server.costs.append((server.processor_seconds() - before) / requests * 1e6)


def stalled(server: Server) -> float:
    """Megabytes while clients have asked for much and take nothing."""
    lines = []
    for _ in range(CLIENTS):
        line = socket.create_connection(("127.0.0.1", server.port))
        line.sendall(b"GET /big HTTP/1.1\r\nHost: app.localhost\r\n\r\n")
        lines.append(line)
    most = 0.0
    for _ in range(30):
        time.sleep(0.1)
        most = max(most, server.megabytes())
    for line in lines:
        line.close()
    return most


def measure(root: Path) -> bool:
    path = root / "w" / "app" / "http"
    path.parent.mkdir(parents=True)
    version = {"id": "v", "token": "app", "weight": 100, "tag": None}
    worker = {"slug": "app", "worker_id": "w", "hosts": [], "versions": [version], "cors": None, "keys": None}
    worker |= {"timeout_seconds": 30, "body_bytes": 1000, "enabled": True}
    (root / "routes.json").write_text(json.dumps({"revision": 1, "suffixes": ["localhost"], "workers": [worker]}))
    with ExitStack() as stack:
        upstream = stack.enter_context(process([sys.executable, "-m", "bench.edge", "worker", str(path)]))
        assert upstream.stdout is not None
        upstream.stdout.readline()
        ours, theirs = stack.enter_context(edge(root)), stack.enter_context(caddy(root, path))
        for server in (ours, theirs):
            ready(server)
        for _ in range(ROUNDS):  # in turns, so that both meet the same machine
            load(ours)
            load(theirs)
        memory = {server.name: stalled(server) for server in (ours, theirs)}
    return judged(ours, theirs, memory)


def judged(ours: Server, theirs: Server, memory: dict[str, float]) -> bool:
    shares = [mine / other for mine, other in zip(ours.rates, theirs.rates, strict=True)]
    costs = [mine / other for mine, other in zip(ours.costs, theirs.costs, strict=True)]
    for server in (ours, theirs):
        rate, cost = statistics.median(server.rates), statistics.median(server.costs)
        print(f"{server.name:6} {rate:7.0f}/s  {cost:5.1f} us of processor each  {memory[server.name]:5.1f} MB stalled")
    faster, cheaper = statistics.median(shares), statistics.median(costs)
    bars = {
        f"requests a second {faster:.2f}x, bar {FASTER:g}x": faster >= FASTER,
        f"processor time {cheaper:.2f}x, bar {PROCESSOR:g}x": cheaper <= PROCESSOR,
        f"memory {memory['edge']:.1f} MB, bar {MEMORY_MB:g} MB": memory["edge"] < MEMORY_MB,
    }
    for words, good in bars.items():
        print(f"{words}  {'ok' if good else 'MISSED'}")
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")
    return all(bars.values())


def main() -> int:
    if sys.argv[1:2] == ["worker"]:
        uvloop.run(serve(sys.argv[2]))
        return 0
    with tempfile.TemporaryDirectory(prefix="hfedge-") as directory:
        return 0 if measure(Path(directory)) else 1


if __name__ == "__main__":
    sys.exit(main())
