"""Which tables hold data to copy, with their columns, owners and sizes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from holdfast.engines.postgresql.link import Connection
from holdfast.engines.postgresql.names import identifier, identifiers, qualified

RANGE_BLOCKS = 8192  # 64 MiB of 8 KiB blocks: one entry, one retry
BLOCK = 8192


@dataclass(frozen=True)
class Table:
    """`schema.name` is where the rows are read; `load_schema.load_name` where they go back.

    They differ under hash partitioning: the same key can belong to another partition after a restore, so those
    rows return through the root. `filter` is an extension's condition on which of its rows are the user's.
    `exact`: for each column, whether its type's own hash tells all its values apart (see digest.py).
    """

    oid: int
    schema: str
    name: str
    owner: str
    columns: tuple[str, ...]
    pages: int
    bytes: int
    heap: bool
    load_schema: str
    load_name: str
    filter: str = ""
    file: int = 0
    exact: tuple[bool, ...] = ()

    @property
    def label(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def source(self) -> str:
        return qualified(self.schema, self.name)

    @property
    def target(self) -> tuple[str, str]:
        return self.load_schema, self.load_name

    @property
    def column_list(self) -> str:
        return identifiers(self.columns)

    @property
    def hashed_list(self) -> str:
        """The columns as they are hashed: what has no hash of its own, or a coarse one, as text."""
        exact = self.exact or (False,) * len(self.columns)
        return ", ".join(
            identifier(name) if own else f"{identifier(name)}::pg_catalog.text"
            for name, own in zip(self.columns, exact, strict=True)
        )


@dataclass(frozen=True)
class Range:
    """Blocks [first, last) of a table; `last` None = to the end, however far it has grown."""

    table: Table
    first: int = 0
    last: int | None = None

    @property
    def where(self) -> str:
        parts = [self.table.filter] if self.table.filter else []
        if self.first:
            parts.append(f"ctid >= '({self.first},0)'::pg_catalog.tid")
        if self.last is not None:
            parts.append(f"ctid < '({self.last},0)'::pg_catalog.tid")
        return f" WHERE {' AND '.join(parts)}" if parts else ""

    def copy_out(self, to: str = "STDOUT") -> str:
        """Generated columns are left out: the server computes them again. `to`: STDOUT, or a path as SQL."""
        table = self.table
        if not self.where and table.columns:
            return f"COPY {table.source} ({table.column_list}) TO {to}"
        return f"COPY (SELECT {table.column_list} FROM ONLY {table.source}{self.where}) TO {to}"


def ranges(table: Table) -> list[Range]:
    """A big table in pieces of 64 MiB; the last is open at its end. Other access methods have no stable ctid."""
    if not table.heap or table.pages <= RANGE_BLOCKS:
        return [Range(table)]
    starts = list(range(0, table.pages, RANGE_BLOCKS))
    return [Range(table, first, None if first == starts[-1] else first + RANGE_BLOCKS) for first in starts]


# Types whose hash differs as soon as the value does, in every major version. Not numeric, interval, floats, bpchar or
# jsonb: their hash is equal for equal values written differently. Not enums: theirs is of a number a restore changes.
EXACT = (
    *("bool", "int2", "int4", "int8", "oid", "text", "varchar", "name", "bytea", "uuid", "date", "time", "timestamp"),
    *("timestamptz", "_bool", "_int2", "_int4", "_int8", "_text", "_varchar", "_uuid", "_date", "_timestamptz"),
)

_LIST = """
WITH RECURSIVE up AS (
    SELECT c.oid AS leaf, c.oid AS at, NULL::oid AS root
    FROM pg_catalog.pg_class c WHERE c.relkind = 'r' AND c.relispartition
  UNION ALL
    SELECT up.leaf, i.inhparent, CASE WHEN p.partstrat = 'h' THEN i.inhparent END
    FROM up JOIN pg_catalog.pg_inherits i ON i.inhrelid = up.at
    JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = i.inhparent
), tree AS (
    SELECT leaf, (array_agg(at))[array_upper(array_agg(at), 1)] AS top, bool_or(root IS NOT NULL) AS hashed
    FROM up GROUP BY leaf
), config AS (
    SELECT u.relid, u.condition FROM pg_catalog.pg_extension e,
    LATERAL ROWS FROM (unnest(e.extconfig), unnest(e.extcondition)) AS u(relid, condition)
)
SELECT c.oid::bigint, n.nspname, c.relname, pg_catalog.pg_get_userbyid(c.relowner),
       COALESCE((SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_catalog.pg_attribute a
                 WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''), '{}'),
       pg_catalog.pg_relation_size(c.oid), pg_catalog.pg_total_relation_size(c.oid),
       COALESCE(am.amname = 'heap', false),
       COALESCE(rn.nspname, n.nspname), COALESCE(r.relname, c.relname),
       COALESCE(config.condition, ''), pg_catalog.pg_relation_filenode(c.oid)::bigint,
       COALESCE((SELECT array_agg(hashed.own ORDER BY a.attnum) FROM pg_catalog.pg_attribute a, LATERAL (
                   SELECT t.typname = ANY (%(exact)s) AND t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace
                     AND COALESCE((SELECT o.collisdeterministic FROM pg_catalog.pg_collation o
                                   WHERE o.oid = a.attcollation), true) AS own
                   FROM pg_catalog.pg_type t WHERE t.oid = a.atttypid) AS hashed
                 WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''), '{}')
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam
LEFT JOIN tree ON tree.leaf = c.oid AND tree.hashed
LEFT JOIN pg_catalog.pg_class r ON r.oid = tree.top
LEFT JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace
LEFT JOIN config ON config.relid = c.oid
WHERE c.relkind = 'r' AND c.relpersistence <> 't'
  AND n.nspname NOT LIKE 'pg\\_%%' AND n.nspname <> 'information_schema'
  AND (config.relid IS NOT NULL OR NOT EXISTS (
       SELECT 1 FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass
       AND d.objid = c.oid AND d.deptype = 'e'))
ORDER BY n.nspname, c.relname
"""


def list_tables(connection: Connection) -> list[Table]:
    """Every ordinary table whose rows are the user's: leaves of partitions, unlogged, extensions' config tables."""
    rows = connection.execute(_LIST, {"exact": list(EXACT)}).fetchall()
    return [
        Table(
            oid=row[0],
            schema=row[1],
            name=row[2],
            owner=row[3],
            columns=tuple(row[4]),
            pages=(row[5] or 0) // BLOCK,
            bytes=row[6] or 0,
            heap=row[7],
            load_schema=row[8],
            load_name=row[9],
            filter=_condition(row[10]),
            file=row[11] or 0,
            exact=tuple(row[12]),
        )
        for row in rows
    ]


def _condition(text: str) -> str:
    """An extension's `WHERE ...` without the word, in brackets."""
    bare = text.strip()
    if bare.upper().startswith("WHERE"):
        bare = bare[5:].strip()
    return f"({bare})" if bare else ""


def select(tables: Iterable[Table], patterns: Sequence[str]) -> list[Table]:
    """Tables that match "schema.table" or "table" patterns; none given = all."""
    return [
        table for table in tables if matches(table.schema, table.name, patterns) or matches(*table.target, patterns)
    ]


def matches(schema: str, name: str, patterns: Sequence[str]) -> bool:
    full = f"{schema}.{name}"
    return not patterns or any(
        pattern in (full, name) or fnmatchcase(full, pattern) or fnmatchcase(name, pattern) for pattern in patterns
    )
