"""Keeping one process alive: start, watch, start again with growing pauses, give up, stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from holdfast.hosts.process import Handle
from holdfast.kernel.clock import Clock
from holdfast.kernel.errors import HoldfastError

State = Literal["running", "stopped", "failed", "none"]


@dataclass(frozen=True)
class Policy:
    """Pauses double from `first` to `longest` seconds; a life of `steady` seconds forgives everything before it.
    After `deaths` quick deaths in a row it is failed (0: never)."""

    first: float = 0.5
    longest: float = 60.0
    steady: float = 60.0
    deaths: int = 5


class Supervisor:
    """One supervised process. All methods on the keeper's event loop.

    `start` makes a new process, `last_words` reads the end of its log, `ended` is how its last life ended, in words.
    """

    def __init__(
        self,
        name: str,
        start: Callable[[], Awaitable[Handle]],
        *,
        clock: Clock,
        policy: Policy,
        stop_signal: int = signal.SIGTERM,
        stop_timeout: float = 30.0,
        last_words: Callable[[], str] = str,
    ) -> None:
        self.name = name
        self._start = start
        self._clock = clock
        self._policy = policy
        self.stop_signal = stop_signal
        self.stop_timeout = stop_timeout
        self._last_words = last_words
        self._task: asyncio.Task[None] | None = None
        self._handle: Handle | None = None
        self._quick = 0
        self._born = clock.monotonic()
        self.state: State = "stopped"
        self.since: datetime = clock.now()
        self.restarts = 0
        self.error: str | None = None
        self.ended: str | None = None

    @property
    def pid(self) -> int | None:
        return self._handle.pid if self._handle is not None else None

    async def start(self) -> None:
        """Start it and return once it runs; then keep it alive. Running is success. Raises what the start raised."""
        if self._task is not None and not self._task.done():
            if self._handle is not None:
                return
            await self._end_task()  # in a pause between two lives: start at once instead
        self._quick, self.restarts = 0, 0  # of a life before, they would be taken for deaths of this one
        self.error, self.ended = None, None
        self._became(await self._start())
        self._task = asyncio.create_task(self._watch(), name=f"supervise-{self.name}")

    def adopt(self, handle: Handle) -> None:
        """Watch a process an earlier keeper started."""
        self._became(handle)
        self._task = asyncio.create_task(self._watch(), name=f"supervise-{self.name}")

    async def stop(self, *, force: bool = False) -> None:
        """Signal, wait, kill. Returns when it is gone. Stopped is success."""
        await self._end_task()
        handle = self._handle
        if handle is not None:
            handle.send(signal.SIGKILL if force else self.stop_signal)
            try:
                await asyncio.wait_for(handle.wait(), self.stop_timeout)
            except TimeoutError:
                handle.send(signal.SIGKILL)
                await handle.wait()
            self._gone()
        self.state, self.since = "stopped", self._clock.now()

    def kill(self) -> None:
        """Without waiting: a `stop` in progress then returns at once."""
        if self._handle is not None:
            self._handle.send(signal.SIGKILL)

    async def release(self) -> None:
        """Stop watching and leave the process alone."""
        await self._end_task()

    async def _end_task(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def _became(self, handle: Handle) -> None:
        self._handle = handle
        self.state, self.since = "running", self._clock.now()
        self._born = self._clock.monotonic()

    def _gone(self) -> str:
        handle, self._handle = self._handle, None
        return handle.close() if handle is not None else "ended"

    async def _watch(self) -> None:
        while True:
            if self._handle is not None:
                await self._handle.wait()
                self._died(self._gone())
            if self._policy.deaths and self._quick >= self._policy.deaths:
                self.state = "failed"
                return
            await asyncio.sleep(min(self._policy.longest, self._policy.first * 2 ** min(self._quick - 1, 20)))
            try:
                self._became(await self._start())
            except HoldfastError as error:
                self._died(error.message)
            else:
                self.restarts += 1

    def _died(self, how: str) -> None:
        lived = self._clock.monotonic() - self._born
        self._quick = 1 if lived >= self._policy.steady else self._quick + 1
        self.state, self.since = "stopped", self._clock.now()
        self.ended, words = how, self._last_words()
        self.error = f"{self.name} {how}" + (f"\n{words}" if words else "")
