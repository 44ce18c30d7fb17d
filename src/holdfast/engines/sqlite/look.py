"""The catalog of one file, in a number of statements that does not grow with the number of tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Literal

import apsw

from holdfast.contract.catalog import Catalog, Column, ForeignKey, Index, Relation, RelationKind
from holdfast.engines.sqlite.connections import literal, quote, scalar
from holdfast.engines.sqlite.connections import rows as all_rows
from holdfast.engines.sqlite.spec import SCHEMA
from holdfast.engines.sqlite.tally import Tally, Tree, Unclear

_KINDS: dict[str, RelationKind] = {"table": "table", "view": "view", "virtual": "virtual table"}
_COUNTS_AT_ONCE = 100  # below SQLITE_LIMIT_COMPOUND_SELECT

# A view on a missing table, or a virtual table of an unknown module, fails the whole statement: asked for apart.
_COLUMNS = """
SELECT l.name, c.name, c.type, c."notnull", c.dflt_value, c.pk, c.hidden
FROM pragma_table_list AS l, pragma_table_xinfo(l.name) AS c
WHERE l.schema = 'main' AND l.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND {which} AND c.hidden <> 1
ORDER BY l.name, c.cid
"""
_RELATIONS = """
SELECT l.name, l.type, s.sql FROM pragma_table_list AS l JOIN main.sqlite_schema AS s ON s.name = l.name
WHERE l.schema = 'main' AND l.type IN ('table', 'view', 'virtual') AND s.type IN ('table', 'view')
AND l.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY l.name
"""
_INDEXES = """
SELECT l.name, i.name, i."unique", s.sql, c.name
FROM pragma_table_list AS l, pragma_index_list(l.name) AS i, pragma_index_info(i.name) AS c
LEFT JOIN main.sqlite_schema AS s ON s.type = 'index' AND s.name = i.name
WHERE l.schema = 'main' AND l.type = 'table' ORDER BY l.name, i.name, c.seqno
"""
_FOREIGN_KEYS = """
SELECT l.name, f.id, f."table", f."from", f."to"
FROM pragma_table_list AS l, pragma_foreign_key_list(l.name) AS f
WHERE l.schema = 'main' AND l.type = 'table' ORDER BY l.name, f.id, f.seq
"""


def look(
    connection: apsw.Connection, name: str, depth: Literal["shallow", "full"], tally: Tally | None = None
) -> Catalog:
    """The caller holds a read transaction when it wants one moment. "full" counts rows and the bytes of tables: by
    reading all pages, or from a `tally` of the pages of the same moment."""
    columns, indexes, keys = _columns(connection), _indexes(connection), _foreign_keys(connection)
    relations = [
        Relation(SCHEMA, table, _KINDS[kind], columns[table], indexes[table], keys[table], definition=sql)
        for table, kind, sql in all_rows(connection, _RELATIONS)
    ]
    if depth == "full":
        rows, sizes = _measured(connection, relations, tally)
        relations = [replace(r, rows=rows.get(r.name), bytes=sizes.get(r.name)) for r in relations]
    triggers = scalar(connection, "SELECT count(*) FROM main.sqlite_schema WHERE type = 'trigger'")
    return Catalog(
        engine="sqlite",
        version=apsw.sqlite_lib_version(),
        database=name,
        relations=tuple(relations),
        schemas=(SCHEMA,),
        objects={"trigger": triggers} if triggers else {},
        bytes=scalar(connection, "PRAGMA page_count") * scalar(connection, "PRAGMA page_size"),
        rows_exact=depth == "full",
    )


def _columns(connection: apsw.Connection) -> dict[str, tuple[Column, ...]]:
    found: dict[str, tuple[Column, ...]] = defaultdict(tuple)
    for table, *column in _column_rows(connection):
        name, kind, not_null, default, key, hidden = column
        found[table] += (Column(name, kind, not not_null, default, key, hidden in (2, 3)),)
    return found


def _column_rows(connection: apsw.Connection) -> Iterator[tuple[Any, ...]]:
    yield from all_rows(connection, _COLUMNS.format(which="l.type = 'table'"))
    try:
        yield from connection.execute(_COLUMNS.format(which="l.type IN ('view', 'virtual')")).fetchall()
    except apsw.SQLError:
        for name, kind, _ in all_rows(connection, _RELATIONS):
            if kind != "table":
                with suppress(apsw.SQLError):
                    yield from connection.execute(_COLUMNS.format(which=f"l.name = {literal(name)}")).fetchall()


def _indexes(connection: apsw.Connection) -> dict[str, tuple[Index, ...]]:
    parts: dict[tuple[str, str], tuple[list[str], bool, str | None]] = {}
    for table, name, unique, sql, column in all_rows(connection, _INDEXES):
        parts.setdefault((table, name), ([], bool(unique), sql))[0].append(
            column if column is not None else "(expression)"
        )
    found: dict[str, tuple[Index, ...]] = defaultdict(tuple)
    for (table, name), (columns, unique, sql) in parts.items():
        found[table] += (Index(name, tuple(columns), unique, sql),)
    return found


def _foreign_keys(connection: apsw.Connection) -> dict[str, tuple[ForeignKey, ...]]:
    parts: dict[tuple[str, int], tuple[str, list[str], list[str]]] = {}
    for table, number, target, column, referenced in all_rows(connection, _FOREIGN_KEYS):
        _, columns, others = parts.setdefault((table, number), (target, [], []))
        columns.append(column)
        if referenced is not None:
            others.append(referenced)
    found: dict[str, tuple[ForeignKey, ...]] = defaultdict(tuple)
    for (table, _), (target, columns, others) in parts.items():
        found[table] += (ForeignKey(tuple(columns), target, tuple(others)),)
    return found


def _measured(
    connection: apsw.Connection, relations: list[Relation], tally: Tally | None
) -> tuple[dict[str, int], dict[str, int]]:
    """(rows, bytes with indexes) by table."""
    if tally is not None:
        with suppress(Unclear):
            return _tallied(connection, relations, tally)
    return count_rows(connection, relations), _sizes(connection)


def _tallied(
    connection: apsw.Connection, relations: list[Relation], tally: Tally
) -> tuple[dict[str, int], dict[str, int]]:
    """As the b-trees say. Bytes are asked of dbstat where rows have pages that no b-tree names (overflow), or others
    that are no b-tree's. Raises Unclear."""
    owners = {"": ""}  # the schema's own tree
    roots = {"": 1}
    for name, table, root in all_rows(
        connection, "SELECT name, tbl_name, rootpage FROM main.sqlite_schema WHERE rootpage > 0"
    ):
        owners[name], roots[name] = table, root
    trees = tally.trees(roots)
    rows = {r.name: trees[r.name].rows for r in relations if r.kind == "table"}
    rows |= _count_virtual(connection, relations)
    if not tally.complete(trees, scalar(connection, "PRAGMA freelist_count")):
        return rows, _sizes(connection)
    return rows, _summed(trees, owners, scalar(connection, "PRAGMA page_size"))


