"""A client's WebSocket (RFC 6455, frames by wsproto) joined to a worker's end of a pair."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections import deque
from typing import Any

from wsproto.connection import Connection, ConnectionType
from wsproto.extensions import PerMessageDeflate

from holdfast.runtime.python.exchange import ClientGone, Exchange, Raw
from holdfast.runtime.python.invocations import Invocation
from holdfast.runtime.python.joint import Joint
from holdfast.runtime.python.workers.sockets import WebSocket

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


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


class Tunnel(Joint):
    """The network's side of one socket."""

    def __init__(self, exchange: Exchange, end: WebSocket, invocation: Invocation, headers: Raw) -> None:
        accepted, extensions = handshake(exchange.headers)
        self._invocation = invocation
        self._exchange = exchange
        self._data: deque[bytes | None] = deque()
        self._arrived = asyncio.Event()
        own = [pair for pair in headers if pair[0] not in (b"upgrade", b"connection", b"content-length")]
        if any(b"\n" in value or b"\r" in value for _, value in own):
            raise ValueError("a header of the answer holds a line break")
        wire: Any = exchange.take_over(101, [*accepted, *own], self._receive)
        super().__init__(Connection(ConnectionType.SERVER, extensions=list(extensions)), wire)
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

    def _cut(self) -> None:
        self._invocation.log("warn", "a socket was cut: its client reads nothing and 16 MiB wait for it")

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

    async def _next(self) -> bytes | None:
        while not self._data:
            self._arrived.clear()
            await self._arrived.wait()
        data = self._data.popleft()
        if not self._data and isinstance(self._transport, asyncio.Transport) and not self._transport.is_closing():
            self._transport.resume_reading()
        return data


__all__ = ["BadHandshake", "ClientGone", "Tunnel", "handshake"]
