"""One key-value namespace: one SQLite file that stock tools can read.

    CREATE TABLE kv (key TEXT PRIMARY KEY, expiration INTEGER, metadata TEXT, size INTEGER, value ANY)
        STRICT, WITHOUT ROWID

`expiration` is Unix seconds or NULL; `metadata` is JSON or NULL; `value` is TEXT when it was put as text, else BLOB,
and stands last, so that listing keys does not read values. An expired row is gone for every reader at its second and
leaves the file when it is swept. Any number of processes may have the file open: the journal is a WAL, a reader never
waits, writers take turns.
"""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import apsw

from holdfast.kernel.crashpoints import crash_point
from holdfast.runtime.bindings.kv_rules import (
    BULK_KEYS,
    KvError,
    check_key,
    check_limit,
    check_value,
    expiry,
    metadata_text,
)
from holdfast.runtime.bindings.kv_usage import SCHEMA, KvQuota, Usage, growth, usage_of

APPLICATION_ID: Final = 0x68664B56  # "hfKV"
FORMAT: Final = 2  # 1 did not count what it holds
_BUSY_MILLISECONDS = 5_000
_SWEPT_AT_ONCE = 500  # rows of one transaction: writers wait for no longer than that takes
_SCHEMA = """
CREATE TABLE IF NOT EXISTS kv (
    key TEXT NOT NULL PRIMARY KEY,
    expiration INTEGER,
    metadata TEXT,
    size INTEGER NOT NULL,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS kv_expiration ON kv (expiration) WHERE expiration IS NOT NULL;
"""
_GET = "SELECT value, expiration, metadata FROM kv WHERE key = ?"
_SIZE = "SELECT size, expiration FROM kv WHERE key = ?"
_SMALL = "SELECT size, CASE WHEN size <= ? THEN value END, expiration, metadata FROM kv WHERE key = ?"
_PUT = """INSERT INTO kv (key, expiration, metadata, size, value) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET expiration = excluded.expiration, metadata = excluded.metadata,
size = excluded.size, value = excluded.value"""  # no REPLACE: it deletes without the trigger that counts
_DELETE = "DELETE FROM kv WHERE key = ?"
_LIST = """SELECT key, expiration, metadata, size FROM kv
WHERE key >= ? AND key > ? AND (? IS NULL OR key < ?) AND (expiration IS NULL OR expiration > ?)
ORDER BY key LIMIT ?"""


@dataclass(frozen=True, slots=True)
class Entry:
    """What lies under a key. `metadata` is JSON text; `expiration` Unix seconds."""

    value: str | bytes
    metadata: str | None = None
    expiration: int | None = None


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """A line of a list. `size` is the value's, in bytes."""

    name: str
    expiration: int | None
    metadata: str | None
    size: int


@dataclass(frozen=True, slots=True)
class Page:
    """Keys in the order of their UTF-8 bytes; `cursor` continues after the last, None when it was the end."""

    keys: tuple[KeyInfo, ...]
    cursor: str | None

    @property
    def list_complete(self) -> bool:
        return self.cursor is None


@dataclass(frozen=True, slots=True)
class Put:
    """One checked write; make it with `checked_put`."""

    key: str
    value: str | bytes
    size: int
    metadata: str | None
    expiration: int | None


@dataclass(frozen=True, slots=True)
class Delete:
    """One key to remove; one that is absent is no error."""

    key: str


Write = Put | Delete


def checked_put(
    key: object,
    value: object,
    *,
    metadata: object = None,
    expiration: object = None,
    expiration_ttl: object = None,
    now: float | None = None,
) -> Put:
    """A write that keeps the rules. Raises KvError."""
    name = check_key(key)
    kept, size = check_value(value)
    at = expiry(expiration, expiration_ttl, time.time() if now is None else now)
    return Put(name, kept, size, metadata_text(metadata), at)


