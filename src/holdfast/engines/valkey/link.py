"""A line to a server: RESP3 over a unix or TCP socket, with a deadline and a byte budget (valkey.io/topics/protocol).

Our own and small: a snapshot needs the raw replication stream, a query needs to stop in the middle of an answer.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from holdfast.contract.spec import Access, Endpoint
from holdfast.engines.valkey import blocks
from holdfast.engines.valkey.plan import SOCKET, rules
from holdfast.kernel.errors import Denied, HoldfastError, Invalid, LimitExceeded, Retryable
from holdfast.kernel.stop import Stop

Word = bytes | str | int
_DEEP = 32


class Refused(Exception):
    """An error the server answered with; `code` is its first word."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.code = text.split(" ", 1)[0]


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

    def select(self, number: int) -> None:
        """Database `number` as its users count. Raises Invalid beyond the last: the next block is not theirs."""
        if self.count is not None and not 0 <= number < self.count:
            raise Invalid(
                f"there is no database {number} here: the last is {self.count - 1}",
                code="database_absent",
                hint="a resource with more databases takes it",
            )
        self.command("SELECT", self.first + number)

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
        text = self.line()
        return text[:1], text[1:]

    def read(self) -> Any:
        return self.value(*self.head())

    def value(self, kind: bytes, rest: bytes, depth: int = 0) -> Any:
        """The whole of an answer: maps are lists of pairs, sets are lists, errors are Refused values."""
        if depth > _DEEP:
            raise Refused("ERR the answer is nested too deeply")
        if kind == b"$":
            return None if rest == b"-1" else self.take(int(rest) + 2)[:-2]
        if kind == b"=":  # verbatim: three letters say what the text is, a colon follows
            return self.take(int(rest) + 2)[4:-2]
        if kind in b"*~>":
            return None if rest == b"-1" else [self.value(*self.head(), depth + 1) for _ in range(int(rest))]
        if kind == b"%":
            return [[self.value(*self.head(), depth + 1) for _ in range(2)] for _ in range(int(rest))]
        if kind == b"-":
            return Refused(rest.decode(errors="replace"))
        return _scalar(kind, rest)


def _scalar(kind: bytes, rest: bytes) -> Any:
    if kind == b"+":
        return rest.decode(errors="replace")
    if kind in (b":", b"("):
        return int(rest)
    if kind == b",":
        return float(rest)
    if kind == b"#":
        return rest == b"t"
    if kind == b"_":
        return None
    raise ConnectionError(f"an answer of an unknown kind: {kind!r}")


@contextmanager
def unix(path: Path) -> Iterator[socket.socket]:
    """A socket whose path may be longer than the kernel's 107 bytes: reached through its directory's descriptor."""
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(10)
            sock.connect(f"/proc/self/fd/{directory}/{path.name}")
            yield sock
    finally:
        os.close(directory)


@contextmanager
def connect(
    at: Endpoint,
    access: Access = "admin",
    *,
    seconds: float = 60.0,
    budget: int | None = None,
    stop: Stop | None = None,
    wait: float = 10.0,
    database: int = 0,
) -> Iterator[Link]:
    """A signed-in line in a numbered database; a server that is still loading is waited for.

    Raises Retryable, Denied, Cancelled, Invalid (code "database_absent"), NotFound when nothing is beside by that name.
    """
    try:
        with _socket(at) as sock:
            if stop is not None:
                stop.check()
                stop.on_stop(lambda: _hang_up(sock))
            link = Link(sock, seconds)
            if access == "admin" or at.beside is not None:
                _enter(link, at, wait)
            if access != "admin":
                link.command("HELLO", 3, "AUTH", *_login(link, at, access))
            if at.beside is not None or database:
                link.select(database)
            link.budget = budget
            yield link
    except Refused as error:
        raise translate(error) from error
    except OSError as error:
        if stop is not None:
            stop.check()
        raise lost(error, seconds) from error


def _enter(link: Link, at: Endpoint, wait: float) -> None:
    """As our admin: once the server has loaded, which block is ours."""
    role = at.roles["admin"]
    link.command("HELLO", 3, "AUTH", role.user, at.secrets[role.secret])
    _loaded(link, wait)
    link.count = blocks.visible(link)
    if at.beside is not None:
        link.first = blocks.first(link, at.beside)
        link.select(0)


def _login(link: Link, at: Endpoint, access: Access) -> tuple[str, str]:
    """User and password. Beside the living data the users' rights end: there they have namesakes, made when needed."""
    role = at.roles[access]
    user = role.user
    if at.beside is not None:
        user = f"{role.user}:{at.beside}"
        numbers = range(link.first, link.first + (link.count or 0))
        link.command("ACL", "SETUSER", user, *rules(at, access, numbers))
    return user, at.secrets[role.secret]


def lost(error: OSError, seconds: float) -> HoldfastError:
    if isinstance(error, TimeoutError):
        return LimitExceeded(f"the server did not answer within {seconds:g} s", code="query_timeout")
    return Retryable(f"the server is out of reach: {error.strerror or error}", code="server_away")


def _socket(at: Endpoint) -> Any:
    if at.sockets is not None:
        return unix(at.sockets / SOCKET)
    return socket.create_connection((at.host or "127.0.0.1", at.port or 6379), timeout=10)


def _hang_up(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _loaded(link: Link, wait: float) -> None:
    until = time.monotonic() + wait
    while True:
        try:
            link.command("PING")
        except Refused as error:
            if error.code != "LOADING" or time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return


def translate(error: Refused, *, write: bool = True) -> HoldfastError:
    """The server's word as ours; its text is kept."""
    text = str(error)
    if (error.code == "NOPERM" and "database" in text) or text.startswith("ERR DB index"):
        return Invalid("there is no such database here", code="database_absent", hint=text)
    if error.code == "NOPERM":
        return Denied(text, code="statement_denied" if write else "read_only")
    if error.code in ("WRONGPASS", "NOAUTH"):
        return Denied("the server refuses our password", code="login_refused")
    if error.code in ("LOADING", "BUSY", "MASTERDOWN", "TRYAGAIN"):
        return Retryable(text, code="server_busy")
    if error.code == "OOM":
        return LimitExceeded(text, code="out_of_memory", hint="raise max_data_mb, or choose an eviction")
    return Invalid(text, code="statement_invalid")
