"""A file that is never stored: SQLite's online backup writes pages into it, and grid cells come out."""

# ruff: noqa: ARG002, N802  names and arguments are those of SQLite's file interface

from __future__ import annotations

import itertools
import threading
from collections.abc import Generator

import apsw

from holdfast.kernel.errors import Permanent

_VFS_NAME = "holdfast-sink"
_LOCK_BYTE = 1 << 30  # SQLite never writes the page that holds this byte
_numbers = itertools.count()
_registry: dict[str, CellSink] = {}
_vfs: _SinkVfs | None = None
_vfs_lock = threading.Lock()


class CellSink:
    """Collects the pages of one file of `size` bytes and hands out full cells of `cell` bytes.

    Cell 0 comes last, since SQLite rewrites the first page when it commits. A page that comes again after its cell
    has left means that the moment was lost: Permanent.
    """

    def __init__(self, size: int, page: int, cell: int) -> None:
        self.name = f"sink-{next(_numbers)}"
        self.size, self._page, self._cell = size, page, cell
        self._open: dict[int, tuple[bytearray, int]] = {}
        self._full: list[tuple[int, memoryview]] = []
        self._left: set[int] = set()
        self.end = 0
        self.failed: str | None = None

    def write(self, data: bytes, offset: int) -> None:
        index, start = divmod(offset, self._cell)
        if index in self._left or len(data) != self._page or offset + len(data) > self.size:
            self.failed = f"unexpected write of {len(data)} bytes at {offset}"
            raise apsw.IOError(self.failed)
        buffer, missing = self._open.get(index) or self._new(index)
        buffer[start : start + len(data)] = data
        missing -= len(data)
        self.end = max(self.end, offset + len(data))
        if missing > 0 or index == 0:
            self._open[index] = (buffer, missing)
            return
        self._open.pop(index, None)
        self._hand_over(index, buffer)

    def take(self) -> list[tuple[int, memoryview]]:
        """The cells that are full since the last call."""
        full, self._full = self._full, []
        return full

    def finish(self) -> list[tuple[int, memoryview]]:
        """The last cells; raises Permanent when a page never came."""
        for index, (buffer, missing) in list(self._open.items()):
            start = index * self._cell
            never = self._page if start <= _LOCK_BYTE < start + len(buffer) else 0
            if missing > never:
                raise Permanent("the copy is not whole", code="capture_incomplete")
            self._hand_over(index, buffer)
        self._open.clear()
        cells = -(-self.size // self._cell)
        if len(self._left) != cells:
            raise Permanent(f"{cells - len(self._left)} cells never came", code="capture_incomplete")
        return self.take()

    def _new(self, index: int) -> tuple[bytearray, int]:
        length = min(self._cell, self.size - index * self._cell)
        return bytearray(length), length

    def _hand_over(self, index: int, buffer: bytearray) -> None:
        self._left.add(index)
        self._full.append((index, memoryview(buffer)))


class _SinkFile:
    """The few methods SQLite needs of a file it only writes to."""

    def __init__(self, sink: CellSink) -> None:
        self._sink = sink

    def xWrite(self, data: bytes, offset: int) -> None:
        self._sink.write(data, offset)

    def xRead(self, amount: int, offset: int) -> bytes:
        if offset < self._sink.end:
            self._sink.failed = f"unexpected read at {offset}"
            raise apsw.IOError(self._sink.failed)
        return b""

    def xFileSize(self) -> int:
        return self._sink.end

    def xTruncate(self, size: int) -> None:
        if size < self._sink.end:
            self._sink.failed = f"unexpected truncation to {size}"
            raise apsw.IOError(self._sink.failed)

    def xSync(self, flags: int) -> None:
        pass

    def xClose(self) -> None:
        pass

    def xLock(self, level: int) -> None:
        pass

    def xUnlock(self, level: int) -> None:
        pass

    def xCheckReservedLock(self) -> bool:
        return False

    def xSectorSize(self) -> int:
        return 4096

    def xDeviceCharacteristics(self) -> int:
        return 0

    def xFileControl(self, op: int, pointer: int) -> bool:
        return False


class _SinkVfs(apsw.VFS):
    def __init__(self) -> None:
        super().__init__(_VFS_NAME, "")

    def xOpen(self, name: apsw.URIFilename | str | None, flags: list[int]) -> _SinkFile:  # type: ignore[override]
        filename = name.filename() if isinstance(name, apsw.URIFilename) else name
        flags[1] = flags[0]
        return _SinkFile(_registry[str(filename)])

    def xAccess(self, pathname: str, flags: int) -> bool:
        return False

    def xDelete(self, filename: str, syncdir: bool) -> None:
        pass

    def xFullPathname(self, name: str) -> str:
        return name


def sink_connection(sink: CellSink, page: int) -> apsw.Connection:
    """A connection whose main database is `sink`. Close it through `release`."""
    global _vfs  # noqa: PLW0603  SQLite knows file systems by name, once per process
    with _vfs_lock:
        if _vfs is None:
            _vfs = _SinkVfs()
    _registry[sink.name] = sink
    connection = apsw.Connection(sink.name, vfs=_VFS_NAME, flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
    for pragma in (
        f"page_size = {page}",
        "journal_mode = OFF",
        "synchronous = OFF",
        "locking_mode = EXCLUSIVE",
        "cache_size = 64",
    ):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def release(sink: CellSink, connection: apsw.Connection) -> None:
    """Close the connection and forget the sink."""
    connection.close(True)
    _registry.pop(sink.name, None)


def backup_cells(
    source: apsw.Connection, lock: threading.Lock, sink: CellSink, page: int, pages_per_step: int
) -> Generator[tuple[int, memoryview], None, None]:
    """Copy `source`, which holds a read transaction, and yield cells as they fill. `lock` guards `source` per step."""
    with lock:
        target = sink_connection(sink, page)
        backup = target.backup("main", source, "main")
    try:
        while not backup.done:
            with lock:
                backup.step(pages_per_step)
            yield from sink.take()
        yield from sink.finish()
    finally:
        with lock:
            backup.close(True)
            release(sink, target)
