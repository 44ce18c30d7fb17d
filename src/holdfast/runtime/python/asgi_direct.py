"""A bare ASGI application on the wire, without Request and Response between."""

from __future__ import annotations

import asyncio
from typing import Any

from holdfast.runtime.python.exchange import ClientGone, Exchange
from holdfast.runtime.python.invocations import Invocation
from holdfast.runtime.python.respond import respond
from holdfast.runtime.python.workers import Headers, Request, asgi


async def serve_asgi(app: Any, exchange: Exchange, invocation: Invocation, url: str, env: Any) -> None:
    """Raises what the application raises, RuntimeError when it ends before its answer does."""
    lifespan = asgi.lifespan_of(app)
    if not lifespan.started:
        await lifespan.start()
    if exchange.upgrade:
        request = Request.from_wire("GET", url, Headers.from_wire(exchange.headers), None)
        if request.headers.get("upgrade", "").lower() == "websocket":
            await respond(exchange, await asgi.websocket(app, request, env), invocation)
            return
    scope = asgi.make_scope("http", exchange.method.decode("latin-1"), url, exchange.headers, env)
    scope["state"] = dict(lifespan.state)
    side = _Side(exchange, invocation)
    exchange.on_gone = side.client_gone
    await app(scope, side.receive, side.send)
    if side.gone:
        invocation.failed("cancelled")
    elif not side.ended:
        if exchange.answered:
            exchange.abort()
        raise RuntimeError("the application ended before its answer was complete")


class _Side:
    """receive and send of one request."""

    __slots__ = ("_exchange", "_given", "_head", "_invocation", "_over", "_waiter", "ended", "gone")

    def __init__(self, exchange: Exchange, invocation: Invocation) -> None:
        self._exchange = exchange
        self._invocation = invocation
        self._over = not exchange.has_body
        self._given = exchange.has_body  # the application was told of the body's end
        self._head: Any = None
        self._waiter: asyncio.Future[None] | None = None
        self.ended = False
        self.gone = False

    def client_gone(self) -> None:
        """The application hears of it by http.disconnect, and is cancelled if it does not end by itself."""
        self.gone = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        else:
            self._invocation.cancel("cancelled")

    async def receive(self) -> dict[str, Any]:
        if not self._over:
            piece = await self._exchange.read()
            self._over = not piece
            return {"type": "http.request", "body": piece, "more_body": bool(piece)}
        if not self._given:
            self._given = True
            return {"type": "http.request", "body": b"", "more_body": False}
        if not self.ended and not self.gone:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            self._head = message
            self._invocation.status = message["status"]
        elif kind == "http.response.body":
            await self._body(message.get("body", b""), message.get("more_body", False))

    async def _body(self, piece: bytes, more: bool) -> None:
        exchange, head = self._exchange, self._head
        if not head:
            raise RuntimeError("the application sent a body before http.response.start")
        if self.ended or exchange.finished:
            if self.gone:
                raise ClientGone("the connection has ended")
            return
        if not exchange.answered:
            headers = [(name.lower(), value) for name, value in head.get("headers", ())]
            if not more:
                exchange.answer(head["status"], headers, bytes(piece))
                self._end()
                return
            length = next((value for name, value in headers if name == b"content-length"), None)
            exchange.start(head["status"], headers, int(length) if length is not None else None)
        if piece:
            self._invocation.suspend()
            await exchange.write(bytes(piece))
            self._invocation.renew()
        if not more:
            exchange.finish()
            self._end()

    def _end(self) -> None:
        self.ended = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
