"""A request to stop that both threads and coroutines can see."""

from __future__ import annotations

import threading
from collections.abc import Callable

from holdfast.kernel.errors import Cancelled


class Stop:
    """Set once, never cleared. Long loops call `check()`; blocking waits register `on_stop` to be woken.

    `on_stop` callbacks run in the thread that stops, at most once, and immediately when already stopped:
    otherwise a stop that came a moment earlier would be lost and the wait would never end.
    """

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], None]] = []
        self.reason = "cancelled"

    def stop(self, reason: str = "cancelled") -> None:
        with self._lock:
            if self._event.is_set():
                return
            self.reason = reason
            self._event.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    @property
    def stopped(self) -> bool:
        return self._event.is_set()

    def check(self) -> None:
        """Raise `Cancelled` when a stop was asked for."""
        if self._event.is_set():
            raise Cancelled(f"stopped: {self.reason}")

    def wait(self, seconds: float) -> bool:
        """Sleep that ends early on stop; True when stopped."""
        return self._event.wait(seconds)

    def on_stop(self, callback: Callable[[], None]) -> None:
        with self._lock:
            if not self._event.is_set():
                self._callbacks.append(callback)
                return
        callback()
