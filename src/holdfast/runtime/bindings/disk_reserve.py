"""The disk's reserve: writes are refused while it can still take what must be written to get out of the trouble."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

_LOOK_SECONDS: Final = 0.25


def _free(path: Path) -> int:
    return shutil.disk_usage(path).free


class DiskReserve:
    """So many bytes stay free on the disk of whatever is written. Called from the threads that write."""

    def __init__(self, reserve: int = 0, free: Callable[[Path], int] = _free) -> None:
        self._reserve = reserve
        self._free = free
        self._seen: dict[Path, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def shortage(self, path: Path, needed: int = 0) -> str | None:
        """Why a write of `needed` bytes beside `path` has to wait, in words; None when it may be made. What is said
        may be a quarter of a second old; what was allowed since is taken from it."""
        if not self._reserve:
            return None
        folder, now = path.parent, time.monotonic()
        with self._lock:
            looked, free = self._seen.get(folder, (0.0, 0))
            if now - looked > _LOOK_SECONDS:
                try:
                    looked, free = now, self._free(folder)
                except OSError as error:
                    return f"the disk cannot be asked for its space: {error.strerror}"
            allowed = free - needed >= self._reserve
            self._seen[folder] = (looked, free - needed if allowed else free)
        if allowed:
            return None
        return f"the disk is nearly full: {free} bytes are free and {self._reserve} of them stay in reserve"
