"""Named places where a test may have the process killed or held. Free when not armed."""

from __future__ import annotations

import os
import signal
import time

_ARMED = frozenset(os.environ.get("HOLDFAST_CRASH_AT", "").split(",")) - {""}


def crash_point(name: str) -> None:
    """kill -9 ourselves when HOLDFAST_CRASH_AT names this point, among others with commas between them. Names read
    `area.moment`: "capture.half".

    HOLDFAST_CRASH_ONCE names a file; when it exists the point is passed, else it is created first: the restarted
    process then goes on instead of dying at the same place for ever. When it is a directory, each point has a file of
    its name in there.
    HOLDFAST_CRASH_HOLD names a file too: the calling thread waits here while it exists, instead of dying.
    """
    if name not in _ARMED:
        return
    once = os.environ.get("HOLDFAST_CRASH_ONCE")
    if once:
        once = os.path.join(once, name) if os.path.isdir(once) else once
        try:
            os.close(os.open(once, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            return
    hold = os.environ.get("HOLDFAST_CRASH_HOLD")
    if not hold:
        os.kill(os.getpid(), signal.SIGKILL)
    while hold and os.path.exists(hold):
        time.sleep(0.02)


def steady_after(seconds: float) -> float:
    """How long a process has to live until its earlier deaths are forgiven: HOLDFAST_CRASH_STEADY where a test kills
    one again and again, else `seconds`."""
    return float(os.environ.get("HOLDFAST_CRASH_STEADY", seconds))
