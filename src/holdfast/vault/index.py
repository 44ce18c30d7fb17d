"""Where each blob lies: sorted files beside the repository's data, not a dictionary of objects.

With a cache directory they are kept there for the next process; without one they are unnamed temporary files. They are
only ever made from the repository's own index files, and a file of the cache that is torn, damaged, of another version
or made from index files that are gone is dropped and made again. Several processes may share the directory: each file
comes whole, is never changed, and the same index files make the same file.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from holdfast.formats.restic.documents import IndexRow
from holdfast.formats.restic.pack import BlobType, PackedBlob
from holdfast.kernel.errors import Corrupt, NotFound
from holdfast.vault.index_building import SegmentBuilder, merge
from holdfast.vault.index_segment import SUFFIX, DamagedSegment, Segment, open_segment
from holdfast.vault.index_view import IndexView

_FRESH_LIMIT = 20_000
_SEGMENTS_LIMIT = 4
_AHEAD = 3  # index files fetched while one is read
_STALE_SECONDS = 3600.0
_FEW = 16

Rows = list[tuple[bytes, list[IndexRow]]]


@dataclass(frozen=True)
class IndexFiles:
    """The repository's index files by id. `rows` raises Corrupt, NotFound; `exists` asks the store itself."""

    rows: Callable[[bytes], Rows]
    exists: Callable[[bytes], bool]


def _none(_: bytes) -> Rows:
    raise NotFound("there are no index files")


_NO_FILES = IndexFiles(_none, lambda _: False)


