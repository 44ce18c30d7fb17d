"""Hello from Python through the edge, of a worker that was deployed: real pool, walls, edge.

Required: as many requests a second as Debian's Caddy in front of the same socket; three times uvicorn with FastAPI
behind the same edge; and a FastAPI worker through the edge at least half of what its own socket gives. 32 connections,
the rounds in turns.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from own_index import own_index

from bench.edge import caddy, edge, program
from bench.host import CONNECTIONS, uvicorn
from bench.host import load as on_socket
from bench.server import temporary_server
from bench.workers_up import FASTAPI, HELLO, Workers

SECONDS, ROUNDS = 3, 5
CADDY, UVICORN, OWN_SOCKET = 1.0, 3.0, 0.5
Where = tuple[str, str | int]  # host name for the edge, socket or port


def load(where: Where) -> float:
    """Requests per second: by `wrk` through a port, by our own client on a socket, which wrk cannot ask."""
    name, at = where
    if isinstance(at, str):
        request = f"GET / HTTP/1.1\r\nhost: {name}.localhost\r\nuser-agent: bench\r\n\r\n"
        return asyncio.run(on_socket(at, request.encode()))
    argv = [program("wrk"), "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-H", f"Host: {name}.localhost"]
    done = subprocess.run([*argv, f"http://127.0.0.1:{at}/"], capture_output=True, text=True, check=True)
    found = re.search(r"(\d+) requests in ([\d.]+)s", done.stdout)
    if found is None or "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise RuntimeError(done.stdout)
    return int(found[1]) / float(found[2])


def routes(root: Path, sockets: dict[str, Path]) -> None:
    """A table for an edge of our own, in front of these sockets."""
    workers = []
    for name, path in sockets.items():
        (root / "w" / name).mkdir(parents=True)
        (root / "w" / name / "http").symlink_to(path)
        version = {"id": name, "token": name, "weight": 100, "tag": None}
        worker = {"slug": name, "worker_id": name, "hosts": [], "versions": [version], "cors": None, "keys": None}
        workers.append(worker | {"timeout_seconds": 30, "body_bytes": 1000, "enabled": True})
    (root / "routes.json").write_text(json.dumps({"revision": 1, "suffixes": ["localhost"], "workers": workers}))


def rounds(cases: dict[str, Where]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(ROUNDS):
        for name, where in cases.items():
            found[name].append(load(where))
    return found


def judged(found: dict[str, list[float]]) -> bool:
    for name, rates in found.items():
        print(f"{name:38} {statistics.median(rates):8,.0f}/s (from {min(rates):,.0f} to {max(rates):,.0f})")
    share: Callable[[str, str], float] = lambda one, other: statistics.median(  # noqa: E731
        mine / theirs for mine, theirs in zip(found[one], found[other], strict=True)
    )
    bars = (
        ("hello: edge to Caddy", share("hello, edge", "hello, Caddy"), CADDY),
        ("edge: worker to uvicorn+FastAPI", share("hello, edge", "uvicorn+FastAPI, edge"), UVICORN),
        ("FastAPI worker: edge to its socket", share("FastAPI worker, edge", "FastAPI worker, its socket"), OWN_SOCKET),
    )
    for words, value, bar in bars:
        print(f"{words}: {value:.2f}x, bar {bar:g}x  {'ok' if value >= bar else 'MISSED'}")
    ours = share("FastAPI worker, its socket", "uvicorn+FastAPI, its socket")
    print(f"FastAPI on our host to uvicorn, sockets: {ours:.2f}x; load of the machine: {os.getloadavg()[0]:.1f}")
    return all(value >= bar for _, value, bar in bars)


def main() -> int:
    uvloop.install()
    with ExitStack() as stack:
        index = stack.enter_context(own_index(Path(stack.enter_context(tempfile.TemporaryDirectory())), "fastapi"))
        os.environ["UV_DEFAULT_INDEX"] = index
        it = Workers(stack.enter_context(temporary_server()))
        it.deploy("hello", HELLO)
        it.deploy("fast", FASTAPI, requirements="fastapi\n")
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hfw-")))
        peer, _ = stack.enter_context(uvicorn(Path(stack.enter_context(tempfile.TemporaryDirectory())), FASTAPI))
        for name in ("hello", "fast"):
            it.ask(name)
        own = {"hello": it.socket("hello"), "fast": it.socket("fast"), "peer": Path(peer)}
        routes(root, own)
        ours = stack.enter_context(edge(root))
        theirs = stack.enter_context(caddy(root, own["hello"]))
        time.sleep(2)
        found = rounds(
            {
                "hello, edge": ("hello", ours.port),
                "hello, Caddy": ("hello", theirs.port),
                "uvicorn+FastAPI, edge": ("peer", ours.port),
                "FastAPI worker, edge": ("fast", ours.port),
                "FastAPI worker, its socket": ("fast", str(own["fast"])),
                "uvicorn+FastAPI, its socket": ("peer", peer),
            }
        )
    return 0 if judged(found) else 1


if __name__ == "__main__":
    sys.exit(main())
