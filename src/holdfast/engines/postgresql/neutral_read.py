"""A PostgreSQL database described in neutral words, and its rows, all of one moment."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg

from holdfast.contract.neutral import (
    Action,
    Default,
    Loss,
    Neutral,
    NeutralColumn,
    NeutralKey,
    NeutralReference,
    NeutralTable,
    NeutralType,
)
from holdfast.contract.neutral_values import canonical, long_zone
from holdfast.contract.spec import Endpoint
from holdfast.engines.postgresql import catalog_sql, faults, link, neutral_sql
from holdfast.engines.postgresql.link import Connection
from holdfast.engines.postgresql.names import identifier, qualified
from holdfast.engines.postgresql.neutral_types import neutral_type
from holdfast.kernel.stop import Stop

BATCH = 2_000
_ACTIONS: dict[str, Action] = {
    "a": "no action", "r": "restrict", "c": "cascade", "n": "set null", "d": "set default",
}  # fmt: skip
_CAST = r"(?:::[\w .\"(),\[\]]+)?"
_LITERAL = re.compile(rf"\(?(-?\d+(?:\.\d+)?)\)?{_CAST}|'((?:[^']|'')*)'{_CAST}|(true|false)")
_NOW = frozenset({"now()", "CURRENT_TIMESTAMP", "transaction_timestamp()", "LOCALTIMESTAMP"})
# Counted among the database's objects, and told apart: what moves, or is said of each column and table.
_TOLD = frozenset(
    {"check", "unique constraint", "exclusion constraint", "enum", "domain", "trigger", "partition", "policy"}
) | {"row security"}


@contextmanager
def reading(at: Endpoint) -> Iterator[PostgresReading]:
    """One repeatable read transaction from the first to the last row."""
    with link.connect(at) as connection:
        try:
            with connection.transaction():
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                yield PostgresReading(connection)
        except psycopg.Error as error:
            raise faults.from_psycopg(error, "reading for a move") from error


@dataclass
class _Parts:
    """One table while it is put together."""

    schema: str
    relation: str
    name: str
    columns: list[NeutralColumn] = field(default_factory=list)
    primary: tuple[str, ...] = ()
    uniques: list[NeutralKey] = field(default_factory=list)
    indexes: list[NeutralKey] = field(default_factory=list)
    references: list[NeutralReference] = field(default_factory=list)


class PostgresReading:
    """Implements `contract.neutral.Reading`; `rows` after `describe`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._losses: list[Loss] = []
        self._parted: set[tuple[str, str]] = set()

    def describe(self, stop: Stop) -> Neutral:
        self._losses = []
        parts = self._tables()
        stop.check()
        self._columns(parts)
        self._constraints(parts)
        self._indexes(parts)
        self._objects()
        tables = []
        for each in parts.values():
            stop.check()
            tables.append(self._finished(each))
        return Neutral("postgresql", tuple(tables), tuple(self._losses))

    def rows(self, table: NeutralTable, stop: Stop) -> Iterator[Sequence[Sequence[Any]]]:
        shown = ", ".join(_expression(column) for column in table.columns) or "NULL"
        fixes = [_fix(column.type) for column in table.columns]
        only = "" if table.source in self._parted else "ONLY "  # the rows of a child move with the child
        with self._connection.cursor(name="holdfast_move") as cursor:
            cursor.itersize = BATCH
            cursor.execute(link.statement(f"SELECT {shown} FROM {only}{qualified(*table.source)}"))
            while batch := cursor.fetchmany(BATCH):
                stop.check()
                yield [_fixed(fixes, row) for row in batch] if any(fixes) or not table.columns else batch

    def _all(self, statement: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(link.statement(statement)).fetchall()

    def _lose(self, what: Any, where: str, text: str) -> None:
        self._losses.append(Loss(what, where, text))

    def _tables(self) -> dict[int, _Parts]:
        found: dict[int, _Parts] = {}
        taken: set[str] = set()
        for oid, schema, relation, parted, unlogged, secured, has_children in self._all(neutral_sql.TABLES):
            name = wanted = relation if schema == "public" else f"{schema}_{relation}"
            number = 2
            while name in taken:
                name, number = f"{wanted}_{number}", number + 1
            taken.add(name)
            where = f"{schema}.{relation}"
            if name != relation:
                self._lose("renamed", where, f"becomes {name!r}: there is one schema only")
            if parted:
                self._parted.add((schema, relation))
                self._lose("changed", where, "its partitions become one table")
            if has_children:
                self._lose("changed", where, "inheritance ends: it no longer shows the rows of the tables below it")
            if unlogged:
                self._lose("changed", where, "is no longer unlogged")
            if secured:
                self._lose("dropped", where, "its row security policies: whoever may read it sees every row")
            found[oid] = _Parts(schema, relation, name)
        return found

    def _columns(self, parts: dict[int, _Parts]) -> None:
        for row in self._all(neutral_sql.COLUMNS):
            oid, name, type_name, modifier, spelling, labels, fixed, identity, generated, default, domain, collated = (
                row
            )
            table = parts[oid]
            where = f"{table.schema}.{table.relation}.{name}"
            made = neutral_type(type_name, modifier, spelling, tuple(labels))
            if domain:
                self._lose("changed", where, f"its domain becomes {spelling}; the domain's checks are not kept")
            if collated:
                self._lose("changed", where, "its collation is not kept")
            if generated:
                self._lose("changed", where, "is copied as plain values: the expression that computes it is not kept")
            counted = self._identity(where, made, identity, default)
            value = None if generated or counted else self._default(where, made, default)
            table.columns.append(NeutralColumn(name, made, not fixed, value, counted))

    def _identity(self, where: str, of: NeutralType, identity: str, default: str | None) -> Any:
        if identity:
            return "always" if identity == "a" else "by default"
        if default and default.startswith("nextval(") and of.kind == "integer":
            self._lose("changed", where, "counts up by itself (identity) instead of by a named sequence")
            return "by default"
        return None

    def _default(self, where: str, of: NeutralType, text: str | None) -> Default | None:
        if text is None or text.startswith("NULL::"):
            return None
        bare = re.sub(r"^\((.*)\)::[\w .]+$", r"\1", text)
        if bare in _NOW and of.kind in ("timestamp", "timestamptz"):
            return Default("now")
        if bare == "CURRENT_DATE" and of.kind == "date":
            return Default("today")
        match = _LITERAL.fullmatch(text)
        value = None if match is None else _literal(of, match)
        if value is None:
            self._lose("dropped", where, f"its default: {text}")
            return None
        return Default("literal", value)

    def _constraints(self, parts: dict[int, _Parts]) -> None:
        for row in self._all(neutral_sql.CONSTRAINTS):
            oid, name, kind, columns, other, there, deleted, updated, deferrable, valid, match, text = row
            table = parts[oid]
            where = f"{table.schema}.{table.relation}: {name}"
            if kind in ("c", "x"):
                self._lose("dropped", where, text)
                continue
            if deferrable:
                self._lose("changed", where, "is checked at once, no longer at the end of a transaction")
            if kind == "p":
                table.primary = tuple(columns)
            elif kind == "u":
                if "NULLS NOT DISTINCT" in text:
                    self._lose("changed", where, "allows several NULLs")
                table.uniques.append(NeutralKey(name, tuple(columns), unique=True))
            elif other not in parts:
                self._lose("dropped", where, text)
            else:
                if not valid:
                    self._lose("changed", where, "holds for the rows that are there, too: it was NOT VALID")
                if match == "f":
                    self._lose("changed", where, "MATCH FULL becomes MATCH SIMPLE")
                table.references.append(
                    NeutralReference(
                        name, tuple(columns), parts[other].name, tuple(there), _ACTIONS[deleted], _ACTIONS[updated]
                    )
                )

    def _indexes(self, parts: dict[int, _Parts]) -> None:
        for oid, name, unique, plain, columns, descending in self._all(neutral_sql.INDEXES):
            table = parts[oid]
            if plain:
                table.indexes.append(NeutralKey(name, tuple(columns), unique, tuple(descending)))
            else:
                text = "an index on an expression, on part of the rows, or of another kind than btree"
                self._lose("dropped", f"{table.schema}.{table.relation}: {name}", text)

    def _objects(self) -> None:
        kinds = {"v": "view", "m": "materialized view", "f": "foreign table"}
        for kind, schema, name in self._all(neutral_sql.VIEWS):
            self._lose("dropped", f"{schema}.{name}", f"a {kinds[kind]}")
        for schema, table, name in self._all(neutral_sql.TRIGGERS):
            self._lose("dropped", f"{schema}.{table}: {name}", "a trigger")
        for kind, count in self._all(catalog_sql.OBJECTS):
            if count and kind not in _TOLD:
                self._lose("dropped", kind, f"{count} of them")

    def _finished(self, each: _Parts) -> NeutralTable:
        only = "" if (each.schema, each.relation) in self._parted else "ONLY "
        count = self._all(f"SELECT count(*) FROM {only}{qualified(each.schema, each.relation)}")[0][0]
        return NeutralTable(
            each.name,
            (each.schema, each.relation),
            tuple(each.columns),
            each.primary,
            tuple(each.uniques),
            tuple(each.indexes),
            tuple(each.references),
            int(count),
        )


def _literal(of: NeutralType, match: re.Match[str]) -> Any:
    number, quoted, truth = match.groups()
    text = quoted.replace("''", "'") if quoted is not None else number or truth
    if of.kind == "boolean":
        return text == "true" if text in ("true", "false") else None
    if of.kind == "integer":
        return int(text) if re.fullmatch(r"-?\d+", text) else None
    if of.kind == "float":
        return float(text) if re.fullmatch(r"-?\d+(\.\d+)?", text) else None
    if of.kind == "bytes":
        return bytes.fromhex(text[2:]) if re.fullmatch(r"\\x([0-9a-f]{2})*", text) else None
    if of.kind in ("enum", "other"):
        return text
    return canonical(of, text)


def _expression(column: NeutralColumn) -> str:
    """As text what has a text form of ours; a char(n) loses its padding, which means nothing."""
    bare = identifier(column.name)
    return bare if column.type.kind in ("boolean", "integer", "float", "bytes") else f"{bare}::text"


def _fixed(fixes: Sequence[Callable[[Any], Any] | None], row: Sequence[Any]) -> tuple[Any, ...]:
    """Without columns the server sends one NULL in their place."""
    return tuple(fix(value) if fix and value is not None else value for fix, value in zip(fixes, row, strict=False))


def _fix(of: NeutralType) -> Callable[[Any], Any] | None:
    return long_zone if of.kind in ("timestamptz", "timetz") else None
