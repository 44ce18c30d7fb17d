"""A signed-in line to a server: ours over a unix or TCP socket, a stranger's through the relay's unix socket."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from holdfast.contract.spec import Access, Endpoint
from holdfast.engines.valkey import blocks, foreign
from holdfast.engines.valkey.plan import SOCKET, rules
from holdfast.engines.valkey.resp import Link, Refused, TooMuch, Word
from holdfast.kernel.errors import Denied, HoldfastError, Invalid, LimitExceeded, Retryable
from holdfast.kernel.stop import Stop

__all__ = ["Link", "Refused", "TooMuch", "Word", "connect", "lost", "translate", "unix"]


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
            if not at.hosted:
                foreign.enter(link, at, access, lambda: _loaded(link, wait))
                if at.beside is not None:
                    foreign.move_beside(link, at, access, blocks.first(link, at.beside))
            else:
                _enter(link, at, access, wait)
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


def _enter(link: Link, at: Endpoint, access: Access, wait: float) -> None:
    """As our admin first, once the server has loaded, where it matters which block is ours."""
    if access == "admin" or at.beside is not None:
        role = at.roles["admin"]
        said = link.command("HELLO", 3, "AUTH", role.user, at.secrets[role.secret])
        link.redis = [b"server", b"redis"] in said
        _loaded(link, wait)
        link.count = link.span = blocks.visible(link)
        link.rooms = blocks.BLOCKS
        if at.beside is not None:
            link.first = blocks.first(link, at.beside)
            link.select(0)
    if access != "admin":
        link.command("HELLO", 3, "AUTH", *_login(link, at, access))


def _login(link: Link, at: Endpoint, access: Access) -> tuple[str, str]:
    """User and password. Beside the living data the users' rights end: there they have namesakes, made when needed."""
    role = at.roles[access]
    user = role.user
    if at.beside is not None:
        user = f"{role.user}:{at.beside}"
        numbers = range(link.first, link.first + (link.count or 0))
        link.command("ACL", "SETUSER", user, *rules(at, access, numbers, redis=link.redis))
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
    if (error.code == "NOPERM" and "database" in text) or "DB index is out of range" in text:
        return Invalid("there is no such database here", code="database_absent", hint=text)
    if error.code == "NOPERM":
        if not write:
            return Denied(text, code="read_only", hint="a statement that writes is sent as one: --write")
        return Denied(text, code="statement_denied")
    if error.code in ("WRONGPASS", "NOAUTH"):
        return Denied("the server refuses our password", code="login_refused")
    if error.code in ("LOADING", "BUSY", "MASTERDOWN", "TRYAGAIN"):
        return Retryable(text, code="server_busy")
    if error.code == "OOM":
        return LimitExceeded(text, code="out_of_memory", hint="raise max_data_mb, or choose an eviction")
    return Invalid(text, code="statement_invalid")
