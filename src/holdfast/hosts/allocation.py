"""Users and ports given to resources: a small registry on disk, remembered until the resource is removed."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pwd
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from holdfast.kernel.errors import Permanent

FIRST_USER, LAST_USER = 710_000, 779_999
FIRST_PORT, LAST_PORT = 20_000, 29_999


class Allocation:
    """Safe among threads and processes: each act holds a file lock and ends with an atomic replace."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "allocation.json"
        self._lock = directory / "allocation.lock"
        # two installations on one machine should not share users: each begins at a place of its own in the range
        digest = hashlib.sha256(str(directory.resolve()).encode()).digest()
        self._start = int.from_bytes(digest[:4], "big") % (LAST_USER - FIRST_USER + 1)

    def user(self, owner: str) -> int:
        """The uid (and gid) of `owner`: the same at every call until `release`. Raises Permanent when none is left."""
        with self._state() as state:
            users = state["users"]
            if owner not in users:
                taken = set(users.values())
                users[owner] = next((n for n in self._range() if n not in taken and _unknown(n)), 0)
                if not users[owner]:
                    raise Permanent("every user id set aside for servers is in use", code="users_exhausted")
            return int(users[owner])

    def _range(self) -> Iterator[int]:
        size = LAST_USER - FIRST_USER + 1
        return (FIRST_USER + (self._start + step) % size for step in range(size))

    def known_user(self, owner: str) -> int | None:
        with self._state() as state:
            found = state["users"].get(owner)
            return None if found is None else int(found)

    def port(self, owner: str, wanted: int | None = None) -> int:
        """A loopback port for `owner`: remembered, else `wanted`, else one nobody listens on now."""
        with self._state() as state:
            ports = state["ports"]
            if wanted is not None:
                ports[owner] = wanted
            elif owner not in ports:
                ports[owner] = _first_free(set(ports.values()))
            return int(ports[owner])

    def free_port(self) -> int:
        """A port nobody has and nobody listens on; not remembered."""
        with self._state() as state:
            return _first_free(set(state["ports"].values()))

    def release(self, owner: str) -> None:
        """Give everything back. Unknown owners are success."""
        with self._state() as state:
            state["users"].pop(owner, None)
            state["ports"].pop(owner, None)

    @contextmanager
    def _state(self) -> Iterator[dict[str, Any]]:
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            before = self._file.read_text() if self._file.exists() else '{"users": {}, "ports": {}}'
            state: dict[str, Any] = json.loads(before)
            yield state
            after = json.dumps(state, sort_keys=True)
            if after != before:
                write_atomic(self._file, after.encode())
        finally:
            os.close(lock)


def write_atomic(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Replace `path` as a whole; after a crash it holds the old or the new content. For directories we alone own."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _unknown(user: int) -> bool:
    try:
        pwd.getpwuid(user)
    except KeyError:
        return True
    return False


def _first_free(taken: set[int]) -> int:
    start = FIRST_PORT + int.from_bytes(os.urandom(2), "big") % (LAST_PORT - FIRST_PORT)
    for step in range(LAST_PORT - FIRST_PORT + 1):
        port = FIRST_PORT + (start - FIRST_PORT + step) % (LAST_PORT - FIRST_PORT + 1)
        if port not in taken and port_is_free(port):
            return port
    raise Permanent("every port set aside for servers is in use", code="ports_exhausted")


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether nothing listens there at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