class KvFile:
    """An open namespace: one connection, for one thread at a time. Close it, or use it in `with`.

    SQLite's errors leave as `apsw.Error` (busy for more than 5 s, disk full, damaged file); refused calls as KvError.
    """

    def __init__(self, connection: apsw.Connection, path: Path, clock: Callable[[], float]) -> None:
        self._connection = connection
        self._clock = clock
        self.path = path

    @classmethod
    def open(
        cls,
        path: Path,
        create: bool = False,
        *,
        write: bool = True,
        prepare: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> KvFile:
        """Open the file at `path`; with `create` make it when it is absent (mode 0600 by the caller's umask); with
        `prepare` make the table in a database that is there and empty.

        Raises FileNotFoundError when it is absent and not to be made, KvError(422) for a file of another kind.
        """
        flags = apsw.SQLITE_OPEN_READWRITE if write else apsw.SQLITE_OPEN_READONLY
        try:
            connection = apsw.Connection(
                str(path), flags=flags | apsw.SQLITE_OPEN_NOFOLLOW | (apsw.SQLITE_OPEN_CREATE if create else 0)
            )
        except apsw.CantOpenError as error:
            raise FileNotFoundError(f"there is no namespace at {path}") from error
        try:
            _settle(connection, path, write and (create or prepare), write)
        except BaseException:
            connection.close()
            raise
        return cls(connection, path, clock)

    def get(self, key: str) -> Entry | None:
        """What is under `key` now; None when nothing is, or nothing any more."""
        rows: Any = self._connection.execute(_GET, (key,)).fetchall()
        for value, expiration, metadata in rows:
            if expiration is None or expiration > self._clock():
                return Entry(value, metadata, expiration)
        return None

    def small(self, key: str, most: int) -> Entry | int | None:
        """As `get`; of a value of more than `most` bytes only its size, without reading it."""
        rows: Any = self._connection.execute(_SMALL, (most, key)).fetchall()
        for size, value, expiration, metadata in rows:
            if expiration is None or expiration > self._clock():
                return int(size) if size > most else Entry(value, metadata, expiration)
        return None

    def get_many(self, keys: Sequence[str]) -> dict[str, Entry | None]:
        """Several keys as of one moment. Raises KvError for more than 100."""
        if len(keys) > BULK_KEYS:
            raise KvError(400, f"You can request a maximum of {BULK_KEYS} keys.")
        with self._reading():
            return {key: self.get(key) for key in keys}

    def size(self, key: str) -> int | None:
        """The bytes of the value, without reading it."""
        rows: Any = self._connection.execute(_SIZE, (key,)).fetchall()
        for size, expiration in rows:
            if expiration is None or expiration > self._clock():
                return int(size)
        return None

    def put(
        self,
        key: str,
        value: str | bytes,
        *,
        metadata: object = None,
        expiration: int | None = None,
        expiration_ttl: int | None = None,
    ) -> None:
        """Store it; on disk when this returns. Raises KvError."""
        self.apply(
            [
                checked_put(
                    key,
                    value,
                    metadata=metadata,
                    expiration=expiration,
                    expiration_ttl=expiration_ttl,
                    now=self._clock(),
                )
            ]
        )

    def delete(self, *keys: str) -> None:
        """Remove the keys in one transaction; on disk when this returns."""
        self.apply([Delete(check_key(key)) for key in keys])

    def apply(self, writes: Iterable[Write], quota: KvQuota | None = None) -> None:
        """All of them in their order, in one transaction and one sync; on disk when this returns, or none of it.
        Raises KvError(507) when they would pass the quota."""
        with _transaction(self._connection):
            for write in writes:
                refused = None if quota is None else self._refused(write, quota)
                if refused is not None:
                    raise refused
                self._write(write)
            crash_point("kv.commit")

    def apply_each(self, writes: Sequence[Write], quota: KvQuota | None = None) -> list[KvError | None]:
        """As `apply`, but those that would pass the quota are left out: why, in the order of the writes."""
        refused: list[KvError | None] = []
        with _transaction(self._connection):
            for write in writes:
                refused.append(None if quota is None else self._refused(write, quota))
                if refused[-1] is None:
                    self._write(write)
            crash_point("kv.commit")
        return refused

    def usage(self) -> Usage:
        """What the file holds, expired rows included that were not swept yet."""
        return usage_of(self._connection)

    def _write(self, write: Write) -> None:
        if isinstance(write, Put):
            row = (write.key, write.expiration, write.metadata, write.size, write.value)
            self._connection.execute(_PUT, row)
        else:
            self._connection.execute(_DELETE, (write.key,))

    def _refused(self, write: Write, quota: KvQuota) -> KvError | None:
        """Why the quota refuses it. What has expired makes room first."""
        if isinstance(write, Delete):
            return None
        keys, size = growth(self._connection, write.key, write.size, write.metadata)
        refused = quota.refusal(self.usage(), keys, size)
        if refused is None or not self._expired(_SWEPT_AT_ONCE):
            return refused
        keys, size = growth(self._connection, write.key, write.size, write.metadata)
        return quota.refusal(self.usage(), keys, size)

    def _expired(self, most: int) -> int:
        """Within a transaction: up to `most` expired rows go; how many went."""
        now = int(self._clock())
        due = self._connection.execute(
            "SELECT key FROM kv WHERE expiration IS NOT NULL AND expiration <= ? LIMIT ?", (now, most)
        ).fetchall()
        for (key,) in due:
            self._connection.execute(_DELETE, (key,))
        return len(due)

    def list(self, prefix: str = "", limit: int | None = None, cursor: str | None = None) -> Page:
        """One page of keys, at most 1000. Raises KvError for a cursor that is not one of ours."""
        wanted = check_limit(limit)
        after = _after(cursor)
        end = _end_of(prefix)
        rows: Any = self._connection.execute(_LIST, (prefix, after, end, end, int(self._clock()), wanted + 1))
        found = [KeyInfo(*row) for row in rows]
        if len(found) <= wanted:
            return Page(tuple(found), None)
        return Page(tuple(found[:wanted]), _cursor(found[wanted - 1].name))

    def count(self) -> tuple[int, int]:
        """Keys that are there now, and the bytes of their values. Reads every row: for people, not for requests."""
        keys, size = _one(
            self._connection,
            "SELECT count(*), coalesce(sum(size), 0) FROM kv WHERE expiration IS NULL OR expiration > ?",
            (int(self._clock()),),
        )
        return int(keys), int(size)

    def sweep(self, most: int = _SWEPT_AT_ONCE) -> int:
        """Remove up to `most` expired rows; how many it removed."""
        due: Any = self._connection.execute(
            "SELECT 1 FROM kv WHERE expiration IS NOT NULL AND expiration <= ? LIMIT 1", (int(self._clock()),)
        ).fetchall()
        if not due:
            return 0
        with _transaction(self._connection):
            return self._expired(most)

    def changed(self) -> int:
        """A number that differs when another connection has committed since the last call."""
        return int(_one(self._connection, "PRAGMA data_version")[0])

    @contextmanager
    def _reading(self) -> Iterator[None]:
        self._connection.execute("BEGIN")
        try:
            yield
        finally:
            self._connection.execute("COMMIT")

    def close(self) -> None:
        """Idempotent."""
        self._connection.close()

    def __enter__(self) -> KvFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _settle(connection: apsw.Connection, path: Path, create: bool, write: bool) -> None:
    """Our settings; the table when the file is new. FULL: a commit returns after the sync of the WAL."""
    connection.set_busy_timeout(_BUSY_MILLISECONDS)
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0)
    try:
        if create and _one(connection, "PRAGMA application_id")[0] == 0:
            _make(connection)
        kind = _one(connection, "PRAGMA application_id")[0]
        made = _one(connection, "PRAGMA user_version")[0]
    except apsw.NotADBError as error:
        raise KvError(422, f"{path} is not a key-value namespace") from error
    if kind != APPLICATION_ID:
        raise KvError(422, f"{path} is not a key-value namespace")
    if made > FORMAT:
        raise KvError(422, f"{path} was written by a newer version (format {made}, this one reads {FORMAT})")
    if write:
        connection.execute("PRAGMA synchronous = FULL").fetchall()
        if made < FORMAT:
            _count(connection)


