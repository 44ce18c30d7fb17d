"""Letting old rows go: by age, then the oldest until the file is small enough."""

from __future__ import annotations

import apsw

from holdfast.runtime.telemetry.records import Retention

_STEP = 5000
_DAY_MS = 24 * 3600 * 1000
_OF_ROWS = (("invocations", "at"), ("logs", "at"), ("crons", "scheduled_at"))


def sweep(connection: apsw.Connection, retention: Retention, now_ms: int) -> None:
    """In short transactions, so that writing goes on between them."""
    for table, column in _OF_ROWS:
        _before(connection, table, column, now_ms - int(retention.days * _DAY_MS))
    minute = (now_ms - int(retention.minutes_days * _DAY_MS)) // 60_000
    connection.execute("delete from minutes where minute < ?", (minute,))
    for table in ("totals", "durations", "dropped"):  # of versions that did nothing in all that time: nobody asks
        there = "select version_id from minutes union select version_id from states"
        connection.execute(f"delete from {table} where version_id not in ({there})")
    connection.execute("delete from states where state = 'gone' and since < ?", (now_ms - _DAY_MS,))
    while _bytes(connection) > retention.bytes and _oldest(connection):
        continue
    connection.execute("pragma incremental_vacuum").fetchall()
    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)


def _before(connection: apsw.Connection, table: str, column: str, limit: int) -> None:
    while True:
        connection.execute(
            f"delete from {table} where seq in (select seq from {table} where {column} < ? limit {_STEP})", (limit,)
        )
        if connection.changes() < _STEP:
            return


def _bytes(connection: apsw.Connection) -> int:
    """What is in use: pages that rows have left are written again, or given back."""
    pages = connection.pragma("page_count") - connection.pragma("freelist_count")
    return int(pages * connection.pragma("page_size"))


def _oldest(connection: apsw.Connection) -> bool:
    """The oldest tenth of each table, at least a thousand rows. False when there was nothing left."""
    gone = 0
    for table, _ in _OF_ROWS:
        count = connection.execute(f"select count(*) from {table}").get
        connection.execute(
            f"delete from {table} where seq in (select seq from {table} order by seq limit ?)",
            (max(1000, count // 10),),
        )
        gone += connection.changes()
    return gone > 0
