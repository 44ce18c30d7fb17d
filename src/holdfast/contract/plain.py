"""A snapshot as ONE file that stock tools open: what it is made of, before anything is packed or sealed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from holdfast.contract.snapshot import Source
from holdfast.kernel.errors import Corrupt

PIECE = 1 << 20


@dataclass(frozen=True)
class Literal:
    """Bytes that are known already; small."""

    content: bytes

    @property
    def size(self) -> int:
        return len(self.content)

    def read(self, source: Source, offset: int) -> Iterator[bytes]:  # noqa: ARG002  one face for all parts
        yield self.content[offset:]


@dataclass(frozen=True)
class Whole:
    """`length` bytes of an entry, from `start`. The length comes from the source, so that a wrong one is an error
    there and never a short file here."""

    path: str
    length: int
    start: int = 0

    @property
    def size(self) -> int:
        return self.length

    def read(self, source: Source, offset: int) -> Iterator[bytes]:
        left = self.length - offset
        if left <= 0:
            return
        stream = source.open(self.path, self.start + offset)
        buffer = memoryview(bytearray(min(PIECE, left)))
        try:
            while left and (count := stream.readinto(buffer[: min(left, len(buffer))])):
                left -= count
                yield bytes(buffer[:count])
        finally:
            stream.close()
        if left:
            raise Corrupt(f"{self.path} ended {left} bytes early", code="snapshot_corrupt")


@dataclass(frozen=True)
class Framed:
    """An entry in chunks of `chunk` bytes, each after its length as `width` bytes, little end first, after `sign`."""

    path: str
    length: int
    chunk: int = PIECE
    width: int = 4
    sign: bytes = b"\0"

    @property
    def _head(self) -> int:
        return self.width + len(self.sign)

    @property
    def size(self) -> int:
        return self.length + self._head * (-(-self.length // self.chunk))

    def read(self, source: Source, offset: int) -> Iterator[bytes]:
        """Begins at the chunk that holds `offset`: what lies before it is not read."""
        number, skip = divmod(offset, self.chunk + self._head)
        start = number * self.chunk
        if start >= self.length:
            return
        for piece in _exactly(Whole(self.path, self.length - start, start).read(source, 0), self.chunk):
            framed = self.sign + len(piece).to_bytes(self.width, "little") + piece
            yield framed[skip:]
            skip = 0


Part = Literal | Whole | Framed


@dataclass(frozen=True)
class PlainFile:
    """The parts, one after the other. `commands`: what opens it, as shell lines that read "$FILE".

    `form` and `extension` are the engine's own words; the bytes are the same each time they are made.
    """

    form: str
    extension: str
    title: str
    parts: Sequence[Part]
    commands: Sequence[str]
    notes: Sequence[str] = ()

    @property
    def size(self) -> int:
        return sum(part.size for part in self.parts)

    def read(self, source: Source, offset: int = 0) -> Iterator[bytes]:
        """Bytes from `offset` to the end, in pieces of about 1 MiB; parts before it are not read."""
        for part in self.parts:
            if offset >= part.size:
                offset -= part.size
                continue
            yield from part.read(source, offset)
            offset = 0


@runtime_checkable
class CanPlain(Protocol):
    """Engines whose snapshot is, or can be streamed as, one file of their own tools."""

    def plain(self, source: Source) -> PlainFile:
        """Reads the small entries only (schema, sizes). Raises Conflict (code "plain_unsupported") with the reason
        when this snapshot cannot be one file."""
        ...


def _exactly(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in pieces of `size`, the last one shorter."""
    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
    if held:
        yield bytes(held)
