"""A session: one call between two workers, with whatever functions, objects and streams it gave to either side.

Nothing in it has a name outside of it: a number that was never given out stands for nothing, and one of another
session cannot be said. It belongs to one invocation at each end and is over with the first of the two; then all that
it held is disposed, and whoever still uses something of it is told so.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from holdfast.runtime.bindings.attributes import BindingError, BindingLost, JsDict
from holdfast.runtime.bindings.client_service import depth
from holdfast.runtime.bindings.values import LONGEST, Malformed, Parcel, decode, encode
from holdfast.runtime.python.rpc import frames
from holdfast.runtime.python.rpc.carrier import Carrier, Told, failure
from holdfast.runtime.python.rpc.exports import Exports
from holdfast.runtime.python.rpc.frames import CALL, CANCEL, CHUNK, END, FAILED, GRANT, RELEASE, RESULT, Wire, frame
from holdfast.runtime.python.workers import context
from holdfast.runtime.python.workers.rpc import RpcStub

CALLS: Final = 256  # of the other side, in work at once
CALL_BYTES: Final = 64 * 1024 * 1024  # of their arguments and of answers not taken yet
DEPTH: Final = 32
_UNSENT: Final = LONGEST + 4 * CALLS * 1024  # bytes: more does not wait for a peer that reads
_ENDED: Final = "the call was ended: it took longer than it may, or the worker that it ran in is being stopped"
GONE: Final = "the other worker has ended this call: what it gave cannot be used any more"

Busy = Callable[[float | None], None]
Root = Callable[[list[Any], dict[str, Any]], Awaitable[Any]]


class Session(Carrier):
    """One side of it. `told` gives an exception's name and message for the other side, and keeps what the log should
    have; `root` answers the call that begins the session, at the side that is called; `busy` hears, before and after
    each call of the other side, when the oldest that is in work began (on the monotonic clock), None for none."""

    def __init__(
        self, wire: Wire, exports: Exports, told: Told, root: Root | None = None, busy: Busy | None = None
    ) -> None:
        super().__init__(wire, exports, told)
        self.owner = context.invocation.get()
        self.keeps = False  # whether it stays although nothing in it is used
        self._root, self._busy = root, busy
        self._numbers = itertools.count(frames.ROOT)
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._running: dict[int, asyncio.Task[None]] = {}
        self._since: dict[int, float] = {}
        self._running_bytes = 0
        self._reason = GONE

    # -- calls of this side

    async def call(self, target: int, method: str | None, args: Sequence[Any], named: Mapping[str, Any]) -> Any:
        """Call what the other side has given. Raises BindingError, TypeError, Uncloneable."""
        return await self._ask(target, method, False, args, named)

    async def get(self, target: int, name: str) -> Any:
        """A property of what the other side has given. Raises BindingError."""
        return await self._ask(target, name, True, (), {})

    async def _ask(
        self, target: int, method: str | None, reading: bool, args: Sequence[Any], named: Mapping[str, Any]
    ) -> Any:
        self.check()
        packed = await self._packed([target, method, reading, depth.get() + 1, list(args), dict(named)])
        number = next(self._numbers)
        return await self.answer(number, self.expect(number), frame(CALL, number, packed))

    async def begin(self, packed: list[Any]) -> Any:
        """The call that begins it, at the caller's side: its arguments, packed already."""
        number = next(self._numbers)
        payload = encode([0, None, False, depth.get() + 1, *packed], LONGEST)
        return await self.answer(number, self.expect(number), frame(CALL, number, payload))

    async def first(self) -> Any:
        """The answer to the call that began it, made before there was a session."""
        number = next(self._numbers)
        return await self.answer(number, self.expect(number))

    def give(self, packed: bytes) -> None:
        """The answer to the call that began it, at the side that was called."""
        self._tell(frame(RESULT, frames.ROOT, packed))

    def expect(self, number: int) -> asyncio.Future[bytes]:
        """The answer to a call, as it will come."""
        self._waiting[number] = answer = asyncio.get_running_loop().create_future()
        return answer

    async def answer(self, number: int, answer: asyncio.Future[bytes], call: bytes = b"") -> Any:
        """The value of an answer to `call`, which is sent first. One that is not waited for any more is not computed
        any more either."""
        try:
            if call:
                await self._send(call)
            return decode(await answer, JsDict, memoryview, self.unpack)
        except asyncio.CancelledError:
            self._tell(frame(CANCEL, number))
            raise
        except Malformed:
            self.end()
            raise
        finally:
            self._waiting.pop(number, None)
            self.settle()

    def check(self) -> None:
        """Raises BindingError when whoever runs now cannot use what the other side has given."""
        if self.over:
            raise BindingLost("Error", self._reason)
        if context.invocation.get() is not self.owner:
            raise BindingError("Error", "a stub can only be used by the invocation that got it, not by another one")

    # -- the wire

    async def run(self) -> None:
        """Serve it until it is over; what it held is disposed then. Raises nothing of the other side's."""
        try:
            async for kind, number, payload in frames.frames(self._wire):
                self._take(kind, number, payload)
                if self.over or self._wire.get_write_buffer_size() > _UNSENT:
                    break  # it asks, and does not read its answers
        except asyncio.CancelledError:
            for number in self._running:
                self._tell(frame(FAILED, number, encode(["Error", _ENDED])))
            raise
        except (Malformed, ConnectionError):
            pass  # the other side speaks another language, or has gone: either way there is nobody to tell
        finally:
            self.end()
            if self._running:
                await asyncio.wait(self._running.values())

    def end(self, reason: str = GONE) -> None:
        """Nothing of it can be used any more, at either side."""
        if self.over:
            return
        self.over, self._reason = True, reason
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(BindingLost("Error", reason))
                answer.exception()  # nobody may be waiting any more
        self._waiting.clear()
        for inflow in self._flows.values():
            inflow.end(BindingLost("Error", reason))
        for task in self._running.values():
            task.cancel()
        self.exports.clear()
        self._wire.close()

    def settle(self) -> None:
        """The caller's side ends it as soon as nothing in it is used."""
        used = self.exports or self._stubs or self._flows or self._waiting or self._running
        if not used and not self.keeps:
            self.end()

    def _take(self, kind: int, number: int, payload: bytes) -> None:
        if kind in (RESULT, FAILED):
            self._answered(kind, number, payload)
        elif kind == CALL:
            self._accept(number, payload)
        elif kind == CANCEL:
            if (task := self._running.get(number)) is not None:
                task.cancel()
        elif kind == RELEASE:
            self.exports.release([number])
            self.settle()
        elif kind == GRANT:
            self._flow(number, int.from_bytes(payload[:4], "little"))
        elif kind in (CHUNK, END):
            self._arrived(kind, number, payload)
        else:
            raise Malformed(f"no frame has the kind {kind}")

    def _answered(self, kind: int, number: int, payload: bytes) -> None:
        answer = self._waiting.get(number)
        if answer is None or answer.done():
            if kind == RESULT:
                decode(payload, unpack=self.unpack)  # nobody waits any more: what it gave is released at once
        elif kind == RESULT:
            answer.set_result(payload)
        else:
            answer.set_exception(failure(payload))

    # -- calls of the other side

    def _accept(self, number: int, payload: bytes) -> None:
        if number in self._running:
            raise Malformed("a call has the number of one that runs")
        try:
            self._room(0, len(payload), len(self._running) + 1)
        except BindingError as error:
            self._tell(frame(FAILED, number, encode([error.name, str(error)])))
            return
        self._running_bytes += len(payload)
        self._since[number] = time.monotonic()
        self._running[number] = asyncio.ensure_future(self._serve(number, payload))
        self._count()

    def _room(self, own: int, size: int, calls: int = 0) -> None:
        """Raises BindingError without room for `size` bytes beside other calls; `own` of what is taken are its own."""
        if calls > CALLS or self._running_bytes - own + size > CALL_BYTES:
            words = f"more than {CALLS} calls, or {CALL_BYTES} bytes of their arguments and answers, in one session"
            raise BindingError("Overloaded", words)

    async def _serve(self, number: int, payload: bytes) -> None:
        given: list[RpcStub] = []
        size = len(payload)
        try:
            found = await self._called(payload, given)
            answer = frame(RESULT, number, await self._packed(found, partial(self._room, size)))
        except BaseException as error:  # noqa: BLE001 - whatever user code raises is its outcome
            answer = frame(FAILED, number, self._failure(error))
        self._running_bytes += len(answer)  # until it is taken
        try:
            del payload
            for stub in given:
                stub.dispose()
            await self._send(answer)
        finally:
            self._running.pop(number, None)
            self._since.pop(number, None)
            self._running_bytes -= size + len(answer)
            self._count()
            self.settle()

    async def _called(self, payload: bytes, given: list[RpcStub]) -> Any:
        def unpack(parcel: Parcel) -> Any:
            made = self.unpack(parcel)
            if isinstance(made, RpcStub):
                given.append(made)
            return made

        match decode(payload, JsDict, memoryview, unpack):
            case [
                int() as target,
                str() | None as method,
                bool() as reading,
                int() as deep,
                list() as args,
                dict() as named,
            ]:
                pass
            case _:
                raise Malformed("this is not a call")
        if deep > DEPTH:
            raise BindingError("Error", f"calls between workers went back and forth {DEPTH} times in a row")
        depth.set(max(deep, depth.get()))
        if target == 0 and self._root is not None:
            root, self._root = self._root, None
            return await root(args, dict(named))
        stub = self.exports.stub(target).dup()
        with stub:
            handle = stub._handle
            assert handle is not None  # noqa: S101 - for the type checker
            return await (handle.get(method) if reading and method else handle.call(method, args, dict(named)))

    def _count(self) -> None:
        if self._busy is not None:
            self._busy(next(iter(self._since.values()), None))
