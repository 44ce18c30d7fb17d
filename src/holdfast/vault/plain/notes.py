"""Where each entry of a snapshot lies in its file, and the bytes that are not in there word for word.

notes = JSON of the segments, a line feed, then the kept bytes one after the other
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from holdfast.contract.plain import Framed, Literal, PlainFile, Whole
from holdfast.contract.snapshot import Source
from holdfast.kernel.errors import Corrupt

_IN_FILE, _KEPT = 1, 0
MOST_HEADER = 256 << 20  # bytes of the segments' JSON: all of it is in memory while a snapshot is open


@dataclass(frozen=True)
class Segment:
    """`length` bytes of an entry from `start`: at `offset` of the file, or of the kept bytes. In the file they may be
    in chunks of `chunk`, each behind `head` bytes that are not the entry's."""

    start: int
    length: int
    in_file: bool
    offset: int
    chunk: int = 0
    head: int = 0

    def place(self, at: int) -> tuple[int, int]:
        """(where the byte `at` of the entry lies, how many follow it there without a gap)."""
        inner = at - self.start
        if not self.chunk:
            return self.offset + inner, self.length - inner
        number, skip = divmod(inner, self.chunk)
        return (
            self.offset + number * (self.chunk + self.head) + self.head + skip,
            min(self.chunk - skip, self.length - inner),
        )


Segments = Mapping[str, Sequence[Segment]]


def mapped(made: PlainFile, source: Source) -> Segments:
    """Every entry of the source, whole: from the file where it is in there, else kept."""
    found: dict[str, list[Segment]] = {path: [] for path in source.paths()}
    offset = 0
    for part in made.parts:
        if isinstance(part, Whole) and part.length:
            found[part.path].append(Segment(part.start, part.length, True, offset))
        elif isinstance(part, Framed) and part.length:
            head = part.width + len(part.sign)
            found[part.path].append(Segment(0, part.length, True, offset, part.chunk, head))
        else:
            assert isinstance(part, Literal) or not part.length  # noqa: S101 - there are no other parts
        offset += part.size
    kept, filled = 0, dict[str, list[Segment]]()
    for path in sorted(found):
        filled[path], kept = _filled(sorted(found[path], key=lambda each: each.start), source.size(path), kept)
    return filled


def _filled(known: Sequence[Segment], size: int, kept: int) -> tuple[list[Segment], int]:
    """With a kept segment in each gap. What two parts of the file have is read from the first."""
    segments, at = list[Segment](), 0
    for each in known:
        if each.start < at:
            continue
        if each.start > at:
            segments.append(Segment(at, each.start - at, False, kept))
            kept += each.start - at
        segments.append(each)
        at = each.start + each.length
    if at < size:
        segments.append(Segment(at, size - at, False, kept))
        kept += size - at
    return segments, kept


def pieces(segments: Segments, source: Source) -> Iterator[bytes]:
    """The notes as a stream."""
    lines = {
        path: [[each.start, each.length, int(each.in_file), each.offset, each.chunk, each.head] for each in some]
        for path, some in segments.items()
    }
    yield json.dumps({"version": 1, "entries": lines}, separators=(",", ":")).encode() + b"\n"
    for path, some in segments.items():  # in the order in which `mapped` gave out their places
        for each in some:
            if not each.in_file:
                yield from Whole(path, each.length, each.start).read(source, 0)


def read_segments(header: bytes) -> Segments:
    """Raises Corrupt."""
    try:
        lines = json.loads(header)["entries"]
        return {
            path: [Segment(start, length, bool(where), *place) for start, length, where, *place in some]
            for path, some in lines.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Corrupt("the notes beside the file cannot be read", code="file_damaged") from None
