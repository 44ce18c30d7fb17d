"""What a major upgrade needs of the server on both sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import psycopg

from holdfast.contract.spec import Endpoint, Spec
from holdfast.engines.postgresql import faults, link, prepare
from holdfast.engines.postgresql.names import OUR_ROLES, OWNER, READ_ONLY, READ_WRITE, elsewhere, identifier, literal
from holdfast.engines.postgresql.spec import Version
from holdfast.kernel.errors import Invalid

_LOGINS = """
SELECT r.rolname, r.rolpassword, r.rolcanlogin,
  (SELECT substr(c, 6) FROM pg_catalog.pg_db_role_setting s, unnest(s.setconfig) c
   WHERE s.setrole = r.oid AND s.setdatabase = 0 AND c LIKE 'role=%%')
FROM pg_catalog.pg_authid r
WHERE r.rolname <> ALL (%s) AND r.rolname NOT LIKE 'pg\\_%%' AND r.rolname NOT LIKE 'hf\\_visit\\_%%'
  AND r.rolpassword IS NOT NULL
ORDER BY 1
"""


class Upgrades:
    """Implements CanUpgrade."""

    def upgraded(self, spec: Spec, version: str) -> Spec:
        now = str(spec.model_dump()["version"])
        if version not in get_args(Version) or int(version) <= int(now):
            raise Invalid(f"{version!r} is no version above {now}", code="version_invalid", hint="Nothing moves down.")
        return type(spec).model_validate(spec.model_dump() | {"version": version})

    def state_directory(self) -> str:
        return "cluster"

    def shut_out(self, at: Endpoint) -> None:
        try:
            with link.connect(elsewhere(at, "postgres")) as admin:
                prepare.run(admin, f"ALTER DATABASE {identifier(at.database or '')} CONNECTION LIMIT 0")
                admin.execute(
                    "SELECT pg_catalog.pg_terminate_backend(pid, 5000) FROM pg_catalog.pg_stat_activity "
                    "WHERE datname = %s AND pid <> pg_catalog.pg_backend_pid()",
                    (at.database,),
                )
        except psycopg.Error as error:
            raise faults.from_psycopg(error, "shutting the database's users out") from error

    def keep_out(self, at: Endpoint) -> None:
        try:
            with link.connect(elsewhere(at, "postgres")) as admin:
                users = [at.roles[access].user for access in ("owner", "rw", "ro")]
                for user in users:
                    prepare.run(admin, f"ALTER ROLE {identifier(user)} NOLOGIN")
                admin.execute(
                    "SELECT pg_catalog.pg_terminate_backend(pid, 5000) FROM pg_catalog.pg_stat_activity "
                    "WHERE usename = ANY (%s)",
                    (users,),
                )
        except psycopg.Error as error:
            raise faults.from_psycopg(error, "keeping the new server's users out") from error

    def logins(self, at: Endpoint) -> Sequence[Mapping[str, Any]]:
        try:
            with link.connect(elsewhere(at, "postgres")) as admin:
                rows = admin.execute(_LOGINS, (list(OUR_ROLES),)).fetchall()
        except psycopg.Error as error:
            raise faults.from_psycopg(error, "reading the logins") from error
        names = ("user", "verifier", "open", "base")
        return [dict(zip(names, row, strict=True)) for row in rows]

    def carry_logins(self, at: Endpoint, logins: Sequence[Mapping[str, Any]]) -> None:
        try:
            with link.connect(elsewhere(at, "postgres")) as admin, admin.transaction():
                for login in logins:
                    _carry(admin, login)
        except psycopg.Error as error:
            raise faults.from_psycopg(error, "carrying the logins over") from error

    def left_behind(self, at: Endpoint) -> tuple[str, ...]:
        try:
            with link.connect(elsewhere(at, "postgres")) as admin:
                rows = admin.execute(
                    "SELECT name, setting FROM pg_catalog.pg_file_settings "
                    "WHERE sourcefile LIKE '%%/postgresql.auto.conf' ORDER BY 1"
                ).fetchall()
        except psycopg.Error as error:
            raise faults.from_psycopg(error, "reading the server's settings") from error
        return tuple(f"the server's setting {name} = {value} is not taken along: set it again" for name, value in rows)


def _carry(admin: link.Connection, login: Mapping[str, Any]) -> None:
    name, base = identifier(str(login["user"])), str(login["base"] or "")
    found = admin.execute("SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = %s", (login["user"],)).fetchone()
    verb = "CREATE" if found is None else "ALTER"
    opened = "LOGIN" if login["open"] else "NOLOGIN"
    prepare.run(admin, f"{verb} ROLE {name} {opened} INHERIT PASSWORD {literal(str(login['verifier']))}")
    if base in (OWNER, READ_WRITE, READ_ONLY):
        prepare.run(admin, f"GRANT {identifier(base)} TO {name}")
        prepare.run(admin, f"ALTER ROLE {name} SET role TO {literal(base)}")
        read_only = "on" if base == READ_ONLY else "off"
        prepare.run(admin, f"ALTER ROLE {name} SET default_transaction_read_only TO {read_only}")
