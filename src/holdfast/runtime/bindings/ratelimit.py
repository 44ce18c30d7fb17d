"""Rate limits: so many calls of a key in a period, counted in the memory of this process.

A sliding window made of two fixed ones: the calls of this period, and those of the one before in proportion to how
much of it the window still covers. A refused call does not count. After a restart the counts begin at nothing.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from holdfast.runtime.bindings.handling import Answer, Failure, arguments
from holdfast.runtime.bindings.values import encode

MOST_KEYS: Final = 100_000  # of one namespace; beyond it those not seen for longest are forgotten
_LONGEST_KEY: Final = 2048  # characters
_YES, _NO = encode(True), encode(False)


class Window:
    """The counts of one namespace."""

    def __init__(self, limit: int, period: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit, self.period = limit, period
        self._clock = clock
        self._counts: OrderedDict[str, tuple[int, int, int]] = OrderedDict()  # period number, its calls, those before

    def allow(self, key: str) -> bool:
        """Count a call of `key`, unless there were too many in the last period."""
        now = self._clock() / self.period
        number = int(now)
        seen, calls, before = self._counts.get(key, (number, 0, 0))
        if seen != number:
            calls, before = 0, calls if seen == number - 1 else 0
        allowed = calls + before * (1 - (now - number)) < self.limit
        self._counts[key] = (number, calls + allowed, before)
        self._counts.move_to_end(key)
        if len(self._counts) > MOST_KEYS:
            self._counts.popitem(last=False)
        return allowed


class RateLimitBinding:
    """`limit({key})` on a window, which all versions that name the same namespace share."""

    def __init__(self, window: Window) -> None:
        self._window = window

    def call(self, method: int, payload: bytes) -> Answer | Awaitable[Answer]:
        if method != 0:
            raise Failure("NotBound", f"a rate limit has no method number {method}")
        (key,) = arguments(payload, str)
        if len(key) > _LONGEST_KEY:
            raise Failure("TypeError", f"a rate limit's key has at most {_LONGEST_KEY} characters")
        return _YES if self._window.allow(key) else _NO


class VersionBinding:
    """What the version is: {id, tag, timestamp}."""

    def __init__(self, version_id: str, tag: str | None, timestamp: str) -> None:
        self._answer = encode({"id": version_id, "tag": tag or "", "timestamp": timestamp})

    def call(self, method: int, _payload: bytes) -> Answer | Awaitable[Answer]:
        if method != 0:
            raise Failure("NotBound", f"version metadata has no method number {method}")
        return self._answer
