"""RESP3 over a socket (valkey.io/topics/protocol), with a deadline and a byte budget.

Our own and small: a snapshot needs the raw replication stream, a query needs to stop in the middle of an answer.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable
from typing import Any

from holdfast.kernel.errors import Invalid

Word = bytes | str | int
_DEEP = 32
_KINDS = b"+-:$*_#,(!=%~>|"
_LONGEST = 1 << 16  # bytes of a line


class Refused(Exception):
    """An error the server answered with; `code` is its first word."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.code = text.split(" ", 1)[0]


class Garbled(ConnectionError):
    """What came is no RESP: another protocol, or a server that lost its place. The connection is of no further use."""


class TooMuch(Exception):
    """The byte budget is spent; the connection is of no further use."""


class Link:
    """One connection, one user, one thread. A broken one raises OSError from every verb."""

    def __init__(self, sock: socket.socket, seconds: float = 30.0, budget: int | None = None) -> None:
        self.sock = sock
        self.budget = budget
        self._buffer = bytearray()
        self.until = time.monotonic() + seconds
        self.seconds = seconds
        self.first = 0  # the first numbered database of the block this line works in
        self.count: int | None = None  # how many there are in it; None: all of the server's
        self.span = 0  # databases of one block
        self.rooms = 0  # blocks of the whole server, the living one included
        self.hosted = True
        self.redis = False  # no fence of databases in its ACL, no WAITAOF

    def select(self, number: int) -> None:
        """Database `number` as its users count. Raises Invalid beyond the last: the next block is not theirs."""
        if self.count is not None and not 0 <= number < self.count:
            raise Invalid(
                f"there is no database {number} here: the last is {self.count - 1}",
                code="database_absent",
                hint="a resource with more databases takes it",
            )
        try:
            self.command("SELECT", self.first + number)
        except Refused as error:
            if error.code != "NOPERM":
                raise
            raise Invalid(f"there is no database {number} here", code="database_absent") from error

    def send(self, commands: Iterable[Iterable[Word]]) -> None:
        self.until = time.monotonic() + self.seconds
        out = bytearray()
        for words in commands:
            parts = [w if isinstance(w, bytes) else str(w).encode() for w in words]
            out += b"*%d\r\n" % len(parts)
            for part in parts:
                out += b"$%d\r\n%b\r\n" % (len(part), part)
        self._patience()
        self.sock.sendall(out)

    def command(self, *words: Word) -> Any:
        """The answer; raises Refused."""
        self.send([words])
        answer = self.read()
        if isinstance(answer, Refused):
            raise answer
        return answer

    def pipeline(self, commands: list[tuple[Word, ...]]) -> list[Any]:
        """Answers in order; an error among them is a Refused value, not raised."""
        self.send(commands)
        return [self.read() for _ in commands]

    def _patience(self) -> None:
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError("no answer in time")
        self.sock.settimeout(left)

    def fill(self) -> None:
        self._patience()
        part = self.sock.recv(1 << 18)
        if not part:
            raise ConnectionResetError("the server closed the connection")
        if self.budget is not None:
            self.budget -= len(part)
            if self.budget < 0:
                raise TooMuch
        self._buffer += part

    def line(self) -> bytes:
        start = 0
        while (at := self._buffer.find(b"\r\n", start)) < 0:
            start = max(0, len(self._buffer) - 1)
            if start > _LONGEST:
                raise Garbled("a line without end")
            self.fill()
        text = bytes(self._buffer[:at])
        del self._buffer[: at + 2]
        return text

    def take(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self.fill()
        text = bytes(self._buffer[:count])
        del self._buffer[:count]
        return text

    def some(self) -> bytes:
        """Whatever has come, at least one byte."""
        if not self._buffer:
            self.fill()
        text = bytes(self._buffer)
        self._buffer.clear()
        return text

    def head(self) -> tuple[bytes, bytes]:
        """The kind and the rest of the next answer's first line."""
        if not self._buffer:
            self.fill()
        if self._buffer[0] not in _KINDS:  # at once: another protocol may never send the end of a line
            raise Garbled(f"an answer of an unknown kind: {bytes(self._buffer[:1])!r}")
        text = self.line()
        return text[:1], text[1:]

    def read(self) -> Any:
        return self.value(*self.head())

    def value(self, kind: bytes, rest: bytes, depth: int = 0) -> Any:
        """The whole of an answer: maps are lists of pairs, sets are lists, errors are Refused values."""
        if depth > _DEEP:
            raise Refused("ERR the answer is nested too deeply")
        if kind == b"$":
            return None if rest == b"-1" else self.take(_count(rest) + 2)[:-2]
        if kind == b"=":
            return self.take(_count(rest) + 2)[4:-2]  # "txt:" comes first
        if kind and kind in b"*~>":
            return None if rest == b"-1" else [self.value(*self.head(), depth + 1) for _ in range(_count(rest))]
        if kind == b"%":
            return [[self.value(*self.head(), depth + 1) for _ in range(2)] for _ in range(_count(rest))]
        if kind == b"-":
            return Refused(rest.decode(errors="replace"))
        return _scalar(kind, rest)


def _count(text: bytes) -> int:
    if not text.isdigit():
        raise Garbled(f"a length that is none: {text[:20]!r}")
    return int(text)


def _scalar(kind: bytes, rest: bytes) -> Any:
    if kind == b"+":
        return rest.decode(errors="replace")
    try:
        if kind in (b":", b"("):
            return int(rest)
        if kind == b",":
            return float(rest)
    except ValueError:
        raise Garbled(f"a number that is none: {rest[:20]!r}") from None
    if kind == b"#":
        return rest == b"t"
    if kind == b"_":
        return None
    raise Garbled(f"an answer of an unknown kind: {kind!r}")
