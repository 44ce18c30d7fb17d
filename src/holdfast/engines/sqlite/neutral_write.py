"""A SQLite database made from neutral words: what it would be, and making it, all in one transaction."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw

from holdfast.contract.neutral import (
    Default,
    Loss,
    Neutral,
    NeutralColumn,
    NeutralKey,
    NeutralReference,
    NeutralTable,
    NeutralType,
)
from holdfast.engines.sqlite.connections import database, literal, quote, scalar
from holdfast.engines.sqlite.neutral_types import declared
from holdfast.engines.sqlite.spec import SCHEMA
from holdfast.kernel.errors import Conflict
from holdfast.kernel.stop import Stop

_KEPT_AS = {
    "boolean": "kept as 0 and 1",
    "numeric": "kept as text: exact, but it sorts and compares as text until it is cast",
    "date": "kept as ISO 8601 text",
    "time": "kept as ISO 8601 text",
    "timetz": "kept as ISO 8601 text",
    "timestamp": "kept as ISO 8601 text",
    "timestamptz": "kept as ISO 8601 text in UTC",
    "uuid": "kept as text",
    "json": "kept as text",
}


def accept(neutral: Neutral) -> Neutral:
    """Implements `CanTranslate.accept`. Names are told apart here by their letters, not by their case."""
    losses = [Loss("dropped", table.name, "a table without columns") for table in neutral.tables if not table.columns]
    neutral = replace(neutral, tables=tuple(table for table in neutral.tables if table.columns))
    names = _unlike([table.name for table in neutral.tables])
    columns = {table.name: _unlike([column.name for column in table.columns]) for table in neutral.tables}
    taken = {name.lower() for name in names.values()}
    tables = tuple(_table(table, names, columns, taken, losses) for table in neutral.tables)
    return replace(neutral, tables=tables, losses=tuple(losses))


def _table(
    table: NeutralTable, names: dict[str, str], columns: dict[str, dict[str, str]], taken: set[str], losses: list[Loss]
) -> NeutralTable:
    own = columns[table.name]
    for old, new in ((table.name, names[table.name]), *own.items()):
        if old != new:
            losses.append(Loss("renamed", f"{table.name}: {old}", f"becomes {new!r}: names differ by more than case"))

    def mapped(given: Sequence[str], of: dict[str, str]) -> tuple[str, ...]:
        return tuple(of[name] for name in given)

    def fresh(key: NeutralKey) -> NeutralKey:
        name, number = key.name, 2
        while name.lower() in taken or name.lower().startswith("sqlite_"):
            name, number = f"{table.name}_{key.name}_{number}", number + 1
        taken.add(name.lower())
        if name != key.name:
            losses.append(Loss("renamed", f"{table.name}: {key.name}", f"becomes {name!r}"))
        return replace(key, name=name, columns=mapped(key.columns, own))

    return replace(
        table,
        name=names[table.name],
        source=(SCHEMA, names[table.name]),
        origin=table.source,
        columns=tuple(replace(_column(table, each, losses), name=own[each.name]) for each in table.columns),
        primary_key=mapped(table.primary_key, own),
        uniques=tuple(replace(each, columns=mapped(each.columns, own)) for each in table.uniques),
        indexes=tuple(map(fresh, table.indexes)),
        references=tuple(
            replace(
                each,
                columns=mapped(each.columns, own),
                table=names[each.table],
                referenced=mapped(each.referenced, columns[each.table]),
            )
            for each in table.references
        ),
    )


def _column(table: NeutralTable, column: NeutralColumn, losses: list[Loss]) -> NeutralColumn:
    where, kind = f"{table.name}.{column.name}", column.type

    def lose(text: str) -> None:
        losses.append(Loss("changed", where, text))

    if kind.kind in _KEPT_AS:
        lose(f"{kind.spelling or kind.kind} is {_KEPT_AS[kind.kind]}")
    elif kind.kind == "other":
        lose(f"{kind.spelling} is kept as text in PostgreSQL's form")
    elif kind.kind == "enum":
        lose(f"{kind.spelling or 'its enum'} becomes text with a check of its values")
    elif kind.kind == "integer" and kind.size != 8:
        lose(f"takes integers of any size: {kind.size} bytes are not enforced")
    elif kind.kind == "text" and kind.size is not None:
        lose(f"takes text of any length: {kind.size} characters are not enforced")
    elif kind.kind == "float" and kind.size == 4:
        lose("takes numbers of double precision")
    if not column.identity:
        return column
    if table.primary_key != (column.name,):
        lose("no longer counts up by itself: only a primary key of one column does")
        return replace(column, identity=None)
    if column.identity == "always":
        lose("counts up by itself, but takes a given value too")
    if kind.size != 8:
        lose("becomes INTEGER PRIMARY KEY, 8 bytes")
    return replace(column, identity="by default", type=NeutralType("integer", 8))


def _unlike(names: Sequence[str]) -> dict[str, str]:
    """Each name as it is, or with a number behind it when another has the same letters."""
    taken: set[str] = set()
    made: dict[str, str] = {}
    for name in names:
        one, number = (f"_{name}" if name.lower().startswith("sqlite_") else name), 2
        while one.lower() in taken:
            one, number = f"{name}_{number}", number + 1
        taken.add(one.lower())
        made[name] = one
    return made


@contextmanager
def writing(path: Path, tables: Sequence[NeutralTable], stop: Stop) -> Iterator[SqliteWriting]:
    """One transaction: a killed writer leaves nothing. Foreign keys are part of the tables, and checked at the end."""
    with database(path, "write", stop) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("BEGIN IMMEDIATE")
        if scalar(connection, "SELECT count(*) FROM main.sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"):
            raise Conflict("the database to move into is not empty", code="not_empty")
        for table in tables:
            connection.execute(_create(table))
        yield SqliteWriting(connection, stop)


class SqliteWriting:
    """Implements `contract.neutral.Writing`."""

    def __init__(self, connection: apsw.Connection, stop: Stop) -> None:
        self._connection = connection
        self._stop = stop

    def put(self, table: NeutralTable, rows: Sequence[Sequence[Any]]) -> None:
        self._stop.check()
        name = f"main.{quote(table.source[1])}"
        columns = ", ".join(quote(column.name) for column in table.columns)
        marks = ", ".join("?" for _ in table.columns)
        puts = [_put(column.type) for column in table.columns]
        if any(puts):
            rows = [
                [value if put is None or value is None else put(value) for put, value in zip(puts, row, strict=True)]
                for row in rows
            ]
        self._connection.executemany(f"INSERT INTO {name} ({columns}) VALUES ({marks})", rows)

    def finish(self, tables: Sequence[NeutralTable]) -> None:
        for table in tables:
            for key in table.indexes:
                self._stop.check()
                turned = key.descending or (False,) * len(key.columns)
                shown = ", ".join(
                    quote(c) + (" DESC" if down else "") for c, down in zip(key.columns, turned, strict=True)
                )
                unique = "UNIQUE " if key.unique else ""
                self._connection.execute(
                    f"CREATE {unique}INDEX main.{quote(key.name)} ON {quote(table.source[1])} ({shown})"
                )
        broken = self._connection.execute("PRAGMA main.foreign_key_check").fetchall()
        if broken:
            raise Conflict(f"{len(broken)} rows break a foreign key", code="reference_broken")
        self._connection.execute("COMMIT")


def _create(table: NeutralTable) -> str:
    parts = []
    for column in table.columns:
        words = [quote(column.name), declared(column.type)]
        if column.identity:
            words.append("PRIMARY KEY")
        if not column.nullable:
            words.append("NOT NULL")
        if column.default is not None:
            words.append(f"DEFAULT {_default(column.default)}")
        if column.type.kind == "enum":
            values = ", ".join(map(literal, column.type.values))
            words.append(f"CHECK ({quote(column.name)} IN ({values}))")
        parts.append(" ".join(words))
    if table.primary_key and not any(column.identity for column in table.columns):
        parts.append(f"PRIMARY KEY ({_names(table.primary_key)})")
    parts += [f"UNIQUE ({_names(key.columns)})" for key in table.uniques]
    parts += [_reference(each) for each in table.references]
    return f"CREATE TABLE main.{quote(table.source[1])} ({', '.join(parts)})"


def _reference(each: NeutralReference) -> str:
    named = f"CONSTRAINT {quote(each.name)} " if each.name else ""
    return (
        f"{named}FOREIGN KEY ({_names(each.columns)}) REFERENCES {quote(each.table)} ({_names(each.referenced)}) "
        f"ON DELETE {each.on_delete.upper()} ON UPDATE {each.on_update.upper()}"
    )


def _names(names: Sequence[str]) -> str:
    return ", ".join(map(quote, names))


def _default(default: Default) -> str:
    if default.kind != "literal":
        return "CURRENT_TIMESTAMP" if default.kind == "now" else "CURRENT_DATE"
    value = default.value
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    return literal(value) if isinstance(value, str) else repr(value)


def _put(of: NeutralType) -> Callable[[Any], Any] | None:
    """SQLite has no NaN: it would become NULL, so it is kept by its name. Infinity it has."""
    if of.kind == "float":
        return lambda value: "NaN" if math.isnan(value) else value
    return int if of.kind == "boolean" else None
