"""Bringing the file of a snapshot onto disk."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from holdfast.contract.snapshot import Source
from holdfast.engines.sqlite.spec import ENTRY
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.errors import Corrupt, DiskFull
from holdfast.kernel.stop import Stop

_RANGE = 16 << 20
_BUFFER = 1 << 20
_NO_ROOM = frozenset({28, 122})  # ENOSPC, EDQUOT


def pull(source: Source, path: Path, parallel: int, progress: Callable[[int], None] | None, stop: Stop) -> int:
    """Write the database file to `path`, which must not exist, and sync it; returns its bytes.

    On error the file is removed."""
    size = source.size(ENTRY)
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        try:
            os.ftruncate(descriptor, size)
            counter = _Counter(progress)
            parts = [range(start, min(size, start + _RANGE)) for start in range(0, size, _RANGE)]
            with ThreadPoolExecutor(max(1, parallel)) as pool:
                list(pool.map(lambda part: _copy(source, descriptor, part, counter, stop), parts))
            stop.check()
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        path.unlink()
        if error.errno in _NO_ROOM:
            raise DiskFull(
                f"no room left on the device of {path.parent}", hint="free some space and try again"
            ) from error
        raise
    except BaseException:
        path.unlink()
        raise
    return size


class _Counter:
    def __init__(self, progress: Callable[[int], None] | None) -> None:
        self._progress, self._total, self._lock = progress, 0, threading.Lock()
        self.failed = False

    def add(self, count: int) -> None:
        with self._lock:
            self._total += count
            if self._progress is not None:
                self._progress(self._total)


def _copy(source: Source, descriptor: int, part: range, counter: _Counter, stop: Stop) -> None:
    """Copy one range. After a failure in one thread the others stop at their next buffer."""
    if counter.failed:
        return
    start, end = part.start, part.stop
    try:
        stream = source.open(ENTRY, start)
        try:
            buffer = memoryview(bytearray(min(_BUFFER, max(1, end - start))))
            while start < end and not counter.failed:
                stop.check()
                count = stream.readinto(buffer[: min(len(buffer), end - start)])
                if count == 0:
                    raise Corrupt(f"{ENTRY} ends {end - start} bytes early", code="snapshot_corrupt")
                written = 0
                while written < count:
                    written += os.pwrite(descriptor, buffer[written:count], start + written)
                start += count
                counter.add(count)
                crash_point("restore.half")
        finally:
            stream.close()
    except BaseException:
        counter.failed = True
        raise
