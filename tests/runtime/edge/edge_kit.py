"""A real edge in a thread of its own, workers on real unix sockets, and raw lines to it: what the tests stand on."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop

from holdfast.runtime.edge.limits import Limits
from holdfast.runtime.edge.server import Edge
from holdfast.runtime.live import Sockets

Streams = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
QUICK = Limits(tick_seconds=0.05, connect_seconds=1.0, grace_seconds=0.1, linger_seconds=0.5)


def worker(slug: str = "app", **more: Any) -> dict[str, Any]:
    """An entry of the route table."""
    made: dict[str, Any] = {
        "slug": slug,
        "worker_id": f"wrk_{slug}",
        "hosts": [],
        "versions": [{"id": f"ver_{slug}", "token": slug, "weight": 100, "tag": None}],
        "cors": None,
        "keys": None,
        "timeout_seconds": 10,
        "body_bytes": 100_000_000,
        "enabled": True,
    }
    return made | more


def table(*workers: dict[str, Any], revision: int = 1, suffixes: tuple[str, ...] = ("localhost",)) -> bytes:
    return json.dumps({"revision": revision, "suffixes": list(suffixes), "workers": list(workers)}).encode()


async def head_of(reader: asyncio.StreamReader) -> tuple[str, list[tuple[str, str]]]:
    """First line and header fields. Raises EOFError at the end of the connection."""
    raw = await reader.readuntil(b"\r\n\r\n")
    start, *lines = raw.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    return start, [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]


async def body_of(reader: asyncio.StreamReader, fields: list[tuple[str, str]]) -> bytes:
    named = dict(fields)
    if named.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(await reader.readuntil(b"\r\n"), 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readexactly(2)
        return body
    return await reader.readexactly(int(named.get("content-length", "0")))


async def telling(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A worker that answers with what it was asked, as JSON, and keeps the connection."""
    with contextlib.suppress(EOFError, OSError):
        while True:
            start, fields = await head_of(reader)
            body = await body_of(reader, fields)
            told = json.dumps({"start": start, "fields": fields, "body": body.decode("latin-1")}).encode()
            head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(told)
            writer.write(head if start.startswith("HEAD ") else head + told)
            await writer.drain()


