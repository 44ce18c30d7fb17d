"""One guarded statement: opened, read in batches and closed on worker threads, ended by time, bytes, rows or a stop."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import apsw

from holdfast.contract.query import Batch, Params, QueryLimits, ResultColumn
from holdfast.engines.sqlite.connections import open_database, watch
from holdfast.engines.sqlite.errors import translate
from holdfast.engines.sqlite.guard import Guard
from holdfast.kernel.errors import Denied, HoldfastError, Invalid, LimitExceeded

_NOTHING = re.compile(r"(?>\s|;|--[^\n]*(?:\n|\Z)|/\*(?s:.*?)(?:\*/|\Z))*+\Z")  # atomic: a comment ends at its first */
_NOT_ALLOWED = re.compile("not authorized|prohibited|authorization denied")  # SQLite has no one code for it
_BUSY_PAUSE = 0.01


async def run_query(path: Path, statement: str, params: Params, limits: QueryLimits) -> AsyncIterator[Batch]:
    """`Session.query` for one file. The connection is this statement's own: nothing it sets outlives it."""
    running = Statement(path, statement, params, limits)
    timer = asyncio.get_running_loop().call_later(limits.seconds, running.expire)
    limits.stop.on_stop(running.interrupt)
    try:
        batch = await asyncio.to_thread(running.begin)
        yield batch
        while not batch.last:
            batch = await asyncio.to_thread(running.next_batch)
            yield batch
    finally:
        timer.cancel()
        running.abandon()
        if not running.closed:
            await asyncio.shield(asyncio.to_thread(running.close))


