"""Which cells of a hosted file need not be read again, and why that is known.

What a reader sees is the database file with the pages of the -wal laid over it. While the database file itself is
byte for byte what it was at the parent's moment, only pages that were in the -wal then, or are in it now, can differ.
That the file is the same, its inode says: any write, a checkpoint's or a stranger's, gives it another change time,
which nobody can set. Its own change counter is never asked. Anything else means reading everything.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from holdfast.contract.catalog import JSON
from holdfast.contract.snapshot import Manifest
from holdfast.engines.sqlite.spec import ENTRY

# A write in the same tick of the kernel's clock leaves the change time as it was: reading begins when that is past.
SETTLED_NS = 100_000_000
_MOST_CELLS = 4096  # kept of a -wal; more is not worth keeping
_MOST_FRAMES = 1 << 20
_WAL_HEADER, _FRAME_HEADER = 32, 24
_SECOND = 1_000_000_000


class Unknown(Exception):
    """Everything must be read, and why."""


def position(path: Path, page: int, cell: int) -> dict[str, JSON]:
    """What the next capture compares with. Call it inside the read transaction, before the first page is read.

    Empty when the file was changed just now or its file system keeps no fine times."""
    state = _state(path)
    age = time.time_ns() - state[4]
    if 0 <= age < SETTLED_NS:
        time.sleep((SETTLED_NS - age) / _SECOND)
        state, now = _state(path), time.time_ns()
        age = now - state[4]
    if age < SETTLED_NS or state[4] % _SECOND == 0:
        return {}
    cells = _wal_cells(path, page, cell)
    if cells is None:
        return {}
    return {"file": list(state), "wal_cells": sorted(cells)}


def needed(since: Manifest, now: Mapping[str, JSON], size: int, cell: int) -> frozenset[int]:
    """The cells that may differ from the parent's; every other is the same. Raises Unknown."""
    then = since.position
    for name in ("journal_mode", "page_size", "file", "wal_cells"):
        if name not in now or name not in then:
            raise Unknown("the file was being changed at this or the parent's moment")
    if now["journal_mode"] != "wal" or then["journal_mode"] != "wal":
        raise Unknown("the database does not keep a write-ahead log")
    if now["page_size"] != then["page_size"] or since.entries.get(ENTRY, {}).get("page") != cell:
        raise Unknown("the size of its pages changed")
    if now["file"] != then["file"]:
        raise Unknown("the file was written to, by a checkpoint or otherwise, or is another one")
    before, on_disk = since.entries.get(ENTRY, {}).get("size"), now["file"]
    if not isinstance(before, int) or not isinstance(on_disk, list) or not isinstance(on_disk[2], int):
        raise Unknown("the parent snapshot does not say how long the file was")
    same = min(before, size, on_disk[2]) // cell if before != size or on_disk[2] < size else -(-size // cell)
    beyond = range(same, -(-size // cell))
    return frozenset((*_cells(then["wal_cells"]), *_cells(now["wal_cells"]), *beyond))


def _cells(value: JSON) -> list[int]:
    return [number for number in value if isinstance(number, int)] if isinstance(value, list | tuple) else []


def _state(path: Path) -> tuple[int, int, int, int, int]:
    """Never by opening the file: closing it again would drop every lock SQLite holds on it in this process."""
    found = os.stat(path, follow_symlinks=False)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _wal_cells(path: Path, page: int, cell: int) -> set[int] | None:
    """Cells of every page named by any frame that lies in the -wal, valid or left over: never too few."""
    try:
        wal = os.open(f"{path}-wal", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return set()
    with closing(os.fdopen(wal, "rb", buffering=0)) as file:
        length = os.fstat(file.fileno()).st_size
        frames = -(-max(0, length - _WAL_HEADER) // (page + _FRAME_HEADER))
        if frames > _MOST_FRAMES:
            return None
        cells: set[int] = set()
        for frame in range(frames):
            head = os.pread(file.fileno(), 4, _WAL_HEADER + frame * (page + _FRAME_HEADER))
            if len(head) == 4 and (number := struct.unpack(">I", head)[0]):
                cells.add((number - 1) * page // cell)
        return cells if len(cells) <= _MOST_CELLS else None
