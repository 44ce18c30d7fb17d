"""Where each blob lies: sorted arrays of 53-byte records, not a dictionary of objects.

A million blobs cost 53 MB. Additions wait in a small dictionary and are merged into the arrays in bulk.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterable, Iterator
from heapq import merge

from holdfast.formats.restic.pack import BlobType, PackedBlob

_RECORD = struct.Struct("<32sIIIIB")  # id, pack number, offset, length, raw length, type
_PACK_NUMBER = struct.Struct("<I")
SIZE = _RECORD.size
_FRESH_LIMIT = 20_000
_SEGMENTS_LIMIT = 4


class BlobIndex:
    """Thread-safe look-up by (blob id, type). A blob that lies in two packs is found in one of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._packs: list[bytes] = []
        self._pack_numbers: dict[bytes, int] = {}
        self._fresh: dict[bytes, bytes] = {}
        self._segments: list[bytes] = []

    def add(self, pack: bytes, blobs: Iterable[PackedBlob]) -> None:
        with self._lock:
            number = self._pack_numbers.get(pack)
            if number is None:
                number = self._pack_numbers[pack] = len(self._packs)
                self._packs.append(pack)
            for b in blobs:
                self._fresh[b.id + bytes((b.type,))] = _RECORD.pack(
                    b.id, number, b.offset, b.length, b.raw_length, b.type
                )
            if len(self._fresh) >= _FRESH_LIMIT:
                self._settle()

    def _settle(self) -> None:
        if self._fresh:
            self._segments.append(b"".join(sorted(self._fresh.values())))
            self._fresh = {}
        if len(self._segments) > _SEGMENTS_LIMIT:
            self._segments = [b"".join(merge(*map(_records, self._segments)))]

    def find(self, blob: bytes, kind: BlobType = BlobType.DATA) -> tuple[bytes, PackedBlob] | None:
        """(pack id, where) or None."""
        with self._lock:
            record = self._fresh.get(blob + bytes((kind,)))
            if record is None:
                for segment in reversed(self._segments):
                    record = _search(segment, blob, kind)
                    if record is not None:
                        break
                else:
                    return None
            return self._decode(record)

    def _decode(self, record: bytes) -> tuple[bytes, PackedBlob]:
        blob, number, offset, length, raw, kind = _RECORD.unpack(record)
        return self._packs[number], PackedBlob(blob, BlobType(kind), offset, length, raw)

    def __len__(self) -> int:
        """Entries; a blob known twice from different index files may count twice."""
        with self._lock:
            return len(self._fresh) + sum(len(s) // SIZE for s in self._segments)

    def packs(self) -> list[bytes]:
        with self._lock:
            return list(self._packs)

    def contents(self) -> Iterator[tuple[bytes, list[PackedBlob]]]:
        """Every pack with its blobs in order, each blob once; for checks. Holds 53 bytes per blob while it runs."""
        with self._lock:
            packs = list(self._packs)
            grouped = [bytearray() for _ in packs]
            for source in (*map(_records, self._segments), self._fresh.values()):
                for record in source:
                    grouped[_PACK_NUMBER.unpack_from(record, 32)[0]] += record
        for number, records in enumerate(grouped):
            blobs = {blob for _, blob in map(self._decode, set(_records(bytes(records))))}
            yield packs[number], sorted(blobs, key=lambda b: b.offset)

    def by_pack(self) -> dict[bytes, list[PackedBlob]]:
        """`contents`, all at once."""
        return dict(self.contents())


def _records(segment: bytes) -> Iterator[bytes]:
    for at in range(0, len(segment), SIZE):
        yield segment[at : at + SIZE]


def _search(segment: bytes, blob: bytes, kind: BlobType) -> bytes | None:
    low, high = 0, len(segment) // SIZE
    while low < high:
        middle = (low + high) // 2
        if segment[middle * SIZE : middle * SIZE + 32] < blob:
            low = middle + 1
        else:
            high = middle
    while segment[low * SIZE : low * SIZE + 32] == blob:
        if segment[low * SIZE + SIZE - 1] == kind:
            return segment[low * SIZE : (low + 1) * SIZE]
        low += 1
    return None
