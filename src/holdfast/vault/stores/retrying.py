"""Trying again: what fails in passing is done again after a while, for a bounded time."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from holdfast.kernel.clock import Clock
from holdfast.kernel.errors import Conflict, DiskFull, Retryable
from holdfast.kernel.stop import Stop
from holdfast.vault.stores.around import Around
from holdfast.vault.stores.base import Pieces, Store

T = TypeVar("T")
FIRST_SECONDS = 0.5
MOST_SECONDS = 15.0
_random = random.SystemRandom()


class RetryingStore(Around):
    """See `Store`. Only Retryable errors are tried again; a full store is not, because seconds do not empty it.

    Waits double from half a second to 15 s, each shortened by chance to between a half and the whole, so that many who
    failed together do not come back together. An error that says `details["retry_after"]` (seconds) is waited for at
    least that long. When the next wait would end after `patience` seconds the last error is raised, with
    `details["tries"]`. After `stop` nothing is tried again: a piece must not arrive minutes after its run was
    cancelled. `sleep` is for tests.
    """

    def __init__(
        self,
        inner: Store,
        clock: Clock,
        patience: float,
        sleep: Callable[[float], object] = time.sleep,
        stop: Stop | None = None,
    ) -> None:
        super().__init__(inner)
        self._clock, self._patience = clock, patience
        self._stop = stop or Stop()
        self._sleep = sleep if stop is None else stop.wait

    def call(self, act: Callable[[], T]) -> T:
        return self._tried(act)[0]

    def create(self, name: str, pieces: Pieces) -> None:
        """When an answer was lost our own piece may be what is in the way of the next try."""

        def act() -> None:
            self._inner.create(name, pieces)

        try:
            self._tried(act)
        except Conflict as error:
            if not error.details.get("tries") or self.get(name) != b"".join(pieces):
                raise

    def _tried(self, act: Callable[[], T]) -> tuple[T, int]:
        began, tries = self._clock.monotonic(), 0
        while True:
            try:
                return act(), tries
            except Retryable as error:
                tries += 1
                wait = _wait(tries, error)
                over = self._clock.monotonic() - began + wait > self._patience
                if over or self._stop.stopped or isinstance(error, DiskFull):
                    error.details["tries"] = tries
                    raise
            except Conflict as error:
                if tries:
                    error.details["tries"] = tries + 1
                raise
            self._sleep(wait)
            self._stop.check()


def _wait(tries: int, error: Retryable) -> float:
    doubled = min(MOST_SECONDS, FIRST_SECONDS * float(1 << min(tries - 1, 10)))
    told = error.details.get("retry_after", 0)
    return max(doubled * _random.uniform(0.5, 1.0), float(told) if isinstance(told, (int, float)) else 0.0)
