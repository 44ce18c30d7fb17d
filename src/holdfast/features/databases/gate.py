"""Who may talk to a database right now: sessions share the gate, whoever swaps or stops it closes it.

A lock on a small file (flock): it works across processes, and the kernel gives it back when a holder is killed.
The order is what makes it safe: a session takes the gate and THEN reads the resource's state; the other side writes
the state and THEN closes the gate. So no statement can run on a database that was swapped away meanwhile.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from holdfast.kernel.errors import Conflict, Retryable
from holdfast.kernel.stop import Stop

_LOOK_SECONDS = 0.02


class Gate:
    """Gates of all databases below one directory of lock files."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @contextmanager
    def shared(self, resource_id: str) -> Iterator[None]:
        """Held while one statement runs. Never waits: raises Conflict (code "database_busy") when it is closed."""
        descriptor = self._open(resource_id)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Conflict(
                    "this database is being stopped, swapped or deleted",
                    code="database_busy",
                    hint="Its state says when it is ready again.",
                ) from None
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def closed(self, resource_id: str, stop: Stop, *, seconds: float) -> Iterator[None]:
        """Wait until every statement has ended, then keep new ones out. Raises Retryable (code "database_in_use") after
        `seconds`, Cancelled on `stop`."""
        descriptor = self._open(resource_id)
        try:
            self._lock(descriptor, stop, time.monotonic() + seconds)
            yield
        finally:
            os.close(descriptor)

    @staticmethod
    def _lock(descriptor: int, stop: Stop, deadline: float) -> None:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except OSError as error:
                if error.errno not in (errno.EWOULDBLOCK, errno.EINTR):
                    raise
            if time.monotonic() > deadline:
                raise Retryable("statements are still running on this database", code="database_in_use")
            stop.wait(_LOOK_SECONDS)
            stop.check()

    def _open(self, resource_id: str) -> int:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(self._directory / f"{resource_id}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def forget(self, resource_id: str) -> None:
        """Remove the lock file of a purged database."""
        (self._directory / f"{resource_id}.lock").unlink(missing_ok=True)
