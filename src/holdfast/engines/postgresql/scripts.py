"""Scripts on one database: the owner's own session, the ledger's row first and looked at again last."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import psycopg
from psycopg import generators
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from holdfast.contract.scripts import LEDGER, LedgerRow, Script, ScriptReport, ScriptStatement, Step, located
from holdfast.contract.spec import Access, Endpoint
from holdfast.engines.postgresql import faults, link
from holdfast.engines.postgresql.link import Connection
from holdfast.engines.postgresql.names import identifier
from holdfast.engines.postgresql.splitting import split
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.errors import Conflict, Denied, HoldfastError, Invalid, LimitExceeded
from holdfast.kernel.stop import Stop

_TABLE = f"public.{LEDGER}"
_COLUMNS = "version, name, checksum, state, done, at, actor, run_id"
_CREATE = (
    f"CREATE TABLE {_TABLE} (version bigint PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, "
    "state text NOT NULL, done integer NOT NULL, at text NOT NULL, actor text NOT NULL, run_id text NOT NULL)"
)
# What a script may meet that a query may not: it waits for locks only so long, and a lost runner's session ends.
_SETTINGS = {
    "client_encoding": "UTF8",
    "client_min_messages": "warning",
    "standard_conforming_strings": "on",
    "default_transaction_read_only": "off",
    "default_transaction_isolation": "read committed",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "client_connection_check_interval": "1s",
}
_MINE = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
_FREE = "NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend e WHERE e.deptype = 'e' AND e.objid = o.oid)"
_DEFINITIONS = f"""
SELECT 'constraint', n.nspname || '.' || r.relname || '.' || o.conname, pg_catalog.pg_get_constraintdef(o.oid)
FROM pg_catalog.pg_constraint o JOIN pg_catalog.pg_class r ON r.oid = o.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace WHERE {_MINE} AND r.relname <> %(ledger)s AND o.contype <> 'n'
UNION ALL
SELECT 'trigger', n.nspname || '.' || r.relname || '.' || o.tgname, pg_catalog.pg_get_triggerdef(o.oid)
FROM pg_catalog.pg_trigger o JOIN pg_catalog.pg_class r ON r.oid = o.tgrelid
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace WHERE {_MINE} AND NOT o.tgisinternal
UNION ALL
SELECT CASE o.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END,
       n.nspname || '.' || o.proname || '(' || pg_catalog.pg_get_function_identity_arguments(o.oid) || ')',
       pg_catalog.pg_get_functiondef(o.oid)
FROM pg_catalog.pg_proc o JOIN pg_catalog.pg_namespace n ON n.oid = o.pronamespace
WHERE {_MINE} AND {_FREE} AND o.prokind <> 'a'
UNION ALL
SELECT 'enum', n.nspname || '.' || o.typname,
       (SELECT pg_catalog.string_agg(pg_catalog.quote_literal(l.enumlabel), ', ' ORDER BY l.enumsortorder)
        FROM pg_catalog.pg_enum l WHERE l.enumtypid = o.oid)
FROM pg_catalog.pg_type o JOIN pg_catalog.pg_namespace n ON n.oid = o.typnamespace
WHERE {_MINE} AND {_FREE} AND o.typtype = 'e'
UNION ALL
SELECT 'policy', n.nspname || '.' || r.relname || '.' || o.polname, o.polcmd::text || ' ' || o.polpermissive::text
       || ' ' || coalesce(pg_catalog.pg_get_expr(o.polqual, o.polrelid), '')
       || ' / ' || coalesce(pg_catalog.pg_get_expr(o.polwithcheck, o.polrelid), '')
FROM pg_catalog.pg_policy o JOIN pg_catalog.pg_class r ON r.oid = o.polrelid
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace WHERE {_MINE}
"""
_LOCKS = """
SELECT replace(regexp_replace(l.mode, '([a-z])([A-Z])', '\\1 \\2', 'g'), ' Lock', ''), n.nspname || '.' || c.relname
FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE l.pid = pg_catalog.pg_backend_pid() AND l.granted AND l.locktype = 'relation' AND n.nspname !~ '^pg_'
  AND c.relname <> %s AND l.mode NOT IN ('AccessShareLock', 'RowShareLock') ORDER BY 2, 1
