"""Rows of any table for someone: authorised, limited and recorded as statements are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from holdfast.contract.query import QueryLimits
from holdfast.contract.rows import (
    CanEdit,
    Change,
    Check,
    Delete,
    Edited,
    Filter,
    Insert,
    Order,
    RowsFound,
    RowsWanted,
    Table,
    TableName,
    Update,
)
from holdfast.features.access.actor import Actor
from holdfast.features.databases.encoding import decode_value, encode_value
from holdfast.features.databases.guard import found as database_for
from holdfast.features.databases.query import Errand, QueryService, Visit
from holdfast.features.rows import cursor
from holdfast.features.rows.digest import digest_of
from holdfast.features.rows.once import OnceElsewhere
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Denied, Invalid, NotFound
from holdfast.web.idempotency import NEVER, Once

MOST_COUNTED = 10_000
SHOWN = 1_000  # rows an answer to a change holds; `affected` counts them all
READ_SECONDS, EDIT_SECONDS = 30.0, 300.0


@dataclass(frozen=True)
class Page:
    """What a page should hold, as asked: encoded values, names of columns, `-name` for downwards."""

    columns: Sequence[str] = ()
    filters: Sequence[tuple[str, Any, Any]] = ()
    order: Sequence[str] = ()
    search: str | None = None
    limit: int = 100
    cursor: str | None = None
    count: bool = False


class RowsService:
    """Everything runs in the api's process, on sessions the query service lends."""

    def __init__(self, queries: QueryService, db: Database) -> None:
        self._queries = queries
        self._db = db

    async def page(self, actor: Actor, resource_id: str, name: TableName, page: Page) -> tuple[RowsFound, str | None]:
        """(the page, the cursor of the next one)."""
        async with self._reading(actor, resource_id, "list", name) as (editor, visit):
            want = RowsWanted(
                table=name,
                columns=tuple(page.columns),
                filters=tuple(Filter(column, op, decode_value(value)) for column, op, value in page.filters),
                order=await _order(editor, name, page.order),
                search=page.search or None,
                after=cursor.decode(page.order, page.cursor),
                limit=page.limit,
                count=MOST_COUNTED if page.count else None,
            )
            found = await editor.rows(want, QueryLimits(seconds=READ_SECONDS, stop=visit.stop))
            visit.note.see(len(found.rows))
        more = found.more and found.positions
        return found, cursor.encode(page.order, found.positions[-1]) if more else None

    async def one(self, actor: Actor, resource_id: str, name: TableName, key: Any) -> RowsFound:
        """A page of the one row of this key. Raises NotFound("row_unknown")."""
        async with self._reading(actor, resource_id, "get", name) as (editor, visit):
            table = await editor.table(name)
            wanted = keyed(table, key)
            filters = tuple(
                Filter(column, "null", True) if value is None else Filter(column, "eq", value)
                for column, value in wanted.items()
            )
            limits = QueryLimits(seconds=READ_SECONDS, stop=visit.stop)
            found = await editor.rows(RowsWanted(name, filters=filters, limit=2), limits)
            if len(found.rows) != 1:
                raise NotFound("there is no row of this key", code="row_unknown")
            visit.note.see(1)
            return found

    async def insert(
        self,
        actor: Actor,
        resource_id: str,
        name: TableName,
        batches: AsyncIterable[Sequence[Mapping[str, Any]]],
        *,
        upsert: bool = False,
        once: Once = NEVER,
    ) -> Edited:
        """All rows of all batches or none. With a key never twice: see `once.py`."""
        keyed_once = OnceElsewhere(self._db, once)
        if once.key is not None:
            await asyncio.to_thread(self._repeated, actor, resource_id, keyed_once)

        async def changes() -> AsyncIterator[Sequence[Change]]:
            async for batch in batches:
                yield [Insert(decoded(row), or_update=upsert) for row in batch]

        async with self._writing(actor, resource_id, "upsert" if upsert else "insert", name) as (editor, visit):
            await asyncio.to_thread(keyed_once.claim)
            try:
                done = await _edited(editor, visit, name, changes())
            except (Invalid, Conflict, Denied, NotFound):
                await asyncio.to_thread(keyed_once.let_go)
                raise
            await asyncio.to_thread(keyed_once.answer, {"affected": done.affected, "rows": []})
            return done

    def _repeated(self, actor: Actor, resource_id: str, once: OnceElsewhere) -> None:
        """Who may not ask learns nothing of earlier answers."""
        with self._db.read() as conn:
            database_for(conn, actor, resource_id, "database.query.write")
        once.check()

    async def update(
        self,
        actor: Actor,
        resource_id: str,
        name: TableName,
        key: Any,
        values: Mapping[str, Any],
        check: Check | None = None,
    ) -> Edited:
        async def make(table: Table) -> Change:
            return Update(keyed(table, key), decoded(values), check)

        return await self._one(actor, resource_id, "update", name, make)

    async def delete(
        self, actor: Actor, resource_id: str, name: TableName, key: Any, check: Check | None = None
    ) -> Edited:
        async def make(table: Table) -> Change:
            return Delete(keyed(table, key), check)

        return await self._one(actor, resource_id, "delete", name, make)

    async def _one(self, actor: Actor, resource_id: str, act: str, name: TableName, make: Any) -> Edited:
        async with self._writing(actor, resource_id, act, name) as (editor, visit):
            change = await make(await editor.table(name))
            return await _edited(editor, visit, name, _single(change))

    @asynccontextmanager
    async def _reading(
        self, actor: Actor, resource_id: str, act: str, name: TableName
    ) -> AsyncIterator[tuple[CanEdit, Visit]]:
        errand = Errand("database.query.read", _words(act, name), plain=True)
        async with self._queries.visit(actor, resource_id, errand) as visit:
            yield editor_of(visit), visit

    @asynccontextmanager
    async def _writing(
        self, actor: Actor, resource_id: str, act: str, name: TableName
    ) -> AsyncIterator[tuple[CanEdit, Visit]]:
        errand = Errand("database.query.write", _words(act, name), write=True, plain=True)
        async with self._queries.visit(actor, resource_id, errand) as visit:
            yield editor_of(visit), visit


