"""What travels in a session: values, and by number what one side gives the other: stubs and streams."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from holdfast.runtime.bindings.attributes import raised
from holdfast.runtime.bindings.values import LONGEST, Malformed, Parcel, decode, encode, whole_text
from holdfast.runtime.python import parcels
from holdfast.runtime.python.rpc.exports import MOST, Exports
from holdfast.runtime.python.rpc.flows import Inflow, Source
from holdfast.runtime.python.rpc.frames import CHUNK, END, GRANT, RELEASE, Wire, frame
from holdfast.runtime.python.workers.rpc import Handle, RpcStub
from holdfast.runtime.python.workers.streams import ReadableStream

Told = Callable[[BaseException], tuple[str, str]]
"""An exception's name and message for the other side; keeps what the log should have."""


class Carrier(ABC):
    """The wire of a session, what this side has exported and what the other side has."""

    def __init__(self, wire: Wire, exports: Exports, told: Told) -> None:
        self.exports = exports
        self.over = False
        self._wire, self._told = wire, told
        self._sending = asyncio.Lock()
        self._stubs: set[int] = set()  # the other side's
        self._flows: dict[int, Inflow] = {}  # the other side's

    @abstractmethod
    def end(self) -> None:
        """Nothing of it can be used any more, at either side."""

    @abstractmethod
    def settle(self) -> None:
        """Something is not used any more."""

    @abstractmethod
    def check(self) -> None:
        """Raises BindingError when whoever runs now cannot use what the other side has given."""

    @abstractmethod
    async def call(self, target: int, method: str | None, args: Sequence[Any], named: Mapping[str, Any]) -> Any:
        """Call what the other side has given. Raises BindingError, TypeError, Uncloneable."""

    @abstractmethod
    async def get(self, target: int, name: str) -> Any:
        """A property of what the other side has given. Raises BindingError."""

    async def _packed(self, value: Any, room: Callable[[int], None] | None = None) -> bytes:
        """`room` may refuse so many bytes. Raises Unsendable, TooLong, BindingError; then nothing of it stays
        exported."""
        given: list[int] = []

        def export(held: Any) -> int:
            given.append(number := self.exports.add(held))
            return number

        try:
            packed = encode(await parcels.packed(value, export), LONGEST)
            if room is not None:
                room(len(packed))
            return packed
        except BaseException:
            self.exports.release(given)
            raise

    def unpack(self, parcel: Parcel) -> Any:
        """The object that was packed. Raises Malformed."""
        if parcel.kind not in ("stub", "stream"):
            return parcels.unpacked(parcel)
        number = parcel.fields.get("id")
        if type(number) is not int or not 0 < number <= 0xFFFFFFFF or number in self._stubs or number in self._flows:
            raise Malformed("what was given has no number of its own")
        if len(self._stubs) + len(self._flows) >= MOST:
            raise Malformed(f"more than {MOST} stubs and streams were given")
        if parcel.kind == "stub":
            self._stubs.add(number)
            return RpcStub(RemoteHandle(self, number))
        self._flows[number] = inflow = Inflow()
        source = Source(inflow, partial(self._grant, number), partial(self.release, number))
        return ReadableStream(source.pull, source.close)

    def _grant(self, number: int, size: int) -> None:
        self._tell(frame(GRANT, number, size.to_bytes(4, "little")))

    def release(self, number: int) -> None:
        """What the other side has given is not needed any more."""
        self._stubs.discard(number)
        self._flows.pop(number, None)
        self._tell(frame(RELEASE, number))
        self.settle()

    def _tell(self, data: bytes) -> None:
        if not self.over:
            self._wire.write(data)

    async def _send(self, data: bytes) -> None:
        """One after the other, each as soon as the other side has taken enough."""
        async with self._sending:
            with suppress(ConnectionError):  # `run` hears of it too
                await self._wire.drain()
            self._tell(data)

    def _arrived(self, kind: int, number: int, payload: bytes) -> None:
        if (inflow := self._flows.get(number)) is None:
            return  # it was closed here while this was on its way
        if kind == CHUNK:
            inflow.feed(payload)
        else:
            inflow.end(failure(payload) if payload else None)

    def _failure(self, error: BaseException) -> bytes:
        if isinstance(error, asyncio.CancelledError):
            return encode(["Error", "the call was cancelled"])
        if not isinstance(error, Exception):  # its invocation may do no more
            asyncio.get_running_loop().call_soon(self.end)
        name, message = self._told(error)
        return encode([whole_text(name[:200]), whole_text(message[:4000])])

    def _flow(self, number: int, size: int) -> None:
        flow = self.exports.flow(number)
        if flow is None:
            return  # it has ended
        flow.grant(size)
        if flow.task is None:
            flow.task = asyncio.ensure_future(self._pump(number))

    async def _pump(self, number: int) -> None:
        flow = self.exports.flow(number)
        if flow is None:
            return
        end = b""
        try:
            await flow.run(lambda part: self._send(frame(CHUNK, number, part)))
        except BaseException as error:  # noqa: BLE001 - whatever user code raises is the stream's end
            end = self._failure(error)
        await self._send(frame(END, number, end))


class RemoteHandle(Handle):
    """Something the other side has given."""

    def __init__(self, session: Carrier, number: int) -> None:
        super().__init__()
        self._session, self._number = session, number

    async def call(self, method: str | None, args: Sequence[Any], named: Mapping[str, Any]) -> Any:
        return await self._session.call(self._number, method, args, named)

    async def get(self, name: str) -> Any:
        return await self._session.get(self._number, name)

    def check(self) -> None:
        self._session.check()

    def close(self) -> None:
        self._session.release(self._number)


def failure(payload: bytes) -> Exception:
    """What the other side raised. Raises Malformed."""
    match decode(payload):
        case [str() as name, str() as message]:
            return raised(name, message)
    raise Malformed("a failure is a name and a message")
