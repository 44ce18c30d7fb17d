"""The catalog of one database in a constant number of queries."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from holdfast.contract.catalog import JSON, Catalog, Column, ForeignKey, Index, Relation, RelationKind
from holdfast.engines.postgresql import catalog_sql, link
from holdfast.engines.postgresql.link import Connection
from holdfast.engines.postgresql.names import qualified

_KINDS: dict[str, RelationKind] = {
    "r": "table", "p": "table", "v": "view", "m": "materialized view", "f": "foreign table", "S": "sequence",
}  # fmt: skip
COUNTED = ("table", "materialized view")


def catalog(connection: Connection, *, exact: bool) -> Catalog:
    """Everything outside the server's own schemas and extensions. `exact` adds one count per table."""
    version, database, size = _all(connection, catalog_sql.SERVER)[0]
    columns = _grouped(connection, catalog_sql.COLUMNS, _column)
    indexes = _grouped(connection, catalog_sql.INDEXES, lambda row: Index(row[1], tuple(row[2]), row[3], row[4]))
    keys = _grouped(
        connection, catalog_sql.FOREIGN_KEYS, lambda row: ForeignKey(tuple(row[2]), row[3], tuple(row[4]), row[1])
    )
    relations = []
    for oid, schema, name, kind, estimate, size_bytes, definition in _all(connection, catalog_sql.RELATIONS):
        relations.append(
            Relation(
                schema=schema,
                name=name,
                kind=_KINDS[kind],
                columns=tuple(columns[oid]),
                indexes=tuple(indexes[oid]),
                foreign_keys=tuple(keys[oid]),
                rows=_count(connection, schema, name, kind) if exact else estimate,
                bytes=size_bytes,
                definition=definition,
            )
        )
    return Catalog(
        engine="postgresql",
        version=version,
        database=database,
        relations=tuple(relations),
        schemas=tuple(row[0] for row in _all(connection, catalog_sql.SCHEMAS)),
        extensions=dict(_all(connection, catalog_sql.EXTENSIONS)),
        objects={kind: int(count) for kind, count in _all(connection, catalog_sql.OBJECTS) if count},
        bytes=size,
        rows_exact=exact,
    )


def _all(connection: Connection, statement: str) -> list[tuple[Any, ...]]:
    return connection.execute(link.statement(statement)).fetchall()


def _grouped(connection: Connection, statement: str, make: Any) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in _all(connection, statement):
        found[row[0]].append(make(row))
    return found


def _column(row: tuple[Any, ...]) -> Column:
    _, name, kind, nullable, default, key, generated = row
    return Column(name, kind, nullable, default, key or 0, generated)


def _count(connection: Connection, schema: str, name: str, kind: str) -> int | None:
    """A table's own rows, children included only for a partitioned parent."""
    if kind not in ("r", "p", "m"):
        return None
    only = "" if kind == "p" else "ONLY "
    try:
        with connection.transaction():
            row = connection.execute(
                link.statement(f"SELECT pg_catalog.count(*) FROM {only}{qualified(schema, name)}")
            ).fetchone()
    except link.NOT_POPULATED:
        return None
    return int(row[0]) if row else None


def unproven(connection: Connection) -> dict[str, JSON]:
    """What the source itself does not vouch for: a restored copy may lack no more proofs than this."""
    rows = connection.execute(
        "SELECT 'index', n.nspname || '.' || c.relname FROM pg_catalog.pg_index i "
        "JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE NOT i.indisvalid AND n.nspname NOT LIKE 'pg\\_%' "
        "UNION ALL SELECT 'constraint', n.nspname || '.' || o.conname FROM pg_catalog.pg_constraint o "
        "JOIN pg_catalog.pg_namespace n ON n.oid = o.connamespace WHERE NOT o.convalidated "
        "AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' ORDER BY 1, 2"
    ).fetchall()
    return {
        "indexes": [name for kind, name in rows if kind == "index"],
        "constraints": [name for kind, name in rows if kind == "constraint"],
    }