class Statement:
    """Not thread-safe but for `interrupt` and `abandon`; `close` waits for a step still running."""

    def __init__(self, path: Path, statement: str, params: Params, limits: QueryLimits) -> None:
        self._path, self._text, self._limits = path, statement, limits
        self._params: Any = params if isinstance(params, Mapping) else tuple(params)
        self._deadline = time.monotonic() + limits.seconds
        self._guard = Guard(limits.write)
        self._lock = threading.Lock()  # held while the connection works
        self._handle = threading.Lock()  # held while the connection is set, cleared or interrupted
        self._connection: apsw.Connection | None = None
        self._cursor: apsw.Cursor | None = None
        self._refusal: HoldfastError | None = None
        self._columns: tuple[ResultColumn, ...] = ()
        self._writes = False
        self._seen = False
        self._abandoned = False
        self._held: tuple[Any, ...] | None = None
        self._rows = 0
        self._bytes = 0
        self._first = True
        self.closed = False

    def begin(self) -> Batch:
        """Open and give the first batch; a result that ends with it is closed too: every hop between threads costs as
        much as a small statement."""
        self.open()
        batch = self.next_batch()
        if batch.last:
            self.close()
        return batch

    def open(self) -> None:
        """Prepare, bind and run to the first row."""
        with self._lock:
            self._limits.stop.check()
            if "\x00" in self._text:
                raise Invalid("a statement cannot hold a zero byte", code="statement_invalid")
            if _NOTHING.match(self._text):
                raise Invalid("the statement is empty", code="statement_invalid")
            connection = open_database(self._path, "write" if self._limits.write else "read")
            with self._handle:
                self._connection = connection
            connection.set_busy_handler(self._wait_busy)
            watch(connection, self._ended)
            self._guard.install(connection)
            self._cursor = connection.cursor()
            self._cursor.exec_trace = self._trace
            try:
                self._cursor.execute(self._text, self._params, can_cache=False)
            except BaseException as error:
                raise self._reason(error) from error

    def next_batch(self) -> Batch:
        """Up to `batch_rows` rows; the last batch says what was affected or cut off."""
        with self._lock:
            try:
                return self._next_batch()
            except BaseException as error:
                raise self._reason(error) from error

    def interrupt(self) -> None:
        """End the running step soon. Any thread, any time."""
        with self._handle:
            if self._connection is not None:
                self._connection.interrupt()

    def expire(self) -> None:
        """Its time is over, whatever the clock says: an event loop's timer may come a millisecond early."""
        self._deadline = 0.0
        self.interrupt()

    def abandon(self) -> None:
        """Nobody wants the rest."""
        self._abandoned = True
        self.interrupt()

    def close(self) -> None:
        with self._lock, self._handle:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close(True)
            self.closed = True

    def _next_batch(self) -> Batch:
        assert self._cursor is not None  # noqa: S101  open() came first
        limits = self._limits
        rows: list[tuple[Any, ...]] = []
        truncated: str | None = None
        finished = False
        while len(rows) < limits.batch_rows:
            row = next(self._cursor, None)
            if row is None:
                finished = True
                break
            if self._rows >= limits.rows:
                truncated = "rows"
                break
            self._bytes += _weight(row)
            if self._bytes > limits.bytes:
                truncated = "bytes"
                break
            self._rows += 1
            rows.append(row)
        if self._ended():
            raise apsw.InterruptError("interrupted")
        last = finished or truncated is not None
        columns = self._columns if self._first else ()
        self._first = False
        affected = self._connection.changes() if last and self._writes and self._connection is not None else None
        return Batch(columns, tuple(rows), last, affected, truncated)

    def _ended(self) -> bool:
        return self._abandoned or self._limits.stop.stopped or time.monotonic() > self._deadline

    def _wait_busy(self, _attempts: int) -> bool:
        time.sleep(_BUSY_PAUSE)
        return not self._ended()

    def _trace(self, cursor: apsw.Cursor, text: str, _bindings: object) -> bool:
        """Called before each statement of the text runs; False stops it."""
        if not cursor.has_vdbe:
            return True
        if self._seen or not _NOTHING.match(self._text[len(text) :]):
            self._refusal = Invalid(
                "one statement at a time, please",
                code="many_statements",
                hint="A file of several is a migration: holdfast migration apply NAME --dir FOLDER",
            )
            return False
        self._seen = True
        if cursor.bindings_count != len(self._params) and not isinstance(self._params, Mapping):
            self._refusal = _wrong_params(f"{cursor.bindings_count} wanted, {len(self._params)} given")
            return False
        self._writes = not cursor.is_readonly
        self._columns = tuple(ResultColumn(name, kind or None) for name, kind in cursor.get_description())
        return True

    def _reason(self, error: BaseException) -> BaseException:
        """What to raise for `error`."""
        if isinstance(error, HoldfastError):
            return error
        if self._refusal is not None:
            return self._refusal
        if isinstance(error, (apsw.InterruptError, apsw.BusyError)):
            if self._limits.stop.stopped:
                return _cancelled(self._limits)
            if time.monotonic() > self._deadline and not isinstance(error, apsw.BusyError):
                return LimitExceeded(
                    f"the statement ran longer than {self._limits.seconds:g} s",
                    code="query_timeout",
                    details={"seconds": self._limits.seconds},
                )
        if self._guard.refused and isinstance(error, apsw.Error) and _NOT_ALLOWED.search(str(error)):
            return self._denied()
        if isinstance(error, (apsw.BindingsError, TypeError, OverflowError)):
            return _wrong_params(str(error))
        if isinstance(error, UnicodeError):
            return Invalid(
                "a text value is not valid Unicode; read it with CAST(... AS BLOB)", code="statement_invalid"
            )
        return translate(error) if isinstance(error, apsw.Error) else error

    def _denied(self) -> Denied:
        if self._limits.write:
            return Denied(f"not allowed here: {self._guard.refused}", code="statement_denied")
        return Denied(f"this access only reads: {self._guard.refused}", code="read_only")


def _cancelled(limits: QueryLimits) -> HoldfastError:
    try:
        limits.stop.check()
    except HoldfastError as cancelled:
        return cancelled
    raise AssertionError("asked for a reason without a stop")


def _wrong_params(text: str) -> Invalid:
    return Invalid(f"the parameters do not fit the statement: {text}", code="params_invalid")


def _weight(row: tuple[Any, ...]) -> int:
    return sum(len(value) if isinstance(value, (str, bytes)) else 8 for value in row)
