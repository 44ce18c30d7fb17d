"""One connection to a database, and statements of workers on it. For one thread at a time.

An ordinary Holdfast database: WAL, defensive, the schema not trusted, no extensions (the settings of the SQLite
engine), with foreign keys enforced as D1 does, and D1's limits.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import apsw

from holdfast.runtime.bindings.d1_guard import PARAMETERS, STATEMENT_BYTES, Guard
from holdfast.runtime.bindings.handling import Failure

RESULT_BYTES: Final = 16 * 1024 * 1024  # of one call, all its statements together
EXEC_BYTES: Final = 4 * 1024 * 1024
_BUSY_MILLISECONDS: Final = 5_000
_STEPS: Final = 20_000  # virtual machine steps between looks at the ticket: under 2 ms
_FLAGS: Final = {
    False: apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_NOFOLLOW,
    True: apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_NOFOLLOW,
}
Statement = tuple[str, list[Any]]


class Ticket:
    """A call's right to run: until its time is up or its worker has gone."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.until = time.monotonic() + seconds
        self.cancelled = False

    def ended(self) -> bool:
        return self.cancelled or time.monotonic() > self.until


@dataclass(frozen=True, slots=True)
class Result:
    """What one statement gave."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    meta: dict[str, Any]

    def wire(self) -> list[Any]:
        return [self.columns, [list(row) for row in self.rows], self.meta]


class NeedsWriter(Exception):
    """A reader was given something that writes."""


class Session:
    """An open connection. Raises Failure: what it says is D1's wording where D1 has one."""

    def __init__(self, path: Path, write: bool) -> None:
        self._write = write
        self.identity = identity(path)
        try:
            self._connection = apsw.Connection(str(path), flags=_FLAGS[write])
        except apsw.Error as error:
            raise Failure("Error", "D1_ERROR: the database is not there or cannot be opened now") from error
        self._guard = Guard(write)
        self._ticket: Ticket | None = None
        self._scanned = 0
        try:
            self._settle()
        except apsw.Error as error:
            self._connection.close()
            raise _told(error, "") from error

    def _settle(self) -> None:
        connection = self._connection
        connection.set_busy_timeout(_BUSY_MILLISECONDS)
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
        connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0)
        connection.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)
        connection.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 0)
        connection.execute("PRAGMA foreign_keys = ON", can_cache=False).fetchall()
        connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, self._profiled)
        connection.set_progress_handler(lambda: self._ticket is not None and self._ticket.ended(), _STEPS)
        self._guard.install(connection)

    def run(self, statements: Sequence[Statement], ticket: Ticket) -> list[Result]:
        """All of them in one transaction, or none. Raises Failure; NeedsWriter on a reader."""
        room = RESULT_BYTES
        results: list[Result] = []
        with self._working(ticket), self._transaction(keep=False):
            for sql, parameters in statements:
                result, used = self._one(sql, parameters, room)
                room -= used
                results.append(result)
        return results

    def exec(self, text: str, ticket: Ticket) -> int:
        """A script; how many statements it was. Those before a failing one stay. Raises Failure."""
        if len(text.encode()) > EXEC_BYTES:
            raise Failure("Error", f"D1_EXEC_ERROR: a script has at most {EXEC_BYTES} bytes")
        count = 0

        def trace(cursor: apsw.Cursor, _sql: str, _bindings: Any) -> bool:
            nonlocal count
            count += cursor.has_vdbe
            return True

        self._connection.limit(apsw.SQLITE_LIMIT_SQL_LENGTH, EXEC_BYTES)
        try:
            with self._working(ticket), self._transaction(keep=True):
                cursor = self._connection.cursor()
                cursor.set_exec_trace(trace)
                try:
                    for _ in cursor.execute(text, can_cache=False):
                        pass
                except apsw.Error as error:
                    told = _told(error, self._guard.refused)
                    words = told.message.removeprefix("D1_ERROR: ")
                    raise Failure("Error", f"D1_EXEC_ERROR: Error in line {max(count, 1)}: {words}") from error
        finally:
            self._connection.limit(apsw.SQLITE_LIMIT_SQL_LENGTH, STATEMENT_BYTES)
        return count

    def close(self) -> None:
        self._connection.close()

    def _one(self, sql: str, parameters: list[Any], room: int) -> tuple[Result, int]:
        connection = self._connection
        cursor = connection.cursor()
        columns: list[str] = []
        count, reads = 0, True

        def trace(cursor: apsw.Cursor, _sql: str, _bindings: Any) -> bool:
            nonlocal count, reads
            if not cursor.has_vdbe:  # only blanks or a comment
                return True
            count += 1
            if count == 1:
                columns.extend(column[0] for column in cursor.get_description())
                reads = cursor.is_readonly
            return count == 1

        cursor.set_exec_trace(trace)
        before, started, self._scanned, used = connection.total_changes(), time.perf_counter(), 0, 0
        connection.set_last_insert_rowid(0)
        rows: list[tuple[Any, ...]] = []
        for row in cursor.execute(sql, parameters):
            used += 16 + sum(len(value) if isinstance(value, str | bytes) else 8 for value in row)
            if used > room:
                raise Failure("Error", f"D1_ERROR: the result is longer than {RESULT_BYTES} bytes: use LIMIT")
            rows.append(row)
        if count == 0:
            raise Failure("Error", "D1_ERROR: No SQL statements detected.: SQLITE_ERROR")
        written = connection.total_changes() - before
        meta = {
            "served_by": "holdfast",
            "duration": round((time.perf_counter() - started) * 1000, 4),
            "changes": connection.changes() if written else 0,
            "last_row_id": connection.last_insert_rowid(),
            "changed_db": not reads,
            "size_after": self._size(),
            "rows_read": max(self._scanned, len(rows)),
            "rows_written": written,
        }
        return Result(columns, rows, meta), used

    def _size(self) -> int:
        rows: Any = self._connection.execute(
            "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
        ).fetchall()
        return int(rows[0][0])

    @contextmanager
    def _working(self, ticket: Ticket) -> Iterator[None]:
        self._ticket, self._guard.refused = ticket, ""
        try:
            yield
        except apsw.AuthError as error:
            if not self._write:
                raise NeedsWriter from error
            raise _told(error, self._guard.refused) from error
        except apsw.ReadOnlyError as error:
            raise NeedsWriter from error
        except apsw.InterruptError as error:
            if ticket.cancelled:
                raise Failure("Cancelled", "the worker has gone") from error
            words = f"the statement ran longer than {ticket.seconds:g} seconds and was stopped"
            raise Failure("Error", f"D1_ERROR: {words}: SQLITE_INTERRUPT") from error
        except apsw.Error as error:
            raise _told(error, self._guard.refused) from error
        finally:
            self._ticket = None

    @contextmanager
    def _transaction(self, *, keep: bool) -> Iterator[None]:
        """Commit at the end. After an error roll back, or with `keep` commit what was done until then."""
        self._ours("BEGIN IMMEDIATE" if self._write else "BEGIN")
        try:
            yield
            self._ours("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._ticket = None  # its end must not stop the rollback
                self._ours("COMMIT" if keep else "ROLLBACK")
            raise
        finally:
            if self._connection.in_transaction:  # the commit kept for failed too
                self._ours("ROLLBACK")

    def _ours(self, sql: str) -> None:
        """Never from the statement cache nor into it: the authorizer is asked only when a statement is prepared."""
        self._guard.ours = True
        try:
            self._connection.execute(sql, can_cache=False).fetchall()
        finally:
            self._guard.ours = False

    def _profiled(self, event: dict[str, Any]) -> None:
        self._scanned += event["stmt_status"]["SQLITE_STMTSTATUS_FULLSCAN_STEP"]


def identity(path: Path) -> tuple[int, int] | None:
    """Which file lies at the path; another one after a restore that replaced it."""
    try:
        facts = os.stat(path)
    except OSError:
        return None
    return facts.st_dev, facts.st_ino


def checked(sql: object, parameters: object) -> Statement:
    """A statement as SQLite takes it. Raises Failure."""
    if not isinstance(sql, str) or not isinstance(parameters, list):
        raise Failure("TypeError", "a statement is a text and a list of values")
    if len(sql) > STATEMENT_BYTES or len(sql.encode()) > STATEMENT_BYTES:
        raise Failure("Error", f"D1_ERROR: a statement has at most {STATEMENT_BYTES} bytes: SQLITE_TOOBIG")
    if len(parameters) > PARAMETERS:
        raise Failure("Error", f"D1_ERROR: too many SQL variables (at most {PARAMETERS}): SQLITE_ERROR")
    bound: list[Any] = []
    for value in parameters:
        if isinstance(value, bool):
            bound.append(int(value))
        elif value is None or isinstance(value, float | str | bytes):
            bound.append(value)
        elif isinstance(value, int) and -(1 << 63) <= value < 1 << 63:
            bound.append(value)
        else:
            raise Failure(
                "Error", f"D1_TYPE_ERROR: Type '{type(value).__name__}' not supported for value '{str(value)[:50]}'"
            )
    return sql, bound


def _told(error: apsw.Error, refused: str) -> Failure:
    if isinstance(error, apsw.BindingsError):
        return Failure("Error", "D1_ERROR: Wrong number of parameter bindings for SQL query.")
    if isinstance(error, apsw.ExecTraceAbort):
        return Failure("Error", "D1_ERROR: prepare() takes one statement: use batch() or exec() for several")
    if isinstance(error, apsw.AuthError) and refused:
        return Failure("Error", f"D1_ERROR: {refused}: SQLITE_AUTH")
    code = apsw.mapping_result_codes.get(getattr(error, "result", 1), "SQLITE_ERROR")
    offset = getattr(error, "error_offset", -1)
    where = f" at offset {offset}" if isinstance(error, apsw.SQLError) and offset >= 0 else ""
    return Failure("Error", f"D1_ERROR: {error}{where}: {code}")
