"""Roles, database and grants: what makes owner, rw and ro real at the server.

Every step can be repeated. Passwords reach the server only as SCRAM verifiers computed here, so no statement
log, activity view or error can hold one.
"""

from __future__ import annotations

import psycopg

from holdfast.contract.snapshot import Receipt
from holdfast.contract.spec import Endpoint
from holdfast.engines.postgresql import faults, foreign, link
from holdfast.engines.postgresql.link import Connection
from holdfast.engines.postgresql.names import (
    OWNER,
    READ_ONLY,
    READ_WRITE,
    elsewhere,
    identifier,
    literal,
    owner_of,
)
from holdfast.kernel.errors import Invalid

# A role that may only read must not end its neighbours' sessions nor create large objects.
_NOT_FOR_READERS = (
    "pg_terminate_backend(integer, bigint)",
    "pg_cancel_backend(integer)",
    "lo_creat(integer)",
    "lo_create(oid)",
    "lo_from_bytea(oid, bytea)",
    "lo_put(oid, bigint, bytea)",
    "lo_unlink(oid)",
)


def prepare(at: Endpoint, connection_limit: int) -> Receipt:
    """Roles, database, grants; a second call changes nothing. Raises Retryable when the server does not answer."""
    if at.database is None:
        raise Invalid("the endpoint names no database", code="endpoint_invalid")
    notes: list[str] = []
    if not at.hosted:
        return foreign.prepare(at)
    try:
        with link.connect(elsewhere(at, "postgres")) as admin:
            ensure_roles(admin, at)
            if not database_exists(admin, at.database):
                create_database(admin, at, at.database)
                notes.append(f"database {at.database!r} created")
            grant_connect(admin, at.database, connection_limit)
        with link.connect(at) as inside:
            grant_inside(inside)
    except psycopg.Error as error:
        raise faults.from_psycopg(error, "preparing the database") from error
    return Receipt(notes=tuple(notes))


def ensure_roles(admin: Connection, at: Endpoint, *, login: bool = True) -> None:
    for access in ("owner", "rw", "ro"):
        role = at.roles[access]
        row = admin.execute("SELECT rolpassword FROM pg_catalog.pg_authid WHERE rolname = %s", (role.user,)).fetchone()
        password = at.secrets[role.secret]
        verb = "CREATE" if row is None else "ALTER"
        flags = (
            f"{'LOGIN' if login else 'NOLOGIN'} NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS INHERIT"
        )
        change = (
            ""
            if row and accepts(at, role.user, password)
            else f" PASSWORD {literal(verifier(admin, role.user, password))}"
        )
        run(admin, f"{verb} ROLE {identifier(role.user)} {flags}{change}")
    run(admin, f"ALTER ROLE {identifier(READ_ONLY)} SET default_transaction_read_only = on")


def verifier(admin: Connection, user: str, password: str) -> str:
    scrambled = admin.pgconn.encrypt_password(password.encode(), user.encode(), b"scram-sha-256")
    return scrambled.decode()


def accepts(at: Endpoint, user: str, password: str) -> bool:
    """Whether this password already opens the door: writing a new verifier each time would be a change."""
    keywords = link.parameters(elsewhere(at, "postgres"), "admin") | {"user": user, "password": password}
    try:
        psycopg.connect(**keywords).close()
    except psycopg.OperationalError as error:
        return "password authentication failed" not in str(error) and "no password" not in str(error)
    return True


def database_exists(admin: Connection, database: str) -> bool:
    return admin.execute("SELECT 1 FROM pg_catalog.pg_database WHERE datname = %s", (database,)).fetchone() is not None


def create_database(admin: Connection, at: Endpoint, database: str) -> None:
    """A bare UTF-8 database: owned, closed to everyone else until `grant_connect`."""
    owner = identifier(owner_of(at))
    run(admin, f"CREATE DATABASE {identifier(database)} OWNER {owner} TEMPLATE template0 ENCODING 'UTF8'")
    run(admin, f"REVOKE ALL ON DATABASE {identifier(database)} FROM PUBLIC")


def drop_database(admin: Connection, database: str) -> None:
    """End its sessions and remove it. Absent is success."""
    run(admin, f"DROP DATABASE IF EXISTS {identifier(database)} WITH (FORCE)")


def grant_connect(admin: Connection, database: str, connection_limit: int | None) -> None:
    """Let the three roles in. Until this ran, only the owner and ourselves can connect."""
    name = identifier(database)
    run(admin, f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
    run(admin, f"GRANT CONNECT, TEMPORARY, CREATE ON DATABASE {name} TO {identifier(OWNER)}")
    run(admin, f"GRANT CONNECT, TEMPORARY ON DATABASE {name} TO {identifier(READ_WRITE)}")
    run(admin, f"GRANT CONNECT ON DATABASE {name} TO {identifier(READ_ONLY)}")
    if connection_limit is not None:
        run(admin, f"ALTER DATABASE {name} CONNECTION LIMIT {connection_limit}")


def grant_inside(inside: Connection) -> None:
    """Rights on what the owner will make: rw writes it, ro reads it. Existing grants are left as they are."""
    owner, rw, ro = identifier(OWNER), identifier(READ_WRITE), identifier(READ_ONLY)
    default = f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner}"
    statements = [
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        f"GRANT USAGE, CREATE ON SCHEMA public TO {owner}",
        f"GRANT USAGE ON SCHEMA public TO {rw}, {ro}",
        f"{default} GRANT USAGE ON SCHEMAS TO {rw}, {ro}",
        f"{default} GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON TABLES TO {rw}",
        f"{default} GRANT SELECT ON TABLES TO {ro}",
        f"{default} GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO {rw}",
        f"{default} GRANT SELECT ON SEQUENCES TO {ro}",
        f"{default} GRANT EXECUTE ON FUNCTIONS TO {rw}, {ro}",
        f"{default} GRANT USAGE ON TYPES TO {rw}, {ro}",
    ]
    for function in _NOT_FOR_READERS:
        statements.append(f"REVOKE EXECUTE ON FUNCTION pg_catalog.{function} FROM PUBLIC")
        statements.append(f"GRANT EXECUTE ON FUNCTION pg_catalog.{function} TO {owner}, {rw}")
    with inside.transaction():
        for statement in statements:
            run(inside, statement)


def run(connection: Connection, statement: str) -> None:
    connection.execute(link.statement(statement))
