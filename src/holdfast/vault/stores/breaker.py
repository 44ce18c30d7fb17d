"""Leaving a store alone that does not answer: after some failures in a row nobody asks it for a while."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeVar

from holdfast.kernel.clock import Clock
from holdfast.kernel.errors import DiskFull, HoldfastError, Retryable
from holdfast.vault.stores.around import Around
from holdfast.vault.stores.base import Store

T = TypeVar("T")
State = Literal["closed", "open", "half_open"]
FAILURES = 5
REST_SECONDS = 15.0
MOST_REST_SECONDS = 240.0


@dataclass(frozen=True)
class BreakerView:
    """`failures` in a row; `since` the state is that; `error` the last failure, None while all is well."""

    state: State
    failures: int
    since: datetime
    error: HoldfastError | None


class Breaker:
    """Of one repository in one process; thread-safe. Closed: calls go through. Open: they fail at once (code
    "store_resting", with `retry_after`). When the rest is over one call is let through (half open): it closes the
    breaker, or opens it for twice as long. `failures` in a row open it, for `rest` seconds at first.

    Only what keeps the store from answering counts (Retryable, but not a full store); any answer ends the row, also a
    refusal. `changed` is called outside the lock after every opening and closing.
    """

    def __init__(
        self,
        clock: Clock,
        changed: Callable[[BreakerView], None] = lambda _: None,
        *,
        failures: int = FAILURES,
        rest: float | None = None,
    ) -> None:
        self._clock, self._changed, self._limit = clock, changed, failures
        self._first_rest = REST_SECONDS if rest is None else rest
        self._lock = threading.Lock()
        self._state: State = "closed"
        self._count = 0
        self._rest = self._first_rest
        self._opened = 0.0
        self._since = clock.now()
        self._error: HoldfastError | None = None

    def view(self) -> BreakerView:
        with self._lock:
            return BreakerView(self._state, self._count, self._since, self._error)

    def enter(self) -> None:
        """Before a call. Raises Retryable (code "store_resting") while the store is left alone."""
        with self._lock:
            if self._state == "closed":
                return
            left = self._opened + self._rest - self._clock.monotonic()
            if self._state == "open" and left <= 0:
                self._state = "half_open"  # whoever comes first asks for all
                return
            error = self._error
        raise Retryable(
            f"the store is left alone for {max(left, 1):.0f} s: it failed {self._count} times in a row",
            code="store_resting",
            hint=(error.hint if error else None) or "it is tried again by itself",
            details={"retry_after": round(max(left, 1.0), 1), "last": error.message if error else ""},
        )

    def answered(self) -> None:
        with self._lock:
            opened, self._count = self._state != "closed", 0
            if not opened:
                return
            self._move("closed", None)
            self._rest = self._first_rest
        self._changed(self.view())

    def failed(self, error: HoldfastError) -> None:
        with self._lock:
            self._count += 1
            if self._state == "closed" and self._count < self._limit:
                self._error = error
                return
            if self._state == "half_open":
                self._rest = min(self._rest * 2, MOST_REST_SECONDS)
            fresh, self._opened = self._state == "closed", self._clock.monotonic()
            self._move("open", error, keep=not fresh)
        self._changed(self.view())

    def _move(self, state: State, error: HoldfastError | None, *, keep: bool = False) -> None:
        self._state, self._error = state, error
        if not keep:
            self._since = self._clock.now()


class BreakingStore(Around):
    """See `Store` and `Breaker`."""

    def __init__(self, inner: Store, breaker: Breaker) -> None:
        super().__init__(inner)
        self._breaker = breaker

    def call(self, act: Callable[[], T]) -> T:
        self._breaker.enter()
        try:
            found = act()
        except BaseException as error:
            if isinstance(error, Retryable) and not isinstance(error, DiskFull):
                self._breaker.failed(error)
            else:
                self._breaker.answered()
            raise
        self._breaker.answered()
        return found
