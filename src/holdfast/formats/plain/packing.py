"""gzip, Zstandard and bzip2 made as they stream by. The same input gives the same bytes with the same library."""

from __future__ import annotations

import bz2
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from backports import zstd

from holdfast.kernel.errors import Invalid

Packing = Literal["none", "gzip", "zstd", "bzip2"]


@dataclass(frozen=True)
class Method:
    """`command` unpacks standard input; "" = nothing to do."""

    suffix: str
    command: str
    default: int
    most: int


METHODS: dict[Packing, Method] = {
    "none": Method("", "", 0, 0),
    "gzip": Method(".gz", "gzip -d", 6, 9),
    "zstd": Method(".zst", "zstd -d", 3, 19),
    "bzip2": Method(".bz2", "bzip2 -d", 9, 9),
}


class _Packer(Protocol):
    def compress(self, data: bytes) -> bytes: ...
    def flush(self) -> bytes: ...


def checked_level(how: Packing, level: int | None) -> int:
    """The level, or the method's default. Raises Invalid."""
    method = METHODS[how]
    if level is None:
        return method.default
    if how == "none" or not 1 <= level <= method.most:
        takes = f"takes levels 1 to {method.most}" if method.most else "has no level"
        raise Invalid(f"compression {how} {takes}", code="level_invalid")
    return level


def packed(pieces: Iterable[bytes], how: Packing, level: int | None = None) -> Iterator[bytes]:
    """The pieces compressed; as they are for "none"."""
    number = checked_level(how, level)
    if how == "none":
        yield from pieces
        return
    packer = _packer(how, number)
    for piece in pieces:
        if made := packer.compress(piece):
            yield made
    yield packer.flush()


def _packer(how: Packing, level: int) -> _Packer:
    if how == "gzip":
        return zlib.compressobj(level, zlib.DEFLATED, 31)
    if how == "bzip2":
        return bz2.BZ2Compressor(level)
    # A checksum, so that `zstd -d` finds damage; a window that every zstd opens without being told to.
    options: dict[int, int] = {
        zstd.CompressionParameter.compression_level: level,
        zstd.CompressionParameter.checksum_flag: 1,
        zstd.CompressionParameter.window_log: 23,
    }
    return zstd.ZstdCompressor(options=options)
