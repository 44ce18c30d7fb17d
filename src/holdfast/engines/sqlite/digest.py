"""Row-set digests: equal for equal rows in any order, different as soon as one value, type or repetition differs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

import apsw

from holdfast.contract.catalog import Catalog, Relation
from holdfast.contract.snapshot import TableFacts
from holdfast.engines.sqlite.connections import quote, scalar
from holdfast.engines.sqlite.spec import ENTRY
from holdfast.kernel.stop import Stop

METHOD = "sum128-blake2b-ascii/1"  # sum mod 2^128 of BLAKE2b-128 over Python's ascii() of the row: exact about types
AUTO_BYTES = 64 * 1024 * 1024
_LARGE = 1 << 20  # values above are hashed before they are written out: otherwise a row would need 5x its size
_MASK = (1 << 128) - 1


def matching(catalog: Catalog, select: Sequence[str]) -> list[Relation]:
    """Tables and virtual tables that fit one of the patterns ("main.name" or "name"); all when there is none."""
    return [r for r in catalog.relations if r.kind in ("table", "virtual table") and selected(r, select)]


def selected(relation: Relation, select: Sequence[str]) -> bool:
    """Whether a relation fits one of the patterns; none means all."""
    full = f"{relation.schema}.{relation.name}"
    return not select or any(full == p or fnmatchcase(full, p) or fnmatchcase(relation.name, p) for p in select)


def table_digests(connection: apsw.Connection, tables: Iterable[Relation], stop: Stop) -> Iterator[TableFacts]:
    """Facts with digests. A virtual table that cannot be read as a table is left out."""
    for table in tables:
        stop.check()
        try:
            rows, digest = _digest(connection, table)
        except apsw.SQLError:
            if table.kind == "virtual table":
                continue
            raise
        yield TableFacts(table.schema, table.name, rows, digest, METHOD, (ENTRY,))


def _digest(connection: apsw.Connection, table: Relation) -> tuple[int, str]:
    columns = [quote(column.name) for column in table.columns]
    source = f"main.{quote(table.name)}"
    widest = ", ".join(f"ifnull(octet_length({column}), 0)" for column in columns)
    large = bool(scalar(connection, f"SELECT ifnull(max(max({widest}, 0)), 0) > {_LARGE} FROM {source}"))
    try:
        return _sum(_rows(connection, f"SELECT {', '.join(columns)} FROM {source}", large))
    except UnicodeDecodeError:
        # Text that is not UTF-8: compared as bytes, for the whole table, on both sides alike.
        raw = ", ".join(
            f"CASE typeof({c}) WHEN 'text' THEN CAST({c} AS BLOB) ELSE {c} END, typeof({c})" for c in columns
        )
        rows, digest = _sum(_rows(connection, f"SELECT {raw} FROM {source}", large))
        return rows, f"raw:{digest}"


def _rows(connection: apsw.Connection, statement: str, large: bool) -> Iterator[tuple[Any, ...]]:
    cursor = connection.execute(statement)
    return (tuple(map(_shorten, row)) for row in cursor) if large else cursor


def _shorten(value: Any) -> Any:
    if isinstance(value, (str, bytes)) and len(value) > _LARGE:
        raw = value.encode() if isinstance(value, str) else value
        return (type(value).__name__, len(value), hashlib.blake2b(raw).hexdigest())
    return value


def _sum(rows: Iterator[tuple[Any, ...]]) -> tuple[int, str]:
    count = total = 0
    blake, number = hashlib.blake2b, int.from_bytes
    for row in rows:
        total += number(blake(ascii(row).encode("ascii"), digest_size=16).digest(), "big")
        count += 1
    return count, f"{total & _MASK:032x}"