"""


class Splits:
    """Implements CanSplit."""

    def split(self, text: str) -> Sequence[ScriptStatement]:
        return split(text)


class Scripts:
    """The session's side of `CanScript`."""

    _at: Endpoint
    _access: Access

    def ledger(self) -> Sequence[LedgerRow]:
        with link.connect(self._at) as connection, _ours("reading the migrations"):
            return _ledger(connection)

    def definitions(self) -> Mapping[str, str]:
        with link.connect(self._at) as connection, _ours("reading the structure"):
            found = connection.execute(link.statement(_DEFINITIONS), {"ledger": LEDGER}).fetchall()
            return {f"{kind} {name}": text for kind, name, text in found}

    def run_script(self, script: Script, stop: Stop) -> ScriptReport:
        statements = split(script.text)
        with _open(self._at, self._access, script, stop) as line:
            started = time.monotonic()
            if script.alone:
                steps = _alone(line, script, statements)
            else:
                with line.connection.transaction():
                    steps = _inside(line, script, statements)
                    crash_point("script.before_commit")
                    stop.check()
            return ScriptReport(steps, time.monotonic() - started)

    def rehearse(self, scripts: Sequence[Script], stop: Stop) -> Sequence[ScriptReport]:
        if any(script.alone for script in scripts):
            raise Invalid(
                "a script that runs outside a transaction cannot be rehearsed in one",
                code="rehearsal_needs_clone",
                hint="Rehearse it on a clone: holdfast migration dry-run --on-clone",
            )
        reports = []
        with _open(self._at, self._access, scripts[0], stop) as line:
            with line.connection.transaction(force_rollback=True):
                for script in scripts:
                    started = time.monotonic()
                    steps = _inside(line, script, split(script.text))
                    reports.append(ScriptReport(steps, time.monotonic() - started, _locks(line.connection)))
        return reports


class _Line:
    """Runs one statement at a time by the extended protocol, which refuses two."""

    def __init__(self, at: Endpoint, connection: Connection, script: Script, stop: Stop) -> None:
        self.connection, self._stop = connection, stop
        writer = at.roles.get("rw")
        self.writer = writer.user if writer and writer.user != at.roles["owner"].user else None
        self._deadline = time.monotonic() + script.seconds
        stop.on_stop(self._cancel)

    def _cancel(self) -> None:
        with contextlib.suppress(psycopg.Error):
            self.connection.cancel_safe(timeout=2.0)

    def run(self, statement: ScriptStatement) -> Step:
        self._stop.check()
        started = time.monotonic()
        if started > self._deadline:
            raise LimitExceeded("the script took too long", code="query_timeout")
        try:
            result = self._send(statement.text)
        except psycopg.Error as error:
            self._stop.check()
            offset = error.diag.statement_position
            found = _without_values(faults.from_statement(error, write=True), error.sqlstate or "")
            raise located(found, statement, int(offset) - 1 if offset else None) from error
        return Step(statement.number, statement.line, time.monotonic() - started, result.command_tuples)

    def _send(self, text: str) -> PGresult:
        pgconn = self.connection.pgconn
        pgconn.send_query_params(text.encode(), [])
        last: PGresult = self.connection.wait(generators.execute(pgconn))[-1]
        if last.status in (ExecStatus.COPY_IN, ExecStatus.COPY_OUT, ExecStatus.COPY_BOTH):
            self.connection.close()  # the server waits for data that never comes
            raise psycopg.errors.FeatureNotSupported("COPY is not run in a script: use an import or INSERT")
        if last.status == ExecStatus.FATAL_ERROR:
            raise psycopg.errors.error_from_result(last, encoding="utf-8")
        return last


@contextmanager
def _open(at: Endpoint, access: Access, script: Script, stop: Stop) -> Iterator[_Line]:
    if access not in ("owner", "admin"):
        raise Denied("scripts run as the database's owner", code="read_only")
    settings = _SETTINGS | {"lock_timeout": f"{max(1, int(script.lock_seconds * 1000))}ms"}
    with link.connect(at, "owner", settings, "holdfast migration") as connection, _ours("running a script"):
        yield _Line(at, connection, script, stop)


@contextmanager
def _ours(what: str) -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise faults.from_psycopg(error, what) from error


