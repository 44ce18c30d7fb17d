"""Leaving a call to a store that does not come back, when the run it is for is to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

from holdfast.kernel.stop import Stop
from holdfast.vault.stores.around import Around
from holdfast.vault.stores.base import Store

T = TypeVar("T")
GRACE_SECONDS = 3.0  # for what is under way when the stop comes: most calls end by themselves
LAST_SECONDS = 1.0  # for each call after that: a lock that is given back
_LOOK_SECONDS = 0.2


class StoppableStore(Around):
    """See `Store`. Each call is made in a thread of its own, because obstore's cannot be interrupted. Raises Cancelled
    `GRACE_SECONDS` after the stop at the latest.

    What was left goes on in its thread until the store answers or the request's own time is over, and nobody hears of
    it: a piece that was on its way may still arrive, as after a lost answer. A lock that could not be given back is
    seen as stale, since its process or half an hour is gone.
    """

    def __init__(self, inner: Store, stop: Stop) -> None:
        super().__init__(inner)
        self._stop = stop
        self._until: float | None = None

    def call(self, act: Callable[[], T]) -> T:
        future: Future[T] = Future()
        threading.Thread(target=_carry, args=(future, act), name="store-call", daemon=True).start()
        began = time.monotonic()
        while not wait([future], _LOOK_SECONDS).done:
            if self._stop.stopped and time.monotonic() >= max(self._ends(), began + LAST_SECONDS):
                self._stop.check()
        return future.result()

    def _ends(self) -> float:
        """The moment from which nothing under way is waited for: counted from when the stop was first seen."""
        if self._until is None:
            self._until = time.monotonic() + GRACE_SECONDS
        return self._until


def _carry(future: Future[T], act: Callable[[], T]) -> None:
    try:
        future.set_result(act())
    except BaseException as error:  # noqa: BLE001 - handed on to the thread that waits
        future.set_exception(error)
