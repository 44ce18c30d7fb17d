"""gzip (RFC 1952), Zstandard (RFC 8878) and bzip2 opened as they stream by, told by their first bytes.

Members one after the other are one text, as the stock tools have it. Pieces are at most 1 MiB, whatever the ratio: who
reads them bounds the whole.
"""

from __future__ import annotations

import bz2
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

from backports import zstd

from holdfast.formats.plain.packing import Packing
from holdfast.kernel.errors import HoldfastError, Invalid

PIECE = 1 << 20
MAX_WINDOW_LOG = 27  # 128 MiB for the decoder: what `zstd -d` takes without being told to
_MAGIC: dict[Packing, bytes] = {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd", "bzip2": b"BZh"}


def packing_of(head: bytes) -> Packing:
    """By the first bytes."""
    return next((how for how, magic in _MAGIC.items() if head.startswith(magic)), "none")


def unpacked(pieces: Iterator[bytes], how: Packing) -> Iterator[bytes]:
    """The bytes inside. Raises Invalid (code "compression_invalid") for damage, a wrong checksum, or an early end; also
    for nothing at all."""
    if how == "none":
        yield from pieces
        return
    try:
        yield from _members(filter(None, pieces), _READERS[how])
    except (zlib.error, zstd.ZstdError, OSError, EOFError, ValueError) as error:
        if isinstance(error, HoldfastError):
            raise
        raise Invalid(
            f"this is no sound {how} file: {error}",
            code="compression_invalid",
            hint="It may be cut off or damaged: compare its size and checksum with the original's.",
        ) from None


class _Reader(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gzip:
    """zlib keeps what it was given and did not take; the others keep it inside."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(31)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


_READERS: dict[Packing, Callable[[], _Reader]] = {
    "gzip": _Gzip,
    "zstd": lambda: zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: MAX_WINDOW_LOG}),
    "bzip2": bz2.BZ2Decompressor,
}


def _members(pieces: Iterator[bytes], make: Callable[[], _Reader]) -> Iterator[bytes]:
    data = next(pieces, b"")
    if not data:
        raise EOFError("it is empty")
    while data:
        reader = make()
        while True:
            if made := reader.decompress(data, PIECE):
                yield made
            if reader.eof:
                break
            data = next(pieces, b"") if reader.needs_input else b""  # type: ignore[attr-defined] # all three have it
            if not data and reader.needs_input:  # type: ignore[attr-defined]
                raise EOFError("it is cut off")
        data = reader.unused_data.lstrip(b"\0") or _next_that_says_something(pieces)


def _next_that_says_something(pieces: Iterator[bytes]) -> bytes:
    """Zeros after the last member are padding."""
    return next((found for piece in pieces if (found := piece.lstrip(b"\0"))), b"")
