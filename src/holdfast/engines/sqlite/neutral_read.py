"""A SQLite database described in neutral words, and its rows, all of one moment."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import apsw

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
    What,
)
from holdfast.contract.neutral_values import canonical
from holdfast.engines.sqlite.connections import database, quote, rows, scalar
from holdfast.engines.sqlite.neutral_scan import scan, settle
from holdfast.engines.sqlite.spec import SCHEMA
from holdfast.kernel.errors import Permanent
from holdfast.kernel.stop import Stop

BATCH = 2_000
_TABLES = """
SELECT l.name, l.wr, s.sql FROM pragma_table_list AS l JOIN main.sqlite_schema AS s ON s.name = l.name
WHERE l.schema = 'main' AND l.type = 'table' AND s.type = 'table' AND l.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
ORDER BY l.name
"""
_OTHERS = """
SELECT s.type, s.name, l.type FROM main.sqlite_schema AS s
LEFT JOIN pragma_table_list AS l ON l.schema = 'main' AND l.name = s.name
WHERE s.type IN ('view', 'trigger') OR l.type = 'virtual' ORDER BY s.type, s.name
"""
_COLUMNS = """
SELECT l.name, c.name, c.type, c."notnull", c.dflt_value, c.pk, c.hidden
FROM pragma_table_list AS l, pragma_table_xinfo(l.name) AS c
WHERE l.schema = 'main' AND l.type = 'table' AND l.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY l.name, c.cid
"""
_INDEXES = """
SELECT l.name, i.name, i."unique", i.origin, i.partial, c.name, c."desc", c.coll
FROM pragma_table_list AS l, pragma_index_list(l.name) AS i, pragma_index_xinfo(i.name) AS c
WHERE l.schema = 'main' AND l.type = 'table' AND c.key = 1 ORDER BY l.name, i.name, c.seqno
"""
_REFERENCES = """
SELECT l.name, f.id, f."table", f."from", f."to", f.on_delete, f.on_update
FROM pragma_table_list AS l, pragma_foreign_key_list(l.name) AS f
WHERE l.schema = 'main' AND l.type = 'table' ORDER BY l.name, f.id, f.seq
"""
_LITERAL = re.compile(r"([+-]?\d+(?:\.\d+)?)|'((?:[^']|'')*)'|[xX]'((?:[0-9a-fA-F]{2})*)'|(TRUE|FALSE|NULL)", re.I)
_WORD = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[^\]]*\]|--[^\n]*|/\*.*?\*/|\w+", re.S)
_FLOATS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


@contextmanager
def reading(path: Path) -> Iterator[SqliteReading]:
    """One read transaction from the first to the last row."""
    with database(path, "read") as connection:
        connection.execute("BEGIN")
        yield SqliteReading(connection)


class SqliteReading:
    """Implements `contract.neutral.Reading`."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._losses: list[Loss] = []

    def describe(self, stop: Stop) -> Neutral:
        self._losses = []
        columns, indexes, references = self._grouped(_COLUMNS), self._grouped(_INDEXES), self._grouped(_REFERENCES)
        tables = []
        for name, without_rowid, text in rows(self._connection, _TABLES):
            stop.check()
            self._words(name, text)
            made, primary = self._columns(name, columns[name], bool(without_rowid), stop)
            uniques, others = self._keys(name, indexes[name])
            tables.append(
                NeutralTable(
                    name,
                    (SCHEMA, name),
                    made,
                    primary,
                    tuple(uniques),
                    tuple(others),
                    tuple(self._references(name, references[name], columns)),
                    int(scalar(self._connection, f"SELECT count(*) FROM main.{quote(name)}")),
                )
            )
        for kind, name, listed in rows(self._connection, _OTHERS):
            self._lose("dropped", name, "a virtual table" if listed == "virtual" else f"a {kind}")
        return Neutral("sqlite", tuple(tables), tuple(self._losses))

    def rows(self, table: NeutralTable, stop: Stop) -> Iterator[Sequence[Sequence[Any]]]:
        shown = ", ".join(quote(column.name) for column in table.columns) or "NULL"
        reads = [_reader(column.type) for column in table.columns]
        cursor = self._connection.execute(f"SELECT {shown} FROM main.{quote(table.source[1])}")
        done = 0
        while batch := list(islice(cursor, BATCH)):
            stop.check()
            made = []
            for number, row in enumerate(batch, done + 1):
                try:
                    made.append(
                        tuple(
                            None if value is None else read(value)
                            for read, value in zip(reads, row, strict=bool(table.columns))
                        )
                    )
                except _Unfit:
                    raise _unfit(table, row, number) from None
            done += len(batch)
            yield made

    def _grouped(self, statement: str) -> dict[str, list[tuple[Any, ...]]]:
        found: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        for name, *rest in rows(self._connection, statement):
            found[name].append(tuple(rest))
        return found

    def _lose(self, what: What, where: str, text: str) -> None:
        self._losses.append(Loss(what, where, text))

    def _words(self, table: str, text: str) -> None:
        """What only the table's own SQL tells."""
        words = {word.upper() for word in _WORD.findall(text or "")}
        if "CHECK" in words:
            self._lose("dropped", table, "its CHECK constraints")
        if "COLLATE" in words:
            self._lose("changed", table, "its COLLATE rules are not kept")
        if "DEFERRABLE" in words:
            self._lose("changed", table, "its foreign keys are checked at once, no longer at the end of a transaction")

    def _columns(
        self, table: str, found: list[tuple[Any, ...]], without_rowid: bool, stop: Stop
    ) -> tuple[tuple[NeutralColumn, ...], tuple[str, ...]]:
        names = [row[0] for row in found]
        keys = [row[0] for row in sorted((row for row in found if row[4]), key=lambda row: row[4])]
        counts = scan(self._connection, table, names, stop)
        made: list[NeutralColumn] = []
        for (name, declared, fixed, default, key, hidden), each in zip(found, counts, strict=True):
            kind, losses = settle(self._connection, table, name, declared, each, stop)
            self._losses += losses
            rowid = bool(key) and len(keys) == 1 and declared.upper() == "INTEGER" and not without_rowid
            if hidden in (2, 3):
                self._lose("changed", f"{table}.{name}", "is copied as plain values: its expression is not kept")
            if key and each.nulls:
                self._lose("dropped", table, f"its primary key: {name} holds NULL, which no other engine allows")
                keys_lost = True
            else:
                keys_lost = False
            value = None if hidden in (2, 3) else self._default(f"{table}.{name}", kind, default)
            nullable = not fixed and (not key or keys_lost)
            made.append(NeutralColumn(name, kind, nullable, value, "by default" if rowid else None))
        nulls = {name for name, each in zip(names, counts, strict=True) if each.nulls}
        return tuple(made), () if nulls & set(keys) else tuple(keys)

    def _default(self, where: str, of: NeutralType, text: str | None) -> Default | None:
        if text is None:
            return None
        if text.upper() == "CURRENT_TIMESTAMP" and of.kind in ("timestamp", "timestamptz"):
            return Default("now")
        if text.upper() == "CURRENT_DATE" and of.kind == "date":
            return Default("today")
        match = _LITERAL.fullmatch(text.strip())
        if match is not None and (match[4] or "").upper() == "NULL":
            return None
        value = None if match is None else _literal(of, match)
        if value is None:
            self._lose("dropped", where, f"its default: {text}")
            return None
        return Default("literal", value)

    def _keys(self, table: str, found: list[tuple[Any, ...]]) -> tuple[list[NeutralKey], list[NeutralKey]]:
        """(unique constraints, indexes); the primary key's own is neither."""
        parts: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        for name, *rest in found:
            parts[name].append(tuple(rest))
        uniques: list[NeutralKey] = []
        others: list[NeutralKey] = []
        for name, each in parts.items():
            unique, origin, partial = each[0][:3]
            columns = tuple(row[3] for row in each)
            if origin == "pk":
                continue
            if partial or None in columns:
                self._lose("dropped", f"{table}: {name}", "an index on an expression or on part of the rows")
                continue
            if any(row[5] != "BINARY" for row in each):
                self._lose("changed", f"{table}: {name}", "its COLLATE rule is not kept")
            if origin == "u":
                uniques.append(NeutralKey(f"{table}_{'_'.join(columns)}_key", columns, unique=True))
            else:
                others.append(NeutralKey(name, columns, bool(unique), tuple(bool(row[4]) for row in each)))
        return uniques, others

    def _references(
        self, table: str, found: list[tuple[Any, ...]], columns: dict[str, list[tuple[Any, ...]]]
    ) -> Iterator[NeutralReference]:
        parts: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
        for number, *rest in found:
            parts[number].append(tuple(rest))
        broken: dict[int, int] = defaultdict(int)
        if parts:
            for row in rows(self._connection, f"PRAGMA main.foreign_key_check({quote(table)})"):
                broken[row[3]] += 1
        by_name = {name.lower(): name for name in columns}
        for number, each in sorted(parts.items()):
            target = by_name.get(each[0][0].lower())
            where = f"{table}: foreign key to {each[0][0]}"
            if target is None:
                self._lose("dropped", where, "there is no such table")
                continue
            if broken[number]:
                self._lose("dropped", where, f"{broken[number]} rows break it")
                continue
            keys = [row[0] for row in sorted((row for row in columns[target] if row[4]), key=lambda row: row[4])]
            there = tuple(row[2] for row in each) if each[0][2] is not None else tuple(keys)
            names = {row[0].lower(): row[0] for row in columns[target]}
            yield NeutralReference(
                None,
                tuple(row[1] for row in each),
                target,
                tuple(names.get(name.lower(), name) for name in there),
                _action(each[0][3]),
                _action(each[0][4]),
            )


