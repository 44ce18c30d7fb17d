"""A method of this worker, called by another one: answered plainly, or the beginning of a session."""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from holdfast.runtime.bindings.attributes import BindingError, JsDict, JsError
from holdfast.runtime.bindings.values import decode_call, encode, encode_error
from holdfast.runtime.python import parcels
from holdfast.runtime.python.exchange import Exchange
from holdfast.runtime.python.invocations import Invocation
from holdfast.runtime.python.rpc.exports import Exports
from holdfast.runtime.python.rpc.session import Session

if TYPE_CHECKING:
    from holdfast.runtime.python.deliver import Delivery

SESSIONS: Final = 128  # that others have open in this process, each with a connection
HEADER: Final = b"holdfast-rpc"
_VALUES: Final = [(b"content-type", b"application/octet-stream")]
_TAKEN: Final = [(b"upgrade", b"holdfast-rpc"), (b"connection", b"Upgrade")]
_HELD: Final = 1024 * 1024  # bytes kept before reading stops
_open: set[Session] = set()


async def serve(
    delivery: Delivery, exchange: Exchange, invocation: Invocation, method: str, entrypoint: str | None
) -> None:
    """Answer `POST /rpc/<method>`. The state process says with a header whether a session may or must begin."""
    mode = exchange.named.get(HEADER)
    exports = Exports()

    async def root(args: list[Any], named: dict[str, Any]) -> Any:
        result = delivery.method(method, entrypoint)(*args, **named)
        return await result if inspect.isawaitable(result) else result

    def failed(error: BaseException) -> tuple[str, str]:
        told = delivery.event_failed(invocation, error)
        return error.name if isinstance(error, JsError) else told["type"], told["message"]

    try:
        if mode == b"session":
            _room()
            invocation.status = 200
            await _session(exchange, invocation, exports, failed, root)
            return
        args, named = decode_call(await whole(exchange), JsDict, memoryview, parcels.unpacked)
        body = encode(await parcels.packed(await root(args, named), exports.add))
        invocation.status = 200
        if not exports:
            exchange.answer(200, _VALUES, body)
            return
        if mode is None:
            raise BindingError("DataCloneError", "a function, an object or a stream can only be given to a worker")
        _room()
        await _session(exchange, invocation, exports, failed, body)
    except BaseException as error:  # noqa: BLE001 - whatever user code raises is its outcome
        name, message = failed(error)
        if not exchange.finished:
            invocation.status = 500
            exchange.answer(500, _VALUES, encode_error(name, message))
    finally:
        exports.clear()
        delivery.over(invocation)


def _room() -> None:
    if len(_open) >= SESSIONS:
        words = f"others keep what {SESSIONS} calls of this worker gave them: it gives no more until they end"
        raise BindingError("Overloaded", words)


async def _session(
    exchange: Exchange,
    invocation: Invocation,
    exports: Exports,
    failed: Callable[[BaseException], tuple[str, str]],
    first: Any,
) -> None:
    """Serve one until the caller ends it. `first` is the method, to be called by it, or the result it has given."""

    def busy(since: float | None) -> None:
        invocation.answered = since is None  # what only waits for its caller takes no place
        if invocation.cancelled_at is None:
            seconds = invocation.registry.limits.timeout_seconds
            invocation.deadline = None if since is None else since + seconds

    wire = _Connection(exchange)
    session = Session(wire, exports, failed, None if isinstance(first, bytes) else first, busy)
    session.keeps = True
    _open.add(session)
    try:
        if isinstance(first, bytes):
            busy(None)
            session.give(first)
        await session.run()
    finally:
        _open.discard(session)
        invocation.answered = True


class _Connection:
    """The connection that the call came on, taken over."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._came: deque[bytes | None] = deque()
        self._bytes = 0
        self._arrived = asyncio.Event()
        self._transport: Any = exchange.take_over(101, _TAKEN, self._receive)

    def _receive(self, data: bytes | None) -> None:
        self._came.append(data)
        self._bytes += len(data or b"")
        self._arrived.set()
        if self._bytes > _HELD and not self._transport.is_closing():
            self._transport.pause_reading()

    async def read(self) -> bytes | None:
        while not self._came:
            self._arrived.clear()
            await self._arrived.wait()
        data = self._came.popleft()
        self._bytes -= len(data or b"")
        if not self._came and not self._transport.is_closing():
            self._transport.resume_reading()
        return data

    def write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)

    def get_write_buffer_size(self) -> int:
        return 0 if self._transport.is_closing() else int(self._transport.get_write_buffer_size())

    async def drain(self) -> None:
        await self._exchange.drain()

    def close(self) -> None:
        if not self._transport.is_closing():
            self._transport.close()


async def whole(exchange: Exchange) -> bytes:
    """The request's body. Raises BodyTooLarge, ClientGone."""
    pieces = []
    while piece := await exchange.read():
        pieces.append(piece)
    return b"".join(pieces)
