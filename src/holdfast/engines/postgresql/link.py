"""Lines to the server: ours (unix socket, pinned settings) and the environment of its tools."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import psycopg
from psycopg import sql

from holdfast.contract.spec import Access, Endpoint
from holdfast.engines.postgresql import faults
from holdfast.engines.postgresql.plan import socket_port
from holdfast.kernel.errors import Conflict, HoldfastError, Invalid

Connection = psycopg.Connection[tuple[Any, ...]]
AsyncConnection = psycopg.AsyncConnection[tuple[Any, ...]]

CONNECT_SECONDS = 10

# One text form for every value, whatever the role, the database or the tenant set as defaults:
# otherwise the same row has two texts and two digests.
PINNED: Mapping[str, str] = {
    "synchronize_seqscans": "off",
    "row_security": "off",
    "TimeZone": "UTC",
    "DateStyle": "ISO,YMD",
    "IntervalStyle": "postgres",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "xmloption": "content",
    "search_path": "",
    "standard_conforming_strings": "on",
    "statement_timeout": "0",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "client_min_messages": "warning",
    "default_transaction_read_only": "off",
    "default_transaction_isolation": "read committed",
    "client_encoding": "UTF8",
}

_KNOWS_TRANSACTION_TIMEOUT = 170_000


def options(settings: Mapping[str, str]) -> str:
    """Settings as libpq's `options`, which win over ALTER ROLE and ALTER DATABASE."""
    escaped = {key: value.replace("\\", "\\\\").replace(" ", "\\ ") for key, value in settings.items()}
    return " ".join(f"-c {key}={value}" for key, value in escaped.items())


def parameters(
    at: Endpoint, access: Access, settings: Mapping[str, str] = PINNED, label: str = "holdfast"
) -> dict[str, Any]:
    """Keyword arguments of psycopg's connect for one role of this endpoint."""
    role = at.roles.get(access)
    if role is None and not at.hosted:
        raise withheld(access)
    if role is None:
        raise Invalid(f"this database has no {access} role", code="role_absent")
    return {
        "host": str(at.sockets) if at.sockets else at.host,
        "port": socket_port(at.port),
        "dbname": at.database,
        "user": role.user,
        "password": at.secrets.get(role.secret, ""),
        "options": options(settings),
        "application_name": label,
        "connect_timeout": CONNECT_SECONDS,
        **({} if _proven(at) else {"require_auth": "!password"}),
    }


def withheld(access: Access) -> Conflict:
    """No login that may be used so was proven at a server that is not ours."""
    what = "only reads" if access == "ro" else "may write without being superuser"
    return Conflict(
        f"no login that {what} was proven at this server",
        code="access_withheld",
        hint="`holdfast db report` says why, and which statements to run there.",
        details={"access": access},
    )


def _proven(at: Endpoint) -> bool:
    """Whether it is certain who asks for the password: to anybody else it is never sent in the clear."""
    return at.hosted or at.tls in ("verify-ca", "verify-full")


def connect(
    at: Endpoint, access: Access = "admin", settings: Mapping[str, str] = PINNED, label: str = "holdfast"
) -> Connection:
    """A session in autocommit with pinned settings. Raises Retryable when the server does not answer."""
    return dial(parameters(at, access, settings, label))


def dial(keywords: Mapping[str, Any]) -> Connection:
    try:
        connection: Connection = psycopg.connect(**keywords, autocommit=True, prepare_threshold=None)
    except psycopg.OperationalError as error:
        raise refused(error) from error
    try:
        faults.check_version(connection.info.server_version)
        if connection.info.server_version >= _KNOWS_TRANSACTION_TIMEOUT:  # as an option it would be refused before
            connection.execute("SET transaction_timeout = 0")
    except psycopg.Error as error:
        connection.close()
        raise refused(error) from error
    except BaseException:
        connection.close()
        raise
    return connection


async def connect_async(
    at: Endpoint, access: Access = "admin", settings: Mapping[str, str] = PINNED
) -> AsyncConnection:
    try:
        connection: AsyncConnection = await psycopg.AsyncConnection.connect(
            **parameters(at, access, settings), autocommit=True, prepare_threshold=None
        )
    except psycopg.OperationalError as error:
        raise refused(error) from error
    try:
        faults.check_version(connection.info.server_version)
    except BaseException:
        await connection.close()
        raise
    return connection


def refused(error: psycopg.Error) -> Exception:
    """Why no session came about; the sqlstate is only in the text when the server speaks before login ends."""
    text = str(error)
    if faults.is_foreign(text):
        return faults.foreign(text)
    if "pg_hba.conf" in text:
        return faults.kept_out(text)
    known: psycopg.Error = error
    if "password authentication failed" in text or "no password supplied" in text:
        known = psycopg.errors.InvalidPassword(text)
    elif "does not exist" in text and "database" in text:
        known = psycopg.errors.InvalidCatalogName(text)
    elif "too many" in text or "remaining connection slots" in text:
        known = psycopg.errors.TooManyConnections(text)
    return faults.from_psycopg(known, "cannot connect to PostgreSQL")


def tool_env(at: Endpoint, label: str = "holdfast", settings: Mapping[str, str] = PINNED) -> dict[str, str]:
    """The environment by which psql, pg_dump and pg_restore find and enter the database; nothing secret in argv."""
    keywords = parameters(at, "admin", settings, label)
    return {
        "PGHOST": str(keywords["host"]),
        "PGPORT": str(keywords["port"]),
        "PGDATABASE": str(keywords["dbname"]),
        "PGUSER": str(keywords["user"]),
        "PGPASSWORD": str(keywords["password"]),
        "PGOPTIONS": str(keywords["options"]),
        "PGAPPNAME": label,
        "PGCONNECT_TIMEOUT": str(CONNECT_SECONDS),
        "PGCLIENTENCODING": "UTF8",
        "PGPASSFILE": "/dev/null",
        **({"PGREQUIREAUTH": "!password"} if "require_auth" in keywords else {}),
        "LC_ALL": "C",
    }


def new_label(what: str) -> str:
    """An application name of its own, by which everything begun under it can be found and ended."""
    return f"holdfast {what} {secrets.token_hex(4)}"


def end_sessions(at: Endpoint, label: str) -> None:
    """End what a killed tool left running at the server: its statement would go on without it. Best effort."""
    with contextlib.suppress(HoldfastError, psycopg.Error):
        with connect(replace(at, database="postgres") if at.hosted else at) as admin:
            admin.execute(
                "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity "
                "WHERE application_name = %s AND pid <> pg_catalog.pg_backend_pid()",
                (label,),
            )


def statement(text: str) -> sql.SQL:
    """A statement we composed ourselves from quoted identifiers and literals."""
    return sql.SQL(text)


NOT_POPULATED = psycopg.errors.ObjectNotInPrerequisiteState  # a materialized view made WITH NO DATA
