"""Hear of a file that is renamed into place: one inotify(7) watch on its directory."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

_CLOSE_WRITE, _MOVED_TO = 0x8, 0x80  # <sys/inotify.h>
_libc = ctypes.CDLL(None, use_errno=True)


class Watch:
    """`fileno` is readable when something changed; `drain` reads it away. Raises OSError where inotify has no room."""

    def __init__(self, directory: Path) -> None:
        self._fd = int(_libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        if _libc.inotify_add_watch(self._fd, os.fsencode(directory), _CLOSE_WRITE | _MOVED_TO) < 0:
            error = ctypes.get_errno()
            os.close(self._fd)
            raise OSError(error, "inotify_add_watch", str(directory))

    def fileno(self) -> int:
        return self._fd

    def drain(self) -> None:
        try:
            while os.read(self._fd, 65536):
                pass
        except BlockingIOError:
            return

    def close(self) -> None:
        os.close(self._fd)