def _summed(trees: Mapping[str, Tree], owners: Mapping[str, str], page: int) -> dict[str, int]:
    sizes: dict[str, int] = defaultdict(int)
    for name, tree in trees.items():
        sizes[owners[name]] += tree.pages * page
    return sizes


def count_rows(connection: apsw.Connection, relations: list[Relation]) -> dict[str, int]:
    """Exact counts of tables; a virtual table that cannot be counted is left out, and views are not counted."""
    tables = [r.name for r in relations if r.kind == "table"]
    counts: dict[str, int] = {}
    for start in range(0, len(tables), _COUNTS_AT_ONCE):
        part = tables[start : start + _COUNTS_AT_ONCE]
        statement = " UNION ALL ".join(f"SELECT {n}, count(*) FROM main.{quote(t)}" for n, t in enumerate(part))
        counts.update({part[n]: rows for n, rows in all_rows(connection, statement)})
    return counts | _count_virtual(connection, relations)


def _count_virtual(connection: apsw.Connection, relations: list[Relation]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for virtual in (r.name for r in relations if r.kind == "virtual table"):
        with suppress(apsw.SQLError):
            counts[virtual] = scalar(connection, f"SELECT count(*) FROM main.{quote(virtual)}")
    return counts


def _sizes(connection: apsw.Connection) -> dict[str, int]:
    """Bytes per table with its indexes."""
    owners = dict(connection.execute("SELECT name, tbl_name FROM main.sqlite_schema WHERE type IN ('table', 'index')"))
    sizes: dict[str, int] = defaultdict(int)
    for name, used in connection.execute("SELECT name, sum(pgsize) FROM dbstat('main', 1) GROUP BY name"):
        sizes[owners.get(name, name)] += used
    return sizes
