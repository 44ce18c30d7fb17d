"""PostgreSQL as an engine: one supervised cluster per database, dumped and restored logically."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, cast
from urllib.parse import quote

from holdfast.contract.engine import Capabilities, CaptureTraits, Session
from holdfast.contract.external import Address, ExternalTraits, Wire
from holdfast.contract.plain import PlainFile
from holdfast.contract.privileges import Report
from holdfast.contract.query import Batch
from holdfast.contract.rows import TableName
from holdfast.contract.snapshot import Receipt, Source, Verdict
from holdfast.contract.spec import Access, Endpoint, Plan, Site, Software, Spec
from holdfast.contract.tools import Tools
from holdfast.engines.postgresql import address, plan, prepare, privileges, swap
from holdfast.engines.postgresql.activity import Activities
from holdfast.engines.postgresql.builds import Builds
from holdfast.engines.postgresql.chores import Chores
from holdfast.engines.postgresql.dumps import TakesIn
from holdfast.engines.postgresql.extensions import Extensions
from holdfast.engines.postgresql.front import Fronts
from holdfast.engines.postgresql.logins import Logins
from holdfast.engines.postgresql.names import beside_name, check_database_name, literal, qualified
from holdfast.engines.postgresql.plain import plain
from holdfast.engines.postgresql.preview import preview
from holdfast.engines.postgresql.readable import readable
from holdfast.engines.postgresql.resizing import Resizes
from holdfast.engines.postgresql.rotation import Rotates
from holdfast.engines.postgresql.scripts import Splits
from holdfast.engines.postgresql.session import PostgresqlSession
from holdfast.engines.postgresql.spec import PostgresqlSpec
from holdfast.engines.postgresql.table import SCHEMA
from holdfast.engines.postgresql.tuning import Tuning
from holdfast.engines.postgresql.upgrade import Upgrades
from holdfast.kernel.errors import Invalid
from holdfast.kernel.stop import Stop

TEMPLATES = (
    ("Tables and their sizes", "SELECT schemaname, relname, n_live_tup, pg_size_pretty(pg_total_relation_size(relid)) "
     "FROM pg_stat_user_tables ORDER BY pg_total_relation_size(relid) DESC"),
    ("Running statements", "SELECT pid, state, now() - query_start AS age, query FROM pg_stat_activity "
     "WHERE datname = current_database()"),
    ("First rows", "SELECT * FROM table_name LIMIT 100"),
    ("Row count", "SELECT count(*) FROM table_name"),
    ("Columns of a table", "SELECT attname, format_type(atttypid, atttypmod) AS type, NOT attnotnull AS nullable "
     "FROM pg_attribute WHERE attrelid = (SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
     "WHERE n.nspname = 'schema_name' AND c.relname = 'table_name') AND attnum > 0 AND NOT attisdropped"),
    ("Query plan", "EXPLAIN SELECT * FROM table_name"),
    ("Query plan with times", "EXPLAIN (ANALYZE) SELECT * FROM table_name"),
    ("Create a table", "CREATE TABLE items (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL)"),
)  # fmt: skip


class PostgresqlEngine(
    Logins, Rotates, Resizes, Splits, Activities, Chores, Tuning, Extensions, Fronts, Upgrades, Builds, TakesIn
):
    name: ClassVar[str] = "postgresql"
    spec: ClassVar[type[Spec]] = PostgresqlSpec
    capabilities: ClassVar[Capabilities] = Capabilities(
        title="PostgreSQL",
        language="sql",
        dialect="postgres",
        hosts=("process", "external"),
        versions=("18", "16"),
        default_version="18",
        capture=CaptureTraits(
            isolation="snapshot",
            temporary_disk="the schema only: a few MB, whatever the size of the data",
            incremental=True,
            unchanged="from version 17 on, ranges no WAL summary names (summarize_wal) are not read, but for a sample",
        ),
        schemas=True,
        translates=True,
        url_schemes=("postgresql", "postgres"),
        templates=TEMPLATES,
        gaps={"CanKeyValue": "never: it keeps tables, whose rows are edited instead (CanEdit)"},
    )

    external: ClassVar[ExternalTraits] = address.TRAITS
    wire: ClassVar[Wire | None] = address.WIRE

    def software(self, spec: Spec) -> Software | None:
        return plan.software(_own(spec))

    def needs(self, spec: Spec) -> tuple[bool, Sequence[str]]:  # noqa: ARG002
        return True, plan.SECRETS

    def plan(self, spec: Spec, site: Site) -> Plan:
        return plan.make_plan(_own(spec), site)

    def quoted(self, table: TableName) -> str:
        return qualified(table.schema or SCHEMA, table.name)

    def literal(self, text: str) -> str:
        return literal(text)

    def default_schema(self) -> str:
        return SCHEMA

    async def prepare(self, at: Endpoint, spec: Spec, tools: Tools) -> Receipt:  # noqa: ARG002
        return await asyncio.to_thread(prepare.prepare, at, _own(spec).connection_limit)

    def connect(self, at: Endpoint, tools: Tools, access: Access = "admin") -> Session:
        return cast(Session, PostgresqlSession(at, tools, access))

    def url(self, at: Endpoint, access: Access) -> str:
        """postgresql:// over loopback TCP where there is a port, else over the unix socket."""
        role = at.roles.get(access)
        if role is None or at.database is None:
            raise Invalid(f"this database has no {access} role", code="role_absent")
        login = f"{quote(role.user, safe='')}:{quote(at.secrets.get(role.secret, ''), safe='')}"
        name = quote(at.database, safe="")
        if at.host and at.port:
            host = f"[{at.host}]" if ":" in at.host else at.host
            return f"postgresql://{login}@{host}:{at.port}/{name}" + (f"?sslmode={at.tls}" if at.tls else "")
        return f"postgresql://{login}@/{name}?host={quote(str(at.sockets), safe='')}"

    def address(self, url: str) -> Address:
        return address.parse(url)

    def sibling(self, at: Endpoint, name: str) -> Endpoint:
        return replace(at, database=check_database_name(name))

    async def report(self, at: Endpoint, tools: Tools) -> Report:  # noqa: ARG002
        return await asyncio.to_thread(privileges.report, at)

    def readable(self, source: Source, tools: Tools, stop: Stop) -> Verdict:
        return readable(source, tools, stop)

    def preview(self, source: Source, table: str, limit: int, tools: Tools, stop: Stop) -> Batch:  # noqa: ARG002
        return preview(source, table, limit, stop)

    def plain(self, source: Source) -> PlainFile:
        return plain(source)

    def beside(self, at: Endpoint, label: str) -> Endpoint:
        if at.database is None:
            raise Invalid("the endpoint names no database", code="endpoint_invalid")
        return replace(at, database=beside_name(at.database, label), beside=label)

    async def swap(self, at: Endpoint, candidate: Endpoint, kept: Endpoint, tools: Tools) -> Receipt:  # noqa: ARG002
        return await asyncio.to_thread(swap.swap, at, candidate, kept)

    async def discard(self, at: Endpoint, tools: Tools) -> Receipt:  # noqa: ARG002
        return await asyncio.to_thread(swap.discard, at)


def _own(spec: Spec) -> PostgresqlSpec:
    if not isinstance(spec, PostgresqlSpec):
        raise Invalid("this is not a PostgreSQL spec", code="spec_invalid")
    return spec
