"""Counters of this process, as a storage of the `limits` library: exact, bounded, on the injected clock.

A moving window is kept as at most 61 parts. A call leaves it when its whole part has: within any window never more
than the limit is admitted, and what was spent comes back at most a sixtieth of the window late. Threads may share it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque

from limits.storage.base import MovingWindowSupport, Storage

from holdfast.kernel.clock import Clock, SystemClock

PARTS = 60
MOST_SUBJECTS = 100_000


class _Window:
    __slots__ = ("parts", "total")

    def __init__(self) -> None:
        self.parts: deque[list[int]] = deque()  # [number, count], the oldest first
        self.total = 0

    def trim(self, now: float, expiry: int) -> None:
        width = expiry / PARTS
        while self.parts and (self.parts[0][0] + 1) * width + expiry <= now:
            self.total -= self.parts.popleft()[1]

    def add(self, now: float, expiry: int, amount: int) -> None:
        number = int(now * PARTS / expiry)
        if self.parts and self.parts[-1][0] == number:
            self.parts[-1][1] += amount
        else:
            self.parts.append([number, amount])
        self.total += amount


class WindowStorage(Storage, MovingWindowSupport):
    """Moments are the clock's monotonic seconds. The 100,000 subjects used last are kept."""

    STORAGE_SCHEME = ["holdfast-memory"]  # noqa: RUF012 - as the library declares it

    def __init__(self, uri: str | None = None, clock: Clock | None = None, most: int = MOST_SUBJECTS) -> None:
        super().__init__(uri)
        self._clock = clock or SystemClock()
        self._most = most
        self._windows: OrderedDict[str, _Window] = OrderedDict()
        self._lock = threading.Lock()

    def now(self) -> float:
        return self._clock.monotonic()

    @property
    def base_exceptions(self) -> type[Exception] | tuple[type[Exception], ...]:
        return ValueError

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        now = self._clock.monotonic()
        with self._lock:
            window = self._of(key, now, expiry)
            if window is None:
                if amount > limit:
                    return False
                window = self._windows[key] = _Window()
                if len(self._windows) > self._most:
                    self._windows.popitem(last=False)
            elif window.total + amount > limit:
                return False
            window.add(now, expiry, amount)
            return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:  # noqa: ARG002
        """(when the oldest part began to count against the limit, how much is spent)."""
        now = self._clock.monotonic()
        with self._lock:
            window = self._of(key, now, expiry)
            if window is None or not window.parts:
                return now, 0
            return (window.parts[0][0] + 1) * expiry / PARTS, window.total

    def _of(self, key: str, now: float, expiry: int) -> _Window | None:
        window = self._windows.get(key)
        if window is not None:
            self._windows.move_to_end(key)
            window.trim(now, expiry)
        return window

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Counted in a moving window too: this storage has no other."""
        self.acquire_entry(key, 2**62, expiry, amount)
        return self.get(key)

    def get(self, key: str) -> int:
        with self._lock:
            window = self._windows.get(key)
            return window.total if window else 0

    def get_expiry(self, key: str) -> float:  # noqa: ARG002
        return self._clock.monotonic()

    def check(self) -> bool:
        return True

    def reset(self) -> int | None:
        with self._lock:
            count = len(self._windows)
            self._windows.clear()
            return count

    def clear(self, key: str) -> None:
        with self._lock:
            self._windows.pop(key, None)
