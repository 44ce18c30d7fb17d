"""A store that fails on purpose, around a real one: what a full disk or a bad cable does, at a chosen call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Literal, TypeVar

from holdfast.kernel.errors import Retryable
from holdfast.vault.stores.around import Around
from holdfast.vault.stores.base import Make, Pieces, Store

T = TypeVar("T")


class FaultyStore:
    """See `Store`. `fault(verb, name)` is asked before every call; what it returns is raised instead of the call.

    With `after` the call is carried out first and then raised for: the answer was lost, the act was not."""

    def __init__(self, inner: Store, fault: Callable[[str, str], Exception | None], *, after: bool = False) -> None:
        self._inner, self._fault, self._after = inner, fault, after

    def _before(self, verb: str, name: str) -> None:
        if not self._after and (error := self._fault(verb, name)) is not None:
            raise error

    def _done(self, verb: str, name: str) -> None:
        if self._after and (error := self._fault(verb, name)) is not None:
            raise error

    def put(self, name: str, pieces: Pieces) -> None:
        self._before("put", name)
        self._inner.put(name, pieces)
        self._done("put", name)

    def create(self, name: str, pieces: Pieces) -> None:
        self._before("create", name)
        self._inner.create(name, pieces)
        self._done("create", name)

    def put_stream(self, name: str, make: Make, expected: int) -> None:
        self._before("put", name)
        self._inner.put_stream(name, make, expected)
        self._done("put", name)

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        self._before("get", name)
        data = self._inner.get(name, offset, length)
        self._done("get", name)
        return data

    def size(self, name: str) -> int:
        self._before("size", name)
        return self._inner.size(name)

    def exists(self, name: str) -> bool:
        self._before("exists", name)
        return self._inner.exists(name)

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        self._before("list", prefix)
        return self._inner.list(prefix)

    def walk(self, prefix: str) -> Iterator[tuple[str, int]]:
        self._before("list", prefix)
        return self._inner.walk(prefix)

    def delete(self, name: str) -> None:
        self._before("delete", name)
        self._inner.delete(name)
        self._done("delete", name)

    def sweep(self) -> None:
        self._before("sweep", "")
        self._inner.sweep()


class NthCall:
    """A fault for `FaultyStore`: the error at the n-th call (from 1) of a verb, then never again, or ever after."""

    def __init__(self, verb: str, n: int, error: Exception, *, forever: bool = False, prefix: str = "") -> None:
        self._verb, self._n, self._error, self._forever, self._prefix = verb, n, error, forever, prefix
        self._lock = threading.Lock()
        self.calls = 0

    def __call__(self, verb: str, name: str) -> Exception | None:
        if verb != self._verb or not name.startswith(self._prefix):
            return None
        with self._lock:
            self.calls += 1
            hit = self.calls >= self._n if self._forever else self.calls == self._n
        return self._error if hit else None


class UnrulyStore(Around):
    """See `Store`. The n-th put (from 1) below `prefix` goes wrong in a way of its own:

    "torn": half the piece arrives under its name, then the call fails. "doubled": it is carried out twice. "late": the
    call fails, and the piece arrives when `arrive` is called.
    """

    def __init__(self, inner: Store, way: Literal["torn", "doubled", "late"], n: int, prefix: str = "") -> None:
        super().__init__(inner)
        self._way, self._n, self._prefix = way, n, prefix
        self._lock = threading.Lock()
        self._under_way: list[tuple[str, bytes]] = []
        self.calls = 0

    def call(self, act: Callable[[], T]) -> T:
        return act()

    def put(self, name: str, pieces: Pieces) -> None:
        with self._lock:
            self.calls += name.startswith(self._prefix)
            hit = name.startswith(self._prefix) and self.calls == self._n
        if not hit:
            self._inner.put(name, pieces)
            return
        whole = b"".join(pieces)
        if self._way == "late":
            self._under_way.append((name, whole))
        else:
            self._inner.put(name, [whole if self._way == "doubled" else whole[: len(whole) // 2]])
        if self._way != "doubled":
            raise Retryable(f"{name}: the connection went", code="store_failed")
        self._inner.put(name, [whole])

    def arrive(self) -> None:
        """What was late comes now."""
        for name, whole in self._under_way:
            self._inner.put(name, [whole])
