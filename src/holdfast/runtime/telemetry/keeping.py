"""Letting old rows go: by age, then the oldest of whoever takes most until the file is small enough."""

from __future__ import annotations

from dataclasses import dataclass

import apsw

from holdfast.runtime.telemetry.records import Retention

_STEP = 5000
_DAY_MS = 24 * 3600 * 1000
_OF_ROWS = (("invocations", "at"), ("logs", "at"), ("crons", "started_at"))
_SIZES = (  # bytes of a row, about
    ("invocations", "300 + ifnull(length(error), 0) + ifnull(length(path), 0)"),
    ("logs", "150 + length(text)"),
    ("crons", "200 + ifnull(length(error), 0)"),
)
_SHARES = "select worker_id, count(*), sum({1}) from {0} group by worker_id"


def sweep(connection: apsw.Connection, retention: Retention, now_ms: int) -> None:
    """In short transactions, so that writing goes on between them."""
    for table, column in _OF_ROWS:
        _before(connection, table, column, now_ms - int(retention.days * _DAY_MS))
    minute = (now_ms - int(retention.minutes_days * _DAY_MS)) // 60_000
    for table in ("minutes", "unfit"):
        connection.execute(f"delete from {table} where minute < ?", (minute,))
    for table in (
        "totals",
        "durations",
        "dropped",
        "unfit_totals",
    ):  # of versions that did nothing in all that time: nobody asks
        there = "select version_id from minutes union select version_id from states"
        connection.execute(f"delete from {table} where version_id not in ({there})")
    connection.execute("delete from states where state = 'gone' and since < ?", (now_ms - _DAY_MS,))
    if _bytes(connection) > retention.bytes:
        _shrink(connection, retention.bytes)
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


@dataclass
class _Share:
    """What one worker takes of one table."""

    table: str
    worker_id: str
    rows: int
    size: float


def _shrink(connection: apsw.Connection, most: int) -> None:
    """The oldest rows of whoever takes most, a tenth at a time: one that writes without end costs nobody else's."""
    shares = [_Share(table, *row) for table, size in _SIZES for row in connection.execute(_SHARES.format(table, size))]
    while shares and _bytes(connection) > most:
        largest = max(shares, key=lambda share: share.size)
        connection.execute(
            f"delete from {largest.table} where seq in "
            f"(select seq from {largest.table} where worker_id = ? order by seq limit ?)",
            (largest.worker_id, max(1000, largest.rows // 10)),
        )
        gone = connection.changes()
        largest.size -= largest.size * gone / max(largest.rows, 1)
        largest.rows -= gone
        if gone == 0 or largest.rows <= 0:
            shares.remove(largest)
