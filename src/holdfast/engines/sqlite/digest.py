"""Row-set digests: equal for equal rows in any order, different as soon as one value, type or repetition differs."""

from __future__ import annotations

import hashlib
import marshal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import apsw

from holdfast.contract.catalog import Catalog, Relation
from holdfast.contract.snapshot import TableFacts
from holdfast.engines.sqlite.connections import quote, scalar
from holdfast.engines.sqlite.spec import ENTRY
from holdfast.kernel.stop import Stop

AUTO_BYTES = 64 * 1024 * 1024
_MASK = (1 << 128) - 1
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Method:
    """Sum mod 2^128 of BLAKE2b-128 over each row as `written`, which is exact about types. Values above `large` bytes
    are hashed before: a row takes several times its size."""

    name: str
    written: Callable[[Row], bytes]
    large: int


def _ascii(row: Row) -> bytes:
    return ascii(row).encode("ascii")


def _marshalled(row: Row) -> bytes:
    """marshal's version 2, in which equal rows have equal bytes: no references, no marks of interned text; floats by
    their bits. It never changed since Python 3.0 (a test holds it), and is six times as fast on rows with blobs."""
    return marshal.dumps(row, 2)


_CURRENT = Method("sum128-blake2b-marshal2/1", _marshalled, 16 << 20)
METHOD = _CURRENT.name
METHODS = {method.name: method for method in (_CURRENT, Method("sum128-blake2b-ascii/1", _ascii, 1 << 20))}


def matching(catalog: Catalog, select: Sequence[str]) -> list[Relation]:
    """Tables and virtual tables that fit one of the patterns ("main.name" or "name"); all when there is none."""
    return [r for r in catalog.relations if r.kind in ("table", "virtual table") and selected(r, select)]


def selected(relation: Relation, select: Sequence[str]) -> bool:
    """Whether a relation fits one of the patterns; none means all."""
    full = f"{relation.schema}.{relation.name}"
    return not select or any(full == p or fnmatchcase(full, p) or fnmatchcase(relation.name, p) for p in select)


def table_digests(
    connection: apsw.Connection, tables: Iterable[Relation], stop: Stop, methods: Mapping[str, str] | None = None
) -> Iterator[TableFacts]:
    """Facts with digests, by the method that `methods` names for a table ("schema.table") if it is one of METHODS. A
    virtual table that cannot be read as a table is left out."""
    size = scalar(connection, "PRAGMA main.page_count") * scalar(connection, "PRAGMA main.page_size")
    for table in tables:
        stop.check()
        method = METHODS.get((methods or {}).get(f"{table.schema}.{table.name}", METHOD), _CURRENT)
        try:
            rows, digest = _digest(connection, table, method, size)
        except apsw.SQLError:
            if table.kind == "virtual table":
                continue
            raise
        yield TableFacts(table.schema, table.name, rows, digest, method.name, (ENTRY,))


def _digest(connection: apsw.Connection, table: Relation, method: Method, size: int) -> tuple[int, str]:
    columns = [quote(column.name) for column in table.columns]
    source = f"main.{quote(table.name)}"
    large = method.large if _may_hold(connection, table, columns, method, size) else None
    try:
        return _sum(_rows(connection, f"SELECT {', '.join(columns)} FROM {source}", large), method.written)
    except UnicodeDecodeError:
        # Text that is not UTF-8: compared as bytes, for the whole table, on both sides alike.
        raw = ", ".join(
            f"CASE typeof({c}) WHEN 'text' THEN CAST({c} AS BLOB) ELSE {c} END, typeof({c})" for c in columns
        )
        rows, digest = _sum(_rows(connection, f"SELECT {raw} FROM {source}", large), method.written)
        return rows, f"raw:{digest}"


def _may_hold(connection: apsw.Connection, table: Relation, columns: Sequence[str], method: Method, size: int) -> bool:
    """Whether the table has values that are large to the method. A file of `size` bytes holds none longer than itself,
    but a virtual table, a view's columns or a generated one may."""
    plain = table.kind == "table" and not any(column.generated for column in table.columns)
    if plain and size <= method.large:
        return False
    widest = ", ".join(f"ifnull(octet_length({column}), 0)" for column in columns)
    return bool(
        scalar(connection, f"SELECT ifnull(max(max({widest}, 0)), 0) > {method.large} FROM main.{quote(table.name)}")
    )


def _rows(connection: apsw.Connection, statement: str, large: int | None) -> Iterator[Row]:
    cursor = connection.execute(statement)
    return cursor if large is None else (tuple(_shorten(value, large) for value in row) for row in cursor)


def _shorten(value: Any, large: int) -> Any:
    if isinstance(value, (str, bytes)) and len(value) > large:
        raw = value.encode() if isinstance(value, str) else value
        return (type(value).__name__, len(value), hashlib.blake2b(raw).hexdigest())
    return value


def _sum(rows: Iterator[Row], written: Callable[[Row], bytes]) -> tuple[int, str]:
    count = total = 0
    blake, number = hashlib.blake2b, int.from_bytes
    for row in rows:
        total += number(blake(written(row), digest_size=16).digest(), "big")
        count += 1
    return count, f"{total & _MASK:032x}"
