"""A streamed call on a connection: the parts of its body as they come, and its answer's way back."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol


class Carrier(Protocol):
    """The connection, as a stream uses it."""

    def send(self, call: int, kind: int, payload: bytes) -> None: ...

    async def drain(self) -> None: ...

    def stream_changed(self) -> None: ...


class PartsExchange:
    """The parts of one streamed call, and its answer's way back."""

    _MOST = 256 * 1024

    def __init__(self, connection: Carrier, call: int) -> None:
        self._connection, self._call = connection, call
        self._parts: deque[bytes | None] = deque()
        self._bytes = 0
        self._arrived = asyncio.Event()
        self._lost = False
        self._done = False

    @property
    def full(self) -> bool:
        return self._bytes > self._MOST and not self._done

    def feed(self, part: bytes | None) -> None:
        self._parts.append(part)
        self._bytes += len(part or b"")
        self._arrived.set()
        if self.full:
            self._connection.stream_changed()

    def lost(self) -> None:
        self._lost = True
        self._arrived.set()

    def finish(self) -> None:
        self._done = True
        self._connection.stream_changed()

    async def read(self) -> bytes | None:
        """The next part of the call's body; None at its end. Raises ConnectionResetError."""
        while not self._parts:
            if self._lost:
                raise ConnectionResetError("the worker has gone")
            self._arrived.clear()
            await self._arrived.wait()
        part = self._parts.popleft()
        was_full = self.full
        self._bytes -= len(part or b"")
        if was_full and not self.full:
            self._connection.stream_changed()
        return part

    async def write(self, kind: int, payload: bytes) -> None:
        """A part of the answer; waits while the worker does not take it."""
        self._connection.send(self._call, kind, payload)
        await self._connection.drain()
