"""HTTP/1.1 of the worker's listeners: httptools parses, bodies stream both ways, a slow side stops the other.

Comes from the edge or from our own processes only, which have refused ambiguous framing already; the limits here are
a second wall.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httptools

from holdfast.runtime.python.exchange import REASONS, BodyTooLarge, ClientGone, Exchange, Raw

HEAD_BYTES = 128 * 1024
_LAST, _ID = b"holdfast-request-id", 16  # the last line of a head of the edge's; the id's length
_BREAK = b"\r\n\r\n"
_KEPT = 2048  # bytes of a head that may come again
_LINGER = 5.0  # seconds in which the rest of a body that nobody wants may come


@dataclass(frozen=True, slots=True)
class Known:
    """What came last on a connection, whole: `opening` is all of it up to the request's id, `headers` those before."""

    opening: bytes
    method: bytes
    target: bytes
    length: int | None
    headers: tuple[tuple[bytes, bytes], ...]


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
        self._begun: Exchange | None = None  # whose head has come in this read
        self._begun_headers: tuple[tuple[bytes, bytes], ...] = ()  # as they came: what is served may be changed
        self._known: Known | None = None
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
        if self._known is not None:
            known, self._known = self._known, None
            if self._repeats(known, data):
                self._known = known
                return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._before_tunnel = data[upgrade.args[0] :]
            self._parser = None
        except (httptools.HttpParserError, ValueError):
            self._refuse(400)
        else:
            if (begun := self._begun) is not None:
                self._begun = None
                self._known = self._learned(begun, data)

    def _repeats(self, known: Known, data: bytes) -> bool:
        """Whether this is the last head again, but for the request's id: then it need not be parsed."""
        request_id = data[len(known.opening) : -4]
        if len(request_id) != _ID or self._current is not None:
            return False
        if not (data.startswith(known.opening) and data.endswith(_BREAK) and request_id.isalnum()):
            return False
        exchange = Exchange(self, known.target, [*known.headers, (_LAST, request_id)])
        exchange.method, exchange.length = known.method, known.length
        exchange.keep_alive = not self.closing
        exchange.feed_end()
        self._current = exchange
        self._serve(exchange)
        return True

    def _learned(self, exchange: Exchange, data: bytes) -> Known | None:
        """The head that has just come, if `data` is this head alone, from its first line to the id that the edge writes
        last: so that the parser stands between two requests as long as it is kept."""
        if len(data) > _KEPT or self._reading is not None or exchange.has_body or exchange.upgrade or self.closing:
            return None
        opening, raw = data[: -_ID - 4], self._begun_headers
        first = b"%b %b HTTP/1.1\r\n" % (exchange.method, exchange.target)
        whole = data.startswith(first) and data.find(_BREAK) == len(data) - 4 and opening.endswith(_LAST + b": ")
        if not (whole and exchange.keep_alive and raw and raw[-1] == (_LAST, data[-_ID - 4 : -4])):
            return None
        return Known(opening, exchange.method, exchange.target, exchange.length, raw[:-1])

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
                phrase = REASONS[status]
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
        self._begun_headers = tuple(self._headers)
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
        self._reading = self._begun = exchange
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
