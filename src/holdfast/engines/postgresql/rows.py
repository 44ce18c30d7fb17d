"""Rows of one table: pages by key, and changes in one transaction."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any

import psycopg

from holdfast.contract.catalog import Column
from holdfast.contract.query import Batch, QueryLimits
from holdfast.contract.row_sql import Composer, Words, full_order, no_key
from holdfast.contract.rows import (
    Change,
    Check,
    Edited,
    Insert,
    RowsFound,
    RowsWanted,
    Table,
    TableName,
    Update,
)
from holdfast.contract.spec import Access
from holdfast.engines.postgresql import faults, heavy, query
from holdfast.engines.postgresql.lines import Lines
from holdfast.engines.postgresql.link import AsyncConnection
from holdfast.engines.postgresql.names import identifier
from holdfast.engines.postgresql.table import FACTS, NAMES, absent, params, table_of
from holdfast.engines.postgresql.violations import typed
from holdfast.kernel.errors import Conflict, HoldfastError, Invalid, NotFound, PreconditionFailed

_ROWS_AT_ONCE = 500
_MOST_PARAMS = 60_000  # the protocol counts parameters in 16 bits
_EVERYTHING = 1 << 40


def bind(column: Column | None, value: Any) -> Any:
    """The value as text of no declared type: the server reads it as the column's own, or says why it cannot."""
    if value is None:
        return None
    kind = column.type if column else "text"
    if kind in ("json", "jsonb"):
        return _sound(json.dumps(value, ensure_ascii=False, default=_plain))
    if isinstance(value, (list, tuple)):
        return _sound(_array(value, kind.removesuffix("[]")))
    return _sound(_text(value))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "\\x" + bytes(value).hex()
    if isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False, default=_plain)
    return value if isinstance(value, str) else str(value)


def _sound(text: str) -> str:
    if "\x00" in text:
        raise Invalid("PostgreSQL text cannot hold a zero byte", code="value_type", details={"columns": []})
    return text


def _array(values: Sequence[Any], kind: str) -> str:
    parts = []
    for value in values:
        if value is None:
            parts.append("NULL")
        elif isinstance(value, (list, tuple)) and kind not in ("json", "jsonb"):
            parts.append(_array(value, kind))
        else:
            text = json.dumps(value, default=_plain) if kind in ("json", "jsonb") else _text(value)
            parts.append('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"')
    return "{" + ",".join(parts) + "}"


def _plain(value: Any) -> str:
    return _text(value)


WORDS = Words(
    quote=identifier,
    placeholder=lambda number: f"${number}",
    bind=bind,
    as_text=lambda ref: f"{ref}::text",
    within=lambda ref, mark: f"pg_catalog.strpos(pg_catalog.lower({ref}::text), pg_catalog.lower({mark})) > 0",
    exactly="IS NOT DISTINCT FROM",
    nulls_high=True,
    hidden={"ctid": "ctid"},
    lock=" FOR UPDATE",
)


async def table(lines: Lines, access: Access, name: TableName) -> Table:
    async with line_to(lines, access, QueryLimits()) as line:
        return await _table(line, name)


