"""A client's WebSocket (RFC 6455, frames by wsproto) joined to a worker's end of a pair."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage
from wsproto.extensions import PerMessageDeflate
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from holdfast.runtime.python.http1 import ClientGone, Exchange, Raw
from holdfast.runtime.python.invocations import Invocation
from holdfast.runtime.python.workers.sockets import Event, WebSocket

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
MESSAGE_BYTES = 32 * 1024 * 1024
_MOST_UNSENT = 16 * 1024 * 1024  # bytes for a client that does not read; then the socket is cut


class BadHandshake(ValueError):
    """The request is no WebSocket handshake of RFC 6455."""


def handshake(headers: Raw) -> tuple[Raw, list[PerMessageDeflate]]:
    """The headers that accept it, and the extensions both agreed on. Raises BadHandshake."""
    told = dict(headers)
    key = told.get(b"sec-websocket-key", b"")
    if told.get(b"sec-websocket-version") != b"13" or len(key) != 24:
        raise BadHandshake("not a WebSocket handshake of version 13")
    accept = base64.b64encode(hashlib.sha1(key + _MAGIC, usedforsecurity=False).digest())
    answer = [(b"upgrade", b"websocket"), (b"connection", b"Upgrade"), (b"sec-websocket-accept", accept)]
    extensions: list[PerMessageDeflate] = []
    for offer in told.get(b"sec-websocket-extensions", b"").decode("latin-1").split(","):
        if offer.strip().split(";")[0].strip() == "permessage-deflate" and not extensions:
            deflate = PerMessageDeflate()
            agreed = deflate.accept(offer.strip())
            if agreed is not None and agreed is not False:
                extensions.append(deflate)
                text = f"permessage-deflate; {agreed}" if isinstance(agreed, str) and agreed else "permessage-deflate"
                answer.append((b"sec-websocket-extensions", text.encode()))
    return answer, extensions


class Tunnel:
    """The network's side of one socket."""

    def __init__(self, exchange: Exchange, end: WebSocket, invocation: Invocation, headers: Raw) -> None:
        accepted, extensions = handshake(exchange.headers)
        self._invocation = invocation
        self._exchange = exchange
        self._frames = Connection(ConnectionType.SERVER, extensions=list(extensions))
        self._data: deque[bytes | None] = deque()
        self._arrived = asyncio.Event()
        own = [pair for pair in headers if pair[0] not in (b"upgrade", b"connection", b"content-length")]
        if any(b"\n" in value or b"\r" in value for _, value in own):
            raise ValueError("a header of the answer holds a line break")
        self._transport = exchange.take_over(101, [*accepted, *own], self._receive)
        self._worker = end.attach(self._send, exchange.drain)
        self._worker.failed = self._failed

    def _receive(self, data: bytes | None) -> None:
        self._data.append(data)
        self._arrived.set()
        if sum(len(each) for each in self._data if each) > 1 << 20 and isinstance(self._transport, asyncio.Transport):
            self._transport.pause_reading()

    def _failed(self, error: BaseException) -> None:
        told = self._invocation.registry.describe(error)
        self._invocation.log("error", told["stack"])
        self._invocation.failed("exception", told)
        self.close(1011, "the worker failed")

    def _send(self, event: Event) -> None:
        """What the worker sends. Never waits: a client that reads nothing is cut at 16 MiB."""
        if self._transport.is_closing():
            return
        if event.type == "close":
            self.close(1000 if event.code == 1005 else event.code, event.reason)
            return
        if self._frames.state is not ConnectionState.OPEN:
            return
        message = TextMessage(event.data) if isinstance(event.data, str) else BytesMessage(event.data)
        self._transport.write(self._frames.send(message))
        if self._transport.get_write_buffer_size() > _MOST_UNSENT:
            self._invocation.log("warn", "a socket was cut: its client reads nothing and 16 MiB wait for it")
            self._transport.abort()

    def close(self, code: int, reason: str = "") -> None:
        """Begin the closing handshake, if nobody has."""
        if self._frames.state is ConnectionState.OPEN and not self._transport.is_closing():
            short = reason.encode()[:120].decode(errors="ignore")
            self._transport.write(self._frames.send(CloseConnection(code, short or None)))

    async def run(self) -> None:
        """Until the socket has closed and the listeners are done."""
        try:
            async for event in self._events():
                self._worker.arrive(event)
                if event.type == "close":
                    break
        finally:
            if not self._transport.is_closing():
                self._transport.close()
        self._invocation.renew()
        while self._worker.busy:
            await asyncio.wait(set(self._worker.busy))

    async def _events(self) -> AsyncIterator[Event]:
        parts: list[Any] = []
        size = 0
        while True:
            data = await self._next()
            if data is None:
                yield Event("close", code=1006, reason="", wasClean=False)
                return
            try:
                self._frames.receive_data(data)
                for frame in self._frames.events():
                    if isinstance(frame, Ping):
                        self._transport.write(self._frames.send(Pong(frame.payload)))
                    elif isinstance(frame, CloseConnection):
                        self._answer_close(frame)
                        yield Event("close", code=frame.code, reason=frame.reason or "", wasClean=True)
                        return
                    elif isinstance(frame, TextMessage | BytesMessage):
                        parts.append(frame.data)
                        size += len(frame.data)
                        if size > MESSAGE_BYTES:
                            self.close(1009, "the message is too large")
                            yield Event("close", code=1009, reason="the message is too large", wasClean=False)
                            return
                        if frame.message_finished:
                            text = isinstance(frame, TextMessage)
                            whole: Any = "".join(parts) if text else b"".join(bytes(part) for part in parts)
                            parts, size = [], 0
                            yield Event("message", data=whole)
            except RemoteProtocolError as error:
                if error.event_hint is not None and isinstance(error.event_hint, CloseConnection):
                    self._transport.write(self._frames.send(error.event_hint))
                yield Event("close", code=1002, reason=str(error), wasClean=False)
                return

    def _answer_close(self, frame: CloseConnection) -> None:
        if self._frames.state is ConnectionState.OPEN:  # no frame of the client's: what it sent could not be parsed
            self.close(frame.code, frame.reason or "")
        elif self._frames.state is ConnectionState.REMOTE_CLOSING:
            try:
                self._transport.write(self._frames.send(frame.response()))
            except LocalProtocolError:
                self._transport.close()

    async def _next(self) -> bytes | None:
        while not self._data:
            self._arrived.clear()
            await self._arrived.wait()
        data = self._data.popleft()
        if not self._data and isinstance(self._transport, asyncio.Transport) and not self._transport.is_closing():
            self._transport.resume_reading()
        return data


__all__ = ["BadHandshake", "ClientGone", "Tunnel", "handshake"]
