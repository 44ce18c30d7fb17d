"""What must be known of one table to read and change its rows, in one statement."""

from __future__ import annotations

import json
from typing import Any

from holdfast.contract.catalog import Column, ForeignKey, Index, Relation, RelationKind
from holdfast.contract.row_sql import unknown_table
from holdfast.contract.rows import KeyKind, Table, TableName

SCHEMA = "public"
_KINDS: dict[str, RelationKind] = {
    "r": "table", "p": "table", "v": "view", "m": "materialized view", "f": "foreign table",
}  # fmt: skip
TEXT_TYPES = ("text", "character varying", "character", "citext", "name")

FACTS = """
SELECT c.relkind::text, CASE WHEN c.reltuples >= 0 THEN c.reltuples::bigint END, c.relispartition,
  (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),
      NOT (a.attnotnull OR t.typnotnull), pg_catalog.pg_get_expr(d.adbin, d.adrelid), a.attidentity::text,
      a.attgenerated::text, a.attnum,
      pg_catalog.format_type(CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE a.atttypid END, NULL)) ORDER BY a.attnum)
   FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
   LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)::text,
  (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(x.relname, i.indisprimary, i.indisunique,
      i.indpred IS NULL AND i.indexprs IS NULL AND i.indisvalid AND i.indimmediate,
      i.indkey::int2[], i.indnkeyatts, pg_catalog.pg_get_indexdef(i.indexrelid))
      ORDER BY i.indisprimary DESC, x.relname)
   FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = c.oid)::text,
  (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(o.conname, o.contype::text,
      (SELECT pg_catalog.json_agg(a.attname ORDER BY k.n) FROM unnest(o.conkey) WITH ORDINALITY AS k(num, n)
       JOIN pg_catalog.pg_attribute a ON a.attrelid = o.conrelid AND a.attnum = k.num), fn.nspname, f.relname,
      (SELECT pg_catalog.json_agg(a.attname ORDER BY k.n) FROM unnest(o.confkey) WITH ORDINALITY AS k(num, n)
       JOIN pg_catalog.pg_attribute a ON a.attrelid = o.confrelid AND a.attnum = k.num),
      pg_catalog.pg_get_constraintdef(o.oid)) ORDER BY o.conname)
   FROM pg_catalog.pg_constraint o LEFT JOIN pg_catalog.pg_class f ON f.oid = o.confrelid
   LEFT JOIN pg_catalog.pg_namespace fn ON fn.oid = f.relnamespace WHERE o.conrelid = c.oid)::text,
  pg_catalog.pg_total_relation_size(c.oid)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't'
"""
NAMES = (
    "SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY 1 LIMIT 1000"
)


def params(name: TableName) -> tuple[str, str]:
    return (name.schema or SCHEMA, name.name)


def absent(name: TableName, there: list[tuple[Any, ...]]) -> Exception:
    return unknown_table(name.name, [str(row[0]) for row in there])


def table_of(name: TableName, row: tuple[Any, ...]) -> Table:
    """The facts as `Table`. A table without a key is read by where its rows lie, unless it has partitions."""
    kind, estimate, _, columns_text, indexes_text, constraints_text, size = row
    columns_raw = json.loads(columns_text or "[]")
    indexes_raw = json.loads(indexes_text or "[]")
    constraints = json.loads(constraints_text or "[]")
    by_number = {raw[6]: raw[0] for raw in columns_raw}
    primary: list[str] = next((_names(raw, by_number) for raw in indexes_raw if raw[1]), [])
    columns = tuple(_column(raw, primary) for raw in columns_raw)
    schema, table = params(name)
    relation = Relation(
        schema=schema,
        name=table,
        kind=_KINDS[kind],
        columns=columns,
        indexes=tuple(Index(raw[0], tuple(_names(raw, by_number)), raw[2], raw[6]) for raw in indexes_raw),
        foreign_keys=tuple(
            ForeignKey(tuple(raw[2]), f"{raw[3]}.{raw[4]}", tuple(raw[5] or ()), raw[0])
            for raw in constraints
            if raw[1] == "f"
        ),
        rows=estimate,
        bytes=size,
    )
    key, key_kind = _key(kind, columns, primary, indexes_raw, by_number)
    return Table(
        relation=relation,
        key=key,
        key_kind=key_kind,
        text=frozenset(raw[0] for raw in columns_raw if raw[7] in TEXT_TYPES),
        fixed=frozenset(raw[0] for raw in columns_raw if raw[4] == "a" or raw[5]),
        estimate=estimate,
    )


def constraints_of(row: tuple[Any, ...]) -> list[tuple[str, str, list[str], str]]:
    """(name, kind, columns, definition) of the table's own constraints."""
    return [(raw[0], raw[1], raw[2] or [], raw[6]) for raw in json.loads(row[5] or "[]")]


def _column(raw: list[Any], primary: list[str]) -> Column:
    name, kind, nullable, default, identity, generated = raw[:6]
    if identity:
        default = f"GENERATED {'ALWAYS' if identity == 'a' else 'BY DEFAULT'} AS IDENTITY"
    return Column(name, kind, nullable, default, primary.index(name) + 1 if name in primary else 0, bool(generated))


def _names(raw: list[Any], by_number: dict[int, str]) -> list[str]:
    return [by_number.get(number, "(expression)") for number in raw[4][: raw[5]]]


def _key(
    kind: str, columns: tuple[Column, ...], primary: list[str], indexes: list[Any], by_number: dict[int, str]
) -> tuple[tuple[str, ...], KeyKind]:
    if primary:
        return tuple(primary), "primary"
    solid = {column.name for column in columns if not column.nullable}
    for raw in indexes:
        if raw[2] and raw[3] and solid.issuperset(_names(raw, by_number)):
            return tuple(_names(raw, by_number)), "unique"
    return (("ctid",), "position") if kind in ("r", "m") else ((), "none")
