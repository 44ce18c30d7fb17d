"""Capture: a read transaction in the writers' midst, copied by SQLite's online backup without a second file."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from functools import cached_property

import apsw

from holdfast.contract.catalog import JSON, Catalog
from holdfast.contract.snapshot import CaptureRequest, Entry, Manifest, Pages, TableFacts
from holdfast.contract.spec import Endpoint
from holdfast.engines.sqlite.companions import companions
from holdfast.engines.sqlite.connections import open_database, path_of, scalar, translated, watch
from holdfast.engines.sqlite.digest import AUTO_BYTES, matching, table_digests
from holdfast.engines.sqlite.direct import file_cells, lies_in_file
from holdfast.engines.sqlite.look import look
from holdfast.engines.sqlite.sink import CellSink, backup_cells
from holdfast.engines.sqlite.spec import ENTRY
from holdfast.engines.sqlite.verify import foreign_key_violations, trigger_definitions
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.errors import Invalid, Permanent
from holdfast.kernel.stop import Stop

_STEP_BYTES = 1 << 20


def grid(size: int) -> int:
    """Bytes per cell for a file of `size` bytes."""
    if size < 1 << 30:
        return 64 << 10
    return 256 << 10 if size < 100 << 30 else 1 << 20


class SqliteCapture:
    """Implements Capture. Writers in WAL mode go on; checkpoints stop at our moment, so the -wal grows meanwhile."""

    def __init__(self, at: Endpoint, since: Manifest | None, want: CaptureRequest, stop: Stop) -> None:
        if want.select:
            raise Invalid(
                "a SQLite snapshot holds the whole file",
                code="select_unsupported",
                hint="select tables when restoring",
            )
        self._path, self._name, self._since, self._want, self._stop = path_of(at), at.database or "", since, want, stop
        self._connection: apsw.Connection | None = None
        self._lock = threading.Lock()  # one thread at a time on the connection that holds the moment
        self.position: Mapping[str, JSON] = {}
        self._page = self._size = 0
        self._in_file = False
        self._seen: Catalog | None = None

    def __enter__(self) -> SqliteCapture:
        with translated(self._stop):
            connection = open_database(self._path, "write")
            try:
                self._begin(connection)
            except BaseException:
                connection.close(True)
                raise
            self._connection = connection
        return self

    def _begin(self, connection: apsw.Connection) -> None:
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        watch(connection, lambda: self._stop.stopped)
        connection.execute("PRAGMA query_only = ON")
        connection.execute("BEGIN")
        schema_version = scalar(connection, "PRAGMA schema_version")
        scalar(connection, "SELECT count(*) FROM main.sqlite_schema")
        self._page = scalar(connection, "PRAGMA page_size")
        pages = max(1, scalar(connection, "PRAGMA page_count"))
        self._size = self._page * pages
        self.position = {
            "pages": pages,
            "page_size": self._page,
            "schema_version": schema_version,
            "user_version": scalar(connection, "PRAGMA user_version"),
            "journal_mode": scalar(connection, "PRAGMA journal_mode"),
        }
        self._in_file = lies_in_file(self._path, self.position["journal_mode"])

    def __exit__(self, *exc: object) -> None:
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close(True)

    @cached_property
    def _cell(self) -> int:
        """The grid of the parent where there is one: another grid would share no blob with it."""
        before = self._since.entries.get(ENTRY, {}).get("page") if self._since is not None else None
        return before if isinstance(before, int) and before >= 64 << 10 else grid(self._size)

    def entries(self) -> Iterator[Entry]:
        yield Entry(ENTRY, self._open, self._cell, self._size, {"page": self._cell, "size": self._size})

    def _open(self) -> Pages:
        return _FilePages(self)

    def cells(self) -> Generator[tuple[int, memoryview], None, None]:
        """One pass over the file as it was when the capture was entered."""
        with translated(self._stop), closing(self._passing()) as passing:
            for index, cell in passing:
                self._stop.check()
                yield index, cell
                if index == 1:
                    crash_point("capture.half")

    def _passing(self) -> Generator[tuple[int, memoryview], None, None]:
        moment = self._moment()
        if self._in_file:
            return file_cells(self._path, self._size, self._cell)
        sink = CellSink(self._size, self._page, self._cell)
        return backup_cells(moment, self._lock, sink, self._page, _STEP_BYTES // self._page)

    @property
    def page(self) -> int:
        """Bytes of one page."""
        return self._page

    def backup_into(self, other: apsw.Connection) -> apsw.Backup:
        """A backup of the moment that is held, into `other`; for one thread."""
        return other.backup("main", self._moment(), "main")

    def _moment(self) -> apsw.Connection:
        if self._connection is None:
            raise Permanent("the capture has ended", code="capture_ended")
        return self._connection

    def look_ahead(self) -> None:
        """See `LooksAhead`. Counting takes the connection for itself: only where the reading does not need it."""
        if self._in_file:
            with self._lock, translated(self._stop):
                self._seen = look(self._moment(), self._name, "full")

    def finish(self) -> Manifest:
        with self._lock, translated(self._stop):
            connection = self._moment()
            if connection.in_transaction is False:
                raise Permanent("the moment was lost", code="capture_incomplete")
            catalog = self._seen or look(connection, self._name, "full")
            digests = self._want.digests == "always" or (self._want.digests == "auto" and self._size <= AUTO_BYTES)
            return Manifest(
                engine="sqlite",
                version=apsw.sqlite_lib_version(),
                database=self._name,
                position=self.position,
                catalog=catalog,
                tables=tuple(self._facts(connection, catalog, digests)),
                entries={ENTRY: {"page": self._cell, "size": self._size}},
                options={
                    "digests": digests,
                    "triggers": trigger_definitions(connection),
                    "foreign_key_violations": foreign_key_violations(connection) if digests else None,
                },
            )

    def _facts(self, connection: apsw.Connection, catalog: Catalog, digests: bool) -> Iterator[TableFacts]:
        if digests:
            yield from table_digests(connection, matching(catalog, ()), self._stop)
            return
        why = f"not computed: above {AUTO_BYTES >> 20} MiB" if self._want.digests == "auto" else "not asked for"
        for relation in matching(catalog, ()):
            if relation.rows is not None:
                yield TableFacts(relation.schema, relation.name, relation.rows, None, why, (ENTRY,))

    def companions(self) -> Mapping[str, bytes]:
        return companions(self._name)


class _FilePages:
    """Implements Pages."""

    def __init__(self, capture: SqliteCapture) -> None:
        self._cells = capture.cells()

    def cells(self) -> Iterator[tuple[int, memoryview]]:
        return self._cells

    def close(self) -> None:
        self._cells.close()  # the backup ends now, not when someone collects the generator