class _Unfit(Exception):
    """A value that is not of its column's kind."""


def _unfit(table: NeutralTable, row: Sequence[Any], number: int) -> Permanent:
    for column, value in zip(table.columns, row, strict=True):
        try:
            if value is not None:
                _reader(column.type)(value)
        except _Unfit:
            return Permanent(
                f"{table.source[1]}.{column.name}: row {number} holds a value that is no {column.type.kind}",
                code="value_unfit",
                hint="The data changed since the plan was made. Plan the move again.",
                details={"table": table.source[1], "column": column.name, "row": number},
            )
    raise AssertionError("every value fits")


def _action(text: str) -> Action:
    return text.lower()  # type: ignore[return-value]


def _literal(of: NeutralType, match: re.Match[str]) -> Any:
    number, quoted, raw, word = match.groups()
    if raw is not None:
        return bytes.fromhex(raw) if of.kind == "bytes" else None
    if word is not None:
        return word.upper() == "TRUE" if of.kind == "boolean" else None
    text = quoted.replace("''", "'") if quoted is not None else number.lstrip("+")
    if of.kind == "boolean":
        return text == "1" if text in ("0", "1") else None
    if of.kind == "integer":
        return int(text) if re.fullmatch(r"-?\d+", text) else None
    if of.kind == "float":
        return float(text) if re.fullmatch(r"-?\d+(\.\d+)?", text) else None
    if of.kind in ("bytes", "other", "enum"):
        return None
    return canonical(of, text)


