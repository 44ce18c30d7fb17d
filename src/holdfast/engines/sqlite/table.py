"""What must be known of one table to read and change its rows."""

from __future__ import annotations

from dataclasses import replace

import apsw

from holdfast.contract.catalog import Column, ForeignKey, Index, Relation, RelationKind
from holdfast.contract.row_sql import unknown_table
from holdfast.contract.rows import KeyKind, Table, TableName
from holdfast.engines.sqlite.connections import rows as all_rows
from holdfast.engines.sqlite.spec import SCHEMA
from holdfast.kernel.errors import NotFound

_KINDS: dict[str, RelationKind] = {"table": "table", "view": "view", "virtual": "virtual table"}
_ROWIDS = ("rowid", "_rowid_", "oid")


def table_of(connection: apsw.Connection, name: TableName) -> Table:
    """Raises NotFound("table_unknown"). SQLite's own tables are not there."""
    if name.schema not in (None, SCHEMA):
        raise NotFound(f"there is no schema {name.schema!r}", code="table_unknown", hint=f"SQLite has only {SCHEMA!r}.")
    found = all_rows(
        connection,
        "SELECT l.name, l.type, l.wr, s.sql FROM pragma_table_list AS l JOIN main.sqlite_schema AS s "
        "ON s.name = l.name AND s.type IN ('table', 'view') WHERE l.schema = 'main' AND l.type <> 'shadow' "
        "AND l.name = ? COLLATE NOCASE AND l.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
        (name.name,),
    )
    if not found:
        names = all_rows(connection, "SELECT name FROM main.sqlite_schema WHERE type IN ('table', 'view') LIMIT 1000")
        raise unknown_table(name.name, [str(row[0]) for row in names])
    real, kind, without_rowid, sql = found[0]
    relation = Relation(SCHEMA, real, _KINDS[kind], _columns(connection, real), definition=sql)
    if kind == "table":
        relation = replace(
            relation, indexes=indexes_of(connection, real), foreign_keys=foreign_keys_of(connection, real)
        )
    key, key_kind = _key(connection, relation, bool(without_rowid))
    return Table(
        relation=relation,
        key=key,
        key_kind=key_kind,
        text=frozenset(c.name for c in relation.columns if affinity(c.type) == "TEXT"),
        fixed=frozenset(c.name for c in relation.columns if c.generated),
    )


def rowid_of(table: Table) -> str | None:
    """The name by which the row's own number can be reached: a column of that name hides it."""
    taken = {column.name.lower() for column in table.columns}
    return next((name for name in _ROWIDS if name not in taken), None)


def has_rowid(connection: apsw.Connection, name: str) -> bool:
    found = all_rows(
        connection, "SELECT wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name = ?", (name,)
    )
    return bool(found) and not found[0][0]


def affinity(kind: str) -> str:
    """How a declared type is read. https://www.sqlite.org/datatype3.html#determination_of_column_affinity"""
    upper = kind.upper()
    if "INT" in upper:
        return "INTEGER"
    if any(word in upper for word in ("CHAR", "CLOB", "TEXT")):
        return "TEXT"
    if "BLOB" in upper or not upper:
        return "BLOB"
    return "REAL" if any(word in upper for word in ("REAL", "FLOA", "DOUB")) else "NUMERIC"


def _columns(connection: apsw.Connection, table: str) -> tuple[Column, ...]:
    found = all_rows(
        connection,
        'SELECT name, type, "notnull", dflt_value, pk, hidden FROM pragma_table_xinfo(?) WHERE hidden <> 1',
        (table,),
    )
    numbers = [row for row in found if row[4]]
    alias = len(numbers) == 1 and numbers[0][1].upper() == "INTEGER"  # an INTEGER PRIMARY KEY is never null
    return tuple(
        Column(name, kind, not not_null and not (key and alias), default, key, hidden in (2, 3))
        for name, kind, not_null, default, key, hidden in found
    )


def indexes_of(connection: apsw.Connection, table: str) -> tuple[Index, ...]:
    """Whole ones and partial ones; `definition` is None for those a constraint made."""
    parts: dict[str, tuple[list[str], bool, str | None]] = {}
    for name, unique, sql, column in all_rows(
        connection,
        'SELECT i.name, i."unique", s.sql, c.name FROM pragma_index_list(?1) AS i, pragma_index_info(i.name) AS c '
        "LEFT JOIN main.sqlite_schema AS s ON s.type = 'index' AND s.name = i.name ORDER BY i.name, c.seqno",
        (table,),
    ):
        parts.setdefault(name, ([], bool(unique), sql))[0].append(column if column is not None else "(expression)")
    return tuple(Index(name, tuple(columns), unique, sql) for name, (columns, unique, sql) in parts.items())


def foreign_keys_of(connection: apsw.Connection, table: str) -> tuple[ForeignKey, ...]:
    parts: dict[int, tuple[str, list[str], list[str]]] = {}
    for number, target, column, referenced in all_rows(
        connection, 'SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(?) ORDER BY id, seq', (table,)
    ):
        _, columns, others = parts.setdefault(number, (target, [], []))
        columns.append(column)
        if referenced is not None:
            others.append(referenced)
    return tuple(ForeignKey(tuple(columns), target, tuple(others)) for target, columns, others in parts.values())


def _key(connection: apsw.Connection, relation: Relation, without_rowid: bool) -> tuple[tuple[str, ...], KeyKind]:
    if relation.kind != "table":
        return (), "none"
    primary = sorted((c for c in relation.columns if c.primary_key), key=lambda c: c.primary_key)
    if primary:
        return tuple(column.name for column in primary), "primary"
    solid = {column.name for column in relation.columns if not column.nullable}
    partial = {
        row[0] for row in all_rows(connection, "SELECT name FROM pragma_index_list(?) WHERE partial", (relation.name,))
    }
    for index in relation.indexes:
        if index.unique and index.name not in partial and solid.issuperset(index.columns):
            return index.columns, "unique"
    name = rowid_of(Table(relation, (), "none"))
    return ((name,), "rowid") if name and not without_rowid else ((), "none")
