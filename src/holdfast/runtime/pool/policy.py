"""How the pool behaves: numbers in one place."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Policy:
    """Seconds, unless said otherwise.

    `starting`: processes that start at once; more wait in line. `start_seconds`: until a process must be ready.
    `place_seconds`: how long one that does not become ready keeps its place: those that hang must not hold up others.
    `steady_seconds`: one that lived so long has not failed in a row. `longest_pause`: between tries of a version that
    keeps failing. `grace_seconds`: how long a version without weight goes on, and how long a process that is told to
    stop may take. `drain_seconds`: the same at the end of the pool. `silent_seconds`: a process that says nothing for
    so long (and twice its time limit) is given up: it speaks every 5 s as long as its event loop turns.
    `cron_late_seconds`: a turn later than this was missed.
    """

    starting: int = max(2, os.cpu_count() or 2)
    start_seconds: float = 30.0
    place_seconds: float = 2.0
    steady_seconds: float = 10.0
    first_pause: float = 0.5
    longest_pause: float = 60.0
    grace_seconds: float = 30.0
    drain_seconds: float = 8.0
    refresh_seconds: float = 5.0
    sample_seconds: float = 5.0
    watch_seconds: float = 0.5  # between looks at the memory of one that may start processes and has no control group
    silent_seconds: float = 60.0
    busy: float = 0.8
    lines_per_second: int = 1000  # of one process' log; more are dropped and told
    standby: int = 8  # versions with packages that keep a process standing by while they sleep; the last ones
    standby_pause: float = 1.0  # from the end of the last process until one stands by
    standby_bytes: int = 128 * 1024 * 1024  # one that takes more is not kept
    cron_late_seconds: float = 90.0
    cron_most: int = 10
    cron_retries: int = 3
    cron_pause: float = 2.0  # before the first of them, then twice as long each time
    cron_seconds: float = 900.0  # the longest a run may take

    def pause(self, failures: int, ready: bool) -> float:
        """After so many failures in a row. The first death of a process that was ready costs nothing: what waits is
        served at once."""
        if failures <= 1 and ready:
            return 0.0
        return float(min(self.longest_pause, self.first_pause * 2 ** min(failures - 1, 20)))
