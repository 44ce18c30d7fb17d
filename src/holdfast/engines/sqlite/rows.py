"""Rows of one table: pages by key, and changes in one transaction, on a worker thread per step."""

from __future__ import annotations

import asyncio
import json
import math
import threading
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import apsw

from holdfast.contract.catalog import Column
from holdfast.contract.query import QueryLimits, ResultColumn
from holdfast.contract.row_sql import Composer, Words, full_order, no_key
from holdfast.contract.rows import Change, Check, Edited, Insert, RowsFound, RowsWanted, Table, TableName, Update
from holdfast.engines.sqlite.connections import open_database, quote, watch
from holdfast.engines.sqlite.errors import translate
from holdfast.engines.sqlite.guard import Guard
from holdfast.engines.sqlite.table import affinity, has_rowid, rowid_of, table_of
from holdfast.engines.sqlite.violations import typed
from holdfast.kernel.errors import (
    Cancelled,
    Conflict,
    Denied,
    HoldfastError,
    Invalid,
    LimitExceeded,
    NotFound,
    PreconditionFailed,
)

_BUSY_PAUSE = 0.01
T = TypeVar("T")


def bind(column: Column | None, value: Any) -> Any:
    """The value as SQLite stores it: text that stands for a number is converted by the column's own affinity."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, (Mapping, list, tuple)):
        return json.dumps(value, ensure_ascii=False)
    if value in ("Infinity", "-Infinity") and column is not None and affinity(column.type) in ("REAL", "NUMERIC"):
        return float(value)
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        names = [column.name] if column else []
        raise Invalid("a whole number here has 64 bits", code="value_type", details={"columns": names})
    return value if value is None or isinstance(value, (str, int, float, bytes)) else str(value)


def words(table: Table, *, rowid: bool) -> Words:
    name = rowid_of(table) if rowid else None
    return Words(
        quote=quote,
        placeholder=lambda number: f"?{number}",
        bind=bind,
        as_text=lambda ref: f"CAST({ref} AS TEXT)",
        within=lambda ref, mark: f"instr(lower({ref}), lower({mark})) > 0",
        exactly="IS",
        nulls_high=False,
        hidden={name: name} if name else {},
    )


async def table(path: Path, name: TableName) -> Table:
    async with line_to(path, QueryLimits()) as line:
        return await line.do(lambda: table_of(line.connection, name))


async def page(path: Path, want: RowsWanted, limits: QueryLimits) -> RowsFound:
    """Facts, rows and count in one read transaction; the authorizer refuses anything that writes."""
    async with line_to(path, replace(limits, write=False)) as line:
        return await line.do(lambda: _page(line, want))


def _page(line: Line, want: RowsWanted) -> RowsFound:
    line.transaction("BEGIN")
    found = table_of(line.connection, want.table)
    said = words(found, rowid=has_rowid(line.connection, found.relation.name))
    order = full_order(found, want.order, said.hidden) if found.key else ()
    composer = Composer(said, found)
    text = composer.page(want, order)
    rows, cut = line.rows(text, composer.params, want.limit + 1)
    shown_names = want.columns or tuple(column.name for column in found.columns)
    shown, keys = len(shown_names), len(shown_names) + len(found.key)
    count, capped = None, False
    if want.count is not None:
        counting = Composer(said, found)
        counted = line.rows(counting.count(want, want.count), counting.params, 1)[0][0][0]
        count, capped = min(counted, want.count), counted > want.count
    types = {column.name: column.type for column in found.columns}
    return RowsFound(
        table=found,
        columns=tuple(ResultColumn(name, types[name] or None) for name in shown_names),
        rows=tuple(row[:shown] for row in rows[: want.limit]),
        keys=tuple(row[shown:keys] for row in rows[: want.limit]) if found.editable else (),
        positions=tuple(row[keys:] for row in rows[: want.limit]) if order else (),
        more=len(rows) > want.limit or cut,
        truncated="bytes" if cut else None,
        count=count,
        count_capped=capped,
    )


async def edit(path: Path, name: TableName, batches: AsyncIterable[Sequence[Change]], limits: QueryLimits) -> Edited:
    """Foreign keys are enforced. The file's one write lock is held until the last batch: others wait or time out."""
    async with line_to(path, replace(limits, write=True)) as line:
        found = await line.do(lambda: _begin(line, name))
        work = _Work(line, found, Edited(found, tuple(ResultColumn(c.name, c.type or None) for c in found.columns)))
        async for batch in batches:
            await line.do(partial(work.apply, batch))
        await line.do(work.commit)
        return work.done


