"""The chunked coding (RFC 9112, 7.1), read strictly: what two readers could take differently is refused."""

from __future__ import annotations

import re

_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t\x20-\x7e]*)?")
_FIELD = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*")
LONGEST_LINE = 4096
MOST_BESIDE = 16 * 1024  # bytes of extensions and trailers of one message
END = b"0\r\n\r\n"
_SIZE, _DATA, _AFTER, _TRAILER, _DONE = range(5)


class BadChunks(ValueError):
    """This body has no one meaning."""


def encode(data: bytes) -> bytes:
    """One chunk. `data` must not be empty: that would be the end."""
    return b"%x\r\n%b\r\n" % (len(data), data)


class Chunks:
    """A decoder. `feed` what comes, in any pieces; extensions and trailers are read and forgotten."""

    __slots__ = ("_beside", "_left", "_pending", "_state", "rest")

    def __init__(self) -> None:
        self._state = _SIZE
        self._left = 0
        self._beside = 0
        self._pending = b""
        self.rest = b""  # what came behind the end

    @property
    def done(self) -> bool:
        return self._state == _DONE

    def feed(self, data: bytes) -> bytes:
        """The content in `data`. Raises BadChunks. Not called once `done`."""
        if self._pending:
            data, self._pending = self._pending + data, b""
        found: list[bytes] = []
        at, size = 0, len(data)
        while at < size:
            if self._state == _DATA:
                piece = data[at : at + self._left]
                found.append(piece)
                at += len(piece)
                self._left -= len(piece)
                if not self._left:
                    self._state = _AFTER
                continue
            end = data.find(b"\r\n", at, at + LONGEST_LINE + 2)
            if end < 0:
                self._wait(data[at:])
                break
            self._line(data[at:end])
            at = end + 2
            if self._state == _DONE:
                self.rest = data[at:]
                break
        return found[0] if len(found) == 1 else b"".join(found)

    def _wait(self, part: bytes) -> None:
        if len(part) > LONGEST_LINE:
            raise BadChunks("a line is too long")
        if b"\n" in part or b"\r" in part[:-1] or (self._state == _AFTER and part != b"\r"):
            raise BadChunks("a line does not end as it should")
        self._pending = part

    def _line(self, line: bytes) -> None:
        if self._state == _AFTER:
            if line:
                raise BadChunks("a chunk is longer than it said")
            self._state = _SIZE
        elif self._state == _TRAILER:
            self._trailer(line)
        else:
            match = _LINE.fullmatch(line)
            if match is None:
                raise BadChunks("the size of a chunk cannot be read")
            self._count(len(line) - len(match[1]))
            self._left = int(match[1], 16)
            self._state = _DATA if self._left else _TRAILER

    def _trailer(self, line: bytes) -> None:
        if not line:
            self._state = _DONE
            return
        if not _FIELD.fullmatch(line):
            raise BadChunks("a trailer cannot be read")
        self._count(len(line))

    def _count(self, more: int) -> None:
        self._beside += more
        if self._beside > MOST_BESIDE:
            raise BadChunks("more beside the content than belongs there")
