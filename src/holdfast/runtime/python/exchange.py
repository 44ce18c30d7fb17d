"""One request and its answer, on whatever connection they are: the body comes as it is read, the answer goes whole or
piece by piece."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holdfast.runtime.python.http1 import Connection

_HIGH = 256 * 1024  # bytes of a request body kept before reading stops
_LOW = 64 * 1024
REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
_LINES = {status: b"HTTP/1.1 %d %s\r\n" % (status, phrase) for status, phrase in REASONS.items()}
_BODILESS = (101, 204, 304)
Raw = list[tuple[bytes, bytes]]


class BodyTooLarge(ValueError):
    """The request's body passes the version's limit. The client must send less."""


class ClientGone(ConnectionError):
    """The connection ended before the exchange did."""


class Exchange:
    """One request and its answer."""

    __slots__ = (
        "_chunks",
        "_connection",
        "_done",
        "_failed",
        "_size",
        "_waiter",
        "answered",
        "chunked",
        "finished",
        "has_body",
        "headers",
        "keep_alive",
        "length",
        "method",
        "named",
        "on_gone",
        "on_progress",
        "target",
        "total",
        "upgrade",
    )

    def __init__(self, connection: Connection, target: bytes, headers: Raw) -> None:
        self._connection = connection
        self.target = target
        self.headers = headers
        self.named = dict(headers)
        self.method = b""
        self.keep_alive = True
        self.upgrade = False
        self.has_body = False
        self.length: int | None = None  # of the body; None: unknown or none
        self.answered = False  # the head of the answer was sent
        self.finished = False
        self.chunked = False
        self.on_gone: Callable[[], None] | None = None
        self.on_progress: Callable[[], None] | None = None
        self.total = 0
        self._chunks: deque[bytes] | None = None
        self._size = 0
        self._done = False
        self._failed: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    # -- the request's body

    def feed(self, chunk: bytes) -> None:
        self.total += len(chunk)
        if self.total > self._connection.body_bytes:
            self.fail(BodyTooLarge(f"the body is larger than {self._connection.body_bytes} bytes"))
            return
        if self._failed is not None or self.finished:
            return  # nobody will read it: swallowed, so that the answer can still reach the client
        if self._chunks is None:
            self._chunks = deque()
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self._size > _HIGH:
            self._connection.hold("body")
        self._tell()

    def feed_end(self) -> None:
        self._done = True
        self._tell()

    def fail(self, error: Exception) -> None:
        if self._failed is None:
            self._failed = error
            self._tell()

    def _tell(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    @property
    def complete(self) -> bool:
        """The whole request has come."""
        return self._done

    async def read(self) -> bytes:
        """The next piece of the body, b"" at its end. Raises BodyTooLarge, ClientGone."""
        while not self._chunks:
            if self._failed is not None:
                raise self._failed
            if self._done:
                return b""
            self._connection.say_continue(self)
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        chunk = self._chunks.popleft() if len(self._chunks) == 1 else self._take()
        self._size -= len(chunk)
        if self._size < _LOW:
            self._connection.release("body")
        if self.on_progress is not None:
            self.on_progress()
        return chunk

    def unread(self, data: bytes) -> None:
        """Put back what was read from the body, whole: whoever reads next begins with it."""
        if data:
            self._chunks = self._chunks if self._chunks is not None else deque()
            self._chunks.appendleft(data)
            self._size += len(data)

    def _take(self) -> bytes:
        assert self._chunks is not None  # noqa: S101 - for the type checker
        whole = b"".join(self._chunks)
        self._chunks.clear()
        return whole

    # -- the answer

    def answer(self, status: int, headers: Raw, body: bytes) -> None:
        """A whole answer at once."""
        head = self._head(status, headers, len(body))
        self._connection.send(head if self.method == b"HEAD" or status in _BODILESS else head + body)
        self.end()

    def start(self, status: int, headers: Raw, length: int | None = None) -> None:
        """The head of a streamed answer. Without a length it goes in chunks."""
        self.chunked = length is None and status not in _BODILESS
        self._connection.send(self._head(status, headers, length))

    async def write(self, piece: bytes) -> None:
        """Waits while the client takes no more. Raises ClientGone."""
        if self.finished:
            raise ClientGone("the connection has ended")
        if not piece or self.method == b"HEAD":
            return
        self._connection.send(b"%x\r\n%b\r\n" % (len(piece), piece) if self.chunked else piece)
        await self._connection.drain()

    @property
    def blocked(self) -> bool:
        return self._connection.blocked

    def finish(self) -> None:
        """The streamed answer is complete."""
        if self.chunked and self.method != b"HEAD":
            self._connection.send(b"0\r\n\r\n")
        self.end()

    def abort(self) -> None:
        """The answer cannot be completed: the connection is cut, so that nobody takes the part for the whole."""
        self.finished = True
        self._connection.abort()

    def end(self) -> None:
        if not self.finished:
            self.finished = True
            self._connection.over(self)

    def _head(self, status: int, headers: Raw, length: int | None) -> bytes:
        """Raises ValueError when a header would break the framing: otherwise one answer could be read as two."""
        self.answered = True
        lines = [_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status]
        for name, value in headers:
            if name not in (b"connection", b"keep-alive", b"transfer-encoding", b"content-length", b"upgrade"):
                lines.append(b"%b: %b\r\n" % (name, value))
            elif name == b"content-length" and (self.method == b"HEAD" or status == 304) and not length:
                lines.append(b"%b: %b\r\n" % (name, value))
                length = None
                self.chunked = False
        block = b"".join(lines)
        if block.count(b"\n") != len(lines) or block.count(b"\r") != len(lines) or b"\0" in block:
            self.answered = False
            raise ValueError("a header of the answer holds a line break")
        if self.chunked:
            block += b"transfer-encoding: chunked\r\n"
        elif length is not None and status not in _BODILESS:
            block += b"content-length: %d\r\n" % length
        if not self.keep_alive and status != 101:
            block += b"connection: close\r\n"
        return block + b"\r\n"

    def take_over(self, status: int, headers: Raw, receiver: Callable[[bytes | None], None]) -> asyncio.WriteTransport:
        """Answer 101 and hand the bytes that follow to `receiver` (None at the end)."""
        block = b"".join(b"%b: %b\r\n" % pair for pair in headers)
        self._connection.send(_LINES[status] + block + b"\r\n")
        self.answered = self.finished = True
        return self._connection.tunnel(receiver)

    async def drain(self) -> None:
        await self._connection.drain()
