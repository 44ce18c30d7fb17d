"""The index as it is at one moment: which blobs were chosen, kept as bits, and all of them pack by pack.

Memory: one bit for each blob of the repository and 32 bytes for each pack. Grouping by pack goes over temporary files.
"""

from __future__ import annotations

import hashlib
import re
import struct
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import IO

from holdfast.formats.restic.pack import BlobType, PackedBlob
from holdfast.vault.index_building import renumbered, renumbering
from holdfast.vault.index_segment import RECORD, SIZE, Segment

_PART = 200_000  # records grouped at once
_STEP = 65_536  # records read at once
_NUMBERS = struct.Struct(">32xI13x")
_EXTENTS = struct.Struct(">36xII5x")
_RUN_BYTES = 128 * 32
_MOST_RUNS = 200_000
_SET = re.compile(rb"[^\x00]+")
_BY_PLACE = itemgetter(slice(32, SIZE))
_NUMBER = itemgetter(slice(32, 36))


class Runs:
    """Runs of ids in lists of blobs that were settled before: the list of today's snapshot is mostly yesterday's.

    A run is 128 ids; remembering it costs some 100 bytes. When there are too many all are forgotten."""

    def __init__(self) -> None:
        self._settled: set[bytes] = set()

    def of(self, content: bytes, settle: Callable[[bytes], list[bytes]]) -> list[bytes]:
        """What `settle` leaves over of the runs that are new; a run with something left over is asked for again."""
        left: list[bytes] = []
        for at in range(0, len(content), _RUN_BYTES):
            run = content[at : at + _RUN_BYTES]
            mark = hashlib.blake2b(run, digest_size=16).digest()
            if mark in self._settled:
                continue
            over = settle(run)
            left += over
            if not over:
                if len(self._settled) >= _MOST_RUNS:
                    self._settled.clear()
                self._settled.add(mark)
        return left


class Chosen:
    """Blobs of a view, each at most once."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._segments = segments
        self._bits = [bytearray((segment.count + 7) // 8) for segment in segments]
        self._runs = Runs()
        self.count = 0
        self.bytes = 0  # as stored

    def add(self, content: bytes, kind: BlobType = BlobType.DATA) -> list[bytes]:
        """Choose the blobs whose 32-byte ids these are; the ids that no index has."""
        if kind is BlobType.TREE:
            return self._add(content, kind)
        return self._runs.of(content, lambda run: self._add(run, kind))

    def _add(self, content: bytes, kind: BlobType) -> list[bytes]:
        missing = []
        for at in range(0, len(content), 32):
            blob = content[at : at + 32]
            for bits, segment in zip(self._bits, self._segments, strict=True):
                number = segment.search(blob, kind)
                if number is not None:
                    self._set(bits, number, segment)
                    break
            else:
                missing.append(blob)
        return missing

    def _set(self, bits: bytearray, number: int, segment: Segment) -> None:
        bit = 1 << (number & 7)
        if not bits[number >> 3] & bit:
            bits[number >> 3] |= bit
            self.count += 1
            self.bytes += RECORD.unpack(segment.record(number))[3]

    def has(self, blob: bytes, kind: BlobType = BlobType.DATA) -> bool:
        for bits, segment in zip(self._bits, self._segments, strict=True):
            number = segment.search(blob, kind)
            if number is not None:
                return bool(bits[number >> 3] & 1 << (number & 7))
        return False

    def pieces(self, number: int) -> Iterator[bytes]:
        """Chosen records of one segment, in some portions."""
        segment, held = self._segments[number], bytearray()
        for run in _SET.finditer(self._bits[number]):
            for at in range(run.start(), run.end()):
                data = segment.read(at * 8, min(8, segment.count - at * 8))
                for bit in range(len(data) // SIZE):
                    if self._bits[number][at] >> bit & 1:
                        held += data[bit * SIZE : bit * SIZE + SIZE]
                if len(held) >= _STEP * SIZE:
                    yield bytes(held)
                    held.clear()
        yield bytes(held)


class IndexView:
    """Immutable: what is added to the index later is not in it. Every block was proven when it was made."""

    def __init__(self, segments: Sequence[Segment], scratch: Path | None = None) -> None:
        """`scratch`: for temporary files; None = where the system has them."""
        self._segments, self._scratch = segments, scratch
        self.packs, self._changed = renumbering(segments) if segments else (b"", [])

    def __len__(self) -> int:
        return sum(segment.count for segment in self._segments)

    def choose(self) -> Chosen:
        return Chosen(self._segments)

    def extents(self) -> Iterator[tuple[bytes, int, int]]:
        """(pack id, blobs, where the last of them ends) of every pack; nothing is built per blob."""
        for number, records in self._grouped(None, len(self)):
            data = b"".join(records)
            ends = (offset + length for offset, length in _EXTENTS.iter_unpack(data))
            yield self._pack(number), len(records), max(ends)

    def stored(self) -> Iterator[tuple[bytes, int]]:
        """(pack id, bytes of all its blobs as stored) of every pack."""
        for number, records in self._grouped(None, len(self)):
            yield self._pack(number), sum(length for _, length in _EXTENTS.iter_unpack(b"".join(records)))

    def contents(self, chosen: Chosen | None = None) -> Iterator[tuple[bytes, list[PackedBlob]]]:
        """Every pack (that has chosen blobs) with its (chosen) blobs in the order they lie, each once."""
        for number, records in self._grouped(chosen, len(self) if chosen is None else chosen.count):
            blobs = [
                PackedBlob(blob, BlobType(kind), offset, length, raw)
                for blob, _, offset, length, raw, kind in map(RECORD.unpack, records)
            ]
            yield self._pack(number), blobs

    def _pack(self, number: int) -> bytes:
        return self.packs[number * 32 : number * 32 + 32]

    def _portions(self, chosen: Chosen | None) -> Iterator[list[bytes]]:
        """All (chosen) records with the numbers of packs that hold for all segments."""
        for number, segment in enumerate(self._segments):
            if chosen is not None:
                portions = chosen.pieces(number)
            else:
                steps = range(0, segment.count, _STEP)
                portions = (segment.read(first, min(_STEP, segment.count - first)) for first in steps)
            for data in portions:
                yield renumbered(data, self._changed[number])

    def _grouped(self, chosen: Chosen | None, count: int) -> Iterator[tuple[int, list[bytes]]]:
        """(number of a pack, its records by offset)."""
        parts = max(1, count // _PART)
        if parts == 1:
            yield from _by_pack([record for portion in self._portions(chosen) for record in portion])
            return
        width = len(self.packs) // 32 // parts + 1
        with ExitStack() as stack:
            files: list[IO[bytes]] = [
                stack.enter_context(tempfile.TemporaryFile(prefix="writing-", dir=self._scratch)) for _ in range(parts)
            ]
            for portion in self._portions(chosen):
                sorted_out: list[list[bytes]] = [[] for _ in files]
                for record, (number,) in zip(portion, _NUMBERS.iter_unpack(b"".join(portion)), strict=True):
                    sorted_out[number // width].append(record)
                for file, records in zip(files, sorted_out, strict=True):
                    file.write(b"".join(records))
            for file in files:
                file.seek(0)
                data = file.read()
                file.close()
                yield from _by_pack([data[at : at + SIZE] for at in range(0, len(data), SIZE)])


def _by_pack(records: list[bytes]) -> Iterator[tuple[int, list[bytes]]]:
    for number, group in groupby(sorted(set(records), key=_BY_PLACE), key=_NUMBER):
        yield int.from_bytes(number, "big"), list(group)
