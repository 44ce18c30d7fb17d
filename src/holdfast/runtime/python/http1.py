"""HTTP/1.1 of the worker's listeners: httptools parses, bodies stream both ways, a slow side stops the other.

Comes from the edge or from our own processes only, which have refused ambiguous framing already; the limits here are
a second wall.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import httptools

HEAD_BYTES = 128 * 1024
_HIGH = 256 * 1024  # bytes of a request body kept before reading stops
_LOW = 64 * 1024
_LINGER = 5.0  # seconds in which the rest of a body that nobody wants may come
_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
_LINES = {status: b"HTTP/1.1 %d %s\r\n" % (status, phrase) for status, phrase in _REASONS.items()}
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


class Connection(asyncio.Protocol):
    """`serve` is called with each request as soon as its head is there, one at a time for a connection."""

    def __init__(self, serve: Callable[[Exchange], None], body_bytes: int, connections: set[Connection]) -> None:
        self._serve = serve
        self.body_bytes = body_bytes
        self._connections = connections
        self._transport: asyncio.Transport | None = None
        self._parser: Any = None
        self._target = b""
        self._headers: Raw = []
        self._head_bytes = 0
        self._reading: Exchange | None = None  # whose body comes now
        self._current: Exchange | None = None  # who is answered now
        self._next: deque[Exchange] = deque()
        self._holds: set[str] = set()
        self._drained: asyncio.Future[None] | None = None
        self._lingering: Exchange | None = None  # answered before its body had come
        self._expects = False
        self._tunnel: Callable[[bytes | None], None] | None = None
        self._before_tunnel = b""
        self.blocked = False
        self.closing = False

    # -- transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._parser = httptools.HttpRequestParser(self)
        self._connections.add(self)

    def data_received(self, data: bytes) -> None:
        if self._tunnel is not None:
            self._tunnel(data)
            return
        if self._parser is None:
            self._before_tunnel += data
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._before_tunnel = data[upgrade.args[0] :]
            self._parser = None
        except (httptools.HttpParserError, ValueError):
            self._refuse(400)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, _: Exception | None) -> None:
        self._connections.discard(self)
        self._transport = None
        if self._tunnel is not None:
            self._tunnel(None)
        gone = ClientGone("the connection has ended")
        for each in (self._reading, self._current, *self._next):
            if each is not None and not each.finished:
                each.fail(gone)
                each.finished = True
                if each.on_gone is not None:
                    each.on_gone()
        self._wake()

    def pause_writing(self) -> None:
        self.blocked = True

    def resume_writing(self) -> None:
        self.blocked = False
        self._wake()

    def _wake(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None

    async def drain(self) -> None:
        """Raises ClientGone."""
        if self.blocked and self._transport is not None:
            if self._drained is None:
                self._drained = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._drained)
        if self._transport is None:
            raise ClientGone("the connection has ended")

    def send(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def hold(self, reason: str) -> None:
        if not self._holds and self._transport is not None:
            self._transport.pause_reading()
        self._holds.add(reason)

    def release(self, reason: str) -> None:
        if reason in self._holds:
            self._holds.discard(reason)
            if not self._holds and self._transport is not None and not self._transport.is_closing():
                self._transport.resume_reading()

    def say_continue(self, exchange: Exchange) -> None:
        if self._expects and exchange is self._reading and not exchange.answered:
            self._expects = False
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def close_when_idle(self) -> None:
        """No further request on this connection."""
        self.closing = True
        if self._current is None and self._tunnel is None and self._transport is not None:
            self._transport.close()

    def tunnel(self, receiver: Callable[[bytes | None], None]) -> asyncio.WriteTransport:
        transport = self._transport
        if transport is None:
            raise ClientGone("the connection has ended")
        self._tunnel, self._parser = receiver, None
        self._holds.clear()
        if not transport.is_reading():
            transport.resume_reading()
        if self._before_tunnel:
            data, self._before_tunnel = self._before_tunnel, b""
            asyncio.get_running_loop().call_soon(receiver, data)
        return transport

    def _refuse(self, status: int) -> None:
        if self._transport is not None:
            if self._current is None:
                phrase = _REASONS[status]
                self._transport.write(
                    b"HTTP/1.1 %d %b\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % (status, phrase)
                )
                self._transport.close()
            else:
                self._transport.abort()

    # -- parser

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > HEAD_BYTES:
            raise ValueError("the head is too large")
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        exchange = Exchange(self, self._target, self._headers)
        parser = self._parser
        exchange.method = parser.get_method()
        exchange.keep_alive = parser.should_keep_alive() and not self.closing
        exchange.upgrade = parser.should_upgrade()
        self._target, self._headers, self._head_bytes = b"", [], 0
        named = exchange.named
        if b"content-length" in named:
            exchange.length = int(named[b"content-length"])
            exchange.has_body = exchange.length > 0
            if exchange.length > self.body_bytes:
                exchange.fail(BodyTooLarge(f"the body is larger than {self.body_bytes} bytes"))
        if b"transfer-encoding" in named:
            exchange.has_body = True
        if named.get(b"expect", b"").lower() == b"100-continue":
            self._expects = True
        self._reading = exchange
        if self._current is None:
            self._current = exchange
            self._serve(exchange)
        else:
            self._next.append(exchange)
            self.hold("pipeline")

    def on_body(self, body: bytes) -> None:
        if self._reading is not None:
            self._reading.feed(body)

    def on_message_complete(self) -> None:
        self._expects = False
        exchange, self._reading = self._reading, None
        if exchange is not None:
            exchange.feed_end()
            if exchange is self._lingering:
                self._lingering = None
                self._go_on(exchange)

    def over(self, exchange: Exchange) -> None:
        """`exchange` was answered."""
        self._current = None
        if self._transport is None:
            return
        if not exchange.complete and exchange is self._reading:
            # Closing now would reset the connection under an answer that the client may not have read yet.
            self._lingering = exchange
            self._holds.discard("pipeline")
            self.release("body")
            asyncio.get_running_loop().call_later(_LINGER, self._linger_over, exchange)
            return
        self._go_on(exchange)

    def _linger_over(self, exchange: Exchange) -> None:
        if self._lingering is exchange:
            self.abort()

    def _go_on(self, exchange: Exchange) -> None:
        if self._transport is None:
            return
        if not exchange.keep_alive or self.closing or self._parser is None:
            self._transport.close()
            return
        self.release("body")
        if self._next:
            self._current = self._next.popleft()
            if not self._next:
                self.release("pipeline")
            self._serve(self._current)
