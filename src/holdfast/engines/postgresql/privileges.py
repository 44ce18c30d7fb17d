"""What a login may do at a PostgreSQL server that is not ours, in five statements."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from holdfast.contract.privileges import Power, Report
from holdfast.contract.spec import Endpoint
from holdfast.engines.postgresql import faults, link
from holdfast.engines.postgresql.names import identifier
from holdfast.kernel.errors import HoldfastError

PATIENCE_SECONDS = 20.0
READER = "holdfast_reader"
TOOLS = {15: "16", 16: "16", 17: "18", 18: "18"}  # which of our tools speak to which server

_LOGIN = """
SELECT r.rolname, r.rolsuper, r.rolcreatedb, r.rolreplication, pg_catalog.pg_is_in_recovery(),
       pg_catalog.current_setting('wal_level'), pg_catalog.has_database_privilege(d.oid, 'CREATE'),
       pg_catalog.pg_has_role(d.datdba, 'USAGE'), pg_catalog.pg_encoding_to_char(d.encoding),
       (SELECT o.datname FROM pg_catalog.pg_database o
        WHERE o.datname IN ('postgres', 'defaultdb', 'template1') AND o.datallowconn AND o.datname <> d.datname
          AND pg_catalog.has_database_privilege(o.oid, 'CONNECT')
        ORDER BY o.datname = 'postgres' DESC, o.datname LIMIT 1),
       pg_catalog.current_setting('summarize_wal', true),
       r.rolsuper OR pg_catalog.pg_has_role('pg_checkpoint', 'USAGE')
FROM pg_catalog.pg_roles r, pg_catalog.pg_database d
WHERE r.rolname = current_user AND d.datname = pg_catalog.current_database()
"""
_OURS = "n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'"
# Tables, partitioned ones, sequences and materialized views a dump must lock or read.
_UNREADABLE = f"""
SELECT n.nspname::text, c.relname::text, pg_catalog.count(*) OVER ()
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'S', 'm') AND {_OURS}
  AND (NOT pg_catalog.has_table_privilege(c.oid, 'SELECT') OR NOT pg_catalog.has_schema_privilege(n.oid, 'USAGE'))
ORDER BY 1, 2 LIMIT 5
"""
_FILTERED = f"""
SELECT n.nspname::text, c.relname::text, pg_catalog.count(*) OVER ()
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relrowsecurity AND {_OURS} AND pg_catalog.row_security_active(c.oid)
ORDER BY 1, 2 LIMIT 5
"""
_SCHEMAS = f"SELECT n.nspname::text FROM pg_catalog.pg_namespace n WHERE {_OURS} ORDER BY 1"
_HARMLESS = "'pg_read_all_data', 'pg_monitor', 'pg_read_all_settings', 'pg_read_all_stats', 'pg_stat_scan_tables'"
# Every way to change something that the server's grants still leave open; an empty result is the proof.
_MAY_WRITE = f"""
SELECT 'it is a superuser' FROM pg_catalog.pg_roles WHERE rolname = current_user AND rolsuper
UNION ALL SELECT 'it may create databases or roles, replicate, or bypass row security' FROM pg_catalog.pg_roles
  WHERE rolname = current_user AND (rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls)
UNION ALL SELECT 'it is a member of ' || r.rolname FROM pg_catalog.pg_roles r
  WHERE r.rolname <> current_user AND r.rolname NOT IN ({_HARMLESS}) AND pg_catalog.pg_has_role(r.oid, 'MEMBER')
UNION ALL SELECT 'it may create in this database' WHERE pg_catalog.has_database_privilege(
  pg_catalog.current_database(), 'CREATE')
UNION ALL (SELECT 'it may create in schema ' || n.nspname FROM pg_catalog.pg_namespace n
  WHERE {_OURS} AND pg_catalog.has_schema_privilege(n.oid, 'CREATE') ORDER BY n.nspname LIMIT 3)
