"""Rows of a table straight out of a snapshot: SQLite reads the database through the repository, page by page."""

# ruff: noqa: N802, ARG002  SQLite's names and arguments

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import closing
from itertools import count

import apsw

from holdfast.contract.query import Batch, ResultColumn
from holdfast.contract.snapshot import Source
from holdfast.engines.sqlite.connections import quote, translated, watch
from holdfast.engines.sqlite.spec import ENTRY
from holdfast.kernel.errors import Corrupt, HoldfastError, NotFound
from holdfast.kernel.stop import Stop

MAX_BYTES = 4 << 20  # of values; what a person looks at
_BLOCK = 256 * 1024
_BLOCKS = 16  # in memory at once: 4 MiB
_VFS_NAME = "holdfast-preview"
_IMMUTABLE = 0x2000  # SQLITE_IOCAP_IMMUTABLE: no locks, and no journal or WAL is looked for

_files: dict[str, _Blocks] = {}
_numbers = count()
_vfs: _PreviewVfs | None = None
_vfs_lock = threading.Lock()


def preview(source: Source, table: str, limit: int, stop: Stop) -> Batch:
    """At most `limit` rows, and at most MAX_BYTES of values. Writes nothing anywhere."""
    global _vfs  # noqa: PLW0603  SQLite knows file systems by name, once per process
    with _vfs_lock:
        if _vfs is None:
            _vfs = _PreviewVfs()
    found = [fact for fact in source.manifest.tables if table in (fact.name, f"{fact.schema}.{fact.name}")]
    if not found:
        raise NotFound(f"the snapshot has no table {table!r}", code="table_not_found")
    name = f"preview-{next(_numbers)}"
    blocks = _files[name] = _Blocks(source)
    try:
        return _rows(name, found[0].name, limit, stop)
    except (apsw.Error, HoldfastError):
        if blocks.failed is not None:  # SQLite turns it into an error of its own: the repository's says more
            raise blocks.failed from None
        raise
    finally:
        _files.pop(name, None)


def _rows(name: str, table: str, limit: int, stop: Stop) -> Batch:
    with closing(apsw.Connection(name, flags=apsw.SQLITE_OPEN_READONLY, vfs=_VFS_NAME)) as connection:
        for option, value in ((apsw.SQLITE_DBCONFIG_DEFENSIVE, 1), (apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)):
            connection.config(option, value)
        watch(connection, lambda: stop.stopped)
        with translated(stop):
            columns: list[ResultColumn] = []

            def described(cursor: apsw.Cursor, _statement: str, _bindings: object) -> bool:
                columns.extend(ResultColumn(each[0], each[1]) for each in cursor.get_description())
                return True

            cursor = connection.cursor()
            cursor.exec_trace = described  # once a statement without rows has run, it tells its columns no more
            cursor.execute(f"SELECT * FROM {quote(table)} LIMIT ?", (limit + 1,))
            rows: list[tuple[object, ...]] = []
            size = 0
            truncated = None
            for row in cursor:
                size += sum(len(value) for value in row if isinstance(value, str | bytes))
                if len(rows) == limit or (rows and size > MAX_BYTES):
                    truncated = "rows" if len(rows) == limit else "bytes"
                    break
                rows.append(row)
    return Batch(columns=tuple(columns), rows=tuple(rows), last=True, truncated=truncated)


class _Blocks:
    """The database file in the snapshot, a few blocks of it in memory. One connection, one thread."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.size = source.size(ENTRY)
        self.failed: HoldfastError | None = None
        self._held: OrderedDict[int, bytes] = OrderedDict()

    def read(self, amount: int, offset: int) -> bytes:
        """Verified bytes; fewer only at the end of the file."""
        made = bytearray()
        while len(made) < amount and offset + len(made) < self.size:
            number, start = divmod(offset + len(made), _BLOCK)
            piece = self._block(number)[start : start + amount - len(made)]
            if not piece:
                raise Corrupt(f"{ENTRY} ends before its size", code="snapshot_corrupt")
            made += piece
        return bytes(made)

    def _block(self, number: int) -> bytes:
        if number in self._held:
            self._held.move_to_end(number)
            return self._held[number]
        buffer = memoryview(bytearray(min(_BLOCK, self.size - number * _BLOCK)))
        filled = 0
        with closing(self._source.open(ENTRY, number * _BLOCK)) as stream:
            while filled < len(buffer) and (got := stream.readinto(buffer[filled:])):
                filled += got
        self._held[number] = bytes(buffer[:filled])
        if len(self._held) > _BLOCKS:
            self._held.popitem(last=False)
        return self._held[number]


class _PreviewFile:
    """What SQLite asks of an open file; every change is refused."""

    def __init__(self, blocks: _Blocks) -> None:
        self._blocks = blocks

    def xRead(self, amount: int, offset: int) -> bytes:
        try:
            return self._blocks.read(amount, offset)
        except HoldfastError as error:
            self._blocks.failed = error
            raise apsw.IOError(error.message) from error

    def xFileSize(self) -> int:
        return self._blocks.size

    def xDeviceCharacteristics(self) -> int:
        return _IMMUTABLE

    def xSectorSize(self) -> int:
        return 4096

    def xWrite(self, data: bytes, offset: int) -> None:
        raise apsw.ReadOnlyError("a snapshot does not change")

    def xTruncate(self, size: int) -> None:
        raise apsw.ReadOnlyError("a snapshot does not change")

    def xFileControl(self, op: int, pointer: int) -> bool:
        return False

    def xCheckReservedLock(self) -> bool:
        return False

    def xSync(self, flags: int) -> None: ...

    def xClose(self) -> None: ...

    def xLock(self, level: int) -> None: ...

    def xUnlock(self, level: int) -> None: ...


class _PreviewVfs(apsw.VFS):
    def __init__(self) -> None:
        super().__init__(_VFS_NAME, "")

    def xOpen(self, name: apsw.URIFilename | str | None, flags: list[int]) -> _PreviewFile:  # type: ignore[override]
        filename = name.filename() if isinstance(name, apsw.URIFilename) else name
        flags[1] = flags[0]
        return _PreviewFile(_files[str(filename)])

    def xAccess(self, pathname: str, flags: int) -> bool:
        return False

    def xDelete(self, filename: str, syncdir: bool) -> None:
        raise apsw.ReadOnlyError("a snapshot does not change")

    def xFullPathname(self, name: str) -> str:
        return name
