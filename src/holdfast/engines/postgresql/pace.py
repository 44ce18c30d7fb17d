"""Reading a pipe late rather than often: every wake-up costs both of its ends more than copying what came."""

from __future__ import annotations

import contextlib
import fcntl
import time

PIPE_BYTES = 1 << 20
_NAP = 0.002  # in which a server fills about half of it
_ENOUGH = PIPE_BYTES // 4


def widen(descriptor: int) -> None:
    """Past the user's budget of pipes it stays as it is: slower, not wrong."""
    with contextlib.suppress(OSError):
        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


class Pace:
    """When to read a pipe again: at once while much comes or little came so far, else after a nap."""

    def __init__(self, descriptor: int) -> None:
        self._worth = fcntl.fcntl(descriptor, fcntl.F_GETPIPE_SZ) >= PIPE_BYTES
        self._came = 0
        self._last = PIPE_BYTES

    def fresh(self) -> None:
        """Something else is read now."""
        self._came, self._last = 0, PIPE_BYTES

    def before(self) -> None:
        if self._worth and self._last < _ENOUGH < self._came:
            time.sleep(_NAP)

    def took(self, count: int) -> None:
        self._last = count
        self._came += count
