"""One sorted file of the index cache: records by blob id, searched by one small read each.

Layout: records of 49 bytes sorted as bytes | first 8 id bytes of each block | CRC-32 of each block | pack ids | ids of
the index files it was made from | footer. The footer's hash covers all but the records, whose blocks are checked when
they are read first. So nothing is trusted that a power cut or a bad disk left, and opening reads some MB, not all.
"""

from __future__ import annotations

import hashlib
import os
import struct
import tempfile
import weakref
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from pathlib import Path

from holdfast.formats.restic.pack import BlobType, PackedBlob

RECORD = struct.Struct(">32sIIIIB")  # id, pack number, offset, length, raw length, type
SIZE = RECORD.size
SUFFIX = ".index"
_BLOCK = 32  # records searched together
_FOOTER = struct.Struct("=8sI32sQQQ32s")  # magic, version, repository, records, packs, index files, hash of the rest
_MAGIC = b"hfindex\n"
_VERSION = 1
_IO_BYTES = 4 << 20


class DamagedSegment(Exception):
    """Bytes of the cache that are not what was written."""

    def __init__(self, segment: Segment) -> None:
        super().__init__("a file of the index cache is damaged")
        self.segment = segment


class Segment:
    """Thread-safe, immutable. Its file is closed when nobody refers to it any more, so a reader may outlive a swap."""

    def __init__(self, fd: int, path: Path | None, fences: array[int], sums: array[int], packs: bytes) -> None:
        self._fd, self.path, self._fences, self._sums, self._packs = fd, path, fences, sums, packs
        self.count = 0
        self.names: frozenset[bytes] = frozenset()
        self._proven = bytearray(len(fences))
        weakref.finalize(self, os.close, fd)

    # -- looking ---------------------------------------------------------------------------------------------

    def search(self, blob: bytes, kind: BlobType) -> int | None:
        """The record's number. Raises DamagedSegment."""
        key = int.from_bytes(blob[:8], "big")
        block = max(bisect_left(self._fences, key) - 1, 0)
        while block < len(self._fences) and self._fences[block] <= key:
            data = self._block(block)
            at = data.find(blob)
            while at >= 0:
                if at % SIZE == 0 and data[at + SIZE - 1] == kind:
                    return block * _BLOCK + at // SIZE
                at = data.find(blob, at + 1)
            block += 1
        return None

    def lower(self, key: int) -> int:
        """The number of the first record whose first 8 bytes are at least `key`."""
        block = bisect_left(self._fences, key) - 1
        if block < 0:
            return 0
        data = self._block(block)
        prefix = key.to_bytes(8, "big")
        return block * _BLOCK + sum(data[at : at + 8] < prefix for at in range(0, len(data), SIZE))

    def record(self, number: int) -> bytes:
        at = number % _BLOCK * SIZE
        return self._block(number // _BLOCK)[at : at + SIZE]

    def read(self, first: int, count: int) -> bytes:
        """Records in a row, proven. Raises DamagedSegment."""
        if count <= 0:
            return b""
        low, high = first // _BLOCK, (first + count - 1) // _BLOCK + 1
        data = self._pread(low * _BLOCK * SIZE, min(high * _BLOCK, self.count) * SIZE)
        for block in range(low, high):
            if not self._proven[block]:
                at = (block - low) * _BLOCK * SIZE
                self._prove(block, data[at : at + _BLOCK * SIZE])
        skip = (first - low * _BLOCK) * SIZE
        return data[skip : skip + count * SIZE]

    def prove(self) -> None:
        """Read everything not read before. Raises DamagedSegment."""
        step = _IO_BYTES // SIZE
        for first in range(0, self.count, step):
            if not all(self._proven[first // _BLOCK : (first + step) // _BLOCK + 1]):
                self.read(first, min(step, self.count - first))

    def pack(self, number: int) -> bytes:
        return self._packs[number * 32 : number * 32 + 32]

    @property
    def packs(self) -> bytes:
        """The pack ids by number, 32 bytes each."""
        return self._packs

    def decode(self, record: bytes) -> tuple[bytes, PackedBlob]:
        """(pack id, where)."""
        blob, number, offset, length, raw, kind = RECORD.unpack(record)
        return self.pack(number), PackedBlob(blob, BlobType(kind), offset, length, raw)

    def _block(self, block: int) -> bytes:
        start = block * _BLOCK * SIZE
        data = self._pread(start, min(start + _BLOCK * SIZE, self.count * SIZE))
        if not self._proven[block]:
            self._prove(block, data)
        return data

    def _pread(self, start: int, end: int) -> bytes:
        data = os.pread(self._fd, end - start, start)
        while len(data) < end - start and (more := os.pread(self._fd, end - start - len(data), start + len(data))):
            data += more
        if len(data) != end - start:
            raise DamagedSegment(self)
        return data

    def _prove(self, block: int, data: bytes) -> None:
        if zlib.crc32(data) != self._sums[block]:
            raise DamagedSegment(self)
        self._proven[block] = 1

    def trusted(self) -> Segment:
        """Just written by this process."""
        self._proven = bytearray(b"\x01" * len(self._fences))
        return self


class SegmentWriter:
    """Takes sorted records; `finish` gives the segment, under its name in the directory, or without one.

    The file comes to its name whole or not at all. It is not synced: a power cut costs building it again.
    `directory` None = where temporary files go.
    """

    def __init__(self, directory: Path | None, repository: bytes, *, named: bool) -> None:
        self._repository = repository
        self._fd, name = tempfile.mkstemp(prefix="writing-", dir=directory)
        self._temporary: Path | None = Path(name)
        if not named:
            self._temporary.unlink()
            self._temporary = None
        self._pending = bytearray()
        self._fences, self._sums, self._count = array("Q"), array("I"), 0

    def write(self, records: Iterable[bytes]) -> None:
        self._pending += b"".join(records)
        if len(self._pending) >= _IO_BYTES:
            self._flush(len(self._pending) // (_BLOCK * SIZE) * (_BLOCK * SIZE))

    def _flush(self, length: int) -> None:
        data = bytes(memoryview(self._pending)[:length])
        del self._pending[:length]
        for at in range(0, length, _BLOCK * SIZE):
            self._fences.append(int.from_bytes(data[at : at + 8], "big"))
            self._sums.append(zlib.crc32(data[at : at + _BLOCK * SIZE]))
        self._count += length // SIZE
        _write(self._fd, data)

    def finish(self, packs: bytes, names: frozenset[bytes] = frozenset()) -> Segment:
        self._flush(len(self._pending))
        tail = [self._fences.tobytes(), self._sums.tobytes(), packs, b"".join(sorted(names))]
        counts = (self._count, len(packs) // 32, len(names))
        _write(self._fd, b"".join((*tail, _footer(tail, self._repository, counts))))
        path = None
        if self._temporary is not None:
            path = self._temporary.with_name(segment_name(names))
            os.rename(self._temporary, path)
        segment = Segment(self._fd, path, self._fences, self._sums, packs)
        segment.count, segment.names = self._count, names
        return segment.trusted()

    def abandon(self) -> None:
        os.close(self._fd)
        if self._temporary is not None:
            self._temporary.unlink(missing_ok=True)


def segment_name(names: frozenset[bytes]) -> str:
    """The same index files make the same file, whichever process does it."""
    return hashlib.sha256(b"".join(sorted(names))).hexdigest()[:32] + SUFFIX


def open_segment(path: Path, repository: bytes) -> Segment | None:
    """None when it is gone, torn, of another version or repository."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        parts = _parts(fd, repository)
    except BaseException:
        os.close(fd)
        raise
    if parts is None:
        os.close(fd)
        return None
    count, fences, sums, packs, names = parts
    segment = Segment(fd, path, fences, sums, packs)
    segment.count, segment.names = count, names
    return segment


def _parts(fd: int, repository: bytes) -> tuple[int, array[int], array[int], bytes, frozenset[bytes]] | None:
    size = os.fstat(fd).st_size
    if size < _FOOTER.size:
        return None
    footer = os.pread(fd, _FOOTER.size, size - _FOOTER.size)
    magic, version, whose, *counts, _ = _FOOTER.unpack(footer)
    if (magic, version, whose) != (_MAGIC, _VERSION, repository):
        return None
    records, packs, names = counts
    blocks = -(-records // _BLOCK)
    lengths = (blocks * 8, blocks * 4, packs * 32, names * 32)
    at = records * SIZE
    if at + sum(lengths) + _FOOTER.size != size:
        return None
    tail = []
    for length in lengths:
        tail.append(os.pread(fd, length, at))
        at += length
    if _footer(tail, repository, (records, packs, names)) != footer:
        return None
    fences, sums = array("Q", tail[0]), array("I", tail[1])
    return records, fences, sums, tail[2], frozenset(tail[3][n : n + 32] for n in range(0, len(tail[3]), 32))


def _footer(tail: Sequence[bytes], repository: bytes, counts: tuple[int, int, int]) -> bytes:
    digest = hashlib.sha256(struct.pack("=QQQ", *counts) + repository)
    for part in tail:
        digest.update(part)
    return _FOOTER.pack(_MAGIC, _VERSION, repository, *counts, digest.digest())


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
