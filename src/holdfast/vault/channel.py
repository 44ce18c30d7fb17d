"""Bounded hand-over between pipeline threads, with one way out for all of them when anything fails."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Aborted(Exception):
    """Another thread failed; its error is the one that counts."""


class Failure:
    """The first error of a group of threads. Setting it wakes every channel."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wake: list[threading.Condition] = []
        self.error: BaseException | None = None

    def watch(self, condition: threading.Condition) -> None:
        self._wake.append(condition)

    def set(self, error: BaseException) -> None:
        with self._lock:
            if self.error is None and not isinstance(error, Aborted):
                self.error = error
        for condition in self._wake:
            with condition:
                condition.notify_all()


class Channel(Generic[T]):
    """A queue bounded by weight (bytes). `close` ends it after what is inside; Aborted when the group failed."""

    def __init__(self, limit: int, failure: Failure) -> None:
        self._limit, self._failure = limit, failure
        self._items: deque[tuple[T, int]] = deque()
        self._weight = 0
        self._closed = False
        lock = threading.Lock()
        self._filled, self._emptied = threading.Condition(lock), threading.Condition(lock)
        failure.watch(self._filled)
        failure.watch(self._emptied)

    def put(self, item: T, weight: int) -> None:
        """Wait for room; one item always fits, however heavy."""
        with self._emptied:
            while self._items and self._weight + weight > self._limit and self._failure.error is None:
                self._emptied.wait()
            if self._failure.error is not None:
                raise Aborted
            self._items.append((item, weight))
            self._weight += weight
            self._filled.notify()

    def get(self) -> T | None:
        """The next item, None at the end."""
        with self._filled:
            while not self._items and not self._closed and self._failure.error is None:
                self._filled.wait()
            if self._failure.error is not None:
                raise Aborted
            if not self._items:
                return None
            item, weight = self._items.popleft()
            self._weight -= weight
            self._emptied.notify_all()
            return item

    def close(self) -> None:
        with self._filled:
            self._closed = True
            self._filled.notify_all()
