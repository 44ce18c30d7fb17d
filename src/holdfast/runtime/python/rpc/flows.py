"""Streams inside a session: whoever reads grants bytes, whoever sends never sends more.

So a stream that nobody reads holds up no other call, and takes WINDOW bytes of the reader's memory at most.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from holdfast.runtime.bindings.values import Malformed
from holdfast.runtime.python.workers import context
from holdfast.runtime.python.workers.streams import ReadableStream

WINDOW: Final = 256 * 1024  # bytes on their way
CHUNK: Final = 64 * 1024  # bytes of one frame

Send = Callable[[bytes], Awaitable[None]]


class Outflow:
    """A stream of this worker, sent as far as the reader grants."""

    def __init__(self, stream: ReadableStream) -> None:
        self._stream = stream
        self._granted = 0
        self._more = asyncio.Event()
        self.task: asyncio.Future[None] | None = None

    def grant(self, size: int) -> None:
        """The reader has room for so many bytes more. Beyond the window it gets none."""
        self._granted = min(self._granted + size, WINDOW)
        self._more.set()

    async def run(self, send: Send) -> None:
        """To its end. Raises what the stream raises, ConnectionError."""
        while chunk := await self._stream.read():
            for at in range(0, len(chunk), CHUNK):
                part = bytes(chunk[at : at + CHUNK])
                while self._granted < len(part):
                    self._more.clear()
                    await self._more.wait()
                self._granted -= len(part)
                await send(part)

    def dispose(self) -> None:
        """Nobody reads it any more: its source is closed."""
        if self.task is not None:
            self.task.cancel()
        closing = asyncio.ensure_future(self._closed())
        _closing.add(closing)
        closing.add_done_callback(_closing.discard)

    async def _closed(self) -> None:
        if self.task is not None:
            await asyncio.wait((self.task,))  # a generator that still runs cannot be closed
        await self._stream.cancel()


_closing: set[asyncio.Future[None]] = set()  # the loop itself keeps no task alive


class Inflow:
    """What has come of a stream of the other side."""

    def __init__(self) -> None:
        self.parts: deque[bytes] = deque()
        self.expected = 0  # bytes granted that have not come
        self.error: Exception | None = None
        self.ended = False
        self.arrived = asyncio.Event()

    def feed(self, part: bytes) -> None:
        """Raises Malformed for more than was granted."""
        self.expected -= len(part)
        if self.expected < 0 or not part:
            raise Malformed("a stream sent more than was granted")
        self.parts.append(part)
        self.arrived.set()

    def end(self, error: Exception | None) -> None:
        """There comes no more."""
        if not self.ended:
            self.ended, self.error = True, error
            self.arrived.set()


class Source:
    """A stream of the other side for this worker's code. `grant` and `release` tell the other side."""

    def __init__(self, inflow: Inflow, grant: Callable[[int], None], release: Callable[[], None]) -> None:
        self._inflow, self._grant, self._release = inflow, grant, release
        self._used = WINDOW  # bytes read that were not granted anew
        self._closed = False

    async def pull(self) -> bytes:
        """The next part, b"" at the end. Raises BindingError."""
        inflow = self._inflow
        while not inflow.parts:
            if inflow.ended:
                self._close()
                if inflow.error is not None:
                    raise inflow.error
                return b""
            if self._used >= WINDOW // 2:  # less was used: a whole chunk may come all the same
                self._ask()
            inflow.arrived.clear()
            await inflow.arrived.wait()
        part = inflow.parts.popleft()
        self._used += len(part)
        if self._used >= WINDOW // 2 and not inflow.ended:
            self._ask()
        return part

    def _ask(self) -> None:
        self._inflow.expected += self._used
        self._grant(self._used)
        self._used = 0

    async def close(self) -> None:
        """Nothing more is wanted."""
        self._close()

    def _close(self) -> None:
        if not self._closed:
            self._closed = True
            self._inflow.parts.clear()
            self._release()

    def __del__(self) -> None:
        if not self._closed and (loop := context.loop()) is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._release)