def unchanged(digest: str | None, expected: Mapping[str, Any] | None) -> Check | None:
    """The check of a change that was decided on this digest, or on these (encoded) values; None for neither."""
    if digest is None and expected is None:
        return None

    def check(row: Mapping[str, Any]) -> bool:
        if digest is not None and digest_of(row) != digest:
            return False
        return all(name in row and encode_value(row[name]) == value for name, value in (expected or {}).items())

    return check


def keyed(table: Table, key: Any) -> dict[str, Any]:
    """A key as its columns: an object, a list in the key's order, or the one value. Raises Invalid("key_invalid")."""
    if isinstance(key, dict) and not (set(key) == {"$bytes"} and "$bytes" not in table.key):
        return {name: decode_value(value) for name, value in key.items()}
    values = key if isinstance(key, list) else [key]
    if len(values) != len(table.key):
        raise Invalid(
            f"the key of this table is {', '.join(table.key) or 'absent'}",
            code="key_invalid",
            details={"columns": list(table.key)},
        )
    return {name: decode_value(value) for name, value in zip(table.key, values, strict=True)}


def decoded(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: decode_value(value) for name, value in row.items()}


def editor_of(visit: Visit) -> CanEdit:
    """Raises Conflict("rows_unsupported") for an engine without tables."""
    if not isinstance(visit.session, CanEdit):
        raise Invalid("this engine has no tables of rows", code="rows_unsupported")
    return visit.session


async def _single(change: Change) -> AsyncIterator[Sequence[Change]]:
    yield [change]


async def _edited(editor: CanEdit, visit: Visit, name: TableName, changes: AsyncIterable[Sequence[Change]]) -> Edited:
    limits = QueryLimits(rows=SHOWN, seconds=EDIT_SECONDS, write=True, stop=visit.stop)
    done = await editor.edit(name, changes, limits)
    visit.note.see(0, done.affected)
    return done


async def _order(editor: CanEdit, name: TableName, given: Sequence[str]) -> tuple[Order, ...]:
    """`-name` runs downwards, unless a column is really called that."""
    if not any(text.startswith("-") for text in given):
        return tuple(Order(text) for text in given)
    there = {column.name for column in (await editor.table(name)).columns}
    return tuple(Order(t) if t in there or not t.startswith("-") else Order(t[1:], True) for t in given)


def _words(act: str, name: TableName) -> str:
    return f"rows {act} {name.schema + '.' if name.schema else ''}{name.name}"
