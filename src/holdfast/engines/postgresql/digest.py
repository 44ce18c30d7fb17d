"""Row-set digests: equal for equal multisets of rows, whatever their order and place.

Each row's text (pinned settings, explicit columns, as a record: NULL and '' differ) gives two independent 64-bit
hashes; each is summed modulo 2^64. Sums add up, so the parts of a table may be computed apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

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


Sums = tuple[int, int, int]  # rows, and two sums


def of_parts(connection: Connection, parts: Sequence[Range], stop: Stop) -> Iterator[tuple[Range, Sums]]:
    """Rows and sums of each part, as they come. Cancels when stopped."""
    stop.on_stop(connection.cancel)
    for part in parts:
        stop.check()
        row = connection.execute(link.statement(statement(part))).fetchone()
        rows, first, second = row or (0, 0, 0)
        yield part, (int(rows), int(first or 0) & _MASK, int(second or 0) & _MASK)


def added(sums: Iterable[Sums]) -> tuple[int, str]:
    """(rows, digest) of the whole from those of its parts."""
    rows = first = second = 0
    for part in sums:
        rows, first, second = rows + part[0], first + part[1], second + part[2]
    return rows, f"{first & _MASK:016x}{second & _MASK:016x}"


def of_tables(connection: Connection, tables: Sequence[Table], stop: Stop) -> dict[tuple[str, str], tuple[int, str]]:
    """{(schema, table): (rows, digest)}, partitions under hash summed at their root. Cancels when stopped."""
    found: dict[tuple[str, str], list[Sums]] = {table.target: [] for table in tables}
    for part, sums in of_parts(connection, [part for table in tables for part in ranges(table)], stop):
        found[part.table.target].append(sums)
    return {target: added(sums) for target, sums in found.items()}
