"""What was read from the metadata database, kept for as long as it is certain that nobody has committed anything since.

SQLite tells each connection of a file whether another one, of whatever process, has committed: `PRAGMA data_version`
(https://sqlite.org/pragma.html#pragma_data_version). Asking costs 3 microseconds, the transaction that reads a key and
its rights three hundred. PostgreSQL has no such number that is as cheap as reading: there nothing is remembered.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Generic, TypeVar

import apsw

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class CommitMark:
    """A number that every commit to a file changes, also one of another process. Safe from every thread."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._connection: apsw.Connection | None = None
        self._over = False

    def now(self) -> int | None:
        """None when the file cannot be asked: then nothing that was remembered counts."""
        try:
            with self._lock:
                if self._over:
                    return None
                if self._connection is None:
                    self._connection = apsw.Connection(str(self._file), flags=apsw.SQLITE_OPEN_READONLY)
                (number,) = self._connection.execute("PRAGMA data_version").fetchall()[0]
                return number if isinstance(number, int) else None
        except apsw.Error:
            return None

    def close(self) -> None:
        """For good: another connection to the file would begin to count anew, and might say a number once more."""
        with self._lock:
            self._over = True
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close(True)


class Remembered(Generic[K, V]):
    """Answers of one reading by its key: at every moment exactly what reading again would give.

    `mark` None = remembers nothing. The `most` keys asked last are kept. Safe from every thread.
    """

    def __init__(self, mark: CommitMark | None, most: int = 1000) -> None:
        self._mark = mark
        self._most = most
        self._lock = threading.Lock()
        self._at: int | None = None
        self._held: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        """What `read` gave for `key`, when it is still so. Never waits for the database."""
        at = self._mark.now() if self._mark is not None else None
        with self._lock:
            if at is None or at != self._at:
                return None
            found = self._held.get(key)
            if found is not None:
                self._held.move_to_end(key)
            return found

    def read(self, key: K, reading: Callable[[], V]) -> V:
        """Read, and remember what is not None. The mark is taken first: a commit meanwhile makes the answer old."""
        at = self._mark.now() if self._mark is not None else None
        found = reading()
        if at is None or found is None:
            return found
        with self._lock:
            if at != self._at:
                self._held.clear()
                self._at = at
            self._held[key] = found
            self._held.move_to_end(key)
            if len(self._held) > self._most:
                self._held.popitem(last=False)
        return found
