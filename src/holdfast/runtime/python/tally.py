"""Invocations of a busy second that went well, counted together: a record of each costs more than a small request.

The first KEPT of a second are told one by one, and so is each that failed or wrote lines.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdfast.runtime.python.invocations import Invocation

# Of the durations' histogram: neighbours are at most a factor of two apart, so that percentiles read from it are near.
BOUNDS_MS = (
    0.5, 1, 1.5, 2, 3, 5, 7, 10, 15, 25, 35, 50, 75, 100, 150, 250, 350, 500, 750, 1000, 1500, 2500, 3500, 5000, 7500,
    10_000, 15_000, 30_000,
)  # fmt: skip
KEPT = 200  # a second
_EVERY = 0.1  # seconds between messages


class Tally:
    """Of one kind of trigger and one status in one second."""

    __slots__ = ("count", "cpu_ns", "durations", "second", "status", "trigger", "wall_ms")

    def __init__(self, trigger: str, second: int, status: int | None) -> None:
        self.trigger = trigger
        self.second = second
        self.status = status
        self.count = 0
        self.wall_ms = 0.0
        self.cpu_ns = 0
        self.durations = [0] * (len(BOUNDS_MS) + 1)

    def message(self, memory_bytes: int) -> dict[str, Any]:
        return {
            "t": "tally",
            "trigger": self.trigger,
            "at": self.second * 1000,
            "status": self.status,
            "count": self.count,
            "wall_ms": round(self.wall_ms, 3),
            "cpu_ms": round(self.cpu_ns / 1e6, 3),
            "memory_bytes": memory_bytes,
            "durations": self.durations,
        }


class Tallies:
    """`say` is given a message for each, at most ten times a second and whenever `flush` is called."""

    def __init__(self, say: Callable[[dict[str, Any]], None], memory: Callable[[], int]) -> None:
        self._say = say
        self._memory = memory
        self._open: dict[tuple[str, int, int | None], Tally] = {}
        self._second = 0
        self._told = 0
        self._waits = False

    def takes(self, invocation: Invocation, wall_ms: float) -> bool:
        """Whether it was counted here; else a record of it is wanted."""
        second = int(invocation.at)
        if second != self._second:
            self._second, self._told = second, 0
        self._told += 1
        if self._told <= KEPT or invocation.outcome not in (None, "ok") or invocation.lines:
            return False
        key = (invocation.trigger, second, invocation.status)
        tally = self._open.get(key)
        if tally is None:
            tally = self._open[key] = Tally(*key)
            if not self._waits:
                self._waits = True
                asyncio.get_running_loop().call_later(_EVERY, self.flush)
        tally.count += 1
        tally.wall_ms += wall_ms
        tally.cpu_ns += invocation.cpu_ns
        tally.durations[bisect_left(BOUNDS_MS, wall_ms)] += 1
        return True

    def flush(self) -> None:
        """Tell what was counted."""
        self._waits = False
        for each in self.taken():
            self._say(each)

    def taken(self) -> list[dict[str, Any]]:
        """The messages, which are not told again."""
        open_, self._open = self._open, {}
        return [each.message(self._memory()) for each in open_.values()]
