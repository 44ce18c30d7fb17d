"""The columns of a relation or of a statement's result, with the kind of their values."""

from __future__ import annotations

import re

import psycopg
from psycopg import sql

from holdfast.contract.bulk import BulkColumn
from holdfast.engines.postgresql import faults
from holdfast.engines.postgresql.link import Connection
from holdfast.formats.guessing import Kind
from holdfast.kernel.errors import Invalid, NotFound

_KINDS: dict[str, Kind] = {
    "boolean": "boolean",
    "smallint": "integer",
    "integer": "integer",
    "bigint": "integer",
    "oid": "integer",
    "numeric": "decimal",
    "real": "float",
    "double precision": "float",
    "text": "text",
    "character": "text",
    "character varying": "text",
    "name": "text",
    "bytea": "bytes",
    "date": "date",
    "time without time zone": "time",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
    "interval": "interval",
    "uuid": "uuid",
    "json": "json",
    "jsonb": "json",
}
TYPES: dict[Kind, str] = {
    "boolean": "boolean",
    "integer": "bigint",
    "decimal": "numeric",
    "float": "double precision",
    "bytes": "bytea",
    "date": "date",
    "time": "time",
    "timestamp": "timestamp",
    "timestamptz": "timestamptz",
    "interval": "interval",
    "uuid": "uuid",
    "json": "jsonb",
}  # anything else becomes text
_MODIFIER = re.compile(r"\(\d+(,-?\d+)?\)")
_COLUMNS = """
SELECT a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod), NOT a.attnotnull,
       COALESCE(pg_catalog.array_position(i.indkey::int2[], a.attnum), -1) + 1,
       a.attgenerated <> '' OR a.attidentity = 'a', a.attgenerated <> '' OR a.attidentity <> '' OR a.atthasdef
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_index i ON i.indrelid = c.oid AND i.indisprimary
WHERE n.nspname = %s AND c.relname = %s AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attnum > 0
AND NOT a.attisdropped ORDER BY a.attnum
"""


def kind_of(spelling: str) -> Kind:
    """By the spelling of `format_type`."""
    return "array" if spelling.endswith("[]") else _KINDS.get(_MODIFIER.sub("", spelling), "other")


def relation_columns(connection: Connection, relation: tuple[str, str]) -> list[BulkColumn]:
    rows = connection.execute(_COLUMNS, relation).fetchall()
    if not rows:
        raise NotFound(f"there is no table {'.'.join(relation)!r}", code="table_not_found")
    return [
        BulkColumn(name, kind, kind_of(kind), null, key, gen, filled) for name, kind, null, key, gen, filled in rows
    ]


def bare(statement: str) -> str:
    """Without the semicolons at its end: it goes between brackets."""
    return statement.strip().rstrip("; \t\r\n")


def statement_columns(connection: Connection, statement: str) -> list[BulkColumn]:
    """Lets the server parse the statement by itself, which is what proves that it is one and complete: text that ends
    a bracket and begins another statement does not parse. Raises Invalid or Denied."""
    if "\x00" in statement or not statement:
        raise Invalid("the statement is empty or holds a zero byte", code="statement_invalid")
    pgconn = connection.pgconn
    made = pgconn.prepare(b"", statement.encode())
    if made.status != psycopg.pq.ExecStatus.COMMAND_OK:
        raise faults.from_statement(psycopg.errors.error_from_result(made, encoding="utf-8"), write=False)
    found = pgconn.describe_prepared(b"")
    if not found.nfields:
        raise Invalid("only a statement that gives rows can be exported", code="statement_invalid")
    columns = [((found.fname(i) or b"").decode(), found.ftype(i), found.fmod(i)) for i in range(found.nfields)]
    query = sql.SQL(
        "SELECT pg_catalog.format_type(t, m) FROM unnest(%s::oid[], %s::int[]) WITH ORDINALITY x(t, m, n) ORDER BY n"
    )
    rows = connection.execute(query, ([oid for _, oid, _ in columns], [mod for _, _, mod in columns])).fetchall()
    return [BulkColumn(name, row[0], kind_of(row[0])) for (name, _, _), row in zip(columns, rows, strict=True)]