def _make(connection: apsw.Connection) -> None:
    if _one(connection, "SELECT count(*) FROM sqlite_schema")[0]:
        return  # somebody's database: left as it is, refused by what follows
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    with _transaction(connection):
        connection.execute(_SCHEMA).fetchall()
        connection.execute(SCHEMA).fetchall()
        connection.execute(f"PRAGMA user_version = {FORMAT}").fetchall()
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}").fetchall()


def _count(connection: apsw.Connection) -> None:
    """A file of the first format begins to count. Another process may have been faster."""
    with _transaction(connection):
        if _one(connection, "PRAGMA user_version")[0] < FORMAT:
            connection.execute(SCHEMA).fetchall()
            connection.execute(f"PRAGMA user_version = {FORMAT}").fetchall()


@contextmanager
def _transaction(connection: apsw.Connection) -> Iterator[None]:
    """Commit at the end; leave nothing of it behind after an error."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _one(connection: apsw.Connection, statement: str, bindings: Sequence[Any] = ()) -> Any:
    return connection.execute(statement, bindings).fetchall()[0]


def _cursor(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def _after(cursor: str | None) -> str:
    if cursor is None or cursor == "":
        return ""
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True).decode()
    except (UnicodeError, ValueError, binascii.Error, TypeError) as error:
        raise KvError(400, "Invalid cursor.") from error


def _end_of(prefix: str) -> str | None:
    """The least text above everything that begins with `prefix`; None when there is none."""
    points = [ord(character) for character in prefix]
    while points:
        last = points.pop()
        if last < 0x10FFFF:
            following = 0xE000 if last + 1 == 0xD800 else last + 1  # no text holds a surrogate
            return "".join(map(chr, points)) + chr(following)
    return None
