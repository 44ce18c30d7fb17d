"""The store: named, write-once pieces of bytes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

Pieces = Sequence[bytes | memoryview]
Make = Callable[[], Iterator[bytes]]  # begins the same thing anew at each call
_ID = re.compile(r"[0-9a-f]{64}")


class Store(Protocol):
    """Names are relative paths of `[a-z0-9-]` components. Thread-safe. A piece is all there or not there at all.

    Errors: NotFound for an absent piece, DiskFull when there is no room (nothing is kept), Retryable for passing
    faults, NeedsOperator when only a person can help (permissions, read-only file system).
    """

    def put(self, name: str, pieces: Pieces) -> None:
        """Write durably: when this returns, a power cut does not lose it. Writing a name again replaces it whole."""
        ...

    def create(self, name: str, pieces: Pieces) -> None:
        """`put`, but only when nobody has: Conflict (code "piece_exists") else, and what is there stays as it is."""
        ...

    def put_stream(self, name: str, make: Make, expected: int) -> None:
        """`put` of what `make` gives, of any size in bounded memory; `expected`: about how many bytes. A failure on the
        way, in `make` too (raised as it is), leaves no piece of that name. `make` is called again when it is tried
        again."""
        ...

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        """Bytes from `offset`; fewer than `length` only when the piece ends there."""
        ...

    def size(self, name: str) -> int: ...

    def exists(self, name: str) -> bool: ...

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """(name, size) of the pieces directly below `prefix` and one level deeper, in no order."""
        ...

    def walk(self, prefix: str) -> Iterator[tuple[str, int]]:
        """(name, size) of every piece below `prefix`, however deep, in no order."""
        ...

    def delete(self, name: str) -> None:
        """Remove; absent is success."""
        ...

    def sweep(self) -> None:
        """Remove what killed writers began and never finished, once it is old enough that nobody still writes it."""
        ...


def pieces(store: Store, kind: str) -> Iterator[tuple[str, int]]:
    """The pieces of a kind whose names are ids, as stock restic lists them: what a killed writer left is no piece."""
    return ((name, size) for name, size in store.list(kind) if _ID.fullmatch(name.rpartition("/")[2]))