def _begin(line: Line, name: TableName) -> Table:
    line.connection.execute("PRAGMA foreign_keys = ON")
    line.transaction("BEGIN IMMEDIATE")
    found = table_of(line.connection, name)
    if found.relation.kind != "table":
        raise Conflict(f"{name.name!r} is a {found.relation.kind}: its rows are not edited", code="not_editable")
    return found


class _Work:
    def __init__(self, line: Line, table: Table, done: Edited) -> None:
        self._line, self._table, self.done = line, table, done
        self._words = words(table, rowid=has_rowid(line.connection, table.relation.name))
        self._row = 0

    def apply(self, batch: Sequence[Change]) -> None:
        for change in batch:
            try:
                self._apply(change)
            except HoldfastError as error:
                error.details.setdefault("row", self._row)
                raise
            self._row += 1

    def _apply(self, change: Change) -> None:
        composer = Composer(self._words, self._table)
        if isinstance(change, Insert):
            text = composer.insert([change.values], or_update=change.or_update)
            self._keep(self.guarded(text, composer.params))
            return
        self._checked(change.key, change.check)
        text = composer.update(change.key, change.values) if isinstance(change, Update) else composer.delete(change.key)
        self._keep(self.guarded(text, composer.params))

    def _checked(self, key: Mapping[str, Any], check: Check | None) -> None:
        composer = Composer(self._words, self._table)
        text = composer.one(key, lock=False)
        found = self.guarded(text, composer.params)
        if not found:
            raise NotFound("there is no row of this key", code="row_unknown")
        if len(found) > 1:
            raise no_key(self._table)
        names = [column.name for column in self._table.columns]
        if check is not None and not check(dict(zip(names, found[0], strict=True))):
            raise PreconditionFailed("the row was changed by someone else", hint="Read it again and decide again.")

    def guarded(self, text: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        try:
            return self._line.connection.execute(text, tuple(values)).fetchall()
        except apsw.Error as error:
            raise self._line.reason(error) or typed(error, self._table) from error
        except UnicodeError as error:
            raise Invalid("the value is not valid Unicode", code="value_type", details={"columns": []}) from error

    def commit(self) -> None:
        """Foreign keys that were deferred speak here."""
        try:
            self._line.transaction("COMMIT")
        except apsw.Error as error:
            raise self._line.reason(error) or typed(error, self._table) from error

    def _keep(self, rows: Sequence[tuple[Any, ...]]) -> None:
        self.done.affected += len(rows)
        self.done.rows += rows[: max(0, self._line.limits.rows - len(self.done.rows))]


class _OwnGuard(Guard):
    """Lets our own statements begin and end the transaction; triggers and expressions are refused as ever."""

    own = False

    def __call__(self, action: int, *words: Any) -> int:
        if self.own and action in (apsw.SQLITE_TRANSACTION, apsw.SQLITE_PRAGMA):
            return apsw.SQLITE_OK
        return super().__call__(action, *words)


class Line:
    """One guarded connection for one piece of work. `do` runs a step on a thread; steps never overlap."""

    def __init__(self, path: Path, limits: QueryLimits) -> None:
        self._path, self.limits = path, limits
        self._deadline = time.monotonic() + limits.seconds
        self._guard = _OwnGuard(limits.write)
        self._lock, self._handle = threading.Lock(), threading.Lock()
        self._open: apsw.Connection | None = None
        self._abandoned = False

    @property
    def connection(self) -> apsw.Connection:
        assert self._open is not None  # noqa: S101  open() came first
        return self._open

    def open(self) -> None:
        with self._lock:
            self.limits.stop.check()
            connection = open_database(self._path, "write" if self.limits.write else "read")
            with self._handle:
                self._open = connection
            connection.set_busy_handler(self._wait_busy)
            watch(connection, self.ended)
            self._guard.install(connection)

    async def do(self, step: Callable[[], T]) -> T:
        return await asyncio.to_thread(self._step, step)

    def _step(self, step: Callable[[], T]) -> T:
        with self._lock:
            if self.ended():
                raise self.reason(apsw.InterruptError("interrupted")) or Cancelled("abandoned")
            try:
                return step()
            except apsw.Error as error:
                raise self.reason(error) or translate(error) from error

    def setting(self, pragma: str, on: bool) -> None:
        """One of our own: the statements of this connection are ours."""
        self.transaction(f"PRAGMA {pragma} = {'ON' if on else 'OFF'}")

    def transaction(self, text: str) -> None:
        """BEGIN, COMMIT."""
        self._guard.own = True
        try:
            self.connection.execute(text)
        finally:
            self._guard.own = False

    def rows(self, text: str, values: Sequence[Any], most: int) -> tuple[list[tuple[Any, ...]], bool]:
        """Up to `most` rows, fewer when their bytes go over the limit (then True)."""
        found: list[tuple[Any, ...]] = []
        used = 0
        try:
            for row in self.connection.execute(text, tuple(values)):
                used += sum(len(value) if isinstance(value, (str, bytes)) else 8 for value in row)
                if used > self.limits.bytes:
                    return found, True
                found.append(row)
                if len(found) >= most:
                    break
        except UnicodeError as error:
            raise Invalid(
                "a text value is not valid Unicode; read it with CAST(... AS BLOB)", code="statement_invalid"
            ) from error
        return found, False

    def ended(self) -> bool:
        return self._abandoned or self.limits.stop.stopped or time.monotonic() > self._deadline

    def reason(self, error: apsw.Error) -> HoldfastError | None:
        """Why it ended, when it was we who ended or refused it."""
        if isinstance(error, (apsw.InterruptError, apsw.BusyError)):
            if self.limits.stop.stopped:
                return Cancelled(f"stopped: {self.limits.stop.reason}")
            if time.monotonic() > self._deadline and isinstance(error, apsw.InterruptError):
                text = f"this took longer than {self.limits.seconds:g} s"
                return LimitExceeded(text, code="query_timeout", details={"seconds": self.limits.seconds})
        if self._guard.refused and isinstance(error, apsw.AuthError):
            return Denied(f"not allowed here: {self._guard.refused}", code="statement_denied")
        return None

    def _wait_busy(self, _attempts: int) -> bool:
        time.sleep(_BUSY_PAUSE)
        return not self.ended()

    def interrupt(self) -> None:
        with self._handle:
            if self._open is not None:
                self._open.interrupt()

    def close(self) -> None:
        """Whatever was not committed is gone."""
        self._abandoned = True
        self.interrupt()
        with self._lock, self._handle:
            connection, self._open = self._open, None
            if connection is not None:
                connection.close(True)


@asynccontextmanager
async def line_to(path: Path, limits: QueryLimits) -> AsyncIterator[Line]:
    line = Line(path, limits)
    timer = asyncio.get_running_loop().call_later(limits.seconds, line.interrupt)
    limits.stop.on_stop(line.interrupt)
    try:
        await asyncio.to_thread(line.open)
        yield line
    finally:
        timer.cancel()
        await asyncio.shield(asyncio.to_thread(line.close))
