"""gzip (RFC 1952) and Zstandard (RFC 8878) as they stream by, and an end to bombs."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Literal, Protocol

from backports import zstd

from holdfast.kernel.errors import Invalid, LimitExceeded

Squeeze = Literal["none", "gzip", "zstd"]
SUFFIX = {"none": "", "gzip": ".gz", "zstd": ".zst"}
PIECE = 1 << 20
FREE_BYTES = 64 << 20  # small files may be as dense as they like: they hurt nobody
MAX_RATIO = 250  # what compresses better than this is no table
MAX_WINDOW_LOG = 25  # 32 MiB for the decoder


def squeezed(pieces: Iterable[bytes], how: Squeeze) -> Iterator[bytes]:
    """The pieces compressed; as they are for "none". Low levels: the disk and the line are rarely slower than that."""
    if how == "none":
        yield from pieces
        return
    packer: Packer = zlib.compressobj(1, zlib.DEFLATED, 31) if how == "gzip" else zstd.ZstdCompressor(level=1)
    for piece in pieces:
        if made := packer.compress(piece):
            yield made
    yield packer.flush()


class Packer(Protocol):
    def compress(self, data: bytes) -> bytes: ...
    def flush(self) -> bytes: ...


def kind_of(head: bytes) -> Squeeze:
    """By the first bytes."""
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    return "zstd" if head.startswith(b"\x28\xb5\x2f\xfd") else "none"


def opened(chunks: Iterable[bytes], how: Squeeze, most: int) -> Iterator[bytes]:
    """The bytes inside, in pieces of at most 1 MiB. Raises Invalid (code "compression_invalid") for damage,
    LimitExceeded (code "expands_too_much") when it grows past `most` bytes or `MAX_RATIO` times its size."""
    if how == "none":
        yield from chunks
        return
    reader = _gunzipped if how == "gzip" else _unzstd
    taken = _Taken(chunks)
    given = 0
    try:
        for piece in reader(taken):
            given += len(piece)
            if given > most or given > FREE_BYTES + MAX_RATIO * taken.count:
                raise LimitExceeded(
                    f"this file unpacks to more than {given >> 20} MiB from {taken.count >> 10} KiB",
                    code="expands_too_much",
                    hint="unpack it yourself and send the parts, if it is what you meant",
                    details={"limit_bytes": most, "limit_ratio": MAX_RATIO},
                )
            if piece:
                yield piece
    except (zlib.error, zstd.ZstdError, EOFError) as error:
        raise Invalid(f"this is no sound {how} file: {error}", code="compression_invalid") from None


class _Taken:
    """Counts what was read."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self.count = 0

    def next(self) -> bytes:
        chunk = next(self._chunks, b"")
        self.count += len(chunk)
        return chunk


def _gunzipped(taken: _Taken) -> Iterator[bytes]:
    """Members one after the other; zeros after the last are padding."""
    data = taken.next()
    while data:
        reader = zlib.decompressobj(31)
        while True:
            yield reader.decompress(data, PIECE)
            if reader.eof:
                break
            data = reader.unconsumed_tail or taken.next()
            if not data:
                raise EOFError("it is cut off")
        data = reader.unused_data.lstrip(b"\0") or taken.next().lstrip(b"\0")


def _unzstd(taken: _Taken) -> Iterator[bytes]:
    data = taken.next()
    while data:
        reader = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: MAX_WINDOW_LOG})
        while True:
            yield reader.decompress(data, PIECE)
            if reader.eof:
                break
            data = taken.next() if reader.needs_input else b""
            if reader.needs_input and not data:
                raise EOFError("it is cut off")
        data = reader.unused_data or taken.next()
