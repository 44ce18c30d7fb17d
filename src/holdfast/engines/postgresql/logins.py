"""Logins that stand for the owner, the writer or the reader, each with a name and a password of its own."""

from __future__ import annotations

from typing import Any

import psycopg

from holdfast.contract.logins import Login, Program
from holdfast.contract.spec import Endpoint
from holdfast.engines.postgresql import faults, link, prepare
from holdfast.engines.postgresql.link import Connection
from holdfast.engines.postgresql.names import NAME_BYTES, OUR_ROLES, OWNER, elsewhere, identifier, literal
from holdfast.kernel.errors import Conflict, Invalid

_END_MILLISECONDS = 5000
_FLAGS = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS INHERIT"


class Logins:
    """Implements CanAdmit.

    Each session of a login begins as the role it stands for (`ALTER ROLE ... SET role`), so that a table it makes is
    the owner's and has the owner's default grants.
    """

    def admit(self, at: Endpoint, login: Login) -> None:
        check_user(login.user)
        if login.access not in at.roles or login.access == "admin":
            raise Invalid(f"there is no {login.access} role to stand for", code="access_invalid")
        base = at.roles[login.access].user
        try:
            with link.connect(elsewhere(at, "postgres")) as admin, admin.transaction():
                _make(admin, login, base)
        except psycopg.Error as error:
            raise faults.from_psycopg(error, "making the login") from error

    def suspend(self, at: Endpoint, user: str) -> None:
        check_user(user)
        try:
            with link.connect(elsewhere(at, "postgres")) as admin:
                if _exists(admin, user):
                    prepare.run(admin, f"ALTER ROLE {identifier(user)} NOLOGIN")
                    _end_sessions(admin, user)
        except psycopg.Error as error:
            raise faults.from_psycopg(error, "suspending the login") from error

    def dismiss(self, at: Endpoint, user: str, *, hand_over: bool) -> None:
        check_user(user)
        try:
            with link.connect(elsewhere(at, "postgres")) as admin:
                if not _exists(admin, user):
                    return
                prepare.run(admin, f"ALTER ROLE {identifier(user)} NOLOGIN")
                _end_sessions(admin, user)
                places = _places(admin, user)
                if not hand_over:
                    _refuse_owned(at, places, user)
                for database in places:
                    _hand_over(elsewhere(at, database), user)
                prepare.run(admin, f"DROP ROLE IF EXISTS {identifier(user)}")
                prepare.ensure_roles(admin, at)  # a visitor may have changed the password of the role it stood for
        except psycopg.Error as error:
            raise faults.from_psycopg(error, "removing the login") from error

    def programs(self, at: Endpoint, login: Login) -> tuple[Program, ...]:
        env = {
            "PGHOST": str(at.host),
            "PGPORT": str(at.port),
            "PGUSER": login.user,
            "PGPASSWORD": login.password,
            "PGDATABASE": at.database or "",
        }
        return (Program("psql", env=env),)


def check_user(user: str) -> None:
    if user in OUR_ROLES or user.startswith("pg_") or not 0 < len(user.encode()) <= NAME_BYTES or "\0" in user:
        raise Invalid(f"{user!r} cannot be the name of a login", code="login_invalid", hint="Choose another name.")


def _make(admin: Connection, login: Login, base: str) -> None:
    name = identifier(login.user)
    verb = "ALTER" if _exists(admin, login.user) else "CREATE"
    password = literal(prepare.verifier(admin, login.user, login.password))
    until = literal(login.until.isoformat() if login.until else "infinity")
    limit = -1 if login.connections is None else login.connections
    prepare.run(admin, f"{verb} ROLE {name} {_FLAGS} CONNECTION LIMIT {limit} PASSWORD {password} VALID UNTIL {until}")
    for other in (*OUR_ROLES[1:],):
        if other != base:
            prepare.run(admin, f"REVOKE {identifier(other)} FROM {name}")
    prepare.run(admin, f"GRANT {identifier(base)} TO {name}")
    prepare.run(admin, f"ALTER ROLE {name} SET role TO {literal(base)}")
    read_only = "on" if login.access == "ro" else "off"
    prepare.run(admin, f"ALTER ROLE {name} SET default_transaction_read_only TO {read_only}")


def _exists(admin: Connection, user: str) -> bool:
    return admin.execute("SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = %s", (user,)).fetchone() is not None


def _end_sessions(admin: Connection, user: str) -> None:
    admin.execute(
        "SELECT pg_catalog.pg_terminate_backend(pid, %s) FROM pg_catalog.pg_stat_activity WHERE usename = %s",
        (_END_MILLISECONDS, user),
    )


def _places(admin: Connection, user: str) -> list[str]:
    """Databases in which something depends on the role."""
    found = admin.execute(
        "SELECT DISTINCT d.datname FROM pg_catalog.pg_shdepend s JOIN pg_catalog.pg_database d ON d.oid = s.dbid "
        "JOIN pg_catalog.pg_roles r ON r.oid = s.refobjid AND s.refclassid = 'pg_catalog.pg_authid'::regclass "
        "WHERE r.rolname = %s AND d.datallowconn",
        (user,),
    )
    return [str(row[0]) for row in found]


def _refuse_owned(at: Endpoint, places: list[str], user: str) -> None:
    owned: list[Any] = []
    for database in places:
        with link.connect(elsewhere(at, database)) as inside:
            rows = inside.execute(
                "SELECT pg_catalog.pg_describe_object(s.classid, s.objid, s.objsubid) FROM pg_catalog.pg_shdepend s "
                "JOIN pg_catalog.pg_roles r ON r.oid = s.refobjid "
                "JOIN pg_catalog.pg_database d ON d.oid = s.dbid AND d.datname = pg_catalog.current_database() "
                "WHERE r.rolname = %s AND s.deptype = 'o' ORDER BY 1 LIMIT 50",
                (user,),
            )
            owned += [row[0] for row in rows]
    if owned:
        raise Conflict(
            f"{user!r} owns {len(owned)} objects: {', '.join(owned[:3])}",
            code="login_owns",
            hint="Drop them or give them to another role first, or ask for them to be handed over to the owner.",
            details={"objects": owned},
        )


def _hand_over(there: Endpoint, user: str) -> None:
    with link.connect(there) as inside, inside.transaction():
        prepare.run(inside, f"REASSIGN OWNED BY {identifier(user)} TO {identifier(OWNER)}")
        prepare.run(inside, f"DROP OWNED BY {identifier(user)}")
