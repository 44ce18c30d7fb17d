"""Pack files: sealed blobs, then a sealed header that lists them, then the header's length."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from holdfast.formats.restic.sealing import OVERHEAD, Key
from holdfast.kernel.errors import Corrupt

TARGET_BYTES = 16 << 20
MAX_HEADER = 16 << 20
_PLAIN = struct.Struct("<BI32s")
_COMPRESSED = struct.Struct("<BII32s")


class BlobType(IntEnum):
    DATA = 0
    TREE = 1


@dataclass(frozen=True, slots=True)
class PackedBlob:
    """Where a blob lies in its pack. `length` is as stored (sealed); `raw_length` the plain length when it was
    compressed, 0 when it was not."""

    id: bytes
    type: BlobType
    offset: int
    length: int
    raw_length: int = 0

    @property
    def plain_length(self) -> int:
        return self.raw_length or self.length - OVERHEAD


def build_header(blobs: Sequence[PackedBlob], key: Key) -> bytes:
    """Sealed header and its length, to be written behind the blobs."""
    parts = [
        _COMPRESSED.pack(b.type + 2, b.length, b.raw_length, b.id)
        if b.raw_length
        else _PLAIN.pack(b.type, b.length, b.id)
        for b in blobs
    ]
    sealed = key.seal(b"".join(parts))
    return sealed + struct.pack("<I", len(sealed))


def header_length(tail: bytes) -> int:
    """Length of the sealed header, from the last four bytes of a pack. Raises Corrupt when it cannot be one."""
    if len(tail) < 4:
        raise Corrupt("a pack is shorter than its own frame")
    length: int = struct.unpack("<I", tail[-4:])[0]
    if length < OVERHEAD or length > MAX_HEADER:
        raise Corrupt("a pack's header length is impossible")
    return length


def parse_header(sealed: bytes, key: Key) -> list[PackedBlob]:
    """The blobs of a pack in order. Raises Corrupt."""
    plain, at, offset, found = key.open(sealed), 0, 0, []
    while at < len(plain):
        kind = plain[at]
        shape = _COMPRESSED if kind in (2, 3) else _PLAIN
        if kind > 3 or at + shape.size > len(plain):
            raise Corrupt("a pack's header cannot be read")
        if kind in (2, 3):
            _, length, raw, blob = _COMPRESSED.unpack_from(plain, at)
        else:
            (_, length, blob), raw = _PLAIN.unpack_from(plain, at), 0
        found.append(PackedBlob(blob, BlobType(kind & 1), offset, length, raw))
        offset += length
        at += shape.size
    return found
