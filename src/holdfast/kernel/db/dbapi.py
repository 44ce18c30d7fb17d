"""DB-API 2.0 over APSW, as much of it as SQLAlchemy and DBOS use.

Guarantees: a statement that writes runs inside BEGIN IMMEDIATE (a transaction that starts reading and then writes would
fail with "database is locked" as soon as anyone else had written in between); one writer at a time per file within
this process, in turn, instead of many sleeping in SQLite's busy handler; results are read to the end at once, so no
statement stays open and holds back checkpoints.

A connection may be used from several threads, one after the other. Never fork with a connection open: a child that
touches it is refused here, but POSIX locks are lost already when the child closes the file. Spawn children by exec.

Source: PEP 249; https://rogerbinns.github.io/apsw/; https://sqlite.org/lang_transaction.html.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

import apsw

apilevel = "2.0"
threadsafety = 1
paramstyle = "qmark"
sqlite_version_info = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
apsw_version_info = tuple(int(part) for part in apsw.apsw_version().split("."))
Binary = memoryview

_BUSY_SECONDS = 30.0
_KEYWORD = re.compile(r"(?:\s+|--[^\n]*(?:\n|$)|/\*.*?\*/|;)*([A-Za-z]*)", re.DOTALL)
_DML = frozenset({"INSERT", "UPDATE", "DELETE", "REPLACE", "WITH"})
_NEVER_BEGIN = frozenset(
    {"BEGIN", "COMMIT", "END", "ROLLBACK", "RELEASE", "PRAGMA", "VACUUM", "ATTACH", "DETACH", "EXPLAIN", "ANALYZE"}
)


class Warning(Exception):
    """PEP 249."""


class Error(Exception):
    """Base of what this module raises; `code` is SQLite's extended result code, 0 when SQLite was not asked."""

    code: int = 0


class InterfaceError(Error):
    """The shim was used wrongly."""


class DatabaseError(Error):
    """The file is not what it should be."""


class DataError(DatabaseError):
    """A value does not fit."""


class OperationalError(DatabaseError):
    """Busy, full, unreadable, or a statement SQLite cannot prepare."""


class IntegrityError(DatabaseError):
    """A constraint refused the change."""


class InternalError(DatabaseError):
    """SQLite says it is broken."""


class ProgrammingError(DatabaseError):
    """A wrong number of parameters, or a connection that is closed or belongs to another process."""


class NotSupportedError(DatabaseError):
    """SQLite has no such thing."""


_MAPPED: tuple[tuple[type[Exception], type[Error]], ...] = (
    (apsw.ConstraintError, IntegrityError),
    (apsw.MismatchError, IntegrityError),
    (apsw.TooBigError, DataError),
    (apsw.CorruptError, DatabaseError),
    (apsw.NotADBError, DatabaseError),
    (apsw.InternalError, InternalError),
    (apsw.MisuseError, ProgrammingError),
    (apsw.RangeError, ProgrammingError),
    (apsw.BindingsError, ProgrammingError),
    (apsw.ConnectionClosedError, ProgrammingError),
    (apsw.CursorClosedError, ProgrammingError),
    (apsw.ThreadingViolationError, ProgrammingError),
)


def _raise(error: apsw.Error) -> NoReturn:
    """Ours for theirs, with SQLite's own text: callers tell a unique from a foreign key by it."""
    target = next((ours for theirs, ours in _MAPPED if isinstance(error, theirs)), OperationalError)
    mapped = target(str(error))
    mapped.code = getattr(error, "extendedresult", 0)
    raise mapped from error


class _Turn:
    """Whose turn it is to write one file, within this process. Not re-entrant on purpose: see `take`."""

    _all: dict[str, _Turn] = {}  # noqa: RUF012 - one per file, process-wide
    _guard = threading.Lock()

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: int | None = None

    @classmethod
    def of(cls, path: str) -> _Turn:
        if path in ("", ":memory:"):
            return cls()
        with cls._guard:
            return cls._all.setdefault(os.path.realpath(path), cls())

    def take(self, seconds: float) -> None:
        if self._thread == threading.get_ident():
            raise OperationalError("database is locked: this thread already writes through another connection")
        if not self._lock.acquire(timeout=seconds):
            raise OperationalError("database is locked: another thread of this process is writing")
        self._thread = threading.get_ident()

    def give(self) -> None:
        self._thread = None
        self._lock.release()


def keyword(sql: str) -> str:
    """The statement's first word in capitals, comments skipped."""
    found = _KEYWORD.match(sql)
    return found.group(1).upper() if found else ""


