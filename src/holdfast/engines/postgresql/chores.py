"""VACUUM, ANALYZE and REINDEX, a table at a time, with the server's own progress."""

from __future__ import annotations

import threading
from typing import Any

import psycopg

from holdfast.contract.snapshot import Receipt
from holdfast.contract.spec import Endpoint
from holdfast.contract.upkeep import Chore, Tell
from holdfast.engines.postgresql import faults, link
from holdfast.engines.postgresql.names import qualified
from holdfast.kernel.errors import Invalid, NotFound
from holdfast.kernel.stop import Stop

_LOOK_SECONDS = 0.5
_STATEMENTS = {
    "vacuum": "VACUUM (ANALYZE) {}",
    "vacuum-full": "VACUUM (FULL, ANALYZE) {}",
    "analyze": "ANALYZE {}",
    "reindex": "REINDEX TABLE CONCURRENTLY {}",
}
_CHORES = (
    Chore("vacuum", "Free dead rows and refresh statistics", "nobody", targets=True),
    Chore("analyze", "Refresh the planner's statistics", "nobody", targets=True),
    Chore("reindex", "Build every index anew", "nobody; each index is built beside the old one", targets=True),
    Chore(
        "vacuum-full",
        "Write tables anew and give the disk back",
        "everybody who wants the table that is being written",
        targets=True,
        copies=True,
    ),
)
_TABLES = """
SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
  AND c.relpersistence <> 't' ORDER BY 1, 2
"""
_PROGRESS = """
SELECT phase, done, total FROM (
  SELECT pid, phase, heap_blks_scanned AS done, heap_blks_total AS total FROM pg_catalog.pg_stat_progress_vacuum
  UNION ALL SELECT pid, phase, sample_blks_scanned, sample_blks_total FROM pg_catalog.pg_stat_progress_analyze
  UNION ALL SELECT pid, phase, heap_blks_scanned, heap_blks_total FROM pg_catalog.pg_stat_progress_cluster
  UNION ALL SELECT pid, phase, blocks_done, blocks_total FROM pg_catalog.pg_stat_progress_create_index
) AS p WHERE pid = %s
"""


class Chores:
    """Implements CanMaintain."""

    def chores(self) -> tuple[Chore, ...]:
        return _CHORES

    def maintain(self, at: Endpoint, chore: str, target: str | None, stop: Stop, tell: Tell) -> Receipt:
        if chore not in _STATEMENTS:
            raise Invalid(f"there is no chore {chore!r}", code="chore_unknown")
        notes: list[str] = []
        try:
            with link.connect(at, label=link.new_label("upkeep")) as admin, link.connect(at) as watcher:
                tables = _chosen(admin, target)
                for number, (schema, name) in enumerate(tables):
                    stop.check()
                    tell(f"{chore} {schema}.{name}", number, len(tables), "tables")
                    note = _one(admin, watcher, _STATEMENTS[chore].format(qualified(schema, name)), stop, tell)
                    if note is not None:
                        notes.append(f"{schema}.{name} was left out: {note}")
                tell(chore, len(tables), len(tables), "tables")
        except psycopg.Error as error:
            stop.check()
            raise faults.from_psycopg(error, "looking after the database") from error
        return Receipt(tuple(notes), {"tables": len(tables) - len(notes), "left_out": len(notes)})


def _chosen(admin: link.Connection, target: str | None) -> list[tuple[str, str]]:
    tables = [(str(schema), str(name)) for schema, name in admin.execute(_TABLES)]
    if target is None:
        return tables
    chosen = [pair for pair in tables if target in (".".join(pair), pair[1] if pair[0] == "public" else None)]
    if not chosen:
        raise NotFound(f"there is no table {target!r}", code="table_not_found", hint='Say it as "schema.table".')
    return chosen


def _one(admin: link.Connection, watcher: link.Connection, statement: str, stop: Stop, tell: Tell) -> str | None:
    """Why it was left out, when it was. The statement ends with `stop`."""
    over, failed = threading.Event(), list[psycopg.Error]()

    def work() -> None:
        try:
            admin.execute(link.statement(statement))
        except psycopg.Error as error:
            failed.append(error)
        finally:
            over.set()

    stop.on_stop(over.set)
    thread = threading.Thread(target=work, name="upkeep")
    thread.start()
    try:
        while thread.is_alive() and not stop.stopped:
            if not over.wait(_LOOK_SECONDS):
                _tell(watcher, admin.info.backend_pid, tell)
        while thread.is_alive():
            admin.cancel_safe()
            thread.join(_LOOK_SECONDS)
    finally:
        thread.join()
    stop.check()
    if failed and isinstance(failed[0], psycopg.errors.LockNotAvailable):
        return "somebody else holds a lock on it"
    if failed and isinstance(failed[0], psycopg.errors.UndefinedTable):
        return "it was dropped meanwhile"
    if failed:
        raise failed[0]
    return None


def _tell(watcher: link.Connection, pid: int, tell: Tell) -> None:
    row: tuple[Any, ...] | None = watcher.execute(_PROGRESS, (pid,)).fetchone()
    if row is not None:
        tell(str(row[0]), int(row[1] or 0), int(row[2] or 0) or None, "blocks")
