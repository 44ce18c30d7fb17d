"""What differs at a server that is not ours: roles are never made there, and everything belongs to the login."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from holdfast.contract.snapshot import Receipt
from holdfast.contract.spec import Endpoint
from holdfast.engines.postgresql import faults, link
from holdfast.engines.postgresql.globals import Globals
from holdfast.engines.postgresql.link import Connection
from holdfast.engines.postgresql.names import OWNER, READ_ONLY, READ_WRITE, identifier, maintenance

MARK = "holdfast.restoring"


@dataclass(frozen=True)
class Rights:
    """How owners and grants of a snapshot come back. `flags` are pg_restore's; `grants`: the reader is let in by us."""

    flags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    grants: bool = False


def prepare(at: Endpoint) -> Receipt:
    """Make the database when it is absent; one that is there is left exactly as it is."""
    name = at.database or ""
    try:
        with link.connect(maintenance(at)) as admin:
            if _exists(admin, name):
                return Receipt()
            run(admin, f"CREATE DATABASE {identifier(name)} TEMPLATE template0 ENCODING 'UTF8'")
            let_in(admin, at, None)
        with link.connect(at) as inside, inside.transaction():
            _defaults(inside, at)
    except psycopg.Error as error:
        raise faults.from_psycopg(error, "preparing the database") from error
    return Receipt(notes=(f"database {name!r} created",))


def rights(admin: Connection, at: Endpoint, known: Globals) -> Rights:
    """At a server of ours everything comes back as it was. Elsewhere owners only where the login may act as them, and
    grants only where all their roles exist."""
    if at.hosted:
        return Rights()
    wanted = sorted({*known.roles, *known.owners})
    rows = admin.execute(
        "SELECT rolname, pg_catalog.pg_has_role(oid, 'MEMBER') FROM pg_catalog.pg_roles WHERE rolname = ANY (%s)",
        (wanted,),
    ).fetchall()
    there = {str(name): bool(member) for name, member in rows}
    ours = not known.roles  # a hosted database's own roles are not listed, and mean nothing here
    if not ours and known.owners and all(name in there for name in wanted):
        if all(there[name] for name in known.owners):
            return Rights()
        return Rights(("--no-owner",), ("everything belongs to the login: it may not act as the former owners",))
    note = "owners and grants were left out: everything belongs to the login, and its reader may read it"
    return Rights(("--no-owner", "--no-privileges"), (note,), grants=True)


def settle(inside: Connection, at: Endpoint, found: Rights) -> None:
    """After a restore without grants: the registered reader may read."""
    if found.grants and "ro" in at.roles:
        with inside.transaction():
            _defaults(inside, at)
            _readable(inside, at.roles["ro"].user)


def let_in(admin: Connection, at: Endpoint, limit: int | None) -> None:
    """The login and its reader, nobody else; takes the mark of an unfinished restore away."""
    name = identifier(at.database or "")
    run(admin, f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
    if "ro" in at.roles:
        run(admin, f"GRANT CONNECT ON DATABASE {name} TO {identifier(at.roles['ro'].user)}")
    if limit is not None:
        run(admin, f"ALTER DATABASE {name} CONNECTION LIMIT {limit}")
    row = admin.execute(
        "SELECT pg_catalog.shobj_description(oid, 'pg_database') FROM pg_catalog.pg_database WHERE datname = %s",
        (at.database,),
    ).fetchone()
    if row and row[0] == MARK:
        run(admin, f"COMMENT ON DATABASE {name} IS NULL")


def adopt(inside: Connection, known: Globals) -> None:
    """A snapshot from elsewhere in a server of ours: what its logins owned is the owner's, readers read, writers write.

    Otherwise the restored tables would belong to a role that nobody can sign in as.
    """
    owner, rw, ro = identifier(OWNER), identifier(READ_WRITE), identifier(READ_ONLY)
    with inside.transaction():
        for name in known.owners:
            run(inside, f"REASSIGN OWNED BY {identifier(name)} TO {owner}")
        default = f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner}"
        run(inside, f"{default} GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON TABLES TO {rw}")
        run(inside, f"{default} GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO {rw}")
        run(inside, f"{default} GRANT SELECT ON TABLES TO {ro}")
        for schema in _schemas(inside):
            run(inside, f"GRANT USAGE, CREATE ON SCHEMA {schema} TO {owner}")
            run(inside, f"GRANT USAGE ON SCHEMA {schema} TO {rw}")
            run(inside, f"GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA {schema} TO {rw}")
            run(inside, f"GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA {schema} TO {rw}")
        _readable(inside, READ_ONLY)


def _defaults(inside: Connection, at: Endpoint) -> None:
    if "ro" not in at.roles:
        return
    reader = identifier(at.roles["ro"].user)
    run(inside, "REVOKE CREATE ON SCHEMA public FROM PUBLIC") if _has_public(inside) else None
    run(inside, f"ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO {reader}")
    run(inside, f"ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {reader}")
    _readable(inside, at.roles["ro"].user)


def _readable(inside: Connection, role: str) -> None:
    for schema in _schemas(inside):
        run(inside, f"GRANT USAGE ON SCHEMA {schema} TO {identifier(role)}")
        run(inside, f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {identifier(role)}")


def _schemas(inside: Connection) -> Sequence[str]:
    rows = inside.execute(
        "SELECT nspname FROM pg_catalog.pg_namespace "
        "WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'"
    ).fetchall()
    return [identifier(str(row[0])) for row in rows]


def _has_public(inside: Connection) -> bool:
    return inside.execute("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = 'public'").fetchone() is not None


def _exists(admin: Connection, name: str) -> bool:
    return admin.execute("SELECT 1 FROM pg_catalog.pg_database WHERE datname = %s", (name,)).fetchone() is not None


def run(connection: Connection, statement: str) -> None:
    connection.execute(link.statement(statement))
