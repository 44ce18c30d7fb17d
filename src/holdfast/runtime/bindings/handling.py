"""What a binding is to the connection that calls it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from holdfast.kernel.errors import HoldfastError
from holdfast.runtime.bindings.turns import Neighbours, Share
from holdfast.runtime.bindings.values import Malformed, decode

Gate = Callable[[], AbstractContextManager[None]]
"""Held while a file is written to; raises HoldfastError while the file is being swapped or stopped."""


class Batch:
    """Counts the batches of frames that have arrived, in this process. What was true at some time after a batch came
    is true enough for all its calls."""

    number = 0


class Failure(Exception):
    """The answer to a call that failed: an error's type and message, both read by the worker."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


@dataclass(frozen=True, slots=True)
class Charged:
    """An answer that holds `charge` bytes of its version's room until it has left."""

    payload: bytes
    charge: int


Answer = bytes | Charged


class Handler(Protocol):
    """One binding of one version. `call` answers at once or with something to await, which is cancelled when the
    worker goes. Raises Failure; from the awaitable too."""

    def call(self, method: int, payload: bytes) -> Answer | Awaitable[Answer]: ...


class Exchange(Protocol):
    """A streamed call, as its handler sees it. Both directions wait for the slower side."""

    async def read(self) -> bytes | None: ...

    async def write(self, kind: int, payload: bytes) -> None: ...


class Streaming(Handler, Protocol):
    """A binding with methods that stream."""

    streams: frozenset[int]  # their indexes

    async def stream(self, method: int, payload: bytes, exchange: Exchange) -> None: ...


@dataclass(frozen=True)
class Limits:
    """What one version may have in flight. Bytes, seconds. `room` holds for long calls and for long answers each."""

    calls: int = 1024
    connections: int = 256
    room: int = 64 * 1024 * 1024
    stall_seconds: float = 60.0


class Room:
    """So many bytes, given in the order asked."""

    def __init__(self, size: int) -> None:
        self.size = self.free = size
        self._waiting: deque[tuple[int, Callable[[], None]]] = deque()

    def reserve(self, size: int, then: Callable[[], None]) -> bool:
        """True when it is given at once; else `then` is called as soon as it is. More than all is cut to all."""
        size = min(size, self.size)
        if not self._waiting and size <= self.free:
            self.free -= size
            return True
        self._waiting.append((size, then))
        return False

    async def acquire(self, size: int) -> None:
        """Wait for `size` bytes."""
        given = asyncio.get_running_loop().create_future()

        def give() -> None:
            if given.cancelled():
                self.release(size)
            else:
                given.set_result(None)

        if self.reserve(size, give):
            return
        try:
            await given
        except asyncio.CancelledError:
            if given.done() and not given.cancelled():
                self.release(size)  # it came in the same moment
            raise

    def release(self, size: int) -> None:
        """Give bytes back; those who wait go on in their order."""
        self.free += min(size, self.size)
        while self._waiting and self._waiting[0][0] <= self.free:
            wanted, then = self._waiting.popleft()
            self.free -= wanted
            then()


class Quota:
    """What one version has in flight. Two rooms, since a long call may have to wait for its answer's: with one, calls
    that hold it all would wait for each other for ever."""

    def __init__(self, limits: Limits, neighbours: Neighbours | None = None) -> None:
        self.limits = limits
        self.arriving, self.answers = Room(limits.room), Room(limits.room)
        self.calls = 0
        self.share = Share(neighbours)
        self._held: deque[Callable[[], None]] = deque()

    def ended(self) -> None:
        """A call is over: as many as there is place for again go on."""
        self.calls -= 1
        for _ in range(min(len(self._held), self.limits.calls - self.calls)):
            self._held.popleft()()

    def hold(self, then: Callable[[], None]) -> None:
        """Call `then` when there is place for another call."""
        self._held.append(then)


@contextmanager
def entered(gate: Gate, seconds: float) -> Iterator[None]:
    """Through the gate, as soon as it opens within so many seconds. Raises HoldfastError. For threads."""
    until = time.monotonic() + seconds
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(gate())
                break
            except HoldfastError:
                if time.monotonic() >= until:
                    raise
                time.sleep(0.05)
        yield


def arguments(payload: bytes, *kinds: type | tuple[type, ...]) -> list[Any]:
    """A call's arguments: a list of so many values of these types. Raises Failure("TypeError")."""
    try:
        given = decode(payload)
    except Malformed as error:
        raise Failure("TypeError", f"the arguments cannot be read: {error}") from error
    if not isinstance(given, list) or len(given) != len(kinds):
        raise Failure("TypeError", f"this method takes {len(kinds)} arguments")
    for value, kind in zip(given, kinds, strict=True):
        if not isinstance(value, kind):
            raise Failure("TypeError", f"an argument has the type {type(value).__name__}, which does not fit")
    return given
