"""How many processes stand by: the last versions that went to sleep, a bounded number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Standbys:
    """Who has one; the oldest gives it up for a new one. On the event loop's thread."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: dict[Any, Callable[[], None]] = {}  # oldest first

    def offer(self, holder: Any, give_up: Callable[[], None]) -> bool:
        """Whether the holder may have one; `give_up` is called when another needs its place more."""
        if self._most <= 0:
            return False
        self._held.pop(holder, None)
        while len(self._held) >= self._most:
            self._held.pop(next(iter(self._held)))()
        self._held[holder] = give_up
        return True

    def over(self, holder: Any) -> None:
        """It has none any more. Idempotent."""
        self._held.pop(holder, None)
