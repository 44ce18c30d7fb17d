"""The body of a request, as far as it has come."""

from __future__ import annotations

from holdfast.runtime.edge import chunks
from holdfast.runtime.edge.heads import CHUNKED


class TooLarge(ValueError):
    """More than this worker takes."""


class Body:
    """Either so many bytes, or chunks up to `most`. `rest` is what came behind the end: the next request."""

    __slots__ = ("_chunks", "_left", "_most", "done", "rest", "seen")

    def __init__(self, length: int, most: int) -> None:
        self._chunks = chunks.Chunks() if length == CHUNKED else None
        self._left, self._most = length, most
        self.done = False
        self.rest = b""
        self.seen = 0

    def feed(self, data: bytes) -> bytes:
        """The content in `data`, framed for the worker. Raises BadChunks, TooLarge."""
        if self._chunks is None:
            if len(data) >= self._left:
                self.rest, data = data[self._left :], data[: self._left]
                self.done = True
            self._left -= len(data)
            self.seen += len(data)
            return data
        if not data:
            return b""
        content = self._chunks.feed(data)
        self.seen += len(content)
        if self.seen > self._most:
            raise TooLarge
        framed = chunks.encode(content) if content else b""
        if self._chunks.done:
            self.done, self.rest = True, self._chunks.rest
            return framed + chunks.END
        return framed
