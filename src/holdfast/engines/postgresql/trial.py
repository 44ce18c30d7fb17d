"""This engine's words for the conformance suite: what `engine verify` and our own tests run it with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import psycopg

from holdfast.contract.conformance import Dialect
from holdfast.contract.conformance.subject import Writer
from holdfast.contract.spec import Endpoint
from holdfast.engines.postgresql import link
from holdfast.engines.postgresql.names import identifier


@contextmanager
def writer(at: Endpoint) -> Iterator[Writer]:
    """One connection of the owner; each call is one transaction."""
    keywords = link.parameters(at, "owner", {})
    with psycopg.connect(**keywords | {"application_name": "user"}, autocommit=True) as connection:

        def run(statements: Sequence[str]) -> None:
            with connection.transaction():
                for statement in statements:
                    connection.execute(statement.encode())

        yield run


AWKWARD = (
    "CREATE TYPE mood AS ENUM ('happy', 'it''s \"so-so\"', '')",
    "CREATE DOMAIN positive AS integer CHECK (VALUE > 0)",
    "CREATE TYPE pair AS (a integer, b text)",
    "CREATE TABLE awkward (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, m mood, d positive, p pair, "
    "arr text[][], j jsonb, b bytea, n numeric, f double precision, ts timestamptz, i interval, r int4range, "
    'g integer GENERATED ALWAYS AS (d * 2) STORED, t text COLLATE "C")',
    "INSERT INTO awkward (m, d, p, arr, j, b, n, f, ts, i, r, t) VALUES "
    '(\'it\'\'s "so-so"\', 1, ROW(1, E\'x\\ty\\\\.\'), \'{{"a,b",NULL},{"","\\""}}\', \'{"k": [1, null, "\\u00e9"]}\', '
    "'\\x00ff5c2e0a', 'NaN', 'Infinity', 'infinity', '1 year 2 mons -3 days', '[1,5)', E'\\\\.'), "
    "(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), "
    "('', 7, ROW(NULL, NULL), '{}', 'null', '', 1e-30, '-0', '0044-03-15 BC', '0', 'empty', "
    "E'line\\nbreak\\rand\\ttab')",
    "CREATE UNIQUE INDEX awkward_t ON awkward (lower(t)) WHERE t IS NOT NULL",
    "CREATE VIEW seen AS SELECT id, m FROM awkward WHERE d > 0",
)

DIALECT = Dialect(
    schema="public",
    quote=identifier,
    blob="bytea",
    blob_literal=lambda content: f"'\\x{content.hex()}'",
    placeholder=lambda number: f"${number}",
    named=lambda name: f":{name}",
    endless="SELECT pg_sleep(600)",
    flood="SELECT generate_series(1, 1000000000000)",
    names=('quo"te', "semi;colon", "select", "Größe 😀", "a b.c/d", "x" * 63, "back\\slash", "per%cent:name$1"),
    awkward=AWKWARD,
    corrupt_row="UPDATE awkward SET b = '\\x00ff5c2e0b' WHERE id = 1",
    writer=writer,
    values=(
        ("NULL::integer", None),
        ("true", True),
        ("9223372036854775807::bigint", 9223372036854775807),
        ("1.5::float8", 1.5),
        ("'é'::text", "é"),
        ("'\\x00ff'::bytea", b"\x00\xff"),
        ("12.50::numeric", Decimal("12.50")),
        ("'2024-02-29'::date", date(2024, 2, 29)),
        ("'2024-02-29 12:00+00'::timestamptz AT TIME ZONE 'UTC'", datetime(2024, 2, 29, 12)),
        ("'1 day 2 hours'::interval", timedelta(days=1, hours=2)),
        ("'1 mon'::interval", "1 mon"),
        ("'infinity'::date", "infinity"),
        ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")),
        ("ARRAY[1, NULL, 3]", [1, None, 3]),
        ("'{\"a\": [1, null]}'::jsonb", {"a": [1, None]}),
        ("'[1,5)'::int4range", "[1,5)"),
        ("'10.0.0.0/8'::inet", "10.0.0.0/8"),
    ),
    refused=(
        "INSERT INTO t VALUES (100, 'x')",
        "UPDATE t SET name = 'x'",
        "DELETE FROM t",
        "TRUNCATE t",
        "DROP TABLE t",
        "CREATE TABLE more (id integer)",
        "CREATE TEMPORARY TABLE more (id integer)",
        "ALTER TABLE t ADD COLUMN more integer",
        "WITH gone AS (DELETE FROM t RETURNING id) SELECT * FROM gone",
        "SELECT * FROM t FOR UPDATE",
        "CREATE SCHEMA other",
        "CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "SELECT lo_create(0)",
        "SELECT lo_import('/etc/passwd')",
        "COPY t TO PROGRAM 'id'",
        "COPY t TO '/tmp/holdfast-never'",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT pg_ls_dir('.')",
        "SET ROLE db_owner",
        "SET SESSION AUTHORIZATION db_owner",
        "ALTER ROLE db_ro SUPERUSER",
        "GRANT db_owner TO db_ro",
        "SELECT pg_terminate_backend(pg_backend_pid())",
        "SELECT pg_reload_conf()",
        "CREATE EXTENSION vector",
        "DO $$ BEGIN DELETE FROM t; END $$",
        "SELECT rolpassword FROM pg_authid",
    ),
    hostile=(
        "SET default_transaction_read_only = off",
        "SET statement_timeout = 0",
        "SET transaction_read_only = off",
        "BEGIN",
        "COMMIT",
        "RESET ALL",
        "SELECT set_config('transaction_read_only', 'off', false)",
        "WITH x AS (SELECT set_config('default_transaction_read_only', 'off', false)) SELECT * FROM x",
        "SELECT 1; DROP TABLE t",
        "COMMIT; DROP TABLE t",
        "/* */ DROP /* */ TABLE t",
        "EXPLAIN ANALYZE DELETE FROM t",
        "PREPARE p AS DELETE FROM t",
        "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
        "LOCK TABLE t",
        "NOTIFY x",
        "VACUUM t",
        "DISCARD ALL",
    ),
    denied=(
        "COPY t TO PROGRAM 'id'",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT lo_import('/etc/passwd')",
        "CREATE ROLE other SUPERUSER",
        "ALTER SYSTEM SET fsync = off",
        "CREATE DATABASE other",
    ),
)
