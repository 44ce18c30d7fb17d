"""Bringing the file of a snapshot onto disk."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from holdfast.contract.snapshot import CanFetch, Source
from holdfast.engines.sqlite.spec import ENTRY
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.errors import Corrupt, DiskFull
from holdfast.kernel.stop import Stop

_RANGE = 16 << 20
_BUFFER = 1 << 20
_NO_ROOM = frozenset({28, 122})  # ENOSPC, EDQUOT


def pull(source: Source, path: Path, parallel: int, progress: Callable[[int], None] | None, stop: Stop) -> int:
    """Write the database file to `path`, which must not exist, and sync it; returns its bytes.

    Every byte was verified by its hash on the way, and their number is the one the snapshot tells.
    On error the file is removed."""
    size = source.size(ENTRY)
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        try:
            os.ftruncate(descriptor, size)
            target = _Target(descriptor, progress, stop)
            if isinstance(source, CanFetch):
                source.fetch(ENTRY, target.write, max(1, parallel))
            else:
                _pull_streams(source, target, size, parallel)
            if target.total != size:
                raise Corrupt(f"{ENTRY} came with {target.total} bytes instead of {size}", code="snapshot_corrupt")
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


class _Target:
    """The file being filled, from any thread. `failed` tells the other threads to give up."""

    def __init__(self, descriptor: int, progress: Callable[[int], None] | None, stop: Stop) -> None:
        self._descriptor, self._progress, self._stop = descriptor, progress, stop
        self._lock = threading.Lock()
        self.total, self.failed = 0, False

    def write(self, offset: int, data: memoryview) -> None:
        self._stop.check()
        written = 0
        while written < len(data):
            written += os.pwrite(self._descriptor, data[written:], offset + written)
        with self._lock:
            self.total += written
            if self._progress is not None:
                self._progress(self.total)
        crash_point("restore.half")


def _pull_streams(source: Source, target: _Target, size: int, parallel: int) -> None:
    parts = [range(start, min(size, start + _RANGE)) for start in range(0, size, _RANGE)]
    with ThreadPoolExecutor(max(1, parallel)) as pool:
        list(pool.map(lambda part: _copy(source, target, part), parts))


def _copy(source: Source, target: _Target, part: range) -> None:
    """Copy one range. After a failure in one thread the others stop at their next buffer."""
    if target.failed:
        return
    start, end = part.start, part.stop
    try:
        stream = source.open(ENTRY, start)
        try:
            buffer = memoryview(bytearray(min(_BUFFER, max(1, end - start))))
            while start < end and not target.failed:
                count = stream.readinto(buffer[: min(len(buffer), end - start)])
                if count == 0:
                    raise Corrupt(f"{ENTRY} ends {end - start} bytes early", code="snapshot_corrupt")
                target.write(start, buffer[:count])
                start += count
        finally:
            stream.close()
    except BaseException:
        target.failed = True
        raise
