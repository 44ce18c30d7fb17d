"""Counting calls against limits. Where the counters are is the storage's matter: this process, or a shared server."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from limits.storage import Storage, storage_from_string
from limits.strategies import MovingWindowRateLimiter

from holdfast.features.limits.windows import WindowStorage
from holdfast.features.limits.words import Limit, Subject, What
from holdfast.kernel.clock import Clock
from limits import RateLimitItemPerSecond

MEMORY = "holdfast-memory://"


class _Item(RateLimitItemPerSecond):
    """Its key is made once, and does not name the amount: a limit changed in mid-window keeps what was spent."""

    __slots__ = ["key"]

    def __init__(self, subject: Subject, what: What, amount: int, window: int) -> None:
        super().__init__(amount, window)
        self.key = f"holdfast/{what}/{subject.kind}/{subject.id}/{window}"

    def key_for(self, *_identifiers: bytes | str | int | float) -> str:
        return self.key


@dataclass(slots=True)
class Standing:
    """Where a subject is in one limit. `reset_in`: seconds until something comes back (everything, when unused)."""

    subject: Subject
    what: What
    limit: int
    window: int
    used: int
    reset_in: float

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.used)


@dataclass(frozen=True, slots=True)
class Gauge:
    """One limit of one subject, made once and asked at each call."""

    subject: Subject
    what: What
    item: _Item

    @classmethod
    def of(cls, subject: Subject, what: What, limit: Limit) -> Gauge | None:
        """None without a limit."""
        if limit.amount is None:
            return None
        return cls(subject, what, _Item(subject, what, limit.amount, limit.window))


class Meter:
    """`url` names the storage as the `limits` library does. In memory a call is admitted or refused exactly; shared
    storages count each limit by itself, so that a refused call may have been counted in another."""

    def __init__(self, clock: Clock, url: str = MEMORY) -> None:
        storage = WindowStorage(url, clock) if url == MEMORY else storage_from_string(url)
        if not isinstance(storage, Storage):
            raise ValueError(f"{url!r} is no storage for calls that are counted at once")
        self._limiter = MovingWindowRateLimiter(storage)
        self._now = storage.now if isinstance(storage, WindowStorage) else time.time
        self._lock = threading.Lock()

    def take(self, gauges: Sequence[Gauge]) -> tuple[Standing | None, list[Standing]]:
        """(the limit that refuses, where each stands): the call is counted in all of them or, refused, in none."""
        with self._lock:
            standings = [self.look(gauge) for gauge in gauges]
            for standing in standings:
                if standing.used >= standing.limit:
                    return standing, standings
            for gauge, standing in zip(gauges, standings, strict=True):
                if not self._limiter.hit(gauge.item):
                    return standing, standings
                standing.used += 1
        return None, standings

    def look(self, gauge: Gauge) -> Standing:
        """Where it stands; nothing is counted."""
        item = gauge.item
        reset, remaining = self._limiter.get_window_stats(item)
        wait = max(0.0, reset - self._now())
        return Standing(gauge.subject, gauge.what, item.amount, item.multiples, item.amount - remaining, wait)