async def page(lines: Lines, want: RowsWanted, limits: QueryLimits) -> RowsFound:
    """Facts, rows and count on one line with the reader's rights, in one snapshot."""
    async with line_to(lines, "ro", limits) as line:
        await line.all("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        found = await _table(line, want.table)
        order = full_order(found, want.order, {}) if found.key else ()
        composer = Composer(_words(found), found)
        text = composer.page(want, order)
        answer = await line.all(text, composer.params, replace(limits, rows=want.limit + 1))
        count, capped = await _count(line, found, want)
        await line.all("COMMIT")
    shown = len(want.columns or found.columns)
    rows = answer.rows[: want.limit]
    keys = shown + len(found.key)
    return RowsFound(
        table=found,
        columns=answer.columns[:shown],
        rows=tuple(row[:shown] for row in rows),
        keys=tuple(row[shown:keys] for row in rows) if found.editable else (),
        positions=tuple(row[keys:] for row in rows) if order else (),
        more=len(answer.rows) > want.limit or answer.truncated is not None,
        truncated=answer.truncated if answer.truncated == "bytes" else None,
        count=count,
        count_capped=capped,
    )


def _words(found: Table) -> Words:
    return WORDS if found.key_kind == "position" else replace(WORDS, hidden={})


async def _count(line: Line, found: Table, want: RowsWanted) -> tuple[int | None, bool]:
    if want.count is None:
        return None, False
    composer = Composer(_words(found), found)
    answer = await line.all(composer.count(want, want.count), composer.params)
    counted = int(answer.rows[0][0])
    return min(counted, want.count), counted > want.count


async def edit(
    lines: Lines, access: Access, name: TableName, batches: AsyncIterable[Sequence[Change]], limits: QueryLimits
) -> Edited:
    async with line_to(lines, access, limits) as line:
        await line.all("BEGIN")
        found = await _table(line, name)
        if not found.relation.kind == "table":
            raise Conflict(f"{name.name!r} is a {found.relation.kind}: its rows are not edited", code="not_editable")
        work = _Work(line, found, Edited(found), limits)
        async for batch in batches:
            await work.apply(batch)
        await work.guarded("COMMIT", [], [], [])  # constraints that were deferred speak here
        return work.done


class _Work:
    def __init__(self, line: Line, table: Table, done: Edited, limits: QueryLimits) -> None:
        self._line, self._table, self.done, self._limits = line, table, done, limits
        self._row = 0

    async def apply(self, batch: Sequence[Change]) -> None:
        waiting: list[Insert] = []
        for change in batch:
            if isinstance(change, Insert):
                if waiting and (_shape(change) != _shape(waiting[0]) or self._full(waiting)):
                    await self._insert(waiting)
                    waiting = []
                waiting.append(change)
                continue
            if waiting:
                await self._insert(waiting)
                waiting = []
            await self._one(change)
            self._row += 1
        if waiting:
            await self._insert(waiting)

    @staticmethod
    def _full(waiting: list[Insert]) -> bool:
        width = len(waiting[0].values)
        return width == 0 or len(waiting) >= _ROWS_AT_ONCE or (len(waiting) + 1) * width > _MOST_PARAMS

    async def _insert(self, waiting: list[Insert]) -> None:
        """All at once; when that fails, one by one to learn which of them it was."""
        rows = [insert.values for insert in waiting]
        update = waiting[0].or_update
        try:
            if len(rows) == 1:
                await self._rows(rows, update)
            else:
                await self._line.all("SAVEPOINT rows")
                try:
                    await self._rows(rows, update)
                except HoldfastError as error:
                    if error.retryable or error.status in (403, 413):
                        raise
                    await self._line.all("ROLLBACK TO SAVEPOINT rows")
                    for row in rows:
                        await self._rows([row], update)
                        self._row += 1
                    return
                await self._line.all("RELEASE SAVEPOINT rows")
        except HoldfastError as error:
            error.details.setdefault("row", self._row)
            raise
        self._row += len(rows)

    async def _rows(self, rows: Sequence[Mapping[str, Any]], update: bool) -> None:
        composer = Composer(WORDS, self._table)
        text = composer.insert(rows, or_update=update)
        names = [name for row in rows for name in row]
        self._keep(await self.guarded(text, composer.params, names, rows))

    async def _one(self, change: Change) -> None:
        composer = Composer(WORDS, self._table)
        try:
            if isinstance(change, Update):
                await self._checked(change.key, change.check)
                text = composer.update(change.key, change.values)
                answer = await self.guarded(text, composer.params, [*change.values, *self._table.key], [change.values])
            else:
                assert not isinstance(change, Insert)  # noqa: S101  apply() took those
                await self._checked(change.key, change.check)
                answer = await self.guarded(composer.delete(change.key), composer.params, list(self._table.key), [])
        except HoldfastError as error:
            error.details.setdefault("row", self._row)
            raise
        if len(answer.rows) != 1:
            raise NotFound("there is no row of this key", code="row_unknown", details={"row": self._row})
        self._keep(answer)

    async def _checked(self, key: Mapping[str, Any], check: Check | None) -> None:
        composer = Composer(WORDS, self._table)
        text = composer.one(key, lock=True)
        found = await self.guarded(text, composer.params, list(self._table.key), [])
        if not found.rows:
            raise NotFound("there is no row of this key", code="row_unknown")
        if len(found.rows) > 1:
            raise no_key(self._table)
        names = [column.name for column in self._table.columns]
        if check is not None and not check(dict(zip(names, found.rows[0], strict=True))):
            raise PreconditionFailed("the row was changed by someone else", hint="Read it again and decide again.")

    async def guarded(
        self, text: str, values: Sequence[Any], names: Sequence[str], rows: Sequence[Mapping[str, Any]]
    ) -> Batch:
        try:
            return await self._line.raw(text, values)
        except psycopg.Error as error:
            raise self._line.failure() or typed(error, self._table, names, rows) from error

    def _keep(self, answer: Batch) -> None:
        self.done.columns = self.done.columns or answer.columns
        self.done.affected += len(answer.rows)
        self.done.rows += answer.rows[: max(0, self._limits.rows - len(self.done.rows))]


def _shape(change: Insert) -> tuple[Any, ...]:
    return (tuple(change.values), change.or_update)


class Line:
    """Several statements on one line, in the time and with the stop of `limits`."""

    def __init__(self, connection: AsyncConnection, watch: query.Watch, limits: QueryLimits) -> None:
        self._connection, self._watch, self._limits = connection, watch, limits
        self.cut_off = False

    def failure(self) -> HoldfastError | None:
        return self._watch.failure()

    async def raw(self, text: str, values: Sequence[Any] = (), limits: QueryLimits | None = None) -> Batch:
        """The whole answer of one statement. Raises psycopg's errors."""
        if self._watch.reason is not None and (failure := self._watch.failure()):
            raise failure
        within = limits or replace(self._limits, rows=_EVERYTHING, bytes=_EVERYTHING, batch_rows=_EVERYTHING)
        result = query.Result(self._connection, replace(within, batch_rows=_EVERYTHING))
        result.send(text, values)
        whole = Batch()
        try:
            async with aclosing(result.batches()) as batches:  # type: ignore[type-var]
                async for batch in batches:
                    whole = replace(batch, columns=whole.columns or batch.columns, rows=whole.rows + batch.rows)
        except psycopg.Error:
            await result.drain()
            raise
        if result.cut_off:
            self.cut_off = True
            raise heavy.too_large()
        return whole

    async def all(self, text: str, values: Sequence[Any] = (), limits: QueryLimits | None = None) -> Batch:
        try:
            return await self.raw(text, values, limits)
        except psycopg.Error as error:
            raise self.failure() or faults.from_statement(error, write=self._limits.write) from error


@asynccontextmanager
async def line_to(lines: Lines, access: Access, limits: QueryLimits) -> AsyncIterator[Line]:
    """A line of its own; whatever is still open at the end is rolled back."""
    limits.stop.check()
    connection = await lines.take(access)
    watch = query.Watch(lines.at, access, connection, limits)
    line = Line(connection, watch, limits)
    clean = False
    try:
        try:
            yield line
            clean = True
        except HoldfastError as error:
            clean = not error.retryable and watch.reason is None and not line.cut_off
            if clean and connection.pgconn.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                with contextlib.suppress(HoldfastError, psycopg.Error):
                    await line.raw("ROLLBACK")
            raise
    finally:
        await asyncio.shield(watch.close(clean))
        await asyncio.shield(lines.give(access, connection, clean=clean))


async def _table(line: Line, name: TableName) -> Table:
    answer = await line.all(FACTS, params(name))
    if not answer.rows:
        raise absent(name, list((await line.all(NAMES, params(name)[:1])).rows))
    return table_of(name, answer.rows[0])
