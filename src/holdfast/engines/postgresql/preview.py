"""Rows of a table straight out of a snapshot: the first lines of its COPY text, without a server."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.adapt import AdaptersMap, Transformer

from holdfast.contract.query import Batch, ResultColumn
from holdfast.contract.snapshot import Source, TableFacts
from holdfast.engines.postgresql.values import adapters
from holdfast.kernel.errors import Corrupt, NotFound
from holdfast.kernel.stop import Stop

MAX_BYTES = 4 << 20  # of text; what a person looks at
_READ_BYTES = 64 * 1024
_MODIFIERS = re.compile(r"\([^)]*\)")
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_ESCAPED = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


@dataclass(frozen=True)
class _Context:
    """psycopg's loaders without a connection: times with a zone are then in UTC, as they were captured."""

    adapters: AdaptersMap = field(default_factory=adapters)
    connection: None = None


def preview(source: Source, table: str, limit: int, stop: Stop) -> Batch:
    """At most `limit` rows and MAX_BYTES of text, in the order they were captured. Raises NotFound, Corrupt."""
    facts = _facts(source, table)
    paths = [path for path in facts.entries if path in source.manifest.entries]
    names = _columns(source, facts, paths)
    types = _types(source, facts)
    columns = tuple(ResultColumn(name, types.get(name)) for name in names)
    load = [_loader(column.type) for column in columns]
    rows: list[tuple[Any, ...]] = []
    size = 0
    truncated = None
    for line in _lines(source, paths, stop):
        size += len(line)
        if len(rows) == limit or (rows and size > MAX_BYTES):
            truncated = "rows" if len(rows) == limit else "bytes"
            break
        cells = line.split(b"\t") if names else []
        if len(cells) != len(names):
            raise Corrupt(f"a row of {table} has {len(cells)} values for {len(names)} columns", code="snapshot_corrupt")
        rows.append(tuple(_value(cell, loader) for cell, loader in zip(cells, load, strict=True)))
    return Batch(columns=columns, rows=tuple(rows), last=True, truncated=truncated)


def _facts(source: Source, table: str) -> TableFacts:
    for facts in source.manifest.tables:
        if table == (f"{facts.schema}.{facts.name}" if facts.schema else facts.name):
            return facts
    raise NotFound(f"the snapshot has no table {table!r}", code="table_not_found")


def _columns(source: Source, facts: TableFacts, paths: list[str]) -> list[str]:
    """In the order of the rows: as the entries say, for an empty table as the catalog says."""
    for path in paths:
        told = source.manifest.entries[path].get("columns")
        if isinstance(told, list | tuple):
            return [str(name) for name in told]
    for relation in source.manifest.catalog.relations:
        if (relation.schema, relation.name) == (facts.schema, facts.name):
            return [column.name for column in relation.columns if not column.generated]
    return []


def _types(source: Source, facts: TableFacts) -> dict[str, str]:
    return {
        column.name: column.type
        for relation in source.manifest.catalog.relations
        if (relation.schema, relation.name) == (facts.schema, facts.name)
        for column in relation.columns
    }


def _lines(source: Source, paths: list[str], stop: Stop) -> Iterator[bytes]:
    """The rows of the entries, one after another; a value's own line breaks are escaped in COPY's text."""
    buffer = memoryview(bytearray(_READ_BYTES))
    for path in paths:
        rest = b""
        with closing(source.open(path)) as stream:
            while got := stream.readinto(buffer):
                stop.check()
                *whole, rest = (rest + bytes(buffer[:got])).split(b"\n")
                yield from whole
        if rest:
            raise Corrupt(f"{path} ends within a row", code="snapshot_corrupt")


def _value(cell: bytes, load: Callable[[bytes], Any] | None) -> Any:
    if cell == b"\\N":
        return None
    raw = _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), cell)
    if load is not None:
        try:
            return load(raw)
        except (psycopg.Error, ValueError, OverflowError):
            pass  # what Python cannot hold is shown as the server wrote it
    return raw.decode(errors="replace")


def _loader(kind: str | None) -> Callable[[bytes], Any] | None:
    """How a column's text becomes a value; None for types made by users, which stay text."""
    if kind is None:
        return None
    context = _Context()
    info = context.adapters.types.get(_MODIFIERS.sub("", kind).removesuffix("[]").strip())
    if info is None:
        return None
    oid = info.array_oid if kind.endswith("[]") else info.oid
    found = Transformer(context).get_loader(oid, psycopg.pq.Format.TEXT)
    return found.load
