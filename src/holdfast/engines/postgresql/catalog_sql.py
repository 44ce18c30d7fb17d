"""The catalog queries. Every one leaves out the server's own schemas and what belongs to extensions."""

_OURS = "{n}.nspname NOT LIKE 'pg\\_%' AND {n}.nspname <> 'information_schema'"
_FREE = (
    "NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend e WHERE e.deptype = 'e' "
    "AND e.classid = 'pg_catalog.{catalog}'::regclass AND e.objid = {oid})"
)


def _ours(alias: str = "n") -> str:
    return _OURS.format(n=alias)


def _free(catalog: str, oid: str) -> str:
    return _FREE.format(catalog=catalog, oid=oid)


_USER_RELATION = (
    "pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    f"AND {_ours()} AND {_free('pg_class', 'c.oid')}"
)

SERVER = """
SELECT pg_catalog.current_setting('server_version'), pg_catalog.current_database()::text,
       pg_catalog.pg_database_size(pg_catalog.current_database())
"""

SCHEMAS = f"""
SELECT n.nspname FROM pg_catalog.pg_namespace n WHERE {_ours()} AND {_free("pg_namespace", "n.oid")} ORDER BY 1
"""

EXTENSIONS = "SELECT extname, extversion FROM pg_catalog.pg_extension ORDER BY 1"

RELATIONS = f"""
SELECT c.oid::bigint, n.nspname, c.relname, c.relkind::text,
       CASE WHEN c.relkind IN ('r', 'p', 'm') AND c.reltuples >= 0 THEN c.reltuples::bigint END,
       CASE WHEN c.relkind IN ('r', 'm', 'p') THEN pg_catalog.pg_total_relation_size(c.oid) END,
       CASE WHEN c.relkind IN ('v', 'm') THEN pg_catalog.pg_get_viewdef(c.oid)
            WHEN c.relkind = 'p' THEN 'PARTITION BY ' || pg_catalog.pg_get_partkeydef(c.oid)
            WHEN c.relispartition THEN pg_catalog.pg_get_expr(c.relpartbound, c.oid) END
FROM {_USER_RELATION}
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relpersistence <> 't'
ORDER BY n.nspname, c.relname
"""

COLUMNS = f"""
SELECT c.oid::bigint, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), NOT a.attnotnull,
       CASE WHEN a.attidentity <> '' THEN
                 'GENERATED ' || CASE a.attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END || ' AS IDENTITY'
            ELSE pg_catalog.pg_get_expr(d.adbin, d.adrelid) END,
       pg_catalog.array_position(i.indkey::int2[], a.attnum) + 1, a.attgenerated <> ''
FROM {_USER_RELATION}
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
LEFT JOIN pg_catalog.pg_index i ON i.indrelid = c.oid AND i.indisprimary
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't'
ORDER BY c.oid, a.attnum
"""

INDEXES = f"""
SELECT c.oid::bigint, x.relname,
       (SELECT array_agg(pg_catalog.pg_get_indexdef(i.indexrelid, k, true) ORDER BY k)
        FROM pg_catalog.generate_series(1, i.indnkeyatts) AS k), i.indisunique,
       pg_catalog.pg_get_indexdef(i.indexrelid)
FROM {_USER_RELATION}
JOIN pg_catalog.pg_index i ON i.indrelid = c.oid JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
WHERE c.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't'
ORDER BY c.oid, x.relname
"""

FOREIGN_KEYS = f"""
SELECT c.oid::bigint, o.conname,
       (SELECT array_agg(a.attname::text ORDER BY k.n) FROM unnest(o.conkey) WITH ORDINALITY AS k(num, n)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = o.conrelid AND a.attnum = k.num),
       fn.nspname || '.' || f.relname,
       (SELECT array_agg(a.attname::text ORDER BY k.n) FROM unnest(o.confkey) WITH ORDINALITY AS k(num, n)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = o.confrelid AND a.attnum = k.num)
FROM {_USER_RELATION}
JOIN pg_catalog.pg_constraint o ON o.conrelid = c.oid AND o.contype = 'f'
JOIN pg_catalog.pg_class f ON f.oid = o.confrelid JOIN pg_catalog.pg_namespace fn ON fn.oid = f.relnamespace
ORDER BY c.oid, o.conname
"""


def _count(kind: str, source: str) -> str:
    return f"SELECT '{kind}', pg_catalog.count(*) FROM {source}"


def _in_schema(kind: str, catalog: str, prefix: str, extra: str = "true") -> str:
    return _count(
        kind,
        f"pg_catalog.{catalog} o JOIN pg_catalog.pg_namespace n ON n.oid = o.{prefix}namespace "
        f"WHERE {_ours()} AND {_free(catalog, 'o.oid')} AND {extra}",
    )


def _plain(kind: str, catalog: str, extra: str = "true") -> str:
    """Objects without a schema; built-in ones have oids below 16384."""
    return _count(kind, f"pg_catalog.{catalog} o WHERE o.oid >= 16384 AND {_free(catalog, 'o.oid')} AND {extra}")


_NO_ROW_TYPE = "NOT EXISTS (SELECT 1 FROM pg_catalog.pg_class t WHERE t.oid = o.typrelid AND t.relkind <> 'c')"

OBJECTS = " UNION ALL ".join(
    [
        _in_schema("function", "pg_proc", "pro", "o.prokind IN ('f', 'w')"),
        _in_schema("procedure", "pg_proc", "pro", "o.prokind = 'p'"),
        _in_schema("aggregate", "pg_proc", "pro", "o.prokind = 'a'"),
        _in_schema("enum", "pg_type", "typ", "o.typtype = 'e'"),
        _in_schema("domain", "pg_type", "typ", "o.typtype = 'd'"),
        _in_schema("range", "pg_type", "typ", "o.typtype = 'r'"),
        _in_schema("composite type", "pg_type", "typ", f"o.typtype = 'c' AND {_NO_ROW_TYPE}"),
        _in_schema("collation", "pg_collation", "coll"),
        _in_schema("operator", "pg_operator", "opr"),
        _in_schema("operator class", "pg_opclass", "opc"),
        _in_schema("text search configuration", "pg_ts_config", "cfg"),
        _in_schema("extended statistics", "pg_statistic_ext", "stx"),
        _in_schema("check", "pg_constraint", "con", "o.contype = 'c'"),
        _in_schema("unique constraint", "pg_constraint", "con", "o.contype = 'u'"),
        _in_schema("exclusion constraint", "pg_constraint", "con", "o.contype = 'x'"),
        _plain("trigger", "pg_trigger", "NOT o.tgisinternal"),
        _plain("policy", "pg_policy"),
        _plain("rule", "pg_rewrite", "o.rulename <> '_RETURN'"),
        _plain("event trigger", "pg_event_trigger"),
        _plain("cast", "pg_cast"),
        _plain("publication", "pg_publication"),
        _plain("foreign server", "pg_foreign_server"),
        _plain("default privilege", "pg_default_acl"),
        _count("large object", "pg_catalog.pg_largeobject_metadata"),
        _count("comment", "pg_catalog.pg_description o WHERE o.objoid >= 16384"),
        _count("partition", "pg_catalog.pg_inherits"),
        _count("row security", "pg_catalog.pg_class o WHERE o.relrowsecurity"),
    ]
)
