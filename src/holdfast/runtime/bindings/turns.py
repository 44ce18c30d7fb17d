"""Whose turn it is in the state process: what a version's calls take of it, on the loop and in threads.

A version alone has all of it. Beside others it has a quarter, and may save up 50 ms of that: who takes more rests. With
a processor that is always busy, and an interpreter's lock that is always held, everybody would wait for each single
wake-up, not only for their turn.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from typing import Final, TypeVar

TURN_SECONDS: Final = 0.0003  # of this process' time, before the others have their turn
_TOGETHER_SECONDS: Final = 0.2  # versions that were served within so long are served beside each other
_QUARTER: Final = 0.25  # of the process, for one version beside others
_SAVED: Final = 0.05  # seconds of it, at most: what comes in a burst, as ordinary requests do, need not rest
_LONGEST_REST: Final = 0.05  # a long query of a database is over then: what it took is not made good

T = TypeVar("T")


class Neighbours:
    """Whether this process serves one version or several at this time."""

    def __init__(self) -> None:
        self._last: Share | None = None
        self._another = -_TOGETHER_SECONDS  # when another version was served than the one before

    def served(self, share: Share, now: float) -> None:
        """`now`: of `time.perf_counter`."""
        if self._last not in (None, share):
            self._another = now
        self._last = share

    def together(self) -> bool:
        return time.perf_counter() - self._another < _TOGETHER_SECONDS


class Share:
    """One version's. Used on the loop."""

    def __init__(self, neighbours: Neighbours | None = None) -> None:
        self._neighbours = neighbours or Neighbours()
        self._spent = 0.0  # in this turn
        self._saved, self._at = _SAVED, time.perf_counter()
        self._rests = False
        self._resting: list[Callable[[], None]] = []

    def spend(self, seconds: float, now: float) -> None:
        """Time that its calls took in this turn, until `now` (of `time.perf_counter`)."""
        self._neighbours.served(self, now)
        if not self._spent and not self._rests:
            asyncio.get_running_loop().call_soon(self._turn_over)
        self._spent += seconds

    @property
    def tired(self) -> bool:
        """Whether its turn is over."""
        return self._rests or self._spent > TURN_SECONDS

    def rest(self, then: Callable[[], None]) -> None:
        """Call `then` when its next turn begins. For one that is tired."""
        self._resting.append(then)

    def _turn_over(self) -> None:
        if self._rests:
            return
        now, spent = time.perf_counter(), self._spent
        saved = min(_SAVED, self._saved + (now - self._at) * _QUARTER) - spent
        self._saved, self._at, self._spent = max(saved, -_LONGEST_REST * _QUARTER), now, 0.0
        if self._saved < 0 and self._neighbours.together():
            self._rests = True
            asyncio.get_running_loop().call_later(-self._saved / _QUARTER, self._rested)
        else:
            self._rested()

    def _rested(self) -> None:
        self._rests = False
        if self._spent:
            asyncio.get_running_loop().call_soon(self._turn_over)  # by what was begun before it rested
        resting, self._resting = self._resting, []
        for then in resting:
            then()


class Turns:
    """What one binding of a version does in threads: at most so many at once, in the order asked, and none begins
    while the version rests."""

    def __init__(self, share: Share, most: int) -> None:
        self._share, self._most = share, most
        self._working = 0
        self._waiting: OrderedDict[asyncio.Future[None], None] = OrderedDict()  # who goes leaves nothing behind
        self._resting = False

    async def run(self, pool: Callable[[], Executor], act: Callable[[], T]) -> T:
        """What `act` gives in a thread of `pool`, which is asked for when its turn has come. Raises what it raises."""
        await self._admitted()
        loop, spent = asyncio.get_running_loop(), [0.0]

        def timed() -> T:
            began = time.thread_time()
            try:
                return act()
            finally:
                spent[0] = time.thread_time() - began

        def ended(_: Future[T]) -> None:
            with suppress(RuntimeError):  # the process ends, and nobody waits for a turn any more
                loop.call_soon_threadsafe(self._ended, spent[0])

        try:
            working = pool().submit(timed)
        except BaseException:
            self._leave()
            raise
        # Not when its caller goes: the thread works on, and who asks and goes would have many of them for nothing.
        working.add_done_callback(ended)
        return await asyncio.wrap_future(working)

    def _ended(self, seconds: float) -> None:
        self._share.spend(seconds, time.perf_counter())
        self._leave()

    async def _admitted(self) -> None:
        given = asyncio.get_running_loop().create_future()
        self._waiting[given] = None
        self._next()
        try:
            await given
        except asyncio.CancelledError:
            self._waiting.pop(given, None)
            if not given.cancelled():
                self._leave()  # it was given in the same moment
            raise

    def _leave(self) -> None:
        self._working -= 1
        self._next()

    def _next(self) -> None:
        while self._waiting and self._working < self._most:
            if self._share.tired:
                if not self._resting:
                    self._resting = True
                    self._share.rest(self._rested)
                return
            given, _ = self._waiting.popitem(last=False)
            if not given.done():
                self._working += 1
                given.set_result(None)

    def _rested(self) -> None:
        self._resting = False
        self._next()
