"""What one side of a session has given to the other by reference, by numbers that mean nothing outside of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Final

from holdfast.runtime.bindings.attributes import BindingError
from holdfast.runtime.python.rpc.flows import Outflow
from holdfast.runtime.python.workers.rpc import RpcStub

MOST: Final = 1000  # stubs and streams of one side of a session at once


class Exports:
    """Stubs and streams of this worker that the other side may use."""

    def __init__(self) -> None:
        self._held: dict[int, RpcStub | Outflow] = {}
        self._numbers = itertools.count(1)

    def __len__(self) -> int:
        return len(self._held)

    def add(self, held: RpcStub | Outflow) -> int:
        """Its number. Raises BindingError when there are too many; then it is disposed."""
        if len(self._held) >= MOST:
            held.dispose()
            raise BindingError("Overloaded", f"the calls of one session hold at most {MOST} stubs and streams at once")
        number = next(self._numbers)
        self._held[number] = held
        return number

    def stub(self, number: int) -> RpcStub:
        """Raises BindingError for a number that was never given out, or is released, or is a stream's."""
        found = self._held.get(number)
        if not isinstance(found, RpcStub):
            raise BindingError("Error", "there is no such stub: it was disposed, or never given to this caller")
        return found

    def flow(self, number: int) -> Outflow | None:
        """The stream of that number, if it still flows."""
        found = self._held.get(number)
        return found if isinstance(found, Outflow) else None

    def release(self, numbers: Iterable[int]) -> None:
        """The other side needs them no more."""
        for number in list(numbers):
            if (found := self._held.pop(number, None)) is not None:
                found.dispose()

    def clear(self) -> None:
        """There is no other side any more."""
        self.release(self._held)
