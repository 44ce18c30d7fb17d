"""A worker's Response onto the wire."""

from __future__ import annotations

from holdfast.runtime.python.exchange import BodyTooLarge, ClientGone, Exchange
from holdfast.runtime.python.invocations import Invocation
from holdfast.runtime.python.tunnel import BadHandshake, Tunnel
from holdfast.runtime.python.workers import Response
from holdfast.runtime.python.workers.streams import ReadableStream

PLAIN = [(b"content-type", b"text/plain; charset=utf-8")]


async def respond(exchange: Exchange, answer: Response, invocation: Invocation) -> None:
    """Send it whole or piece by piece; the worker's time does not run while the client reads slowly."""
    invocation.status = answer.status
    if answer.web_socket is not None:
        await _upgrade(exchange, answer, invocation)
        return
    if answer._used:
        raise TypeError("the answer's body was read before it was returned: return answer.clone() or a new Response")
    if answer._stream is None:
        exchange.answer(answer.status, answer.headers.wire(), answer._data or b"")
        return
    await _stream(exchange, answer, answer._stream, invocation)


async def _stream(exchange: Exchange, answer: Response, stream: ReadableStream, invocation: Invocation) -> None:
    length = answer.headers.get("content-length")
    exact = int(length) if length is not None and length.isdecimal() else None
    exchange.start(answer.status, answer.headers.wire(), exact)
    sent = 0
    try:
        while piece := await stream.read():
            invocation.suspend()
            await exchange.write(piece)
            invocation.renew()
            sent += len(piece)
    except BaseException:
        exchange.abort()
        raise
    finally:
        if not exchange.finished or sent:
            await stream.cancel()
    if exact is not None and sent != exact and exchange.method != b"HEAD":
        exchange.abort()
        raise ValueError(f"the answer promised {exact} bytes and had {sent}")
    exchange.finish()


async def _upgrade(exchange: Exchange, answer: Response, invocation: Invocation) -> None:
    if not exchange.upgrade:
        exchange.answer(426, [*PLAIN, (b"upgrade", b"websocket")], b"this address expects a WebSocket")
        invocation.status = 426
        return
    try:
        tunnel = Tunnel(exchange, answer.web_socket, invocation, answer.headers.wire())
    except BadHandshake as error:
        exchange.keep_alive = False
        exchange.answer(400, PLAIN, str(error).encode())
        invocation.status = 400
        return
    invocation.trigger = "websocket"
    invocation.suspend()
    await tunnel.run()


def refuse(exchange: Exchange, invocation: Invocation, status: int, text: str) -> None:
    """An answer of our own, unless the worker's has begun: then the connection is cut."""
    if exchange.finished:
        return
    if exchange.answered:
        exchange.abort()
        return
    invocation.status = status
    if not exchange.complete:
        exchange.keep_alive = False
    headers = [*PLAIN, (b"holdfast-invocation", invocation.id.encode())]
    exchange.answer(status, headers, text.encode())


def judge(exchange: Exchange, invocation: Invocation, error: BaseException) -> bool:
    """Whether `error` is no fault of the worker's code; answered here if so."""
    if isinstance(error, BodyTooLarge):
        refuse(exchange, invocation, 413, str(error))
        return True
    if isinstance(error, ClientGone):
        invocation.failed("cancelled")
        return True
    return False
