"""A store around a store: every call goes through one place, which may wait, refuse, count or try again."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TypeVar

from holdfast.vault.stores.base import Make, Pieces, Store
from holdfast.vault.stores.locking import ObjectLock, locking
from holdfast.vault.stores.order import lists_in_order

T = TypeVar("T")


class Around:
    """See `Store`. A listing is one call, with all its pages: what fails on the way is begun again by nobody's half."""

    def __init__(self, inner: Store) -> None:
        self._inner = inner

    @property
    def lists_in_order(self) -> bool:
        """See `ListsInOrder`."""
        return lists_in_order(self._inner)

    @abstractmethod
    def call(self, act: Callable[[], T]) -> T:
        """Carry `act` out."""

    def put(self, name: str, pieces: Pieces) -> None:
        self.call(lambda: self._inner.put(name, pieces))

    def create(self, name: str, pieces: Pieces) -> None:
        self.call(lambda: self._inner.create(name, pieces))

    def put_stream(self, name: str, make: Make, expected: int) -> None:
        self.call(lambda: self._inner.put_stream(name, make, expected))

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        return self.call(lambda: self._inner.get(name, offset, length))

    def size(self, name: str) -> int:
        return self.call(lambda: self._inner.size(name))

    def exists(self, name: str) -> bool:
        return self.call(lambda: self._inner.exists(name))

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        return iter(self.call(lambda: [*self._inner.list(prefix)]))

    def walk(self, prefix: str) -> Iterator[tuple[str, int]]:
        return iter(self.call(lambda: [*self._inner.walk(prefix)]))

    def delete(self, name: str) -> None:
        self.call(lambda: self._inner.delete(name))

    def sweep(self) -> None:
        self.call(self._inner.sweep)

    @property
    def object_lock(self) -> ObjectLock | None:
        """See `CanLock`, for this and the next two: of the store inside."""
        found = locking(self._inner)
        return found.object_lock if found else None

    def locked_until(self, name: str) -> datetime | None:
        found = locking(self._inner)
        return self.call(lambda: found.locked_until(name)) if found else None

    def lock_again(self, name: str) -> None:
        if found := locking(self._inner):
            self.call(lambda: found.lock_again(name))
