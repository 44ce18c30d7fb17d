"""`env.DB`: Cloudflare's D1 as its Python SDK shows it. Runs inside the sandbox: standard library only."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from holdfast.runtime.bindings.attributes import BindingError, JsDict, JsList, NotAList, options
from holdfast.runtime.bindings.frames import METHODS
from holdfast.runtime.bindings.values import decode, encode

if TYPE_CHECKING:
    from holdfast.runtime.bindings.client import Client

_BOOKMARK: Final = re.compile(r"[0-9a-f]{8,16}(-[0-9a-f]{8,32}){1,3}")  # ours, and those of Cloudflare in old cookies
_QUERY, _EXEC = range(len(METHODS["d1"]))


class D1PreparedStatement(NotAList):
    """A statement and its values; `bind` gives a new one. The verbs raise BindingError with D1's words."""

    def __init__(self, session: D1DatabaseSession, sql: str, values: tuple[Any, ...] = ()) -> None:
        self._session, self._sql, self._values = session, sql, values

    def bind(self, *values: Any) -> D1PreparedStatement:
        """The statement with these values for `?`, `?NNN`. Raises BindingError("D1_TYPE_ERROR: ...")."""
        return D1PreparedStatement(self._session, self._sql, tuple(_value(each) for each in values))

    async def all(self) -> JsDict:
        """`{success, results, meta}`; a row is a dict."""
        return _object(await self._one())

    run = all

    async def first(self, column: str | None = None) -> Any:
        """The first row, or one column of it; None without a row."""
        columns, rows, _ = await self._one()
        if not rows:
            return None
        row = _row(columns, rows[0])
        if column is None:
            return row
        if column not in row:
            raise BindingError("Error", f"D1_COLUMN_NOTFOUND: Column not found ({column})")
        return row[column]

    async def raw(self, given: Any = None, /, **named: Any) -> list[list[Any]]:
        """Rows as lists; with `columnNames=True` the names come first."""
        columns, rows, _ = await self._one()
        found = [[_seen(value) for value in row] for row in rows]
        return [list(columns), *found] if options(given, named).get("columnNames") else found

    def wire(self) -> list[Any]:
        return [self._sql, list(self._values)]

    async def _one(self) -> Any:
        return (await self._session.query([self]))[0]


class D1DatabaseSession(NotAList):
    """Queries that see what came before them. `getBookmark()` names the moment for a later session."""

    def __init__(self, client: Client, name: str) -> None:
        self._client, self._name = client, name
        self._bookmark: str | None = None

    def prepare(self, sql: str) -> D1PreparedStatement:
        """A statement, not yet sent."""
        if not isinstance(sql, str):
            raise TypeError(f"a statement is a text, not {type(sql).__name__}")
        return D1PreparedStatement(self, sql)

    async def batch(self, statements: Sequence[D1PreparedStatement]) -> list[JsDict]:
        """All of them in one transaction, or none."""
        if not all(isinstance(each, D1PreparedStatement) for each in statements):
            raise TypeError("batch() takes a list of prepared statements")
        if not statements:
            raise BindingError("Error", "D1_ERROR: No SQL statements detected.: SQLITE_ERROR")
        return [_object(each) for each in await self.query(statements)]

    def getBookmark(self) -> str | None:  # noqa: N802
        """The moment after the last query; before the first the bookmark it began at, None without one."""
        return self._bookmark

    async def query(self, statements: Sequence[D1PreparedStatement]) -> list[Any]:
        payload = encode([[each.wire() for each in statements]])
        results, bookmark = decode(await self._client.call(self._name, _QUERY, payload))
        self._bookmark = bookmark
        return list(results)


class D1Database(D1DatabaseSession):
    """One database."""

    async def exec(self, sql: str) -> JsDict:
        """A script without values: `{count, duration}`. Those statements that ran before a failing one stay."""
        if not isinstance(sql, str):
            raise TypeError(f"a script is a text, not {type(sql).__name__}")
        count, duration, self._bookmark = decode(await self._client.call(self._name, _EXEC, encode([sql])))
        return JsDict(count=count, duration=duration)

    def withSession(self, start: str | None = None) -> D1DatabaseSession:  # noqa: N802
        """A session from a bookmark, "first-primary" or "first-unconstrained": all the same here, as there is one
        copy of the data and every query sees its newest state. Raises BindingError("D1_SESSION_ERROR: ...")."""
        if start is not None and not isinstance(start, str):
            raise TypeError("a session starts at a bookmark, which is a string")
        session, start = D1DatabaseSession(self._client, self._name), (start or "").strip()
        if start and start not in ("first-primary", "first-unconstrained"):
            if not _BOOKMARK.fullmatch(start):
                raise BindingError("Error", f"D1_SESSION_ERROR: invalid bookmark or constraint: {start[:60]}")
            session._bookmark = start
        return session


def _object(result: Any) -> JsDict:
    columns, rows, meta = result
    return JsDict(success=True, meta=JsDict(meta), results=JsList(_row(columns, row) for row in rows))


def _row(columns: list[str], row: list[Any]) -> JsDict:
    return JsDict((column, _seen(value)) for column, value in zip(columns, row, strict=True))


def _seen(value: Any) -> Any:
    return list(value) if isinstance(value, bytes) else value  # a BLOB is a list of numbers, as D1 gives it


def _value(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return value
    if isinstance(value, memoryview | bytearray):
        return bytes(value)
    if isinstance(value, list) and all(isinstance(each, int) and 0 <= each < 256 for each in value):
        return bytes(value)
    raise BindingError(
        "Error", f"D1_TYPE_ERROR: Type '{type(value).__name__}' not supported for value '{str(value)[:50]}'"
    )
