"""What a description in neutral words asks of the catalog. Every question is one statement for the whole database."""

from __future__ import annotations

from holdfast.engines.postgresql.catalog_sql import _USER_RELATION

TABLES = f"""
SELECT c.oid::bigint, n.nspname::text, c.relname::text, c.relkind = 'p', c.relpersistence = 'u', c.relrowsecurity,
       EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhparent = c.oid) AND c.relkind = 'r'
FROM {_USER_RELATION}
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
ORDER BY n.nspname, c.relname
"""

COLUMNS = f"""
SELECT c.oid::bigint, a.attname::text, b.typname::text,
       CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END,
       CASE WHEN t.typtype = 'd' THEN pg_catalog.format_type(t.typbasetype, t.typtypmod)
            ELSE pg_catalog.format_type(a.atttypid, a.atttypmod) END,
       ARRAY(SELECT e.enumlabel::text FROM pg_catalog.pg_enum e WHERE e.enumtypid = b.oid ORDER BY e.enumsortorder),
       a.attnotnull OR t.typnotnull, a.attidentity::text, a.attgenerated::text,
       pg_catalog.pg_get_expr(d.adbin, d.adrelid), t.typtype = 'd',
       a.attcollation NOT IN (0, 100) AND a.attcollation <> t.typcollation
FROM {_USER_RELATION}
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
JOIN pg_catalog.pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
ORDER BY c.oid, a.attnum
"""

_NAMES = """(SELECT array_agg(a.attname::text ORDER BY k.n) FROM unnest({keys}) WITH ORDINALITY AS k(num, n)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = {table} AND a.attnum = k.num)"""

CONSTRAINTS = f"""
SELECT c.oid::bigint, o.conname::text, o.contype::text, {_NAMES.format(keys="o.conkey", table="o.conrelid")},
       o.confrelid::bigint, {_NAMES.format(keys="o.confkey", table="o.confrelid")},
       o.confdeltype::text, o.confupdtype::text, o.condeferrable, o.convalidated, o.confmatchtype::text,
       pg_catalog.pg_get_constraintdef(o.oid)
FROM {_USER_RELATION}
JOIN pg_catalog.pg_constraint o ON o.conrelid = c.oid AND o.contype IN ('p', 'u', 'f', 'c', 'x')
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
ORDER BY c.oid, o.contype, o.conname
"""

INDEXES = f"""
SELECT c.oid::bigint, x.relname::text, i.indisunique,
       i.indexprs IS NULL AND i.indpred IS NULL AND m.amname = 'btree' AND i.indnatts = i.indnkeyatts AND i.indisvalid,
       {_NAMES.format(keys="i.indkey::int2[]", table="i.indrelid")},
       ARRAY(SELECT (v.opt & 1) = 1 FROM unnest(i.indoption::int2[]) WITH ORDINALITY AS v(opt, n) ORDER BY v.n)
FROM {_USER_RELATION}
JOIN pg_catalog.pg_index i ON i.indrelid = c.oid JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
JOIN pg_catalog.pg_am m ON m.oid = x.relam
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint o
                  WHERE o.conindid = i.indexrelid AND o.contype IN ('p', 'u', 'x'))
ORDER BY c.oid, x.relname
"""

VIEWS = f"""
SELECT c.relkind::text, n.nspname::text, c.relname::text FROM {_USER_RELATION}
WHERE c.relkind IN ('v', 'm', 'f') ORDER BY 1, 2, 3
"""

TRIGGERS = f"""
SELECT n.nspname::text, c.relname::text, g.tgname::text FROM {_USER_RELATION}
JOIN pg_catalog.pg_trigger g ON g.tgrelid = c.oid AND NOT g.tgisinternal AND g.tgparentid = 0 ORDER BY 1, 2, 3
"""
