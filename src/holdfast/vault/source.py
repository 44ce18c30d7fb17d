"""Reading a snapshot back: verified bytes from any offset, fetched ahead in parallel."""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_right
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import accumulate

from holdfast.contract.snapshot import Manifest
from holdfast.formats.restic.tree import Node
from holdfast.kernel.errors import NotFound
from holdfast.vault.blobs import BlobReader
from holdfast.vault.fetching import Write, fetch

_AHEAD = 8
_CACHE_BYTES = 32 << 20


class BlobCache:
    """The most recently used plain blobs, by size; several streams of one snapshot share it."""

    def __init__(self, reader: BlobReader, limit: int = _CACHE_BYTES) -> None:
        self._reader, self._limit, self._held = reader, limit, 0
        self._lock = threading.Lock()
        self._blobs: OrderedDict[bytes, bytes] = OrderedDict()

    def read(self, blob: bytes) -> bytes:
        with self._lock:
            if (plain := self._blobs.get(blob)) is not None:
                self._blobs.move_to_end(blob)
                return plain
        plain = self._reader.read(blob)
        with self._lock:
            if blob not in self._blobs:
                self._blobs[blob] = plain
                self._held += len(plain)
                while self._held > self._limit:
                    self._held -= len(self._blobs.popitem(last=False)[1])
        return plain

    def length(self, blob: bytes) -> int:
        return self._reader.locate(blob)[1].plain_length


class SnapshotSource:
    """See `contract.snapshot.Source` and `CanFetch`. `close` stops its threads; open streams then fail."""

    def __init__(
        self,
        manifest: Manifest,
        files: Mapping[str, Node],
        reader: BlobReader,
        threads: int = 2,
        release: Callable[[], None] = lambda: None,
    ) -> None:
        """`release` is called once, by `close`."""
        self.manifest = manifest
        self._files, self._release = files, release
        self._starts: dict[str, array[int]] = {}
        self._reader, self._cache = reader, BlobCache(reader)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="source")

    def paths(self) -> Iterator[str]:
        return iter(self._files)

    def _node(self, path: str) -> Node:
        node = self._files.get(path)
        if node is None:
            raise NotFound(f"the snapshot has no entry {path!r}", code="entry_missing")
        return node

    def size(self, path: str) -> int:
        return self._node(path).size

    def open(self, path: str, offset: int = 0) -> BlobStream:
        node = self._node(path)
        return BlobStream(node, self._starts_of(path, node) if offset else None, self._cache, self._pool, offset)

    def _starts_of(self, path: str, node: Node) -> array[int]:
        """Where each blob begins in the entry; made once. Two threads may both make it, which is only wasteful."""
        starts = self._starts.get(path)
        if starts is None:
            lengths = (self._cache.length(node.content[at : at + 32]) for at in range(0, len(node.content), 32))
            starts = self._starts[path] = array("Q", accumulate(lengths, initial=0))
        return starts

    def fetch(self, path: str, write: Write, parallel: int = 2) -> None:
        """See `contract.snapshot.CanFetch`."""
        fetch(self._node(path), self._reader, write, parallel)

    def close(self) -> None:
        """Ends its threads and gives the repository's lock back. Twice is once."""
        self._pool.shutdown(cancel_futures=True)
        release, self._release = self._release, lambda: None
        release()

    def __enter__(self) -> SnapshotSource:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class BlobStream:
    """One entry's bytes from an offset. Used by one thread; its blobs are fetched ahead by the pool."""

    def __init__(
        self, node: Node, starts: array[int] | None, cache: BlobCache, pool: ThreadPoolExecutor, offset: int
    ) -> None:
        self._content, self._cache, self._pool = node.content, cache, pool
        self._ahead: deque[Future[bytes]] = deque()
        self._rest = memoryview(b"")
        self._next = 0
        if starts is not None:
            first = bisect_right(starts, min(offset, starts[-1])) - 1
            self._next, skip = first * 32, min(offset, starts[-1]) - starts[first]
            if skip:
                self._rest = memoryview(self._take())[skip:]

    def _take(self) -> bytes:
        while len(self._ahead) < _AHEAD and self._next < len(self._content):
            blob = self._content[self._next : self._next + 32]
            self._next += 32
            self._ahead.append(self._pool.submit(self._cache.read, blob))
        return self._ahead.popleft().result() if self._ahead else b""

    def readinto(self, buffer: memoryview) -> int:
        if not self._rest:
            self._rest = memoryview(self._take())
        taken = min(len(self._rest), len(buffer))
        buffer[:taken] = self._rest[:taken]
        self._rest = self._rest[taken:]
        return taken

    def close(self) -> None:
        for future in self._ahead:
            future.cancel()
        self._ahead.clear()
        self._next, self._rest = len(self._content), memoryview(b"")