def _reader(of: NeutralType) -> Callable[[Any], Any]:
    """From a stored value to the neutral one. Raises _Unfit."""

    def boolean(value: Any) -> bool:
        if value not in (0, 1) or not isinstance(value, int):
            raise _Unfit
        return bool(value)

    def integer(value: Any) -> int:
        if not isinstance(value, int):
            raise _Unfit
        return value

    def floating(value: Any) -> float:
        if isinstance(value, str) and value in _FLOATS:
            return _FLOATS[value]
        if not isinstance(value, int | float):
            raise _Unfit
        return float(value)

    def raw(value: Any) -> bytes:
        return value if isinstance(value, bytes) else str(value).encode()

    def text(value: Any) -> str:
        if isinstance(value, bytes):
            raise _Unfit
        return str(value)

    def formed(value: Any) -> str:
        if isinstance(value, float) and of.kind == "numeric":
            value = _digits(value)
        one = canonical(of, text(value))
        if one is None:
            raise _Unfit
        return one

    plain: dict[str, Callable[[Any], Any]] = {
        "boolean": boolean, "integer": integer, "float": floating, "bytes": raw, "enum": text, "other": text,
    }  # fmt: skip
    if of.kind == "text" and of.size is None:
        return text
    return plain.get(of.kind, formed)


def _digits(value: float) -> str:
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    text = format(Decimal(repr(value)), "f")
    return "0" if text == "-0.0" else text