class Cursor:
    """One statement's result, held in memory."""

    arraysize = 1

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.description: tuple[tuple[Any, ...], ...] | None = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self._rows: list[tuple[Any, ...]] = []
        self._next = 0

    def execute(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> Cursor:
        self._run(sql, (parameters,))
        return self

    def executemany(self, sql: str, many: Iterable[Sequence[Any] | Mapping[str, Any]]) -> Cursor:
        self._run(sql, many)
        return self

    def _run(self, sql: str, many: Iterable[Sequence[Any] | Mapping[str, Any]]) -> None:
        self.description, self.rowcount, self._rows, self._next = None, -1, [], 0
        raw = self.connection._raw()
        inner, word, changed = raw.cursor(), keyword(sql), 0
        writes = False

        def trace(cursor: apsw.Cursor, _sql: str, _bindings: Any) -> bool:
            nonlocal writes
            # Taken here because it is gone once the statement has finished, which an empty SELECT has at once.
            self.description = cursor.description or None
            writes = not cursor.is_readonly
            self.connection._before(word, writes)
            return True

        inner.exec_trace = trace
        try:
            for parameters in many:
                self._rows.extend(inner.execute(sql, parameters))
                changed += raw.changes()
        except apsw.Error as error:
            _raise(error)
        finally:
            inner.close(True)
            self.connection._after()
        if writes and word in _DML:
            self.rowcount, self.lastrowid = changed, raw.last_insert_rowid()

    def fetchone(self) -> tuple[Any, ...] | None:
        if self._next >= len(self._rows):
            return None
        self._next += 1
        return self._rows[self._next - 1]

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        start, self._next = self._next, min(len(self._rows), self._next + (size or self.arraysize))
        return self._rows[start : self._next]

    def fetchall(self) -> list[tuple[Any, ...]]:
        start, self._next = self._next, len(self._rows)
        return self._rows[start:]

    def close(self) -> None:
        self._rows, self._next = [], 0

    def setinputsizes(self, _sizes: Any) -> None:
        """PEP 249 asks for it; SQLite has no use for it."""

    def setoutputsize(self, _size: int, _column: int | None = None) -> None:
        """PEP 249 asks for it; SQLite has no use for it."""


class Connection:
    """One SQLite connection. `isolation_level` None leaves transactions to the caller."""

    def __init__(self, path: str, *, timeout: float = _BUSY_SECONDS, flags: int | None = None) -> None:
        opened = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE if flags is None else flags
        try:
            self._apsw: apsw.Connection | None = apsw.Connection(path, flags=opened | apsw.SQLITE_OPEN_URI)
        except apsw.Error as error:
            _raise(error)
        self._apsw.set_busy_timeout(int(timeout * 1000))
        self._timeout = timeout
        self._pid = os.getpid()
        self._turn = _Turn.of(path)
        self._writing = False
        self.isolation_level: str | None = ""

    @property
    def in_transaction(self) -> bool:
        return self._raw().in_transaction

    @property
    def driver_connection(self) -> apsw.Connection:
        """The connection underneath, for backup and pragmas that have no SQL."""
        return self._raw()

    def _raw(self) -> apsw.Connection:
        if self._apsw is None:
            raise ProgrammingError("Cannot operate on a closed database.")
        if self._pid != os.getpid():
            raise ProgrammingError("a connection opened before fork() cannot be used after it")
        return self._apsw

    def _before(self, word: str, writes: bool) -> None:
        """Take our turn and open the transaction, before the first statement that may write."""
        raw = self._raw()
        if word == "PRAGMA" or not (writes or word == "SAVEPOINT"):
            return
        if not self._writing:
            self._turn.take(self._timeout)
            self._writing = True
        if self.isolation_level is not None and not raw.in_transaction and word not in _NEVER_BEGIN:
            raw.execute("BEGIN IMMEDIATE")

    def _after(self) -> None:
        """Give the turn back when the transaction is over; SQLite ends one by itself on some errors."""
        if self._writing and (self._apsw is None or not self._apsw.in_transaction):
            self._writing = False
            self._turn.give()

    def cursor(self) -> Cursor:
        self._raw()
        return Cursor(self)

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Cursor:
        return self.cursor().execute(sql, parameters)

    def commit(self) -> None:
        self._end("COMMIT")

    def rollback(self) -> None:
        self._end("ROLLBACK")

    def _end(self, statement: str) -> None:
        raw = self._raw()
        try:
            if raw.in_transaction:
                raw.execute(statement)
        except apsw.Error as error:
            _raise(error)
        finally:
            self._after()

    def close(self) -> None:
        if self._apsw is None:
            return
        try:
            if self._pid == os.getpid():
                self._apsw.close()
        except apsw.Error as error:
            _raise(error)
        finally:
            self._apsw = None
            self._after()

    def create_function(self, name: str, arguments: int, function: Any, *, deterministic: bool = False) -> None:
        self._raw().create_scalar_function(name, function, arguments, deterministic=deterministic)


def connect(path: str, **options: Any) -> Connection:
    """Open `path` (created when absent). Options: `timeout` in seconds, `flags` as SQLite's open flags."""
    return Connection(path, **options)
