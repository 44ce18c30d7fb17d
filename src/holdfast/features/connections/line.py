"""One connection through a tunnel: bytes both ways, counted, with an end that others can ask for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

PIECE = 64 * 1024


class Socket(Protocol):
    """What is used of an accepted web socket."""

    async def receive(self) -> Any: ...
    async def send_bytes(self, data: bytes) -> None: ...


@dataclass(eq=False)
class Line:
    """`allowed` asks anew whether whoever opened it may still have it. `end` from the event loop's own thread."""

    tunnel_id: str
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    allowed: Callable[[], Awaitable[bool]]
    up: int = 0
    down: int = 0
    used: float = field(default_factory=time.monotonic)
    reason: str = ""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    def end(self, reason: str) -> None:
        self.reason = self.reason or reason
        self.over.set()

    async def pump(self, socket: Socket) -> str:
        """Until one side ends or `end` is called; why. Each direction waits for its reader, so at most a few pieces are
        held whatever the other side sends."""
        tasks = [
            asyncio.create_task(self._up(socket)),
            asyncio.create_task(self._down(socket)),
            asyncio.create_task(self.over.wait()),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            self.writer.transport.abort() if self.over.is_set() else self.writer.close()
            with suppress(OSError):
                await self.writer.wait_closed()
        for task, result in zip(tasks, results, strict=True):
            if task in done and isinstance(result, str):
                return result
        return self.reason or "the line broke"

    async def _up(self, socket: Socket) -> str:
        while True:
            message = await socket.receive()
            if message["type"] != "websocket.receive":
                return "ended by the client"
            data = message.get("bytes")
            if data is None:
                return "the client sent text"
            self.writer.write(data)
            self._count(up=len(data))
            await self.writer.drain()

    async def _down(self, socket: Socket) -> str:
        while data := await self.reader.read(PIECE):
            await socket.send_bytes(data)
            self._count(down=len(data))
        return "ended by the database"

    def _count(self, *, up: int = 0, down: int = 0) -> None:
        self.up += up
        self.down += down
        self.used = time.monotonic()
