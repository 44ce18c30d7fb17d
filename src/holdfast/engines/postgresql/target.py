"""Where a restore goes: an empty database made anew, or a live one that gains tables."""

from __future__ import annotations

from typing import Literal, Protocol

from holdfast.contract.spec import Endpoint
from holdfast.engines.postgresql import foreign, link, prepare
from holdfast.engines.postgresql.link import Connection
from holdfast.engines.postgresql.names import identifier, literal, maintenance, owner_of, qualified
from holdfast.engines.postgresql.reshape import Shape
from holdfast.kernel.errors import Conflict

MARK = "holdfast.restoring"


class Target(Protocol):
    def open(self, shape: Shape) -> None:
        """Refuse what must not be overwritten, and make room."""
        ...

    def finish(self) -> None:
        """All is in place: let its users in."""
        ...

    def abandon(self) -> None:
        """Something failed: undo."""
        ...


def target_for(at: Endpoint, into: Literal["empty", "existing"]) -> Target:
    return EmptyTarget(at) if into == "empty" else ExistingTarget(at)


class EmptyTarget:
    """An empty or absent database, dropped and made bare: grants and defaults then come from the snapshot alone.

    Until `finish`, readers and writers cannot connect and the database carries a mark, so that one left behind by
    a killed run is recognised and made anew instead of being taken for somebody's data.
    """

    def __init__(self, at: Endpoint) -> None:
        self._at = at
        self._name = at.database or ""
        self._limit: int | None = None

    def open(self, shape: Shape) -> None:
        with link.connect(maintenance(self._at)) as admin:
            if prepare.database_exists(admin, self._name):
                self._limit = _connection_limit(admin, self._name)
                if not _marked(admin, self._name):
                    self._demand_empty()
            self._remake(admin)
            self._mark(admin)
        with link.connect(self._at) as inside:
            if "public" not in shape.schemas:
                inside.execute("DROP SCHEMA IF EXISTS public")
            if self._at.hosted and shape.extensions and "plpgsql" not in shape.extensions:
                inside.execute("DROP EXTENSION IF EXISTS plpgsql")

    def _remake(self, admin: Connection) -> None:
        prepare.drop_database(admin, self._name)
        prepare.create_database(admin, self._at, self._name)

    def _mark(self, admin: Connection) -> None:
        """Elsewhere a comment: only a superuser may make up a setting."""
        name = identifier(self._name)
        made = (
            f"ALTER DATABASE {name} SET {MARK} TO '1'" if self._at.hosted else f"COMMENT ON DATABASE {name} IS '{MARK}'"
        )
        admin.execute(link.statement(made))

    def _demand_empty(self) -> None:
        with link.connect(self._at) as inside:
            row = inside.execute(_CONTENT).fetchone()
        if row is not None:
            raise Conflict(
                f"the target database is not empty: it holds {row[0]} {row[1]!r}",
                code="target_not_empty",
                hint="restore into a new database, or choose tables to add to this one",
            )

    def finish(self) -> None:
        with link.connect(maintenance(self._at)) as admin:
            with admin.transaction():
                if not self._at.hosted:
                    foreign.let_in(admin, self._at, self._limit)
                    return
                admin.execute(link.statement(f"ALTER DATABASE {identifier(self._name)} RESET {MARK}"))
                prepare.grant_connect(admin, self._name, self._limit)

    def abandon(self) -> None:
        with link.connect(maintenance(self._at)) as admin:
            self._remake(admin)
            if not self._at.hosted:
                foreign.let_in(admin, self._at, self._limit)
                return
            prepare.grant_connect(admin, self._name, self._limit)
        with link.connect(self._at) as inside:
            prepare.grant_inside(inside)


_CONTENT = """
SELECT * FROM (
    SELECT 'the relation' AS kind, c.relname::text AS name FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
  UNION ALL SELECT 'the schema', nspname::text FROM pg_catalog.pg_namespace
    WHERE nspname NOT LIKE 'pg\\_%' AND nspname NOT IN ('information_schema', 'public')
  UNION ALL SELECT 'the function', proname::text FROM pg_catalog.pg_proc p
    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'public'
  UNION ALL SELECT 'the type', typname::text FROM pg_catalog.pg_type t
    JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname = 'public'
  UNION ALL SELECT 'the extension', extname::text FROM pg_catalog.pg_extension WHERE extname <> 'plpgsql'
  UNION ALL SELECT 'the large object', oid::text FROM pg_catalog.pg_largeobject_metadata
) AS content LIMIT 1
"""


def _connection_limit(admin: Connection, name: str) -> int | None:
    row = admin.execute("SELECT datconnlimit FROM pg_catalog.pg_database WHERE datname = %s", (name,)).fetchone()
    return int(row[0]) if row and row[0] >= 0 else None


def _marked(admin: Connection, name: str) -> bool:
    return (
        admin.execute(
            "SELECT 1 FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase "
            "WHERE d.datname = %s AND s.setrole = 0 AND %s = ANY (s.setconfig) UNION ALL SELECT 1 "
            "FROM pg_catalog.pg_database WHERE datname = %s AND pg_catalog.shobj_description(oid, 'pg_database') = %s",
            (name, f"{MARK}=1", name, MARK),
        ).fetchone()
        is not None
    )


class ExistingTarget:
    """A live database. Only tables that were not there before are ever touched, so undoing is dropping them."""

    def __init__(self, at: Endpoint) -> None:
        self._at = at
        self._tables: tuple[tuple[str, str], ...] = ()
        self._made_schemas: list[str] = []

    def open(self, shape: Shape) -> None:
        with link.connect(self._at) as inside:
            for schema, name in shape.relations:
                if _exists(inside, schema, name):
                    raise Conflict(
                        f"{schema}.{name} already exists",
                        code="table_exists",
                        hint="give the restored table another name",
                        details={"table": f"{schema}.{name}"},
                    )
            self._tables = shape.relations
            for schema in sorted({schema for schema, _ in shape.relations}):
                found = inside.execute("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = %s", (schema,))
                if found.fetchone() is None:
                    prepare.run(
                        inside, f"CREATE SCHEMA {identifier(schema)} AUTHORIZATION {identifier(owner_of(self._at))}"
                    )
                    self._made_schemas.append(schema)

    def finish(self) -> None:
        return

    def abandon(self) -> None:
        with link.connect(self._at, settings={**link.PINNED, "lock_timeout": "30s"}) as inside:
            with inside.transaction():
                for schema, name in self._tables:
                    prepare.run(inside, f"DROP TABLE IF EXISTS {qualified(schema, name)} CASCADE")
                for schema in self._made_schemas:
                    prepare.run(inside, f"DROP SCHEMA IF EXISTS {identifier(schema)}")


def _exists(inside: Connection, schema: str, name: str) -> bool:
    row = inside.execute(
        link.statement(f"SELECT pg_catalog.to_regclass({literal(qualified(schema, name))})")
    ).fetchone()
    return row is not None and row[0] is not None