def _inside(line: _Line, script: Script, statements: Sequence[ScriptStatement]) -> tuple[Step, ...]:
    """In the caller's transaction: the ledger first, so that whoever comes second waits, and then is refused."""
    _mark(line, script, "applied", len(statements))
    steps = []
    for statement in statements:
        steps.append(line.run(statement))
        if script.told:
            script.told(statement.number, len(statements))
        crash_point(f"script.statement.{statement.number}")
    there = script.row.version in {row.version for row in _ledger(line.connection)}
    if there != (script.direction == "up"):
        raise Invalid(f"the script changed {LEDGER} itself", code="ledger_changed")
    return tuple(steps)


def _alone(line: _Line, script: Script, statements: Sequence[ScriptStatement]) -> tuple[Step, ...]:
    with line.connection.transaction():
        _mark(line, script, "partial", 0)
    steps = []
    for statement in statements:
        steps.append(line.run(statement))
        _note(line.connection, "UPDATE {} SET done = %s WHERE version = %s", statement.number, script.row.version)
        if script.told:
            script.told(statement.number, len(statements))
        crash_point(f"script.statement.{statement.number}")
    if script.direction == "down":
        _note(line.connection, "DELETE FROM {} WHERE version = %s", script.row.version)
    else:
        _note(line.connection, "UPDATE {} SET state = 'applied' WHERE version = %s", script.row.version)
    return tuple(steps)


def _mark(line: _Line, script: Script, state: str, done: int) -> None:
    """The row that comes or goes. One left by a script that stopped half way is this script's to take up."""
    row, connection = script.row, line.connection
    if not _there(connection):
        connection.execute(link.statement(_CREATE))
        if line.writer is not None:  # default grants would let it rewrite what was done
            revoke = f"REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON {_TABLE} FROM {identifier(line.writer)}"
            connection.execute(link.statement(revoke))
    connection.execute(link.statement(f"LOCK TABLE {_TABLE} IN SHARE ROW EXCLUSIVE MODE"))
    found = {each.version: each for each in _ledger(connection)}.get(row.version)
    if script.direction == "down":
        if found is None:
            raise Conflict(f"migration {row.version} is not applied", code="not_applied")
        if script.alone:
            _note(connection, "UPDATE {} SET state = 'partial', done = 0 WHERE version = %s", row.version)
        else:
            _note(connection, "DELETE FROM {} WHERE version = %s", row.version)
        return
    if found is not None and found.state == "applied":
        raise Conflict(f"migration {row.version} is applied already", code="already_applied")
    _note(connection, "DELETE FROM {} WHERE version = %s", row.version)
    at = row.at or datetime.now(UTC).isoformat(timespec="seconds")
    values = (row.version, row.name, row.checksum, state, done, at, row.actor, row.run_id)
    _note(connection, "INSERT INTO {} VALUES (%s, %s, %s, %s, %s, %s, %s, %s)", *values)


def _note(connection: Connection, statement: str, *values: object) -> None:
    connection.execute(link.statement(statement.format(_TABLE)), values)


def _ledger(connection: Connection) -> list[LedgerRow]:
    if not _there(connection):
        return []
    rows = connection.execute(link.statement(f"SELECT {_COLUMNS} FROM {_TABLE} ORDER BY version"))
    return [LedgerRow(*row) for row in rows.fetchall()]


def _there(connection: Connection) -> bool:
    row = connection.execute("SELECT pg_catalog.to_regclass(%s) IS NOT NULL", (_TABLE,)).fetchone()
    return bool(row and row[0])


def _locks(connection: Connection) -> tuple[str, ...]:
    rows = connection.execute(link.statement(_LOCKS), (LEDGER,)).fetchall()
    return tuple(f"{mode.upper()} on {name}" for mode, name in rows)


def _without_values(error: HoldfastError, state: str) -> HoldfastError:
    """A run's error is read by people who may not read rows: what the server quotes of them stays out."""
    error.details.pop("detail", None)
    if state in ("55P03", "40P01", "40001"):
        hint = "See who holds it, then apply again; or wait longer for locks."
        return Conflict(error.message, code="table_locked", hint=hint, details=error.details)
    if state[:2] == "22":
        error.message = f"a value does not fit (SQLSTATE {state})"
    return error
