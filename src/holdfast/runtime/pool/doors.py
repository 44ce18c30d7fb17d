"""The two listening sockets of a version, from its first to its last day. Who waits on them is noticed here while no
process accepts; while the version is left alone after failures, they are answered at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from pathlib import Path

from holdfast.kernel.errors import NeedsOperator
from holdfast.runtime.live import Sockets

_LONGEST_PATH = 107
_BACKLOG = 1024
_AT_ONCE = 64
_REFUSING = 512  # connections that are being answered at the same time; more are only closed
_HEAD = 64 * 1024
_PATIENCE = 2.0
_REST = 0.2


class Doors:
    """`waiting` is called once when somebody waits, until `watch` is called again."""

    def __init__(self, sockets: Sockets, waiting: Callable[[], None]) -> None:
        self.sockets = sockets
        self._waiting = waiting
        self._http, self._inner = _opened(sockets)
        self._paths = sockets.http, sockets.inner
        self._inodes = tuple(path.stat().st_ino for path in self._paths)
        self._watched = False
        self._refusal: Callable[[], bytes] | None = None
        self._answering: set[asyncio.Task[None]] = set()

    @property
    def descriptors(self) -> tuple[int, int]:
        return self._http.fileno(), self._inner.fileno()

    def watch(self) -> None:
        """No process accepts: say so when somebody comes."""
        self._refusal = None
        self._listen()

    def refuse(self, answer: Callable[[], bytes]) -> None:
        """Answer whoever comes with this until the next `watch` or `leave`."""
        self._refusal = answer
        self._listen()

    def leave(self) -> None:
        """A process accepts, or will in a moment."""
        self._refusal = None
        if self._watched:
            loop = asyncio.get_running_loop()
            for each in (self._http, self._inner):
                loop.remove_reader(each)
            self._watched = False

    def close(self) -> None:
        """For good; what waits is told by the kernel. Idempotent."""
        if self._http.fileno() < 0:
            return
        self.leave()
        for task in self._answering:
            task.cancel()
        for each, path, inode in zip((self._http, self._inner), self._paths, self._inodes, strict=True):
            each.close()
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_ino == inode:  # else the version has come back and these are its new ones
                    path.unlink()
        with contextlib.suppress(OSError):  # others may still have theirs in it: swept later
            self.sockets.directory.rmdir()

    def _rest(self) -> None:
        answer = self._refusal
        self.leave()
        self._refusal = answer
        asyncio.get_running_loop().call_later(_REST, self._rested)

    def _rested(self) -> None:
        if self._refusal is not None and self._http.fileno() >= 0:
            self._listen()

    def _listen(self) -> None:
        if not self._watched:
            loop = asyncio.get_running_loop()
            for each in (self._http, self._inner):
                loop.add_reader(each, self._readable, each)
            self._watched = True

    def _readable(self, listener: socket.socket) -> None:
        if self._refusal is None:
            self.leave()
            self._waiting()
            return
        for _ in range(_AT_ONCE):
            try:
                connection, _ = listener.accept()
            except BlockingIOError:
                return  # nobody more
            except OSError:  # no descriptor is left: without a rest this would be asked again at once, and again
                self._rest()
                return
            connection.setblocking(False)
            if len(self._answering) >= _REFUSING:
                connection.close()
                continue
            task = asyncio.get_running_loop().create_task(_answer(connection, self._refusal()))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)


async def _answer(connection: socket.socket, answer: bytes) -> None:
    """The request's head is read first and the rest let pass for a moment, else the client may see a broken pipe in
    place of the answer."""
    loop = asyncio.get_running_loop()
    with connection:
        try:
            async with asyncio.timeout(_PATIENCE):
                head = b""
                while b"\r\n\r\n" not in head and len(head) < _HEAD:
                    part = await loop.sock_recv(connection, 65536)
                    if not part:
                        break
                    head += part
                await loop.sock_sendall(connection, answer)
                connection.shutdown(socket.SHUT_WR)
                while await loop.sock_recv(connection, 65536):
                    continue
        except (OSError, TimeoutError):
            return  # the client has gone, or takes its time


def _opened(sockets: Sockets) -> tuple[socket.socket, socket.socket]:
    longest = sockets.inner if len(str(sockets.inner)) > len(str(sockets.http)) else sockets.http
    if len(os.fsencode(longest)) > _LONGEST_PATH:
        raise NeedsOperator(
            f"the socket path {longest} is longer than {_LONGEST_PATH} bytes",
            code="runtime_too_long",
            hint="choose a shorter directory with HOLDFAST_RUNTIME",
        )
    top = sockets.directory.parent
    for directory in (top, sockets.directory):
        directory.mkdir(mode=0o711, parents=True, exist_ok=True)
        directory.chmod(0o711)  # whatever the umask: the version's own user passes through to `bind` and `egress`
    made = listener(sockets.http)
    try:
        return made, listener(sockets.inner)
    except OSError:
        made.close()
        raise


def listener(path: Path) -> socket.socket:
    """A listening 0600 socket; what was at this path is replaced."""
    path.unlink(missing_ok=True)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        made.bind(str(path))
        made.listen(_BACKLOG)
    except OSError:
        made.close()
        raise
    finally:
        os.umask(before)
    made.setblocking(False)
    return made


def sweep(runtime: Path, living: set[str]) -> None:
    """Remove what versions that are gone have left below `<runtime>/w/`; the sockets of others are theirs to remove,
    their directories go when they are empty."""
    try:
        tokens = [each.name for each in (runtime / "w").iterdir() if each.name not in living]
    except OSError:
        return
    for token in tokens:
        left = Sockets.of(runtime, token)
        with contextlib.suppress(OSError):
            left.http.unlink(missing_ok=True)
            left.inner.unlink(missing_ok=True)
            left.trial.unlink(missing_ok=True)
            left.directory.rmdir()
