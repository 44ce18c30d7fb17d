"""A connection from outside: one request after the other, each passed on as it comes, each answer as it is taken."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from os import urandom
from typing import TYPE_CHECKING, cast

from holdfast.runtime.edge import answers
from holdfast.runtime.edge.answers import Refusal
from holdfast.runtime.edge.bodies import Body, TooLarge
from holdfast.runtime.edge.chunks import BadChunks
from holdfast.runtime.edge.exchange import Exchange
from holdfast.runtime.edge.forward import CONTINUE
from holdfast.runtime.edge.heads import BadHead, Request, cannot_end_well, read_request
from holdfast.runtime.edge.routes import Table
from holdfast.runtime.edge.upstream import Upstream

if TYPE_CHECKING:
    from holdfast.runtime.edge.server import Edge

_NEVER = float("inf")
# Waiting for a head; for the worker while a body waits; for the body; for the answer; raw bytes; the end.
_HEAD, _CONNECTING, _BODY, _ANSWER, _TUNNEL, _DRAIN = range(6)


def _ids() -> Iterator[str]:
    """16 hexadecimal digits each that nobody can guess; a system call for a thousand of them."""
    while True:
        many = urandom(8000).hex()
        for at in range(0, len(many), 16):
            yield many[at : at + 16]


request_id = _ids().__next__


class Client(asyncio.Protocol):
    """`front`: the connection is from a server of ours (Caddy), whose word on the client's address counts.

    Nothing is read that could not be passed on at once: what waits here is at most one read of either side and the
    buffer of a socket. `deadline` (the loop's seconds) is looked at by the edge's ticker.
    """

    __slots__ = (
        "_address",
        "_begun",
        "_body",
        "_buffer",
        "_exchange",
        "_front",
        "_last",
        "_reading",
        "_stalled",
        "_state",
        "deadline",
        "edge",
        "transport",
    )

    def __init__(self, edge: Edge, *, front: bool = False) -> None:
        self.edge, self._front = edge, front
        self._state = _HEAD
        self._buffer = b""
        self._body: Body | None = None
        self._exchange: Exchange | None = None
        self._last: tuple[bytes, Table, Exchange] | None = None  # a head that may come again, and who let it in
        self._reading = True
        self._stalled = False
        self._begun = 0.0
        self.deadline = _NEVER

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        edge = self.edge
        if not edge.admit(self):
            self._state = _DRAIN
            self.transport.abort()
            return
        self.transport.set_write_buffer_limits(high=edge.limits.buffer_bytes)
        peer = transport.get_extra_info("peername")
        self._address = peer[0].encode() if isinstance(peer, tuple) else b""
        self.deadline = edge.now + edge.limits.head_seconds

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.edge.clients.discard(self)
        self._state = _DRAIN
        if self._exchange is not None:
            exchange, self._exchange = self._exchange, None
            exchange.cancel()

    def eof_received(self) -> None:
        """Whoever says no more is taken to have gone: from a whole end it cannot be told. The transport closes."""

    def data_received(self, data: bytes) -> None:
        state = self._state
        if state == _HEAD:
            self._head(self._buffer + data if self._buffer else data)
        elif state == _BODY:
            self._upload(data)
        elif state == _TUNNEL:
            exchange = self._exchange
            if exchange is not None and exchange.upstream is not None:
                exchange.upstream.write(data)
                self.progress()
        elif state != _DRAIN:
            self._buffer += data
            self.settle()

    # The request.

    def _head(self, data: bytes) -> None:
        limits = self.edge.limits
        if data[:2] == b"\r\n":  # RFC 9112, 2.2: some send one behind a body
            data = data[2:]
        end = data.find(b"\r\n\r\n")
        try:
            if (end if end >= 0 else len(data)) > limits.head_bytes:
                raise BadHead(431, "head_too_large", f"the head of a request has at most {limits.head_bytes} bytes")
            if end >= 0:
                head, rest = data[: end + 4], data[end + 4 :]
                last = self._last
                if last is not None and last[0] == head and last[1] is self.edge.table:
                    self._ask(last[2].repeat(request_id()), rest)
                    return
                request = read_request(head, limits)
            elif cannot_end_well(data):
                raise BadHead(400, "request_malformed", "this request cannot be read")
            else:
                if not self._buffer:
                    self.deadline = self.edge.now + limits.head_seconds
                self._buffer = data
                return
        except BadHead as error:
            self._exchange = Exchange(self, Request(), request_id())
            self._refuse(Refusal(error.status, error.code, error.message), close=True)
            return
        self._begin(request, head, rest)

    def _begin(self, request: Request, head: bytes, rest: bytes) -> None:
        edge, table = self.edge, self.edge.table
        exchange = self._exchange = Exchange(self, request, request_id())
        peer, proto = self._address, b"http"
        if self._front:
            named = request.named
            peer = named.get(b"x-forwarded-for", b"").rpartition(b",")[2].strip()
            proto = b"https" if named.get(b"x-forwarded-proto") == b"https" else proto
        refusal = exchange.admit(edge.find(request.host, request.target), peer, proto)
        if refusal is not None:
            self._buffer = rest
            self._refuse(refusal, close=request.length != 0)
            return
        short = len(head) <= edge.limits.known_head_bytes
        self._last = None
        if self._begun and short and exchange.repeatable:  # who asks once only need not be remembered
            self._last = (head, table, exchange)
        self._ask(exchange, rest)

    def _ask(self, exchange: Exchange, rest: bytes) -> None:
        """Pass it on: it was let in."""
        edge, request, route = self.edge, exchange.request, exchange.route
        assert route is not None  # noqa: S101 - nobody was refused
        self._exchange, self._buffer = exchange, rest
        self._body = Body(request.length, route.body_bytes) if request.length else None
        self._begun = edge.loop.time()
        upstream = edge.pool.take(exchange.path)
        if self._body is None:
            self._asked()
            exchange.replay = exchange.wire
        else:
            self._state, self.deadline = _CONNECTING, _NEVER
        if upstream is not None:
            self.connected(upstream)
        else:
            exchange.connect()
            self.settle()

    def connected(self, upstream: Upstream) -> None:
        """The worker takes the request."""
        exchange = self._exchange
        if exchange is None:
            upstream.finish()
            return
        if self._state != _CONNECTING:
            exchange.send(upstream, exchange.replay or exchange.wire)
            self.settle()
            return
        rest, self._buffer = self._buffer, b""
        first = self._content(rest)
        if first is None:
            upstream.finish()
            return
        body = self._body
        assert body is not None  # noqa: S101 - this state is for bodies
        exchange.sent_body = bool(first)
        exchange.replay = exchange.wire + first if body.done or not first else None
        self._state = _BODY
        exchange.send(upstream, exchange.wire + first)
        if body.done:
            self._whole(body)
        else:
            if exchange.request.expects and not first:
                exchange.request.expects = False  # said once, also when it is sent again
                self.write(CONTINUE)
            self.progress()
        self.settle()

    def _upload(self, data: bytes) -> None:
        exchange, body = self._exchange, self._body
        if exchange is None or body is None or exchange.upstream is None:
            return
        content = self._content(data)
        if content is None:
            return
        if content:
            exchange.sent_body, exchange.replay = True, None
            exchange.upstream.write(content)
        if body.done:
            self._whole(body)
            self.settle()
        else:
            self.progress()

    def _content(self, data: bytes) -> bytes | None:
        """None = refused, and said so."""
        body = self._body
        assert body is not None  # noqa: S101 - asked for bodies only
        try:
            return body.feed(data)
        except TooLarge:
            self.refuse(answers.TOO_LARGE)
        except BadChunks:
            self.refuse(answers.BODY_MALFORMED)
        return None

    def _whole(self, body: Body) -> None:
        self._buffer = body.rest
        self._asked()

    def _asked(self) -> None:
        """The request is complete; the worker has its time, and a little more to say that it was not enough."""
        self._state = _ANSWER
        exchange = self._exchange
        if exchange is not None and exchange.route is not None and not exchange.answering:
            self.deadline = self.edge.now + exchange.route.timeout_seconds + self.edge.limits.grace_seconds
        else:
            self.progress()

    @property
    def request_complete(self) -> bool:
        return self._state in (_ANSWER, _TUNNEL)

    @property
    def waited(self) -> float:
        """Seconds since the worker was asked."""
        return self.edge.loop.time() - self._begun

    # The answer.

    def write(self, data: bytes) -> None:
        if self._state != _DRAIN:
            self.transport.write(data)

    def again(self) -> None:
        """The connection had ended before the worker heard of the request: on a new one, once."""
        if self._state == _BODY:
            self._state, self.deadline = _CONNECTING, _NEVER
        exchange = self._exchange
        if exchange is not None:
            exchange.connect()
            self.settle()

    def refuse(self, refusal: Refusal) -> None:
        """Answer instead of the worker; when its answer has begun, there is nothing but to end."""
        exchange = self._exchange
        if exchange is None:
            return
        if exchange.answering:
            self.cut_off()
            return
        exchange.cancel()
        self._refuse(refusal, close=self._state in (_BODY, _CONNECTING))

    def _refuse(self, refusal: Refusal, *, close: bool) -> None:
        exchange = self._exchange
        assert exchange is not None  # noqa: S101 - whoever calls has set it
        edge = self.edge
        edge.refused += 1
        close = close or exchange.close or edge.closing
        if exchange.cors and refusal.status != 204:
            refusal = Refusal(
                refusal.status, refusal.code, refusal.message, refusal.hint, (*refusal.fields, *exchange.cors)
            )
        accept = exchange.request.named.get(b"accept", b"")
        self.write(answers.render(refusal, exchange.id, accept, head_only=exchange.head_only, close=close))
        self._exchange = None
        if close:
            self._linger()
        else:
            self._next_request()

    def finished(self, *, close: bool) -> None:
        """The answer has ended."""
        self._exchange = None
        if self._state == _BODY:  # the worker did not want to hear the rest
            self._linger()
        elif close or self.edge.closing:
            self._end()
        else:
            self._next_request()

    def cut_off(self) -> None:
        """End without the end of the answer, so that nobody takes a part for the whole."""
        if self._exchange is not None:
            exchange, self._exchange = self._exchange, None
            exchange.cancel()
        self._end()

    def tunnel(self) -> None:
        """From here on bytes are not ours."""
        self._state = _TUNNEL
        early, self._buffer = self._buffer, b""
        exchange = self._exchange
        if early and exchange is not None and exchange.upstream is not None:
            exchange.upstream.write(early)
        self.progress()
        self.settle()

    def _next_request(self) -> None:
        self._state, self._body = _HEAD, None
        self.deadline = self.edge.now + self.edge.limits.idle_seconds
        if self._buffer:
            self.edge.loop.call_soon(self._pipelined)
        elif self._stalled or not self._reading:
            self.settle()

    def _pipelined(self) -> None:
        """A request that came with the one before; not while its answer is not taken."""
        if self._state == _HEAD and self._buffer and not self._stalled:
            data, self._buffer = self._buffer, b""
            self._head(data)
        self.settle()

    def _linger(self) -> None:
        """Say no more, and read what still comes for a moment: to close now would take our words back on the way."""
        self._state, self._buffer, self._body = _DRAIN, b"", None
        self.deadline = self.edge.now + self.edge.limits.linger_seconds
        if not self.transport.is_closing():
            if self.transport.can_write_eof():
                self.transport.write_eof()
            self.settle()

    def _end(self) -> None:
        self._state, self._buffer = _DRAIN, b""
        self.deadline = self.edge.now + self.edge.limits.send_seconds
        self.transport.close()

    # The flow.

    def settle(self) -> None:
        """Read on, or not: whatever comes must have a place to go."""
        state = self._state
        if state in (_BODY, _TUNNEL):
            upstream = self._exchange.upstream if self._exchange is not None else None
            want = upstream is not None and not upstream.blocked
            self.progress()
        elif state == _HEAD:
            want = not self._stalled
        else:
            want = state == _DRAIN or not self._buffer
        if want != self._reading and not self.transport.is_closing():
            self._reading = want
            if want:
                self.transport.resume_reading()
            else:
                self.transport.pause_reading()

    def pause_writing(self) -> None:
        self._stalled = True
        self.deadline = self.edge.now + self.edge.limits.send_seconds
        if self._exchange is not None and self._exchange.upstream is not None:
            self._exchange.upstream.pause()

    def resume_writing(self) -> None:
        self._stalled = False
        if self._exchange is not None and self._exchange.upstream is not None:
            self._exchange.upstream.resume()
            self.progress()
        elif self._state == _HEAD:
            self._next_request()

    def progress(self) -> None:
        """Something moved: the next wait begins."""
        if self._stalled:
            return
        limits, now = self.edge.limits, self.edge.now
        if self._state == _BODY:
            exchange, body = self._exchange, self._body
            if exchange is not None and exchange.upstream is not None and exchange.upstream.blocked:
                self.deadline = now + limits.stream_seconds  # it is the worker that does not take it
                self._begun = now
            elif body is not None:
                rated = self._begun + limits.body_seconds + body.seen / limits.body_rate
                self.deadline = min(now + limits.body_seconds, rated)
        elif self._state == _TUNNEL:
            self.deadline = now + limits.tunnel_seconds
        else:
            self.deadline = now + limits.stream_seconds

    def expired(self) -> None:
        """The time for what should have come is over."""
        state, exchange = self._state, self._exchange
        if state == _HEAD:
            if self._buffer:
                self._exchange = Exchange(self, Request(), request_id())
                self._refuse(answers.TOO_SLOW, close=True)
            else:
                self._end()
                self.deadline = _NEVER
        elif state == _DRAIN or self._stalled or exchange is None:
            self.transport.abort()
        elif exchange.answering:
            self.cut_off()
        elif state == _BODY:
            upstream = exchange.upstream
            self.refuse(answers.TIMEOUT if upstream is not None and upstream.blocked else answers.TOO_SLOW)
        else:
            self.refuse(answers.TIMEOUT)

    def wind_up(self) -> None:
        """The edge ends: with the answer to what is asked; one that has just come may still ask."""
        if self._state == _HEAD and not self._buffer:
            if self._begun:
                self._end()
            else:
                self.deadline = self.edge.now + self.edge.limits.linger_seconds
        elif self._state == _TUNNEL:
            self.cut_off()
