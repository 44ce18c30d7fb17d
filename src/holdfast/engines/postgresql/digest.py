"""Row-set digests: equal for equal multisets of rows, whatever their order and place.

Each row's text (pinned settings, explicit columns, as a record: NULL and '' differ) gives two independent 64-bit
hashes; each is summed modulo 2^64. Sums add up, so the parts of a table may be computed apart.
"""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.engines.postgresql import link
from holdfast.engines.postgresql.link import Connection
from holdfast.engines.postgresql.tables import Range, Table, ranges
from holdfast.kernel.stop import Stop

METHOD = "pg-record-hash64x2-sum-v1"
_MASK = (1 << 64) - 1


def statement(part: Range) -> str:
    table = part.table
    record = f"ROW({table.column_list})::pg_catalog.text"
    # OFFSET 0 keeps the planner from pulling the record's text up and making it twice.
    return (
        "SELECT pg_catalog.count(*), pg_catalog.sum(pg_catalog.hashtextextended(r, 1)), "
        "pg_catalog.sum(pg_catalog.hashtextextended(r, 2)) "
        f'FROM (SELECT {record} COLLATE "C" AS r FROM ONLY {table.source}{part.where} OFFSET 0) AS t'
    )


def of_tables(connection: Connection, tables: Sequence[Table], stop: Stop) -> dict[tuple[str, str], tuple[int, str]]:
    """{(schema, table): (rows, digest)}, partitions under hash summed at their root. Cancels when stopped."""
    stop.on_stop(connection.cancel)
    sums: dict[tuple[str, str], list[int]] = {}
    for table in tables:
        total = sums.setdefault(table.target, [0, 0, 0])
        for part in ranges(table):
            stop.check()
            row = connection.execute(link.statement(statement(part))).fetchone()
            for index, value in enumerate(row or (0, 0, 0)):
                total[index] += int(value or 0)
    return {key: (rows, f"{first & _MASK:016x}{second & _MASK:016x}") for key, (rows, first, second) in sums.items()}
