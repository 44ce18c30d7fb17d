"""Small streams: bytes in memory."""

from __future__ import annotations

from holdfast.contract.snapshot import Source


class BytesStream:
    """A `Stream` over bytes held in memory."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def readinto(self, buffer: memoryview) -> int:
        count = min(len(buffer), len(self._content) - self._at)
        buffer[:count] = self._content[self._at : self._at + count]
        self._at += count
        return count

    def close(self) -> None:
        return


def read_all(source: Source, path: str) -> bytes:
    """A whole small entry (schema, sequences), verified."""
    content = bytearray(source.size(path))
    view = memoryview(content)
    stream = source.open(path)
    at = 0
    try:
        while at < len(content) and (count := stream.readinto(view[at:])):
            at += count
    finally:
        stream.close()
    return bytes(content[:at])
