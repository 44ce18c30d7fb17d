"""A worker as the state process sees it: an HTTP server on its `inner` socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop
from bindings_served import Place, client, served, version

from holdfast.runtime.bindings.handling import Limits
from holdfast.runtime.live import Binding, Sockets


@dataclass
class Asked:
    method: str
    target: str
    headers: dict[str, str]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def parts(self) -> AsyncIterator[bytes]:
        if "content-length" in self.headers:
            left = int(self.headers["content-length"])
            while left:
                part = await self.reader.read(left)
                left -= len(part)
                yield part
        while self.headers.get("transfer-encoding") == "chunked":
            size = int(await self.reader.readline(), 16)
            part = (await self.reader.readexactly(size + 2))[:-2]
            if not size:
                return
            yield part

    async def body(self) -> bytes:
        return b"".join([part async for part in self.parts()])

    def head(self, status: int, headers: dict[str, str]) -> None:
        lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in headers.items())]
        self.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.head(status, {"content-length": str(len(body)), **headers})
        self.writer.write(body)

    async def chunk(self, data: bytes) -> None:
        self.writer.write(b"%x\r\n%b\r\n" % (len(data), data))
        await self.writer.drain()


@asynccontextmanager
async def worker(path: Path, act: Callable[[Asked], Awaitable[None]]) -> AsyncIterator[None]:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            first = (await reader.readline()).decode().split()
            headers: dict[str, str] = {}
            while (line := (await reader.readline()).decode("latin-1").strip()) != "":
                name, _, value = line.partition(":")
                assert name not in headers, f"{name} twice"
                headers[name] = value.strip()
            await act(Asked(first[0], first[1], headers, reader, writer))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    path.parent.mkdir(parents=True, exist_ok=True)
    server = await asyncio.start_unix_server(connected, str(path))
    try:
        yield
    finally:
        server.close()
        path.unlink(missing_ok=True)  # noqa: ASYNC240


def run(
    place: Place,
    serve: Callable[[Asked], Awaitable[None]],
    act: Callable[[Any], Awaitable[None]],
    entrypoint: str | None = None,
    limits: Limits | None = None,
) -> None:
    """`act` with the service binding of worker a to worker b, which answers with `serve`."""

    async def main() -> None:
        binding = Binding("SVC", "service", {"worker_id": "worker-b", "entrypoint": entrypoint})
        async with (
            served(place, version("a", [binding]), version("b"), limits=limits),
            worker(Sockets.of(place.runtime, "b").inner, serve),
            client(place, "a") as made,
        ):
            await act(made.env([{"name": "SVC", "kind": "service"}])["SVC"])

    uvloop.run(main())
