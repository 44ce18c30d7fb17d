"""Capture: a read transaction in the writers' midst, copied by SQLite's online backup without a second file."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from functools import cached_property

import apsw

from holdfast.contract.catalog import JSON, Catalog
from holdfast.contract.incremental import Reuse, sampled
from holdfast.contract.snapshot import CaptureRequest, Entry, Manifest, Pages, TableFacts
from holdfast.contract.spec import Endpoint
from holdfast.engines.sqlite import unchanged
from holdfast.engines.sqlite.companions import companions
from holdfast.engines.sqlite.connections import open_database, path_of, scalar, translated, watch
from holdfast.engines.sqlite.digest import AUTO_BYTES, matching, table_digests
from holdfast.engines.sqlite.direct import file_cells, lies_in_file
from holdfast.engines.sqlite.look import look
from holdfast.engines.sqlite.sink import CellSink, backup_cells
from holdfast.engines.sqlite.spec import ENTRY
from holdfast.engines.sqlite.tally import MOST_PAGES, Tally
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
        self._hosted = at.hosted
        self._connection: apsw.Connection | None = None
        self._lock = threading.Lock()  # one thread at a time on the connection that holds the moment
        self.position: Mapping[str, JSON] = {}
        self._page = self._size = 0
        self._in_file = False
        self._seen: Catalog | None = None
        self._tally: Tally | None = None

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
        about: dict[str, JSON] = {
            "pages": pages,
            "page_size": self._page,
            "schema_version": schema_version,
            "user_version": scalar(connection, "PRAGMA user_version"),
            "journal_mode": scalar(connection, "PRAGMA journal_mode"),
        }
        if self._hosted:  # of somebody else's file nobody knows on what file system it lies
            about |= unchanged.position(self._path, self._page, self._cell)
        self.position = about
        self._in_file = lies_in_file(self._path, about["journal_mode"])
        self._needed, self._why = self._believed()
        self._read: dict[int, int] = {}

    def _believed(self) -> tuple[frozenset[int] | None, str]:
        """The cells that must be read; None = all, and why."""
        if self._since is None or self._want.full:
            return None, ""
        if not self._hosted:
            return None, "the file is somebody else's"
        try:
            return unchanged.needed(self._since, self.position, self._size, self._cell), ""
        except unchanged.Unknown as unknown:
            return None, str(unknown)

    @property
    def _unchanged(self) -> bool:
        """Whether nothing at all differs from the parent."""
        return self._needed is not None and not self._needed

    def _sample(self) -> frozenset[int]:
        """Cells that are read although they are believed unchanged. Never the first: it is always read and proves
        nothing, for a copy has a first page of its own making (sink.py) and the file itself another."""
        if self._needed is None:
            return frozenset()
        cells = range(1, -(-self._size // self._cell))
        return frozenset(c for c in cells if c not in self._needed and sampled(c, self._want.sample))

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
        """The file as it was when the capture was entered; of a parent's cells only those that may differ, and some."""
        self._read = {}
        tally = self._tally = Tally(self._pages, self._page, self._cell) if self._tallies else None
        with translated(self._stop), closing(self._passing()) as passing:
            for index, cell in passing:
                self._stop.check()
                self._moment()  # a descriptor that was closed meanwhile may be another file's by now
                self._read[index] = len(cell)
                if tally is not None:
                    tally.take(index, cell)
                yield index, cell
                if index == 1:
                    crash_point("capture.half")

    def _passing(self) -> Generator[tuple[int, memoryview], None, None]:
        self._moment()
        wanted = None
        if self._needed is not None:  # some of the parent's may lie beyond the end now
            some = self._needed | self._sample() | {0}
            wanted = sorted(cell for cell in some if cell * self._cell < self._size)
        if self._in_file:
            return file_cells(self._moment(), self._path, self._size, self._cell, wanted)
        return self._copied_cells(wanted if wanted is None else frozenset(wanted))

    def _copied_cells(self, wanted: frozenset[int] | None) -> Generator[tuple[int, memoryview], None, None]:
        sink = CellSink(self._size, self._page, self._cell)
        step = _STEP_BYTES // self._page
        with closing(backup_cells(self._moment(), self._lock, sink, self._page, step)) as copied:
            for index, cell in copied:
                self._stop.check()
                if wanted is None or index in wanted:
                    yield index, cell

    @property
    def _pages(self) -> int:
        return self._size // self._page

    @property
    def _tallies(self) -> bool:
        """Whether every page passes and is counted on the way."""
        return self._needed is None and self._pages <= MOST_PAGES

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
        if self._in_file and self._needed is None and not self._tallies:
            with self._lock, translated(self._stop):
                self._seen = look(self._moment(), self._name, "full")

    def finish(self) -> Manifest:
        with self._lock, translated(self._stop):
            connection = self._moment()
            if connection.in_transaction is False:
                raise Permanent("the moment was lost", code="capture_incomplete")
            digests = self._want.digests == "always" or (self._want.digests == "auto" and self._size <= AUTO_BYTES)
            found = self._inherited(digests) or self._looked(connection, digests)
            return replace(found, position=self.position, options={**found.options, "reuse": self.reuse().as_json()})

    def _inherited(self, digests: bool) -> Manifest | None:
        """What the parent found: equal bytes have equal rows, and counting them would read everything again."""
        if self._since is None or not self._unchanged or self._since.options.get("digests") is not digests:
            return None
        if self._since.version != apsw.sqlite_lib_version() or self._since.database != self._name:
            return None
        return replace(self._since, entries={ENTRY: {"page": self._cell, "size": self._size}}, facts={})

    def _looked(self, connection: apsw.Connection, digests: bool) -> Manifest:
        catalog = self._seen or look(connection, self._name, "full", self._tally)
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

    def reuse(self) -> Reuse:
        """See `contract.incremental.CanSkip`."""
        read = sum(self._read.values())
        if self._needed is None:
            return Reuse("full", self._why, read)
        proofs = tuple(sorted(self._sample() & self._read.keys()))
        return Reuse("incremental", "", read, self._size - read, {ENTRY: proofs})

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