class BlobIndex:
    """Thread-safe look-up by (blob id, type). A blob that lies in two packs is found in one of them."""

    def __init__(self, cache: Path | None = None, repository: bytes = bytes(32), files: IndexFiles = _NO_FILES) -> None:
        """`cache`: a directory for this repository alone, made when it is needed."""
        self._cache, self._repository, self._files = cache, repository, files
        self._lock = threading.RLock()
        self._fresh: dict[bytes, tuple[bytes, PackedBlob]] = {}
        self._segments: tuple[Segment, ...] = ()
        self._covered: frozenset[bytes] = frozenset()
        self.errors: dict[bytes, str] = {}

    # -- reading index files ---------------------------------------------------------------------------------

    def holds(self, names: frozenset[bytes]) -> bool:
        """Whether all it was made from is still there: after a prune another one must be made."""
        return self._covered <= names

    def sync(self, names: frozenset[bytes]) -> None:
        """Read the index files that are new. `errors` says which are damaged: what the others name stays readable."""
        with self._lock:
            self.errors = {name: said for name, said in self.errors.items() if name in names}
            if not self._covered and self._cache is not None and names:
                names |= self._adopt(self._cache, names)
            if (segment := self._read(names - self._covered)) is not None:
                self._segments += (segment,)
                self._covered |= segment.names
                self._compact()

    def _adopt(self, cache: Path, names: frozenset[bytes]) -> frozenset[bytes]:
        """Take over the cache's files, the largest first. Ids that were not listed but do exist come back."""
        late: frozenset[bytes] = frozenset()
        for path in _cached(cache):
            segment = open_segment(path, self._repository)
            if segment is not None:
                more = segment.names - names - late
                if len(more) <= _FEW and all(map(self._files.exists, more)):
                    late |= more
                    if not segment.names & self._covered:
                        self._segments += (segment,)
                        self._covered |= segment.names
                        continue
                    if not segment.names <= self._covered:
                        continue
            path.unlink(missing_ok=True)
        return late

    def _read(self, names: frozenset[bytes]) -> Segment | None:
        """A segment of what these index files say; kept in the cache unless there is no room."""
        builder, good = SegmentBuilder(self._scratch(), self._repository), set()
        for name, rows in self._rows(sorted(names)):
            good.add(name)
            for pack, listed in rows:
                builder.add(pack, listed)
        if not good:
            return None
        with suppress(OSError):
            return builder.build(self._scratch(), frozenset(good))
        return builder.build(None, frozenset(good))

    def _scratch(self) -> Path | None:
        if self._cache is not None:
            self._cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._cache

    def _rows(self, names: list[bytes]) -> Iterator[tuple[bytes, Rows]]:
        """What each index file says, some fetched ahead. One that is damaged is noted and left out; one that a prune
        took since the listing is left out: what replaces it is read next time."""
        waiting: deque[tuple[bytes, Future[Rows]]] = deque()
        with ThreadPoolExecutor(2, thread_name_prefix="index") as pool:
            try:
                for number, name in enumerate(names):
                    waiting.append((name, pool.submit(self._files.rows, name)))
                    while len(waiting) > (_AHEAD if number + 1 < len(names) else 0):
                        oldest, future = waiting.popleft()
                        try:
                            rows = future.result()
                        except Corrupt as error:
                            self.errors[oldest] = error.message
                        except NotFound:
                            continue
                        else:
                            self.errors.pop(oldest, None)
                            yield oldest, rows
            finally:
                for _, future in waiting:
                    future.cancel()

    def _compact(self) -> None:
        """Few files, so that a look-up is few reads: the small ones become one, and join the large when they are many
        beside it. Where there is no room they stay as they are."""
        named = sorted((s for s in self._segments if s.names), key=lambda segment: -segment.count)
        if len(named) <= _SEGMENTS_LIMIT:
            return
        kept = 1 if sum(s.count for s in named[1:]) * 4 < named[0].count else 0
        try:
            merged = merge(named[kept:], self._cache, self._cache, self._repository)
        except DamagedSegment as error:
            self._mend(error.segment)
            return
        except OSError:
            return
        self._replace(named[kept:], merged)
        for segment in named[kept:]:
            if segment.path is not None and segment.path != merged.path:
                segment.path.unlink(missing_ok=True)

    def _replace(self, old: Sequence[Segment], new: Segment | None) -> None:
        """In one step: other threads are looking."""
        kept = tuple(segment for segment in self._segments if segment not in old)
        self._segments = kept if new is None else (*kept, new)

    def _mend(self, damaged: Segment) -> None:
        """Make a damaged file of the cache again from the index files."""
        with self._lock:
            if damaged not in self._segments:
                return  # another thread did
            if damaged.path is not None:
                damaged.path.unlink(missing_ok=True)
            made = self._read(damaged.names)
            self._replace([damaged], made)
            self._covered -= damaged.names - (made.names if made else frozenset())

    # -- adding ----------------------------------------------------------------------------------------------

    def add(self, pack: bytes, blobs: Iterable[PackedBlob]) -> None:
        """What an index file of this process just named; it stays beside what is read of that file later."""
        with self._lock:
            for blob in blobs:
                self._fresh[blob.id + bytes((blob.type,))] = (pack, blob)
            if len(self._fresh) >= _FRESH_LIMIT:
                self._settle()

    def _settle(self) -> None:
        """The new ones into an unnamed file: no index file is known to hold just these."""
        builder = SegmentBuilder(self._scratch(), self._repository)
        for pack, b in self._fresh.values():
            builder.add(pack, [(b.id, b.type, b.offset, b.length, b.raw_length)])
        self._segments += (builder.build(None),)
        self._fresh = {}
        unnamed = [segment for segment in self._segments if not segment.names]
        if len(unnamed) > _SEGMENTS_LIMIT:
            self._replace(unnamed, merge(unnamed, None, self._cache, self._repository))

    # -- looking ---------------------------------------------------------------------------------------------

    def find(self, blob: bytes, kind: BlobType = BlobType.DATA) -> tuple[bytes, PackedBlob] | None:
        """(pack id, where) or None."""
        while True:
            found = self._fresh.get(blob + bytes((kind,)))
            if found is not None:
                return found
            try:
                for segment in self._segments:
                    number = segment.search(blob, kind)
                    if number is not None:
                        return segment.decode(segment.record(number))
            except DamagedSegment as error:
                self._mend(error.segment)
                continue
            return None

    def has(self, blob: bytes, kind: BlobType = BlobType.DATA) -> bool:
        """As `find`, without saying where."""
        while True:
            try:
                return blob + bytes((kind,)) in self._fresh or any(
                    segment.search(blob, kind) is not None for segment in self._segments
                )
            except DamagedSegment as error:
                self._mend(error.segment)

    def __contains__(self, blob: object) -> bool:
        """Whether any blob, of data or a tree, has this id."""
        return isinstance(blob, bytes) and any(self.has(blob, kind) for kind in BlobType)

    def __len__(self) -> int:
        """Entries; a blob known twice from different index files may count twice."""
        with self._lock:
            return len(self._fresh) + sum(segment.count for segment in self._segments)

    def view(self) -> IndexView:
        """Everything known now, proven; for checks and for whoever decides what may go."""
        while True:
            with self._lock:
                if self._fresh:
                    self._settle()
                segments = sorted(self._segments, key=lambda segment: -segment.count)
            try:
                for segment in segments:
                    segment.prove()
            except DamagedSegment as error:
                self._mend(error.segment)
                continue
            return IndexView(segments, self._cache)

    def packs(self) -> list[bytes]:
        """Of all index files, each once."""
        packs = self.view().packs
        return [packs[at : at + 32] for at in range(0, len(packs), 32)]

    def contents(self) -> Iterator[tuple[bytes, list[PackedBlob]]]:
        """Every pack with its blobs in order, each blob once; for checks."""
        return self.view().contents()

    __iter__ = contents

    def by_pack(self) -> dict[bytes, list[PackedBlob]]:
        """`contents`, all at once."""
        return dict(self.contents())


def _cached(cache: Path) -> list[Path]:
    """Its files, the largest first. What killed writers left goes when it is old."""
    found = []
    with suppress(FileNotFoundError), os.scandir(cache) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                if entry.name.endswith(SUFFIX):
                    found.append((entry.stat().st_size, Path(entry.path)))
                elif entry.stat().st_mtime < time.time() - _STALE_SECONDS:
                    os.unlink(entry.path)
    return [path for _, path in sorted(found, reverse=True)]
