"""Methods of another worker, called through a service binding: plain values by the short way, the rest in a session."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from holdfast.runtime.bindings.attributes import BindingError, JsDict, JsError
from holdfast.runtime.bindings.client_service import Service
from holdfast.runtime.bindings.frames import TICKET
from holdfast.runtime.bindings.values import decode, encode
from holdfast.runtime.python import parcels
from holdfast.runtime.python.invocations import CpuExceeded, Invocation
from holdfast.runtime.python.rpc import frames
from holdfast.runtime.python.rpc.exports import Exports
from holdfast.runtime.python.rpc.session import Session
from holdfast.runtime.python.workers import context

SESSIONS: Final = 64  # of one invocation at once
_ENDED: Final = "this stub's invocation has ended: what a call gave can be used while that call is handled, not later"
_open: dict[Invocation, set[Session]] = {}
_tasks: set[asyncio.Future[None]] = set()  # the loop itself keeps no task alive


async def call(service: Service, method: str, args: Sequence[Any], named: Mapping[str, Any]) -> Any:
    """The method's result. Bytes arrive as a memoryview, as Cloudflare's do. Raises TypeError or Uncloneable for what
    cannot be sent, BindingError for what the other worker raised."""
    exports = Exports()
    try:
        packed = await parcels.packed([list(args), dict(named)], exports.add)
        if not exports:
            payload = await service.call(method, encode(packed))
            if payload[:1] != TICKET:
                return decode(payload, JsDict, memoryview, parcels.unpacked)
            return await _join(service, payload[1:])
        _running()
        session = _begin(await service.session(method), exports)
    except BaseException:
        exports.clear()
        raise
    return await session.begin(packed)


async def _join(service: Service, ticket: bytes) -> Any:
    """The answer holds something that stays with the other worker: the session that it has begun."""
    return await _begin(await service.join(ticket), Exports()).first()


def _running() -> Invocation:
    """The invocation that a new session will belong to. Raises BindingError."""
    running = context.invocation.get()
    if not isinstance(running, Invocation) or running not in running.registry.active:
        raise BindingError("Error", "functions, objects and streams travel only while a request or event is handled")
    if len(_open.get(running, ())) >= SESSIONS:
        words = f"this invocation keeps what {SESSIONS} calls of other workers gave it: dispose() what is not needed"
        raise BindingError("Overloaded", words)
    return running


def _begin(wire: frames.Wire, exports: Exports) -> Session:
    try:
        running = _running()
    except BindingError:
        wire.close()
        raise
    session = Session(wire, exports, _told)
    if running not in _open:
        _open[running] = set()
        running.ends = [*(running.ends or ()), lambda: _end(running)]
    _open[running].add(session)
    task = asyncio.ensure_future(session.run())
    _tasks.add(task)

    def done(task: asyncio.Future[None]) -> None:
        _tasks.discard(task)
        _open.get(running, set()).discard(session)

    task.add_done_callback(done)
    return session


def _end(running: Invocation) -> None:
    for session in list(_open.pop(running, ())):
        session.end(_ENDED)


def _told(error: BaseException) -> tuple[str, str]:
    """What a function that was passed has raised, for whoever called it. Not a failure of this invocation, which may
    expect it."""
    running = context.invocation.get()
    if isinstance(error, CpuExceeded) and isinstance(running, Invocation):
        running.cancel("exceededCpu")
    return error.name if isinstance(error, JsError) else type(error).__name__, str(error)
