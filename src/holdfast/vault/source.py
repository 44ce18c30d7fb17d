"""Reading a snapshot back: verified bytes from any offset, fetched ahead in parallel."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

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

    def __init__(self, manifest: Manifest, files: Mapping[str, Node], reader: BlobReader, threads: int = 2) -> None:
        self.manifest = manifest
        self._files = files
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
        return BlobStream(self._node(path), self._cache, self._pool, offset)

    def fetch(self, path: str, write: Write, parallel: int = 2) -> None:
        """See `contract.snapshot.CanFetch`."""
        fetch(self._node(path), self._reader, write, parallel)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def __enter__(self) -> SnapshotSource:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class BlobStream:
    """One entry's bytes from an offset. Used by one thread; its blobs are fetched ahead by the pool."""

    def __init__(self, node: Node, cache: BlobCache, pool: ThreadPoolExecutor, offset: int) -> None:
        self._content, self._cache, self._pool = node.content, cache, pool
        self._next, skip = self._seek(min(offset, node.size))
        self._ahead: deque[Future[bytes]] = deque()
        self._rest = memoryview(b"")
        if skip:
            self._rest = memoryview(self._take())[skip:]

    def _seek(self, offset: int) -> tuple[int, int]:
        """(offset in the list of blobs where the one that holds `offset` begins, bytes to skip in it)."""
        at = 0
        while offset and at < len(self._content):
            length = self._cache.length(self._content[at : at + 32])
            if offset < length:
                break
            offset -= length
            at += 32
        return at, offset

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
