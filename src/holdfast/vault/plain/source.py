"""A snapshot to restore from, out of its file: laid down and proven as a whole before the first byte is given."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence

from holdfast.contract.codec import manifest_from_json
from holdfast.contract.snapshot import Manifest
from holdfast.kernel.errors import Corrupt, NotFound
from holdfast.vault.plain.notes import MOST_HEADER, Segment, Segments, read_segments
from holdfast.vault.plain.reading import Laid
from holdfast.vault.repository import MANIFEST


class FileSource:
    """See `contract.snapshot.Source`. The file itself is fetched at the first byte that is needed from it; the notes
    are enough for the manifest."""

    manifest: Manifest

    def __init__(self, notes: Callable[[], Laid], file: Callable[[], Laid]) -> None:
        self._notes, self._lay = notes(), file
        self._file: Laid | None = None
        self._turn = threading.Lock()
        try:
            header = self._notes.line(MOST_HEADER)
            self._segments: Segments = read_segments(header)
            self._kept_at = len(header) + 1
            self.manifest = manifest_from_json(self._whole(MANIFEST))
        except BaseException:
            self.close()
            raise

    def paths(self) -> Iterator[str]:
        return iter(self._segments)

    def size(self, path: str) -> int:
        some = self._of(path)
        return some[-1].start + some[-1].length if some else 0

    def open(self, path: str, offset: int = 0) -> FileStream:
        return FileStream(self, path, self._of(path), offset)

    def segments(self, path: str) -> Sequence[Segment]:
        """Where its bytes lie."""
        return self._of(path)

    def read(self, segment: Segment, at: int, buffer: memoryview) -> int:
        """Bytes of the entry from `at`, as many as lie together."""
        offset, count = segment.place(at)
        where = self._laid() if segment.in_file else self._notes
        base = 0 if segment.in_file else self._kept_at
        return where.read(base + offset, buffer[: min(count, len(buffer))])

    def _laid(self) -> Laid:
        with self._turn:
            if self._file is None:
                self._file = self._lay()
            return self._file

    def _of(self, path: str) -> list[Segment]:
        found = self._segments.get(path)
        if found is None:
            raise NotFound(f"the snapshot has no entry {path!r}", code="entry_missing")
        return list(found)

    def _whole(self, path: str) -> bytes:
        if path not in self._segments:
            raise Corrupt("this file has no manifest beside it", code="not_ours")
        content = bytearray(self.size(path))
        view, stream, at = memoryview(content), self.open(path), 0
        while at < len(content):
            at += stream.readinto(view[at:])
        return bytes(content)

    def close(self) -> None:
        for laid in (self._notes, self._file):
            if laid is not None:
                laid.close()

    def __enter__(self) -> FileSource:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class FileStream:
    """See `contract.snapshot.Stream`."""

    def __init__(self, source: FileSource, path: str, segments: list[Segment], offset: int) -> None:
        self._source, self._path, self._segments, self._at = source, path, segments, offset
        self._starts = [each.start for each in segments]

    def readinto(self, buffer: memoryview) -> int:
        number = bisect_right(self._starts, self._at) - 1
        if number < 0 or not len(buffer):
            return 0
        segment = self._segments[number]
        if self._at >= segment.start + segment.length:
            return 0
        count = self._source.read(segment, self._at, buffer)
        if not count:
            raise Corrupt(f"{self._path} ended early", code="snapshot_corrupt")
        self._at += count
        return count

    def close(self) -> None:
        return None
