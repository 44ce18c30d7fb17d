"""One exported snapshot and the locks that keep its tables in place.

Order matters: lock first, then take the snapshot, then look again. A snapshot taken before the lock would read a
table that was truncated or rewritten in between as empty: those changes do not obey MVCC. The position that the next
capture counts from comes before all of it, then who is writing (see incremental.py).
"""

from __future__ import annotations

import psycopg

from holdfast.contract.catalog import JSON, Catalog
from holdfast.contract.spec import Endpoint
from holdfast.engines.postgresql import faults, incremental, inspect, link
from holdfast.engines.postgresql.tables import Table, list_tables
from holdfast.kernel.errors import Retryable
from holdfast.kernel.stop import Stop

ATTEMPTS = 5
LOCK_BATCH = 200


class SchemaMoved(Exception):
    """A table changed between listing and locking: let go of everything and begin again."""


class Moment:
    """The session that exported the snapshot. The snapshot lives as long as its transaction."""

    def __init__(self, at: Endpoint, stop: Stop, *, cut: bool) -> None:
        stop.check()
        self.connection = link.connect(at)
        self.released = False
        stop.on_stop(self._interrupt)
        try:
            before, self.distrusted = incremental.before(self.connection, cut=cut)
            self.tables = list_tables(self.connection)
            self._lock()
            self.snapshot, position = self._export()
            self.position: dict[str, JSON] = {**position, **before}
            if _shape(list_tables(self.connection)) != _shape(self.tables):
                raise SchemaMoved
            self.catalog: Catalog = inspect.catalog(self.connection, exact=False)
        except BaseException as error:
            self.close()
            stop.check()
            if isinstance(error, psycopg.Error) and faults.is_schema_race(error):
                raise SchemaMoved from error
            if isinstance(error, psycopg.Error):
                raise faults.from_psycopg(error, "taking the snapshot") from error
            raise

    def _lock(self) -> None:
        self.connection.execute("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        lock_tables(self.connection, self.tables)

    def _export(self) -> tuple[str, dict[str, JSON]]:
        row = self.connection.execute(
            "SELECT pg_catalog.pg_export_snapshot(), pg_catalog.pg_current_wal_lsn()::pg_catalog.text, "
            "(SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()), "
            "(SELECT system_identifier::pg_catalog.text FROM pg_catalog.pg_control_system()), "
            "pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::pg_catalog.text, "
            "pg_catalog.pg_current_snapshot()::pg_catalog.text, "
            'pg_catalog.to_char(pg_catalog.now(), \'YYYY-MM-DD"T"HH24:MI:SS.US"Z"\')'
        ).fetchone()
        if row is None:
            raise Retryable("the server exported no snapshot", code="server_unavailable")
        snapshot, lsn, timeline, system, xmin, visible, moment = row
        return snapshot, {
            "lsn": lsn, "timeline": timeline, "system": system, "xmin": xmin, "snapshot": visible, "at": moment,
        }  # fmt: skip

    def check(self) -> None:
        """Raise Retryable when the moment was lost: whatever was read after that is not part of it."""
        try:
            self.connection.execute("SELECT 1")
        except psycopg.Error as error:
            raise Retryable(
                f"the snapshot's session was lost: {error}", code="snapshot_lost", hint="run the snapshot again"
            ) from error

    def _interrupt(self) -> None:
        if not self.released:
            self.connection.cancel()

    def close(self) -> None:
        self.released = True
        self.connection.close()


def take(at: Endpoint, stop: Stop, *, cut: bool = True) -> Moment:
    """A moment with every table locked against being dropped. Raises Retryable when the schema will not hold still.

    `cut`: ask for a checkpoint first, once, so that the next capture finds little that was changed before this one."""
    for attempt in range(ATTEMPTS):
        try:
            return Moment(at, stop, cut=cut and attempt == 0)
        except SchemaMoved:
            stop.check()
    raise schema_unsteady()


def schema_unsteady() -> Retryable:
    return Retryable(
        "tables are being changed, dropped or locked faster than they can be held",
        code="schema_unsteady",
        hint="let the running schema changes finish and run the snapshot again",
    )


def lock_statements(tables: list[Table]) -> list[str]:
    names = [table.source for table in tables]
    return [
        f"LOCK TABLE ONLY {', ONLY '.join(names[first : first + LOCK_BATCH])} IN ACCESS SHARE MODE"
        for first in range(0, len(names), LOCK_BATCH)
    ]


def lock_tables(connection: link.Connection, tables: list[Table]) -> None:
    for statement in lock_statements(tables):
        connection.execute(link.statement(statement))


def _shape(tables: list[Table]) -> list[tuple[int, int, str, str, tuple[str, ...]]]:
    return [(table.oid, table.file, table.schema, table.name, table.columns) for table in tables]
