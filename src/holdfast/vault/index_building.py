"""Making segments: records of any order sorted in runs, and runs or segments merged by ranges of ids.

Ids are hashes, so equal ranges of them hold about equally many: a range of all inputs is sorted at once in memory.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from holdfast.formats.restic.documents import IndexRow
from holdfast.vault.index_segment import RECORD, SIZE, Segment, SegmentWriter

_RUN = 200_000  # records sorted at once
_NUMBER = struct.Struct(">I")
_NUMBERS = struct.Struct(">32xI13x")


class SegmentBuilder:
    """Not thread-safe. Holds some 20 MB, and 150 bytes for each pack, however many blobs there are.

    `scratch`: for temporary files; None = where the system has them. Raises OSError."""

    def __init__(self, scratch: Path | None, repository: bytes) -> None:
        self._scratch, self._repository = scratch, repository
        self._numbers: dict[bytes, int] = {}
        self._held: list[bytes] = []
        self._runs: list[Segment] = []

    def add(self, pack: bytes, rows: Iterable[IndexRow]) -> None:
        number = self._numbers.setdefault(pack, len(self._numbers))
        pack_record = RECORD.pack
        self._held += [pack_record(blob, number, at, length, raw, kind) for blob, kind, at, length, raw in rows]
        if len(self._held) >= _RUN:
            self._settle()

    def _settle(self) -> None:
        """A run is never the cache's: it has no name."""
        writer = SegmentWriter(self._scratch, self._repository, named=False)
        self._runs.append(_written(writer, [_sorted(self._held)], b"", frozenset()))
        self._held = []

    def build(self, directory: Path | None, names: frozenset[bytes] = frozenset()) -> Segment:
        """One segment of everything added: in `directory` under its name, or without one. May be called again."""
        writer = SegmentWriter(directory or self._scratch, self._repository, named=directory is not None)
        if self._runs and self._held:
            self._settle()
        records = _ranges(self._runs, [None] * len(self._runs)) if self._runs else [_sorted(self._held)]
        return _written(writer, records, b"".join(self._numbers), names)


def merge(segments: Sequence[Segment], directory: Path | None, scratch: Path | None, repository: bytes) -> Segment:
    """One segment instead of several. Raises DamagedSegment, OSError."""
    packs, changed = renumbering(segments)
    writer = SegmentWriter(directory or scratch, repository, named=directory is not None)
    names = frozenset[bytes]().union(*(segment.names for segment in segments))
    return _written(writer, _ranges(segments, changed), packs, names)


def _sorted(records: list[bytes]) -> list[bytes]:
    return list(dict.fromkeys(sorted(records)))


def _written(writer: SegmentWriter, records: Iterable[list[bytes]], packs: bytes, names: frozenset[bytes]) -> Segment:
    try:
        for some in records:
            writer.write(some)
        return writer.finish(packs, names)
    except BaseException:
        writer.abandon()
        raise


def renumbering(segments: Sequence[Segment]) -> tuple[bytes, list[array[int] | None]]:
    """(all pack ids, for each segment the new numbers of its packs; None = they stay). The first stays as it is."""
    first, others = segments[0], segments[1:]
    theirs = {other.pack(number) for other in others for number in range(len(other.packs) // 32)}
    numbers: dict[bytes, int] = {}
    if theirs:
        for number in range(len(first.packs) // 32):
            if (pack := first.pack(number)) in theirs:
                numbers[pack] = number
    added, known = [first.packs], len(first.packs) // 32
    changed: list[array[int] | None] = [None]
    for other in others:
        mapping = array("I")
        for number in range(len(other.packs) // 32):
            pack = other.pack(number)
            if pack not in numbers:
                numbers[pack] = known
                known += 1
                added.append(pack)
            mapping.append(numbers[pack])
        changed.append(mapping)
    return b"".join(added), changed


def renumbered(data: bytes, mapping: array[int] | None) -> list[bytes]:
    """The records of `data`, one by one, with their packs' new numbers."""
    records = [data[at : at + SIZE] for at in range(0, len(data), SIZE)]
    if mapping is None:
        return records
    numbers = (mapping[number] for (number,) in _NUMBERS.iter_unpack(data))
    return [r[:32] + _NUMBER.pack(n) + r[36:] for r, n in zip(records, numbers, strict=True)]


def _ranges(segments: Sequence[Segment], changed: Sequence[array[int] | None]) -> Iterator[list[bytes]]:
    """Sorted records, range by range, each once."""
    parts = max(1, sum(segment.count for segment in segments) // (_RUN // 2))
    starts = [0] * len(segments)
    for part in range(1, parts + 1):
        records: list[bytes] = []
        for number, segment in enumerate(segments):
            end = segment.lower((part << 64) // parts) if part < parts else segment.count
            records += renumbered(segment.read(starts[number], end - starts[number]), changed[number])
            starts[number] = end
        yield _sorted(records)