def saying(raw: bytes, *, close: bool = False) -> Streams:
    """A worker that answers every request with these bytes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                await body_of(reader, (await head_of(reader))[1])
                writer.write(raw)
                await writer.drain()
                if close:
                    return

    return serve


@dataclass
class Running:
    """An edge on a free port. What the test does to it goes through `call`, in the loop's own thread."""

    edge: Edge
    runtime: Path
    port: int
    loop: asyncio.AbstractEventLoop
    listening: dict[str, asyncio.Server] = field(default_factory=dict)
    connections: dict[str, int] = field(default_factory=dict)
    writers: dict[str, list[asyncio.StreamWriter]] = field(default_factory=dict)

    def call(self, work: Awaitable[Any], seconds: float = 10.0) -> Any:
        async def run() -> Any:
            return await work

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(seconds)

    def serve(self, token: str, streams: Streams) -> None:
        """A worker at the socket of `token`."""
        path = Sockets.of(self.runtime, token).http
        path.parent.mkdir(parents=True, exist_ok=True)
        if token in self.listening:
            self.call(self._end(token))
        path.unlink(missing_ok=True)
        writers: list[asyncio.StreamWriter] = []
        self.writers[token] = writers

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections[token] = self.connections.get(token, 0) + 1
            writers.append(writer)
            try:
                await streams(reader, writer)
            finally:
                writer.close()

        self.listening[token] = self.call(asyncio.start_unix_server(serve, str(path), limit=1 << 20))

    async def _end(self, token: str) -> None:
        self.listening.pop(token).close()
        for writer in self.writers[token]:
            writer.transport.abort()
        await asyncio.sleep(0.01)

    def stop(self, token: str) -> None:
        """As when its process is killed."""
        self.call(self._end(token))
        Sockets.of(self.runtime, token).http.unlink(missing_ok=True)

    def routes(self, raw: bytes) -> None:
        """Put the table in place, and wait until it holds."""
        write_routes(self.runtime, raw)
        wanted = json.loads(raw)["revision"]
        until = time.monotonic() + 5
        while self.edge.table.revision != wanted:
            assert time.monotonic() < until, "the table was not read again"
            time.sleep(0.005)

    def line(self) -> Line:
        return Line(socket.create_connection(("127.0.0.1", self.port), timeout=10))

    def ask(self, raw: bytes) -> Answer:
        """One request on a connection of its own."""
        with contextlib.closing(self.line()) as line:
            line.send(raw)
            return line.answer(head_only=raw.startswith(b"HEAD "))

    def get(self, path: str = "/", host: str = "app.localhost", *more: str, method: str = "GET") -> Answer:
        lines = "".join(f"{line}\r\n" for line in more)
        return self.ask(f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n".encode("latin-1"))


@dataclass(frozen=True)
class Answer:
    status: int
    fields: tuple[tuple[str, str], ...]
    body: bytes

    def __getitem__(self, name: str) -> str:
        return ", ".join(value for each, value in self.fields if each == name)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def heard(self) -> dict[str, str]:
        """The fields that a `telling` worker got."""
        return dict(self.json["fields"])


class Line:
    """A connection to the edge."""

    def __init__(self, made: socket.socket) -> None:
        self.socket = made
        self._rest = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def close(self) -> None:
        self.socket.close()

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._rest:
            self._more()
        found, _, self._rest = self._rest.partition(mark)
        return found

    def _more(self) -> None:
        chunk = self.socket.recv(65536)
        if not chunk:
            raise EOFError(self._rest)
        self._rest += chunk

    def exactly(self, size: int) -> bytes:
        while len(self._rest) < size:
            self._more()
        found, self._rest = self._rest[:size], self._rest[size:]
        return found

    def rest(self) -> bytes:
        """Until the end of the connection."""
        with contextlib.suppress(EOFError, ConnectionError):
            while True:
                self._more()
        found, self._rest = self._rest, b""
        return found

    def head(self) -> tuple[int, tuple[tuple[str, str], ...]]:
        start, *lines = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        match = re.fullmatch(r"HTTP/1\.1 (\d{3}) .*", start)
        assert match, start
        pairs = [line.partition(": ") for line in lines]
        assert all(mark for _, mark, _ in pairs), lines
        return int(match[1]), tuple((name.lower(), value) for name, _, value in pairs)

    def answer(self, *, head_only: bool = False) -> Answer:
        status, fields = self.head()
        named = dict(fields)
        if head_only or status in (204, 304) or status < 200:
            return Answer(status, fields, b"")
        if named.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self._until(b"\r\n"), 16):
                body += self.exactly(size)
                assert self.exactly(2) == b"\r\n"
            assert self.exactly(2) == b"\r\n"
            return Answer(status, fields, body)
        if "content-length" in named:
            return Answer(status, fields, self.exactly(int(named["content-length"])))
        return Answer(status, fields, self.rest())


def write_routes(runtime: Path, raw: bytes) -> None:
    made = runtime / f".routes.{os.urandom(4).hex()}"
    made.write_bytes(raw)
    made.replace(runtime / "routes.json")


@contextmanager
def running(runtime: Path, limits: Limits = QUICK, raw: bytes | None = None) -> Iterator[Running]:
    """An edge that serves until the end of the block."""
    runtime.mkdir(parents=True, exist_ok=True)
    write_routes(runtime, table(worker()) if raw is None else raw)
    loop = uvloop.new_event_loop()
    loop.set_exception_handler(lambda _, context: failures.append(str(context)))
    failures: list[str] = []
    thread = threading.Thread(target=loop.run_forever, name="edge", daemon=True)
    thread.start()
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    listener.setblocking(False)
    front = socket.socket(socket.AF_UNIX)
    front.bind(str(runtime / "front"))
    front.listen()
    front.setblocking(False)
    edge = Edge(runtime, limits)
    made = Running(edge, runtime, listener.getsockname()[1], loop)
    made.call(edge.start([listener], [front]))
    try:
        yield made
    finally:
        made.call(edge.close(0.5))
        for server in made.listening.values():
            loop.call_soon_threadsafe(server.close)
        made.call(asyncio.sleep(0.05))
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()
        (runtime / "front").unlink(missing_ok=True)
    assert not failures, failures
