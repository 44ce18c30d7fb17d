"""Several files as one zip, made while it is sent: stored as they are, zip64, sizes behind each file (APPNOTE 4.3.9).

Memory: one piece, and some hundred bytes for each file until the end, where the directory is. Without the directory no
program opens it: what broke off cannot be taken for the whole.
"""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, cast

_OLDEST = datetime(1980, 1, 1, tzinfo=UTC)  # what a zip can say


@dataclass(frozen=True)
class ZipMember:
    """A file to be. `pieces` are asked for when its turn comes, and closed whatever happens."""

    name: str
    at: datetime
    pieces: Iterator[bytes]


class _Sink:
    """What was written since it was last asked. It cannot seek: sizes go behind the files."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        pass

    def taken(self) -> Iterator[bytes]:
        pieces, self._pieces = self._pieces, []
        return iter(pieces)


def zipped(members: Iterable[ZipMember]) -> Iterator[bytes]:
    """The zip's bytes. Names must differ. What a member raises ends it in the middle."""
    sink = _Sink()
    with zipfile.ZipFile(cast(IO[bytes], sink), "w", zipfile.ZIP_STORED, allowZip64=True) as made:
        for member in members:
            at = max(member.at.astimezone(UTC), _OLDEST)
            info = zipfile.ZipInfo(member.name, (at.year, at.month, at.day, at.hour, at.minute, at.second))
            info.external_attr = (stat.S_IFREG | 0o600) << 16
            try:
                with made.open(info, "w", force_zip64=True) as file:
                    for piece in member.pieces:
                        file.write(piece)
                        yield from sink.taken()
            finally:
                if isinstance(member.pieces, Generator):
                    member.pieces.close()
            yield from sink.taken()
    yield from sink.taken()
