"""Wake other processes of this installation after a commit: a datagram to every listener's socket.

Lossy by design: a full or dead listener is skipped, so a listener always reads the database after waking and also
after its timeout. Nothing but the topic travels. Only our own user can reach the sockets (directory 0700).
"""

from __future__ import annotations

import asyncio
import os
import select
import socket
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from holdfast.kernel.errors import NeedsOperator

_LONGEST_PATH = 107
_LONGEST_TOPIC = 200


class Listener:
    """One process's ear. Use `wait` from a thread, or `async for topic in listener`; not both at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)
        self._socket.bind(str(path))

    def wait(self, timeout: float) -> set[str]:
        """Topics heard, at once or as soon as one comes; empty after `timeout` seconds or when closed."""
        if self._socket.fileno() < 0:
            return set()
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        poll.poll(max(0.0, timeout) * 1000)
        return self.drain()

    def drain(self) -> set[str]:
        """Topics already waiting."""
        heard: set[str] = set()
        while True:
            try:
                heard.add(self._socket.recv(_LONGEST_TOPIC).decode("utf-8", "replace"))
            except OSError:
                return heard

    async def __aiter__(self) -> AsyncIterator[str]:
        loop = asyncio.get_running_loop()
        while self._socket.fileno() >= 0:
            try:
                yield (await loop.sock_recv(self._socket, _LONGEST_TOPIC)).decode("utf-8", "replace")
            except OSError:
                return

    def close(self) -> None:
        """Stop listening and remove the socket. Idempotent."""
        self._socket.close()
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Wake:
    """Notifies and listens below `<runtime>/wake/`. Topics in use: `runs`, `run:<id>`.

    Raises NeedsOperator when the runtime directory is too long for a unix socket (107 bytes) or is not ours.
    """

    def __init__(self, runtime: Path) -> None:
        self.directory = runtime / "wake"
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.directory.stat().st_uid != os.geteuid():
            raise NeedsOperator(
                f"{self.directory} belongs to another user",
                hint="Remove it, or set HOLDFAST_RUNTIME to a directory of your own.",
            )
        self.forward: Callable[[str], None] | None = None  # a relay to other nodes; it must neither block nor raise
        self._ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._ear.setblocking(False)

    def listen(self, name: str) -> Listener:
        """A new listener; `name` is for people, several may share one."""
        path = self.directory / f"{name[:24]}.{os.getpid()}.{os.urandom(3).hex()}"
        if len(os.fsencode(path)) > _LONGEST_PATH:
            raise NeedsOperator(
                f"{path} is longer than the {_LONGEST_PATH} bytes a unix socket path may have",
                hint="Set HOLDFAST_RUNTIME to a short directory, such as /run/holdfast.",
            )
        return Listener(path)

    def notify(self, topic: str) -> None:
        """Tell every listener, here and on other nodes; never blocks, never raises for one that is slow or gone."""
        self._tell(topic, "")
        if (forward := self.forward) is not None:
            forward(topic[:_LONGEST_TOPIC])

    def tell_own(self, topic: str) -> None:
        """Tell this process's listeners only: what came from another node, every process here has heard itself."""
        self._tell(topic, f".{os.getpid()}.")

    def _tell(self, topic: str, whose: str) -> None:
        message = topic.encode()[:_LONGEST_TOPIC]
        try:
            names = os.listdir(self.directory)
        except OSError:
            return
        for name in names:
            if whose not in name:
                continue
            path = self.directory / name
            try:
                self._ear.sendto(message, str(path))
            except ConnectionRefusedError:
                self._remove_stale(path)  # its owner was killed: nobody else would ever remove it
            except OSError:
                continue

    @staticmethod
    def _remove_stale(path: Path) -> None:
        try:
            if stat.S_ISSOCK(path.lstat().st_mode):
                path.unlink()
        except OSError:
            return

    def close(self) -> None:
        """Give the sending socket back."""
        self._ear.close()
