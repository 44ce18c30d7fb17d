"""A limit on bytes per second, shared by all who send."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from holdfast.kernel.stop import Stop


class Bandwidth:
    """Thread-safe. What is sent takes its time before the next may go: never more than one piece ahead of the rate,
    and what was not used while nothing was sent is not made up for."""

    def __init__(
        self,
        rate: int | None,
        stop: Stop,
        now: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        """`rate` in bytes per second; None = no limit. `wait` returns early when `stop` is set."""
        self._rate, self._stop, self._now, self._wait = rate, stop, now, wait or stop.wait
        self._lock = threading.Lock()
        self._free_at = now()

    def take(self, count: int) -> None:
        """Wait until `count` bytes may be sent. Raises Cancelled as soon as `stop` is set."""
        self._stop.check()
        if self._rate is None:
            return
        with self._lock:
            begin = max(self._now(), self._free_at)
            self._free_at = begin + count / self._rate
        while (left := begin - self._now()) > 0:
            self._wait(left)
            self._stop.check()

    @property
    def piece(self) -> int | None:
        """Bytes of a piece that keep the flow smooth: two seconds' worth. None = any."""
        return None if self._rate is None else 2 * self._rate
