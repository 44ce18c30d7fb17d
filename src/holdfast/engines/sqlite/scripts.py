"""Scripts on one file: a write transaction under the guard, the ledger's row first and looked at again last."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import apsw

from holdfast.contract.scripts import LEDGER, LedgerRow, Script, ScriptReport, ScriptStatement, Step, located
from holdfast.contract.spec import Access, Endpoint
from holdfast.engines.sqlite.connections import database, path_of, rows, watch
from holdfast.engines.sqlite.errors import translate
from holdfast.engines.sqlite.guard import Guard
from holdfast.engines.sqlite.splitting import split
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.errors import Conflict, Denied, HoldfastError, Invalid, LimitExceeded
from holdfast.kernel.stop import Stop

_CREATE = f"""CREATE TABLE IF NOT EXISTS main.{LEDGER} (
  version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, state TEXT NOT NULL, done INTEGER NOT NULL,
  at TEXT NOT NULL, actor TEXT NOT NULL, run_id TEXT NOT NULL)"""
_READ = f"SELECT version, name, checksum, state, done, at, actor, run_id FROM main.{LEDGER} ORDER BY version"
_TRIGGERS = "SELECT name, sql FROM main.sqlite_schema WHERE type = 'trigger'"
_VACUUM = re.compile(r"VACUUM(?:\s+main)?\s*\Z", re.IGNORECASE)  # the one statement no guard has to look at
_NOT_ALLOWED = re.compile("not authorized|prohibited|authorization denied")


class Splits:
    """Implements CanSplit."""

    def split(self, text: str) -> Sequence[ScriptStatement]:
        return split(text)


class Scripts:
    """The session's side of `CanScript`."""

    _at: Endpoint
    _access: Access

    def ledger(self) -> Sequence[LedgerRow]:
        with database(path_of(self._at), "read") as connection:
            return _ledger(connection)

    def definitions(self) -> Mapping[str, str]:
        with database(path_of(self._at), "read") as connection:
            return {f"trigger {name}": str(sql) for name, sql in rows(connection, _TRIGGERS)}

    def run_script(self, script: Script, stop: Stop) -> ScriptReport:
        statements = split(script.text)
        with self._open(script, stop) as (connection, line):
            if script.alone:
                return _alone(connection, line, script, statements)
            started = time.monotonic()
            connection.execute("BEGIN IMMEDIATE")
            steps = _inside(connection, line, script, statements)
            crash_point("script.before_commit")
            stop.check()
            connection.execute("COMMIT")
            return ScriptReport(steps, time.monotonic() - started)

    def rehearse(self, scripts: Sequence[Script], stop: Stop) -> Sequence[ScriptReport]:
        if any(script.alone for script in scripts):
            raise _needs_clone()
        reports = []
        with self._open(scripts[0], stop) as (connection, line):
            connection.execute("BEGIN IMMEDIATE")
            for script in scripts:
                started = time.monotonic()
                steps = _inside(connection, line, script, split(script.text))
                reports.append(ScriptReport(steps, time.monotonic() - started, ("the whole database, for writing",)))
            connection.execute("ROLLBACK")
        return reports

    @contextmanager
    def _open(self, script: Script, stop: Stop) -> Iterator[tuple[apsw.Connection, _Line]]:
        """An open transaction goes with the connection."""
        if self._access == "ro":
            raise Denied("this access only reads", code="read_only")
        with database(path_of(self._at), "write", stop) as connection:
            line = _Line(connection, stop, script)
            connection.set_busy_timeout(int(script.lock_seconds * 1000))
            watch(connection, line.ended)
            yield connection, line


