"""Reading the database file itself, a cell at a time, where that is the same as asking SQLite for its pages."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from pathlib import Path

import apsw

from holdfast.kernel.errors import Permanent


def lies_in_file(path: Path, journal_mode: object) -> bool:
    """Whether all pages of the read transaction that the caller has begun are in the file, and stay as they are until
    it ends.

    Without WAL: its shared lock keeps every writer off the file. With WAL: when the log is empty now, it was empty or
    wholly in the file when the transaction began, and nobody writes to the file while someone reads from it alone
    (sqlite.org/walformat.html, WAL_READ_LOCK(0)); a commit since then only grows the log.
    """
    if journal_mode != "wal":
        return True
    try:
        return path.with_name(f"{path.name}-wal").stat().st_size == 0
    except FileNotFoundError:
        return True


def file_cells(
    path: Path, size: int, cell: int, wanted: Iterable[int] | None = None
) -> Generator[tuple[int, memoryview], None, None]:
    """All cells, or the `wanted` ones, in order. Read through SQLite's own file system, which keeps the locks of this
    process when it closes."""
    flags = apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_NOFOLLOW
    file = apsw.VFSFile("", str(path), [flags, 0])
    try:
        for index in range(-(-size // cell)) if wanted is None else wanted:
            length = min(cell, size - index * cell)
            data = file.xRead(length, index * cell)
            if len(data) != length:
                raise Permanent(f"the file ends inside cell {index}", code="capture_incomplete")
            yield index, memoryview(data)
    finally:
        file.xClose()
