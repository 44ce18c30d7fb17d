"""A snapshot held in memory: what the vault does with a capture, without the vault."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from holdfast.contract.snapshot import Capture, Entry, Manifest, Pages, Source, Stream
from holdfast.kernel.errors import NotFound, Permanent

READ_BYTES = 1 << 16


class BytesStream:
    """A Stream over bytes."""

    def __init__(self, data: bytes, offset: int = 0) -> None:
        self._data = memoryview(data)
        self._at = offset

    def readinto(self, buffer: memoryview) -> int:
        count = min(len(buffer), len(self._data) - self._at)
        buffer[:count] = self._data[self._at : self._at + count]
        self._at += count
        return count

    def close(self) -> None:
        self._data = memoryview(b"")
        self._at = 0


def read_entry(entry: Entry) -> bytes:
    """All bytes of one entry, whatever its kind. Raises AssertionError when the entry breaks its own promises."""
    assert entry.open is not None, f"{entry.path}: unchanged entries need a parent"
    opened = entry.open()
    try:
        if isinstance(opened, Pages):
            return _read_pages(entry, opened)
        assert entry.page == 0, f"{entry.path}: a grid of {entry.page} but no Pages"
        return _read_stream(opened)
    finally:
        opened.close()


def _read_stream(stream: Stream) -> bytes:
    out = bytearray()
    buffer = memoryview(bytearray(READ_BYTES))
    while count := stream.readinto(buffer):
        out += buffer[:count]
    return bytes(out)


def _read_pages(entry: Entry, pages: Pages) -> bytes:
    assert entry.page > 0 and entry.size is not None, f"{entry.path}: Pages need a grid and a size"
    out = bytearray(entry.size)
    seen: set[int] = set()
    for index, cell in pages.cells():
        assert index not in seen, f"{entry.path}: cell {index} came twice"
        seen.add(index)
        start = index * entry.page
        assert start + len(cell) <= entry.size, f"{entry.path}: cell {index} reaches past the end"
        assert len(cell) == min(entry.page, entry.size - start), f"{entry.path}: cell {index} has the wrong length"
        out[start : start + len(cell)] = cell
    return bytes(out)


class MemorySource:
    """Serves `Source`. `read` drains an entered capture with several threads, as the vault would."""

    def __init__(self, manifest: Manifest, files: Mapping[str, bytes], companions: Mapping[str, bytes]) -> None:
        self.manifest = manifest
        self.files = dict(files)
        self.companions = dict(companions)

    @classmethod
    def read(cls, capture: Capture, threads: int = 2) -> MemorySource:
        """`capture` must be entered. Entries are read in parallel, then the capture is finished."""
        with ThreadPoolExecutor(threads) as pool:
            entries = list(capture.entries())
            paths = [entry.path for entry in entries]
            assert len(set(paths)) == len(paths), "two entries share a path"
            files = dict(zip(paths, pool.map(read_entry, entries), strict=True))
        return cls(capture.finish(), files, capture.companions())

    def paths(self) -> Iterator[str]:
        return iter(self.files)

    def size(self, path: str) -> int:
        return len(self._file(path))

    def open(self, path: str, offset: int = 0) -> Stream:
        return BytesStream(self._file(path), offset)

    def _file(self, path: str) -> bytes:
        if path not in self.files:
            raise NotFound(f"the snapshot has no entry {path}", code="entry_unknown")
        return self.files[path]


class FaultySource:
    """A source that dies after `after` bytes in total: a repository that goes away in the middle of a restore."""

    def __init__(self, source: Source, after: int) -> None:
        self.manifest = source.manifest
        self._source = source
        self._left = after
        self._lock = threading.Lock()

    def paths(self) -> Iterator[str]:
        return self._source.paths()

    def size(self, path: str) -> int:
        return self._source.size(path)

    def open(self, path: str, offset: int = 0) -> Stream:
        return _FaultyStream(self, self._source.open(path, offset))

    def take(self, count: int) -> None:
        """Count bytes handed out; raises Permanent once there were too many."""
        with self._lock:
            self._left -= count
            if self._left < 0:
                raise Permanent("the repository went away", code="repository_gone")


class _FaultyStream:
    def __init__(self, owner: FaultySource, stream: Stream) -> None:
        self._owner = owner
        self._stream = stream

    def readinto(self, buffer: memoryview) -> int:
        count = self._stream.readinto(buffer[: min(len(buffer), 4096)])
        self._owner.take(count)
        return count

    def close(self) -> None:
        self._stream.close()
