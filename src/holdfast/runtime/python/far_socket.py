"""A WebSocket that a worker opened, to another worker or to a server outside: this side is the client's (RFC 6455, by
wsproto)."""

from __future__ import annotations

import asyncio
from typing import Protocol

from wsproto.connection import Connection, ConnectionType

from holdfast.runtime.python.invocations import Invocation
from holdfast.runtime.python.joint import Joint, Transport
from holdfast.runtime.python.workers import context
from holdfast.runtime.python.workers.sockets import WebSocket, WebSocketPair

_open: set[asyncio.Task[None]] = set()  # the loop itself keeps no task alive


class Wire(Transport, Protocol):
    """Raw bytes to and from the other side."""

    async def drain(self) -> None: ...

    async def read(self) -> bytes | None: ...


class FarSocket(Joint):
    """The network's side of it. The socket lasts as long as the invocation that opened it, or that passed it on."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(Connection(ConnectionType.CLIENT), wire)
        self._wire = wire
        self._running = context.invocation.get()
        self._far, _ = WebSocketPair()
        self.near: WebSocket = self._far.attach(self._send, wire.drain)

    @classmethod
    def open(cls, wire: Wire) -> WebSocket:
        """The worker's end: to be accepted and used, or given to a client with the answer."""
        made = cls(wire)
        task = asyncio.ensure_future(made._run())
        _open.add(task)
        task.add_done_callback(_open.discard)
        if isinstance(made._running, Invocation):
            made._running.ends = [*(made._running.ends or ()), wire.close]
        return made.near

    async def _run(self) -> None:
        try:
            async for event in self._events():
                self._far.deliver(event)
                if event.type == "close":
                    break
        finally:
            self._wire.close()

    def _cut(self) -> None:
        if self._running is not None:
            self._running.log("warn", "a socket was cut: the other side reads nothing and 16 MiB wait for it")

    async def _next(self) -> bytes | None:
        return await self._wire.read()
