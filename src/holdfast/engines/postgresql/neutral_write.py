"""A PostgreSQL database made from neutral words: what it would be, and making it, all in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg

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
from holdfast.contract.spec import Endpoint
from holdfast.engines.postgresql import faults, link
from holdfast.engines.postgresql.link import Connection
from holdfast.engines.postgresql.names import NAME_BYTES, identifier, identifiers, literal, qualified
from holdfast.engines.postgresql.neutral_types import spelled
from holdfast.kernel.errors import Conflict, Permanent
from holdfast.kernel.stop import Stop

SCHEMA = "public"


def accept(neutral: Neutral) -> Neutral:
    """Implements `CanTranslate.accept`."""
    losses: list[Loss] = []
    names = _fitting([table.name for table in neutral.tables])
    tables = [_table(table, names, losses) for table in neutral.tables]
    taken: set[str] = set(names.values())
    return replace(
        neutral, tables=tuple(_relations_named(table, taken, losses) for table in tables), losses=tuple(losses)
    )


def _table(table: NeutralTable, names: dict[str, str], losses: list[Loss]) -> NeutralTable:
    columns = _fitting([column.name for column in table.columns])
    for old, new in ((table.name, names[table.name]), *columns.items()):
        if old != new:
            losses.append(Loss("renamed", f"{table.name}: {old}", f"becomes {new!r}: a name takes {NAME_BYTES} bytes"))

    def mapped(given: Sequence[str]) -> tuple[str, ...]:
        return tuple(columns[name] for name in given)

    return replace(
        table,
        name=names[table.name],
        source=(SCHEMA, names[table.name]),
        origin=table.source,
        columns=tuple(replace(_column(table, each, losses), name=columns[each.name]) for each in table.columns),
        primary_key=mapped(table.primary_key),
        uniques=tuple(replace(each, columns=mapped(each.columns)) for each in table.uniques),
        indexes=tuple(replace(each, columns=mapped(each.columns)) for each in table.indexes),
        references=tuple(
            replace(
                each,
                columns=mapped(each.columns),
                table=names[each.table],
                referenced=tuple(_fitting_one(name) for name in each.referenced),
            )
            for each in table.references
        ),
    )


def _column(table: NeutralTable, column: NeutralColumn, losses: list[Loss]) -> NeutralColumn:
    if spelled(column.type) is not None:
        return column
    known = column.type.spelling or column.type.kind
    losses.append(Loss("changed", f"{table.name}.{column.name}", f"{known} becomes text: there is no such type here"))
    default = column.default if isinstance(column.default and column.default.value, str) else None
    return replace(column, type=NeutralType("text"), default=default)


def _relations_named(table: NeutralTable, taken: set[str], losses: list[Loss]) -> NeutralTable:
    """Indexes and constraints share one name space with the tables of a schema."""

    def fresh(key: NeutralKey) -> NeutralKey:
        name, number = _fitting_one(key.name), 2
        while name in taken:
            name, number = (
                _fitting_one(f"{table.name}_{key.name}" if number == 2 else f"{key.name}_{number}"),
                number + 1,
            )
        taken.add(name)
        if name != key.name:
            losses.append(Loss("renamed", f"{table.name}: {key.name}", f"becomes {name!r}"))
        return replace(key, name=name)

    return replace(table, uniques=tuple(map(fresh, table.uniques)), indexes=tuple(map(fresh, table.indexes)))


def _fitting(names: Sequence[str]) -> dict[str, str]:
    return {name: _fitting_one(name) for name in names}


def _fitting_one(name: str) -> str:
    """At most 63 bytes; two long names that begin alike stay two."""
    raw = name.encode()
    if len(raw) <= NAME_BYTES:
        return name
    suffix = "_" + hashlib.sha256(raw).hexdigest()[:8]
    return raw[: NAME_BYTES - len(suffix)].decode(errors="ignore") + suffix


@contextmanager
def writing(at: Endpoint, tables: Sequence[NeutralTable], stop: Stop) -> Iterator[PostgresWriting]:
    """With the owner's rights, never a superuser's. One transaction: a killed writer leaves nothing."""
    with link.connect(at, "owner") as connection:
        try:
            with connection.transaction(force_rollback=False):
                if connection.execute(
                    "SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n "
                    "ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm'))"
                ).fetchone() == (True,):
                    raise Conflict("the database to move into is not empty", code="not_empty")
                for table in tables:
                    connection.execute(link.statement(_create(table)))
                made = PostgresWriting(connection, stop)
                yield made
                if not made.finished:
                    raise psycopg.Rollback
        except psycopg.Error as error:
            stop.check()
            raise faults.from_psycopg(error, "writing for a move") from error


class PostgresWriting:
    """Implements `contract.neutral.Writing`."""

    def __init__(self, connection: Connection, stop: Stop) -> None:
        self._connection = connection
        self._stop = stop
        self.finished = False

    def put(self, table: NeutralTable, rows: Sequence[Sequence[Any]]) -> None:
        self._stop.check()
        if not table.columns:
            for _ in rows:
                self._connection.execute(link.statement(f"INSERT INTO {qualified(*table.source)} DEFAULT VALUES"))
            return
        columns = identifiers(column.name for column in table.columns)
        puts = [_put(column.type) for column in table.columns]
        statement = link.statement(f"COPY {qualified(*table.source)} ({columns}) FROM STDIN")
        try:
            with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
                for row in rows:
                    copy.write_row(
                        [None if v is None else put(v) if put else v for put, v in zip(puts, row, strict=True)]
                    )
        except psycopg.DataError as error:
            where = (error.diag.context or "").splitlines()
            raise Permanent(
                f"a value of {table.name} does not fit: {error.diag.message_primary}",
                code="value_unfit",
                hint=where[0][:300] if where else None,
                details={"table": table.name},
            ) from error

    def finish(self, tables: Sequence[NeutralTable]) -> None:
        for table in tables:
            for text in _afterwards(table):
                self._stop.check()
                self._connection.execute(link.statement(text))
            for column in table.columns:
                if column.identity:
                    self._count_on(table, column)
        for table in tables:
            for reference in table.references:
                self._stop.check()
                self._connection.execute(link.statement(_reference(table, reference)))
        self.finished = True

    def _count_on(self, table: NeutralTable, column: NeutralColumn) -> None:
        name = qualified(*table.source)
        self._connection.execute(
            link.statement(
                f"SELECT pg_catalog.setval(pg_catalog.pg_get_serial_sequence({literal(name)}, {literal(column.name)}), "
                f"greatest(max({identifier(column.name)}), 1), max({identifier(column.name)}) >= 1) FROM {name}"
            )
        )


def _create(table: NeutralTable) -> str:
    parts = []
    for column in table.columns:
        words = [identifier(column.name), str(spelled(column.type))]
        if column.identity:
            words.append(f"GENERATED {column.identity.upper()} AS IDENTITY")
        elif column.default is not None:
            words.append(f"DEFAULT {_default(column, column.default)}")
        if not column.nullable:
            words.append("NOT NULL")
        parts.append(" ".join(words))
    if table.primary_key:
        parts.append(f"PRIMARY KEY ({identifiers(table.primary_key)})")
    return f"CREATE TABLE {qualified(*table.source)} ({', '.join(parts)})"


def _default(column: NeutralColumn, default: Default) -> str:
    if default.kind == "now":
        return "CURRENT_TIMESTAMP" if column.type.kind == "timestamptz" else "(now() AT TIME ZONE 'UTC')"
    if default.kind == "today":
        return "CURRENT_DATE"
    value = default.value
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    if isinstance(value, bytes):
        text = "\\x" + value.hex()
    return f"{literal(text)}::{spelled(column.type)}"


def _afterwards(table: NeutralTable) -> Iterator[str]:
    for key in table.uniques:
        yield (
            f"ALTER TABLE {qualified(*table.source)} ADD CONSTRAINT {identifier(key.name)} "
            f"UNIQUE ({identifiers(key.columns)})"
        )
    for key in table.indexes:
        turned = key.descending or (False,) * len(key.columns)
        shown = ", ".join(
            identifier(name) + (" DESC" if down else "") for name, down in zip(key.columns, turned, strict=True)
        )
        unique = "UNIQUE " if key.unique else ""
        yield f"CREATE {unique}INDEX {identifier(key.name)} ON {qualified(*table.source)} ({shown})"


def _reference(table: NeutralTable, each: NeutralReference) -> str:
    named = f"CONSTRAINT {identifier(_fitting_one(each.name))} " if each.name else ""
    return (
        f"ALTER TABLE {qualified(*table.source)} ADD {named}FOREIGN KEY ({identifiers(each.columns)}) "
        f"REFERENCES {qualified(SCHEMA, each.table)} ({identifiers(each.referenced)}) "
        f"ON DELETE {each.on_delete.upper()} ON UPDATE {each.on_update.upper()}"
    )


def _put(of: NeutralType) -> Callable[[Any], Any] | None:
    """Every value as the text that its type's input function reads."""
    return _bytes if of.kind == "bytes" else None


def _bytes(value: bytes) -> str:
    return "\\x" + value.hex()
