"""Rows into a file: one write transaction, rows in parts, bad ones found one by one."""

from __future__ import annotations

import math
import re
import secrets
import time
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from datetime import time as clock
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import apsw

from holdfast.contract.bulk import BadRow, BulkColumn, Counts, Load
from holdfast.engines.sqlite.bulk_shape import TYPES, known, relation_columns, unique_on
from holdfast.engines.sqlite.connections import database, open_database, quote, rows, translated, watch
from holdfast.engines.sqlite.errors import translate
from holdfast.engines.sqlite.guard import LIMITS
from holdfast.formats.delimited import Dialect
from holdfast.formats.guessing import in_iso
from holdfast.formats.json_rows import RawJson, document
from holdfast.kernel.errors import Conflict, HoldfastError, Invalid, Permanent, Retryable
from holdfast.kernel.stop import Stop

MARK = "holdfast_import_"  # a table of this name lives from the commit until the run is written down
_HEX = re.compile(r"\\x(?:[0-9a-fA-F]{2})*")
_INTEGER = re.compile(r"\s*[+-]?\d{1,30}\s*")
_NUMBER = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*")
_INFINITE = {"infinity": math.inf, "inf": math.inf, "-infinity": -math.inf, "-inf": -math.inf}
_BOOLEANS = {"true": 1, "t": 1, "yes": 1, "1": 1, "false": 0, "f": 0, "no": 0, "0": 0}
_ROWS_FAULT = (apsw.ConstraintError, apsw.MismatchError, apsw.TooBigError, apsw.RangeError, apsw.SQLError)
_BUSY_SECONDS = 30.0


class Unfit(ValueError):
    """The value is none of its column's kind."""


class SqliteLoading:
    """Implements `contract.bulk.Loading`."""

    def __init__(self, path: Path, want: Load, stop: Stop) -> None:
        self._path, self._want, self._stop = path, want, stop
        self._connection: apsw.Connection | None = None
        self._columns: list[BulkColumn] = []
        self._readers: list[Callable[[Any], Any]] = []
        self._insert = ""
        self._token = ""
        self.counts = Counts()

    def __enter__(self) -> SqliteLoading:
        self._stop.check()
        self._connection = connection = open_writer(self._path, self._stop)
        try:
            with translated(self._stop):
                self._prepare(connection)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.set_progress_handler(None)
            connection.close(True)

    def _prepare(self, connection: apsw.Connection) -> None:
        want, table = self._want, quote(self._want.relation[1])
        if want.create:
            if rows(connection, "SELECT 1 FROM main.sqlite_schema WHERE lower(name) = lower(?)", (want.relation[1],)):
                raise Conflict(f"there is a table {want.relation[1]!r} already", code="table_exists")
            columns = ", ".join(f"{quote(c.name)} {TYPES.get(c.kind, 'TEXT')}" for c in want.create)
            connection.execute(f"CREATE TABLE main.{table} ({columns})")
        self._columns = known(relation_columns(connection, want.relation), want.columns)
        self._readers = [_reader(column, want.date_order) for column in self._columns]
        names = ", ".join(quote(name) for name in want.columns)
        marks = ", ".join("?" * len(want.columns))
        self._insert = f"INSERT INTO main.{table} ({names}) VALUES ({marks})"
        if want.conflict == "fail":
            return
        lower = {name.lower() for name in want.columns}
        if not unique_on(connection, want.relation[1], want.key) or not {k.lower() for k in want.key} <= lower:
            raise Invalid(
                f"{', '.join(want.key) or 'nothing'} is no key of this table that the file has values for",
                code="key_invalid",
                hint="name the columns of a primary key or unique index, and map them",
            )
        key = {name.lower() for name in want.key}
        changes = ", ".join(f"{quote(n)} = excluded.{quote(n)}" for n in want.columns if n.lower() not in key)
        act = f"DO UPDATE SET {changes}" if want.conflict == "update" and changes else "DO NOTHING"
        self._insert += f" ON CONFLICT ({', '.join(quote(name) for name in want.key)}) {act}"

    def put(self, rows: Sequence[Sequence[Any]]) -> Sequence[BadRow]:
        self._stop.check()
        connection = self._live()
        bad: list[BadRow] = []
        good: list[tuple[int, list[Any]]] = []
        for index, row in enumerate(rows):
            try:
                good.append(
                    (index, [None if v is None else read(v) for v, read in zip(row, self._readers, strict=True)])
                )
            except Unfit as error:
                bad.append(self._unfit(index, row, error))
        with translated(self._stop):
            if self._want.conflict == "update" or not self._all(connection, [row for _, row in good]):
                bad += self._one_by_one(connection, good)
        return sorted(bad, key=lambda row: row.index)

    def put_csv(self, data: bytes, dialect: Dialect) -> bool:  # noqa: ARG002  SQLite reads no CSV
        return False

    def token(self) -> str:
        self._token = MARK + secrets.token_hex(8)
        self._live().execute(f"CREATE TABLE main.{self._token} (done INTEGER)")
        return self._token

    def commit(self) -> None:
        with translated(self._stop):
            self._live().execute("COMMIT")

    def _all(self, connection: apsw.Connection, rows: list[list[Any]]) -> bool:
        """The usual case: every row is fine. On any error nothing of them stays."""
        before = connection.total_changes()
        connection.execute("SAVEPOINT part")
        try:
            connection.executemany(self._insert, rows)
        except (*_ROWS_FAULT, UnicodeError, OverflowError) as error:
            if isinstance(error, apsw.InterruptError):
                raise
            connection.execute("ROLLBACK TO part")
            connection.execute("RELEASE part")
            return False
        connection.execute("RELEASE part")
        made = connection.total_changes() - before if self._want.conflict == "skip" else len(rows)
        self.counts.inserted += made
        self.counts.skipped += len(rows) - made
        return True

    def _one_by_one(self, connection: apsw.Connection, rows: list[tuple[int, list[Any]]]) -> list[BadRow]:
        bad = []
        for index, row in rows:
            there = self._want.conflict == "update" and self._exists(connection, row)
            try:
                connection.execute(self._insert, row)
            except (*_ROWS_FAULT, UnicodeError, OverflowError) as error:
                self._stop.check()
                bad.append(self._refused(index, row, error))
                continue
            if there:
                self.counts.updated += 1
            elif connection.changes():
                self.counts.inserted += 1
            else:
                self.counts.skipped += 1
        return bad

    def _exists(self, connection: apsw.Connection, row: list[Any]) -> bool:
        names = [name.lower() for name in self._want.columns]
        values = [row[names.index(name.lower())] for name in self._want.key]
        where = " AND ".join(f"{quote(name)} = ?" for name in self._want.key)
        found = rows(connection, f"SELECT 1 FROM main.{quote(self._want.relation[1])} WHERE {where}", values)
        return bool(found)

    def _unfit(self, index: int, row: Sequence[Any], error: Unfit) -> BadRow:
        for column, value, read in zip(self._columns, row, self._readers, strict=True):
            try:
                if value is not None:
                    read(value)
            except Unfit:
                return BadRow(index, str(error), column.name, str(value)[:200])
        return BadRow(index, str(error))

    def _refused(self, index: int, row: list[Any], error: Exception) -> BadRow:
        reason = str(error)
        match = re.search(r"constraint failed: .*\.(.+)$|in column .*\.(.+)$", reason)
        name = (match[1] or match[2]) if match else None
        column = next((i for i, c in enumerate(self._columns) if name is not None and c.name == name), None)
        value = None if column is None or row[column] is None else str(row[column])[:200]
        return BadRow(index, reason.removeprefix("ConstraintError: ")[:500], name, value)

    def _live(self) -> apsw.Connection:
        if self._connection is None:
            raise Permanent("this import was left", code="stream_closed")
        return self._connection


