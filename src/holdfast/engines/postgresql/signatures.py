"""What the text of a table's rows depends on beside its blocks.

COPY's text of an unchanged block still changes with the table's columns, with the values a new column has in old rows,
with the labels of an enum, and with names that an OID is shown by. Each table has a signature of all of these; equal
signatures and unchanged blocks give equal text. A table whose columns have types nobody can vouch for has none.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from holdfast.engines.postgresql.link import Connection

_FIRST_USER_OID = 10_000  # types below are the server's own, with the same number in every installation
FORMAT = "copy-text-1"

_TYPES = """
WITH RECURSIVE used AS (
    SELECT DISTINCT a.atttypid AS oid FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind = 'r' AND c.relpersistence <> 't'
    WHERE a.attnum > 0 AND NOT a.attisdropped AND c.oid >= 16384
), parts AS (
    SELECT oid AS root, oid FROM used
  UNION
    SELECT p.root, x.oid FROM parts p JOIN pg_catalog.pg_type t ON t.oid = p.oid
    LEFT JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid
    LEFT JOIN pg_catalog.pg_range m ON m.rngmultitypid = t.oid,
    LATERAL (VALUES (CASE WHEN t.typtype = 'd' THEN t.typbasetype END),
                    (CASE WHEN t.typoutput = 'pg_catalog.array_out'::pg_catalog.regproc THEN t.typelem END),
                    (r.rngsubtype), (m.rngtypid)) AS x(oid)
    WHERE x.oid IS NOT NULL AND x.oid <> 0
)
SELECT p.root::bigint, p.oid::bigint, t.typname::text, t.typtype::text,
       t.typoutput = 'pg_catalog.array_out'::pg_catalog.regproc,
       (SELECT array_agg(e.oid::pg_catalog.text || ' ' || e.enumlabel ORDER BY e.oid)
        FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid)
FROM parts p JOIN pg_catalog.pg_type t ON t.oid = p.oid ORDER BY 1, 2
"""

_TABLES = """
SELECT c.oid::bigint, COALESCE(NULLIF(c.reltablespace, 0), d.dattablespace)::bigint,
       pg_catalog.pg_relation_filenode(c.oid)::bigint, d.oid::bigint,
       COALESCE(NULLIF(t.reltablespace, 0), d.dattablespace)::bigint,
       pg_catalog.pg_relation_filenode(t.oid)::bigint, c.relpersistence::text,
       (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(a.attnum, a.attname, a.atttypid::bigint, a.atttypmod,
            a.attisdropped, a.attgenerated::text, a.atthasmissing, a.attmissingval::text) ORDER BY a.attnum)
        FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0)
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_database d ON d.datname = pg_catalog.current_database()
LEFT JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid AND c.reltoastrelid <> 0
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND c.oid >= 16384
"""


@dataclass(frozen=True)
class Signature:
    """Where a table and its toast lie (tablespace, file), and the digest of all its text depends on."""

    file: tuple[int, int]
    toast: tuple[int, int] | None
    digest: str


def read(connection: Connection) -> dict[int, Signature]:
    """Signatures by table oid, as of the session's snapshot. Unlogged tables and doubtful types are left out."""
    types: dict[int, list[tuple[Any, ...]]] = {}
    for root, *part in connection.execute(_TYPES).fetchall():
        types.setdefault(root, []).append(tuple(part))
    version = connection.info.server_version
    found: dict[int, Signature] = {}
    for oid, space, filenode, database, toast_space, toast, persistence, columns in connection.execute(_TABLES):
        kinds = {column[2] for column in columns or () if not column[4]}
        if persistence != "p" or not filenode or not all(_vouched(types.get(kind)) for kind in kinds):
            continue
        known = [FORMAT, version, database, oid, space, filenode, toast_space if toast else None, toast, columns]
        known.append([[kind, types[kind]] for kind in sorted(kinds)])
        digest = hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:32]
        found[oid] = Signature((space, filenode), (toast_space, toast) if toast else None, digest)
    return found


def _vouched(parts: list[tuple[Any, ...]] | None) -> bool:
    return parts is not None and all(_stable(*part) for part in parts)


def _stable(oid: int, name: str, kind: str, array: bool, *_: Any) -> bool:
    """Whether a type's text depends on nothing but its value and what is in the signature.

    Composite types, and base types of extensions, may change how they print old values. reg* types and aclitem
    print names that others may change."""
    if kind in ("d", "e", "r", "m"):
        return True
    if kind != "b":
        return False
    if array:
        return True
    return oid < _FIRST_USER_OID and not name.startswith("reg") and name != "aclitem"
