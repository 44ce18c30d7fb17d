"""Row-set digests: equal for equal multisets of rows, whatever their order and place.

Each row's 64-bit hash (PostgreSQL's own for records, which hash partitioning keeps the same from version to version) is
summed modulo 2^64. Columns whose type has no hash, or one that is equal for values written differently, are hashed as
text under pinned settings; numbers inside jsonb alone may lose zeros at their end unseen. Sums add up, so the parts of
a table may be computed apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from holdfast.engines.postgresql import link
from holdfast.engines.postgresql.link import Connection
from holdfast.engines.postgresql.tables import Range, Table, ranges
from holdfast.kernel.stop import Stop

METHOD = "pg-record-hash64-sum-v2"
_MASK = (1 << 64) - 1
Sums = tuple[int, int]  # rows, and the sum of their hashes


def statement(part: Range) -> str:
    table = part.table
    hashed = f"pg_catalog.hash_record_extended(ROW({table.hashed_list}), 1)"
    return f"SELECT pg_catalog.count(*), pg_catalog.sum({hashed}) FROM ONLY {table.source}{part.where}"


def of_parts(connection: Connection, parts: Sequence[Range], stop: Stop) -> Iterator[tuple[Range, Sums]]:
    """Rows and sum of each part, as they come. Cancels when stopped."""
    stop.on_stop(connection.cancel)
    for part in parts:
        stop.check()
        row = connection.execute(link.statement(statement(part))).fetchone()
        rows, total = row or (0, 0)
        yield part, (int(rows), int(total or 0) & _MASK)


def added(sums: Iterable[Sums]) -> tuple[int, str]:
    """(rows, digest) of the whole from those of its parts."""
    rows = total = 0
    for part in sums:
        rows, total = rows + part[0], total + part[1]
    return rows, f"{total & _MASK:016x}"


def of_tables(connection: Connection, tables: Sequence[Table], stop: Stop) -> dict[tuple[str, str], tuple[int, str]]:
    """{(schema, table): (rows, digest)}, partitions under hash summed at their root. Cancels when stopped."""
    found: dict[tuple[str, str], list[Sums]] = {table.target: [] for table in tables}
    for part, sums in of_parts(connection, [part for table in tables for part in ranges(table)], stop):
        found[part.table.target].append(sums)
    return {target: added(sums) for target, sums in found.items()}