class _Line:
    """Runs one statement at a time under the guard."""

    def __init__(self, connection: apsw.Connection, stop: Stop, script: Script) -> None:
        self._connection, self._stop = connection, stop
        self._deadline = time.monotonic() + script.seconds
        self._several = False

    def ended(self) -> bool:
        return self._stop.stopped or time.monotonic() > self._deadline

    def run(self, statement: ScriptStatement, alone: bool) -> Step:
        guard = Guard(write=True)
        started = time.monotonic()
        cursor = self._connection.cursor()
        if alone and _VACUUM.match(statement.text):
            self._connection.limit(apsw.SQLITE_LIMIT_ATTACHED, 1)  # the copy it makes
        else:
            guard.install(self._connection)
        cursor.exec_trace = self._one
        self._several, self._seen = False, False
        try:
            cursor.execute(statement.text, can_cache=False)
            for _ in cursor:
                pass
        except apsw.Error as error:
            raise located(self._reason(error, guard), statement, _offset(error, statement.text)) from error
        finally:
            self._connection.set_authorizer(None)
        return Step(statement.number, statement.line, time.monotonic() - started, self._connection.changes())

    def _one(self, _cursor: apsw.Cursor, _text: str, _bindings: object) -> bool:
        """SQLite's parser has the last word on where a statement ends."""
        self._several, self._seen = self._seen, True
        return not self._several

    def _reason(self, error: apsw.Error, guard: Guard) -> HoldfastError:
        if self._several:
            return Invalid("SQLite reads two statements here", code="many_statements")
        if isinstance(error, apsw.InterruptError):
            self._stop.check()
            return LimitExceeded("the script took too long", code="query_timeout")
        if guard.refused and _NOT_ALLOWED.search(str(error)):
            return Denied(f"not allowed here: {guard.refused}", code="statement_denied")
        return translate(error)


def _inside(
    connection: apsw.Connection, line: _Line, script: Script, statements: Sequence[ScriptStatement]
) -> tuple[Step, ...]:
    """In the caller's transaction: the ledger first, so that whoever comes second is refused before anything runs."""
    _mark(connection, script, "applied", len(statements))
    steps = []
    for statement in statements:
        steps.append(line.run(statement, alone=False))
        if script.told:
            script.told(statement.number, len(statements))
        crash_point(f"script.statement.{statement.number}")
    _check(connection, script)
    return tuple(steps)


def _alone(
    connection: apsw.Connection, line: _Line, script: Script, statements: Sequence[ScriptStatement]
) -> ScriptReport:
    started = time.monotonic()
    _mark(connection, script, "partial", 0)
    steps = []
    for statement in statements:
        steps.append(line.run(statement, alone=True))
        connection.execute(
            f"UPDATE main.{LEDGER} SET done = ? WHERE version = ?", (statement.number, script.row.version)
        )
        if script.told:
            script.told(statement.number, len(statements))
        crash_point(f"script.statement.{statement.number}")
    if script.direction == "down":
        connection.execute(f"DELETE FROM main.{LEDGER} WHERE version = ?", (script.row.version,))
    else:
        connection.execute(f"UPDATE main.{LEDGER} SET state = 'applied' WHERE version = ?", (script.row.version,))
    return ScriptReport(tuple(steps), time.monotonic() - started)


def _mark(connection: apsw.Connection, script: Script, state: str, done: int) -> None:
    """The row that comes or goes. One left by a script that stopped half way is this script's to take up."""
    row = script.row
    connection.execute(_CREATE)
    found = {each.version: each for each in _ledger(connection)}.get(row.version)
    if script.direction == "down":
        if found is None:
            raise Conflict(f"migration {row.version} is not applied", code="not_applied")
        if script.alone:
            connection.execute(
                f"UPDATE main.{LEDGER} SET state = 'partial', done = 0 WHERE version = ?", (row.version,)
            )
        else:
            connection.execute(f"DELETE FROM main.{LEDGER} WHERE version = ?", (row.version,))
        return
    if found is not None and found.state == "applied":
        raise Conflict(f"migration {row.version} is applied already", code="already_applied")
    at = row.at or datetime.now(UTC).isoformat(timespec="seconds")
    values = (row.version, row.name, row.checksum, state, done, at, row.actor, row.run_id)
    connection.execute(f"INSERT OR REPLACE INTO main.{LEDGER} VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)


def _check(connection: apsw.Connection, script: Script) -> None:
    """A script that meddled with the ledger is not committed."""
    there = script.row.version in {each.version for each in _ledger(connection)}
    if there != (script.direction == "up"):
        raise Invalid(f"the script changed {LEDGER} itself", code="ledger_changed")


def _ledger(connection: apsw.Connection) -> list[LedgerRow]:
    named = "SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = ?"
    if not connection.execute(named, (LEDGER,)).fetchall():
        return []
    return [LedgerRow(*row) for row in rows(connection, _READ)]


def _offset(error: apsw.Error, text: str) -> int | None:
    """SQLite counts bytes."""
    at = getattr(error, "error_offset", -1)
    return len(text.encode()[:at].decode(errors="ignore")) if at is not None and at >= 0 else None


def _needs_clone() -> Invalid:
    return Invalid(
        "a script that runs outside a transaction cannot be rehearsed in one",
        code="rehearsal_needs_clone",
        hint="Rehearse it on a clone: holdfast migration dry-run --on-clone",
    )
