"""gzip, Zstandard and bzip2 as they stream by. The same input gives the same bytes with the same library."""

from __future__ import annotations

import bz2
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from backports import zstd

from holdfast.formats.plain.pulling import cut_short
from holdfast.kernel.errors import Corrupt, Invalid

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


_MOST = 1 << 20  # bytes unpacked at a time: a small file may unpack to an endless one


class _Unpacker(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gunzip:
    """zlib's own object, with the face of bz2's and zstd's."""

    def __init__(self) -> None:
        self._inner, self.eof, self.needs_input = zlib.decompressobj(31), False, True
        self._left = self.unused_data = b""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        found = self._inner.decompress(self._left + data, max_length)
        self._left, self.eof = self._inner.unconsumed_tail, self._inner.eof
        self.unused_data = self._inner.unused_data
        self.needs_input = not self._left and len(found) < max_length
        return found


def unpacked(pieces: Iterable[bytes], how: Packing) -> Iterator[bytes]:
    """The inverse of `packed`, in pieces of at most 1 MiB. Raises Corrupt for damage, for an end too soon, and for what
    goes on behind the end."""
    if how == "none":
        yield from pieces
        return
    unpacker: _Unpacker = _unpacker(how)
    for piece in pieces:
        if unpacker.eof and piece:
            raise _goes_on()
        data = piece
        while not unpacker.eof:
            try:
                found = unpacker.decompress(data, _MOST)
            except (zlib.error, OSError, zstd.ZstdError, EOFError, ValueError) as error:
                raise Corrupt(f"the compressed file is damaged: {error}", code="file_damaged") from None
            data = b""
            if found:
                yield found
            if unpacker.needs_input:
                break
        if unpacker.unused_data:
            raise _goes_on()
    if not unpacker.eof:
        raise cut_short("the compressed file")


def _goes_on() -> Corrupt:
    return Corrupt("the compressed file goes on behind its end", code="file_damaged")


def _unpacker(how: Packing) -> _Unpacker:
    if how == "gzip":
        return _Gunzip()
    if how == "bzip2":
        return bz2.BZ2Decompressor()
    return zstd.ZstdDecompressor()