def open_writer(path: Path, stop: Stop, *, references: bool = True) -> apsw.Connection:
    """Inside a write transaction, with foreign keys on and values bounded. Waits for another writer half a minute.

    `references`: False leaves foreign keys unwatched; whoever wants that checks them all at the end.
    """
    connection = open_database(path, "write")
    try:
        watch(connection, lambda: stop.stopped)
        connection.limit(apsw.SQLITE_LIMIT_LENGTH, LIMITS[apsw.SQLITE_LIMIT_LENGTH])
        connection.execute(f"PRAGMA foreign_keys = {'ON' if references else 'OFF'}")
        deadline = time.monotonic() + _BUSY_SECONDS
        while True:
            stop.check()
            try:
                connection.execute("BEGIN IMMEDIATE")
                return connection
            except apsw.BusyError as error:
                if time.monotonic() > deadline:
                    raise _busy(error) from error
    except BaseException:
        connection.close(True)
        raise


def _busy(error: apsw.Error) -> HoldfastError:
    made = translate(error)
    return Retryable(made.message, code=made.code, hint="another session is writing; import again when it has ended")


def _reader(column: BulkColumn, order: Any) -> Callable[[Any], Any]:
    """Texts by the column's kind; SQLite would keep a text that is no number as it is, without a word."""

    def read(value: Any) -> Any:
        if isinstance(value, str) and type(value) is not RawJson:
            return _from_text(value, column, order)
        return _from_value(value)

    return read


def _from_text(text: str, column: BulkColumn, order: Any) -> Any:
    kind = column.kind
    if kind == "integer":
        if not _INTEGER.fullmatch(text):
            raise Unfit("not a whole number")
        number = int(text)
        if not -(2**63) <= number < 2**63:
            raise Unfit("does not fit 64 bits")
        return number
    if kind == "float":
        if (infinite := _INFINITE.get(text.lower())) is not None:
            return infinite
        if text.lower() == "nan":
            raise Unfit("SQLite has no NaN")
        if not _NUMBER.fullmatch(text):
            raise Unfit("not a number")
        return float(text)
    if kind == "boolean":
        return _BOOLEANS.get(text.lower(), text)
    if kind in ("bytes", "other") and _HEX.fullmatch(text):
        return bytes.fromhex(text[2:])
    if order != "ymd" and kind in ("date", "timestamp", "timestamptz"):
        return in_iso(text, order) or text
    return text


def _from_value(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise Unfit("does not fit 64 bits")
        return value
    if isinstance(value, float):
        if math.isnan(value):
            raise Unfit("SQLite has no NaN")
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, date | clock):
        return value.isoformat()
    if isinstance(value, Decimal):
        return _decimal(value)
    if isinstance(value, dict | list | tuple):
        return str(document(value))
    return str(value) if isinstance(value, timedelta | UUID) else value


def _decimal(value: Decimal) -> Any:
    """A number when that is exact, else its text: SQLite keeps 15 digits of a fraction."""
    if not value.is_finite():
        return str(value)
    made = float(value)
    return made if Decimal(repr(made)) == value else format(value, "f")


def committed(path: Path, token: str) -> bool:
    with database(path, "read") as connection:
        return bool(rows(connection, "SELECT 1 FROM main.sqlite_schema WHERE name = ?", (checked(token),)))


def forget(path: Path, token: str) -> None:
    with database(path, "write") as connection:
        connection.execute(f"DROP TABLE IF EXISTS main.{checked(token)}")


def checked(token: str) -> str:
    if not re.fullmatch(MARK + "[0-9a-f]{16}", token):
        raise Invalid("this is no mark of an import", code="token_invalid")
    return token
