"""Settings by allow-list: of the database (ALTER DATABASE) and of its server (ALTER SYSTEM)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg

from holdfast.contract.spec import Endpoint
from holdfast.contract.upkeep import Applies, Setting
from holdfast.engines.postgresql import faults, link, prepare
from holdfast.engines.postgresql.names import elsewhere, identifier, literal
from holdfast.kernel.errors import Invalid

# Nothing here names a file, a library or a program, makes a session's text reach the log, or weakens durability.
_OF_DATABASE = (
    "work_mem",
    "maintenance_work_mem",
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "transaction_timeout",
    "default_statistics_target",
    "default_transaction_isolation",
    "random_page_cost",
    "seq_page_cost",
    "effective_cache_size",
    "temp_file_limit",
    "max_parallel_workers_per_gather",
    "jit",
    "TimeZone",
)
_OF_SERVER = (
    "autovacuum_naptime",
    "autovacuum_vacuum_scale_factor",
    "autovacuum_analyze_scale_factor",
    "autovacuum_vacuum_cost_limit",
    "checkpoint_timeout",
    "max_connections",
    "max_locks_per_transaction",
    "wal_compression",
)
_MOST = {"max_connections": 500, "max_locks_per_transaction": 4096}
_LEAST = {"max_connections": 20, "max_locks_per_transaction": 64}
_KINDS = {"integer": "integer", "real": "real", "bool": "boolean", "enum": "choice", "string": "text"}
_LOOK = """
SELECT s.name, s.short_desc, s.vartype, CASE WHEN s.source IN ('client', 'session')
    THEN coalesce(o.value, c.setting, s.boot_val) ELSE pg_catalog.current_setting(s.name) END,
  s.boot_val, s.unit, s.min_val, s.max_val, s.enumvals, s.context, o.value IS NOT NULL, f.setting
FROM pg_catalog.pg_settings s LEFT JOIN pg_catalog.pg_file_settings f
  ON f.name = s.name AND s.pending_restart AND f.sourcefile LIKE '%%/postgresql.auto.conf'
LEFT JOIN pg_catalog.pg_file_settings c ON c.name = s.name AND c.applied
LEFT JOIN (
  SELECT split_part(each, '=', 1) AS name, substr(each, strpos(each, '=') + 1) AS value
  FROM pg_catalog.pg_db_role_setting r JOIN pg_catalog.pg_database d ON d.oid = r.setdatabase, unnest(r.setconfig) each
  WHERE d.datname = pg_catalog.current_database() AND r.setrole = 0
) o ON o.name = s.name
WHERE s.name = ANY (%s)
"""
# Else a database whose statements may take a millisecond could never be looked at again, nor set back.
_PATIENT = dict.fromkeys(
    ("statement_timeout", "lock_timeout", "idle_session_timeout", "idle_in_transaction_session_timeout"), "0"
)


class Tuning:
    """Implements CanTune."""

    def settings(self, at: Endpoint) -> tuple[Setting, ...]:
        order = {name: number for number, name in enumerate((*_OF_DATABASE, *_OF_SERVER))}
        try:
            with link.connect(at, settings=_PATIENT) as admin:
                rows = admin.execute(_LOOK, (list(order),)).fetchall()
        except psycopg.Error as error:
            raise faults.from_psycopg(error, "reading the settings") from error
        return tuple(_setting(row) for row in sorted(rows, key=lambda row: order[row[0]]))

    def tune(self, at: Endpoint, changes: Mapping[str, str | None]) -> None:
        for name, value in changes.items():
            _check(name, value)
        try:
            with link.connect(elsewhere(at, "postgres")) as admin:
                with admin.transaction(force_rollback=True):  # a wrong value is refused before anything was changed
                    self._of_database(admin, at, changes)
                self._of_server(admin, {name: value for name, value in changes.items() if name in _OF_SERVER})
                with admin.transaction():
                    self._of_database(admin, at, changes)
                if any(name in _OF_SERVER for name in changes):
                    admin.execute("SELECT pg_catalog.pg_reload_conf()")
        except psycopg.Error as error:
            raise faults.from_psycopg(error, "changing a setting") from error

    def _of_server(self, admin: link.Connection, changes: Mapping[str, str | None]) -> None:
        """ALTER SYSTEM knows no transaction: when one is refused, those before it are set back."""
        rows = admin.execute(
            "SELECT name, setting FROM pg_catalog.pg_file_settings WHERE sourcefile LIKE '%%/postgresql.auto.conf' "
            "AND name = ANY (%s)",
            (list(changes),),
        )
        before, done = {str(name): str(value) for name, value in rows}, list[str]()
        try:
            for name, value in changes.items():
                _run(admin, name, f"ALTER SYSTEM {_change(name, value)}")
                done.append(name)
        except Invalid:
            for name in done:
                _run(admin, name, f"ALTER SYSTEM {_change(name, before.get(name))}")
            raise

    def _of_database(self, admin: link.Connection, at: Endpoint, changes: Mapping[str, str | None]) -> None:
        for name, value in changes.items():
            if name in _OF_DATABASE:
                _run(admin, name, f"ALTER DATABASE {identifier(at.database or '')} {_change(name, value)}")


def _setting(row: tuple[Any, ...]) -> Setting:
    name, description, kind, value, default, unit, least, most, choices, context, own, pending = row
    applies: Applies = "new sessions" if name in _OF_DATABASE else "restart" if context == "postmaster" else "at once"
    return Setting(
        name=name,
        description=description,
        kind=_KINDS[kind],  # type: ignore[arg-type]
        value=value,
        default=default or "",
        applies=applies,
        scope="database" if name in _OF_DATABASE else "server",
        changed=own or pending is not None,
        pending=pending,
        unit=unit,
        minimum=str(_LEAST.get(name, least)) if least is not None else None,
        maximum=str(_MOST.get(name, most)) if most is not None else None,
        choices=tuple(choices or ()),
    )


def _check(name: str, value: str | None) -> None:
    if name not in _OF_DATABASE and name not in _OF_SERVER:
        raise _wrong(name, "it is not one that can be changed here", "setting_unknown")
    if value is not None and name in _MOST and not (value.isdigit() and _LEAST[name] <= int(value) <= _MOST[name]):
        raise _wrong(name, f"a number from {_LEAST[name]} to {_MOST[name]}", "setting_invalid")


def _wrong(name: str, why: str, code: str) -> Invalid:
    return Invalid(f"{name}: {why}", code=code, details={"fields": [{"field": f"settings.{name}", "message": why}]})


def _change(name: str, value: str | None) -> str:
    return f"RESET {identifier(name)}" if value is None else f"SET {identifier(name)} TO {literal(value)}"


def _run(admin: link.Connection, name: str, statement: str) -> None:
    try:
        prepare.run(admin, statement)
    except (psycopg.errors.InvalidParameterValue, psycopg.errors.UndefinedObject) as error:
        raise _wrong(name, str(error.diag.message_primary or error), "setting_invalid") from error