UNION ALL (SELECT 'it may change ' || n.nspname || '.' || c.relname
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE {_OURS} AND CASE WHEN c.relkind = 'S' THEN pg_catalog.has_sequence_privilege(c.oid, 'USAGE, UPDATE')
    WHEN c.relkind IN ('r', 'p', 'v', 'm', 'f') THEN
      pg_catalog.has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER, REFERENCES')
      OR pg_catalog.has_any_column_privilege(c.oid, 'INSERT, UPDATE, REFERENCES') ELSE false END
  ORDER BY 1 LIMIT 3)
"""


def report(at: Endpoint) -> Report:
    """See `contract.privileges.CanReport.report`."""
    try:
        with link.connect(at) as connection, _patient(connection):
            login = connection.execute(link.statement(_LOGIN)).fetchone()
            unreadable = connection.execute(link.statement(_UNREADABLE)).fetchall()
            filtered = connection.execute(link.statement(_FILTERED)).fetchall()
            schemas = [str(row[0]) for row in connection.execute(link.statement(_SCHEMAS)).fetchall()]
            number = connection.info.server_version
    except psycopg.Error as error:
        raise faults.from_psycopg(error, "looking at the login") from error
    if login is None:
        raise faults.foreign("it does not say who we are")
    return _Found(at, number, login, unreadable, filtered, schemas).report()


@contextmanager
def _patient(connection: link.Connection) -> Iterator[None]:
    """A server that takes statements and never answers is let go of."""
    handle = socket.socket(fileno=socket.dup(connection.fileno()))
    timer = threading.Timer(PATIENCE_SECONDS, lambda: handle.shutdown(socket.SHUT_RDWR))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        handle.close()


class _Found:
    """Facts into words."""

    def __init__(
        self,
        at: Endpoint,
        number: int,
        login: tuple[Any, ...],
        unreadable: list[tuple[Any, ...]],
        filtered: list[tuple[Any, ...]],
        schemas: list[str],
    ) -> None:
        self._at, self._number, self._unreadable, self._filtered = at, number, unreadable, filtered
        (
            self._user, self._super, self._createdb, self._replicates, self._standby,
            self._wal, self._creates, self._owns, self._encoding, self._maintenance,
            self._summaries, self._checkpoints,
        ) = login  # fmt: skip
        self._schemas = schemas
        self._database = at.database or ""
        reader = at.roles["ro"].user if "ro" in at.roles else None
        self._reader = None if reader == at.roles["admin"].user else reader

    def report(self) -> Report:
        major, minor = divmod(self._number, 10000)
        return Report(
            engine="postgresql",
            version=f"{major}.{minor}",
            user=self._user,
            powers=(
                Power("look", True),
                self._read(),
                self._write(),
                self._snapshot(),
                self._restore_new(),
                self._restore_in_place(),
                self._point_in_time(),
            ),
            warnings=tuple(self._warnings(major)),
            spec={"version": TOOLS[major]},
            facts={
                "standby": self._standby,
                "wal_level": self._wal,
                "encoding": self._encoding,
                "summarize_wal": self._summaries,
            },
            maintenance=self._maintenance,
        )

    def _read(self) -> Power:
        """A login for readers that the server itself keeps from writing. Proven by asking, as that login."""
        try:
            with link.connect(self._at, "ro" if "ro" in self._at.roles else "admin") as reader, _patient(reader):
                found = [str(row[0]) for row in reader.execute(link.statement(_MAY_WRITE)).fetchall()]
        except (HoldfastError, psycopg.Error) as error:
            text = error.message if isinstance(error, HoldfastError) else faults.first_line(str(error))
            return Power("read", False, f"the read-only login cannot come in: {text}", self._make_reader())
        if not found:
            return Power("read", True, "the server keeps its login from writing")
        whose = (
            "the read-only login can write"
            if self._reader
            else "no read-only login is registered, and this one can write"
        )
        return Power("read", False, f"{whose}: {'; '.join(found[:5])}", self._make_reader())

    def _make_reader(self) -> tuple[str, ...]:
        role = identifier(self._reader or READER)
        owner = identifier(self._user)
        lines = []
        if self._reader is None:
            lines.append(f"CREATE ROLE {role} LOGIN PASSWORD 'choose one'")
        lines.append(f"GRANT CONNECT ON DATABASE {identifier(self._database)} TO {role}")
        lines.append("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        for schema in map(identifier, self._schemas):
            lines.append(f"GRANT USAGE ON SCHEMA {schema} TO {role}")
            lines.append(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}")
            lines.append(
                f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {schema} GRANT SELECT ON TABLES TO {role}"
            )
        return tuple(lines)

    def _write(self) -> Power:
        if self._super:
            why = "the login is a superuser: statements would run with rights over the whole server"
            return Power("write", False, why, self._make_owner())
        if self._standby:
            return Power("write", False, "the server is a standby")
        return Power("write", True)

    def _make_owner(self) -> tuple[str, ...]:
        return (
            "CREATE ROLE holdfast_owner LOGIN PASSWORD 'choose one'",
            f"ALTER DATABASE {identifier(self._database)} OWNER TO holdfast_owner",
        )

    def _snapshot(self) -> Power:
        user = identifier(self._user)
        if self._unreadable:
            grants = [f"GRANT pg_read_all_data TO {user}"]
            why = f"the login cannot read {_names(self._unreadable)}"
            return Power("snapshot", False, why, tuple(grants))
        if self._filtered:
            why = f"row security hides rows of {_names(self._filtered)} from the login"
            return Power("snapshot", False, why, (f"ALTER ROLE {user} BYPASSRLS",))
        return Power("snapshot", True, *self._incremental())

    def _incremental(self) -> tuple[str, tuple[str, ...]]:
        """Why each snapshot of a server that could say what changed reads everything; nothing when it does not."""
        remedy: tuple[str, ...] = ("ALTER SYSTEM SET summarize_wal = on",) if self._summaries == "off" else ()
        if not self._checkpoints:
            remedy += (f"GRANT pg_checkpoint TO {identifier(self._user)}",)
        if self._summaries is None or not remedy:
            return "", ()
        return "every snapshot reads everything: the server does not say what changed", remedy

    def _restore_new(self) -> Power:
        if self._super:
            why = "the login is a superuser: code in a snapshot would run with its rights"
            return Power("restore_new", False, why, self._make_owner())
        if self._standby:
            return Power("restore_new", False, "the server is a standby")
        if not self._createdb:
            remedy = (f"ALTER ROLE {identifier(self._user)} CREATEDB",)
            return Power("restore_new", False, "the login may not create databases", remedy)
        if self._maintenance is None:
            return Power("restore_new", False, "there is no other database to create one from")
        return Power("restore_new", True)

    def _restore_in_place(self) -> Power:
        first = self._restore_new()
        if not first.ok:
            return Power("restore_in_place", False, first.reason, first.remedy)
        if not self._owns:
            remedy = (f"ALTER DATABASE {identifier(self._database)} OWNER TO {identifier(self._user)}",)
            return Power("restore_in_place", False, "the login does not own the database", remedy)
        return Power("restore_in_place", True)

    def _point_in_time(self) -> Power:
        if not self._replicates and not self._super:
            remedy = (f"ALTER ROLE {identifier(self._user)} REPLICATION",)
            return Power("point_in_time", False, "needs REPLICATION", remedy)
        if self._wal == "minimal":
            return Power("point_in_time", False, "needs wal_level replica", ("ALTER SYSTEM SET wal_level = 'replica'",))
        return Power("point_in_time", False, "the rights are there; this version of Holdfast keeps no WAL yet")

    def _warnings(self, major: int) -> Iterator[str]:
        if self._super:
            yield "The login is a superuser. An ordinary role that owns the database is enough."
        if self._at.tls == "disable":
            yield "Nothing is encrypted on the way to this server."
        if self._at.tls == "require":
            yield "TLS encrypts, but the server's certificate is not verified: anybody in between could pose as it."
        if self._encoding != "UTF8":
            yield f"The database is encoded in {self._encoding}; restored copies are UTF-8."
        if str(major) != TOOLS[major]:
            yield f"Restores are rehearsed on PostgreSQL {TOOLS[major]}: there is no server of version {major} here."


def _names(rows: list[tuple[Any, ...]]) -> str:
    shown = ", ".join(f"{schema}.{name}" for schema, name, _ in rows)
    more = int(rows[0][2]) - len(rows)
    return shown + (f" and {more} more" if more > 0 else "")
