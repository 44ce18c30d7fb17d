"""The columns of a table or a statement, and the kind of values their declared type stands for."""

from __future__ import annotations

import apsw

from holdfast.contract.bulk import BulkColumn
from holdfast.engines.sqlite.connections import quote, rows
from holdfast.formats.guessing import Kind
from holdfast.kernel.errors import Invalid, NotFound

# Declared types are free text; the first that is in it counts (SQLite's own rule, datatype3 section 3.1, and ours
# for what SQLite has no affinity for).
_WORDS: tuple[tuple[str, Kind], ...] = (
    ("BOOL", "boolean"),
    ("INT", "integer"),
    ("CHAR", "text"),
    ("CLOB", "text"),
    ("TEXT", "text"),
    ("BLOB", "bytes"),
    ("REAL", "float"),
    ("FLOA", "float"),
    ("DOUB", "float"),
    ("TIMESTAMPTZ", "timestamptz"),
    ("DATETIME", "timestamp"),
    ("TIMESTAMP", "timestamp"),
    ("DATE", "date"),
    ("JSON", "json"),
    ("UUID", "uuid"),
    ("NUMERIC", "decimal"),
    ("DECIMAL", "decimal"),
)
TYPES: dict[Kind, str] = {
    "boolean": "BOOLEAN",
    "integer": "INTEGER",
    "decimal": "NUMERIC",
    "float": "REAL",
    "bytes": "BLOB",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "timestamptz": "TIMESTAMPTZ",
    "json": "JSON TEXT",
}  # anything else becomes TEXT


def kind_of(declared: str | None) -> Kind:
    text = (declared or "").upper()
    return next((kind for word, kind in _WORDS if word in text), "other")


def relation_columns(connection: apsw.Connection, relation: tuple[str, str]) -> list[BulkColumn]:
    found = rows(
        connection,
        'SELECT name, type, "notnull", pk, hidden, dflt_value FROM pragma_table_xinfo(?) WHERE hidden <> 1',
        (relation[1],),
    )
    if not found or relation[0] not in ("", "main"):
        raise NotFound(f"there is no table {relation[1]!r}", code="table_not_found")
    single = sum(1 for row in found if row[3]) == 1
    return [
        BulkColumn(
            name,
            declared,
            kind_of(declared),
            not not_null,
            key,
            hidden in (2, 3),
            hidden in (2, 3) or default is not None or (single and key == 1 and declared.upper() == "INTEGER"),
        )
        for name, declared, not_null, key, hidden, default in found
    ]


def select(columns: list[BulkColumn], relation: tuple[str, str]) -> str:
    return f"SELECT {', '.join(quote(c.name) for c in columns)} FROM main.{quote(relation[1])}"


def unique_on(connection: apsw.Connection, table: str, key: tuple[str, ...]) -> bool:
    """Whether ON CONFLICT can name just these columns."""
    wanted = {name.lower() for name in key}
    primary = {n.lower() for (n,) in rows(connection, "SELECT name FROM pragma_table_info(?) WHERE pk > 0", (table,))}
    if wanted and wanted == primary:
        return True
    found = rows(
        connection,
        "SELECT i.name, c.name FROM pragma_index_list(?) i, pragma_index_info(i.name) c "
        'WHERE i."unique" AND NOT i.partial',
        (table,),
    )
    indexes: dict[str, set[str | None]] = {}
    for index, column in found:
        indexes.setdefault(index, set()).add(column.lower() if column else None)
    return bool(wanted) and any(columns == wanted for columns in indexes.values())


def known(columns: list[BulkColumn], names: tuple[str, ...]) -> list[BulkColumn]:
    """Those of `names`, in that order; SQLite's names differ by more than case or not at all."""
    there = {column.name.lower(): column for column in columns}
    for name in names:
        if name.lower() not in there:
            raise Invalid(f"the table has no column {name!r}", code="column_unknown")
    return [there[name.lower()] for name in names]
