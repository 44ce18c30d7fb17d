"""Reading the database file itself, a cell at a time, where that is the same as asking SQLite for its pages."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import apsw

from holdfast.kernel.errors import Permanent

_READ_BYTES = 1 << 20

Read = Callable[[int, int], bytes]  # length, offset


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
    connection: apsw.Connection, path: Path, size: int, cell: int, wanted: Iterable[int] | None = None
) -> Generator[tuple[int, memoryview], None, None]:
    """All cells, or the `wanted` ones, in order. Right as long as the connection is open: whoever may close it
    meanwhile must throw away what came after."""
    with _reader(connection, path) as read:
        for first, count in _runs(range(-(-size // cell)), cell) if wanted is None else ((n, 1) for n in wanted):
            length = min(count * cell, size - first * cell)
            data = memoryview(read(length, first * cell))
            if len(data) != length:
                raise Permanent(f"the file ends inside cell {first + len(data) // cell}", code="capture_incomplete")
            for at in range(0, length, cell):
                yield first + at // cell, data[at : at + cell]


def _runs(cells: range, cell: int) -> Iterator[tuple[int, int]]:
    """(first, count) of cells that are read together."""
    many = max(1, _READ_BYTES // cell)
    return ((first, min(many, len(cells) - first)) for first in range(0, len(cells), many))


@contextmanager
def _reader(connection: apsw.Connection, path: Path) -> Iterator[Read]:
    """Reads the file without opening and closing it in our own way, which would drop the locks of this process on it.

    Through the connection's own descriptor the interpreter's lock is free meanwhile; SQLite's file system keeps it."""
    descriptor = own_descriptor(connection, path)
    if descriptor is not None:
        yield partial(_pread, descriptor)
        return
    flags = apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_NOFOLLOW
    file = apsw.VFSFile("", str(path), [flags, 0])
    try:
        yield file.xRead
    finally:
        file.xClose()


def _pread(descriptor: int, length: int, offset: int) -> bytes:
    try:
        return os.pread(descriptor, length, offset)
    except OSError as error:
        raise Permanent(f"the database file cannot be read: {error.strerror}", code="database_failed") from error


class _UnixFile(ctypes.Structure):
    """How SQLite's unix file begins (os_unix.c, since 2011); no promise of theirs, so what is found is compared."""

    _fields_ = (
        ("methods", ctypes.c_void_p),
        ("vfs", ctypes.c_void_p),
        ("inode", ctypes.c_void_p),
        ("descriptor", ctypes.c_int),
    )


def own_descriptor(connection: apsw.Connection, path: Path) -> int | None:
    """The descriptor by which SQLite reads the file; None when that cannot be said for sure."""
    if connection.vfsname("main") != "unix":
        return None
    file, vfs = ctypes.c_void_p(), ctypes.c_void_p()
    connection.file_control("main", apsw.SQLITE_FCNTL_FILE_POINTER, ctypes.addressof(file))
    connection.file_control("main", apsw.SQLITE_FCNTL_VFS_POINTER, ctypes.addressof(vfs))
    if not file.value or not vfs.value:
        return None
    found = _UnixFile.from_address(file.value)
    if found.vfs != vfs.value or found.descriptor < 0:
        return None
    try:
        same = os.path.samestat(os.fstat(found.descriptor), os.stat(path, follow_symlinks=False))
    except OSError:
        return None
    return int(found.descriptor) if same else None
