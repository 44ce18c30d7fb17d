"""Taking the connections of one version's socket, at no more than its pace.

Whoever connects without end would otherwise keep the process that serves all versions busy with nothing else; beyond
the pace connections wait in the socket's queue, and then in the worker's own `connect`.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass

from holdfast.kernel import log

_A_TURN = 16
_TROUBLED_SECONDS = 1.0
_log = log.get("holdfast.accepting")


@dataclass(frozen=True)
class Pace:
    """`burst` connections at once, `a_second` after that."""

    burst: int = 64
    a_second: float = 200.0


class Accepting:
    """From the moment it is made until `close`, on the running event loop. `listener` is non-blocking, and its own."""

    def __init__(
        self, listener: socket.socket, protocol: Callable[[], asyncio.BaseProtocol], pace: Pace | None = None
    ) -> None:
        self._listener, self._protocol, self._pace = listener, protocol, pace or Pace()
        self._loop = asyncio.get_running_loop()
        self._left = float(self._pace.burst)
        self._at = self._loop.time()
        self._paused: asyncio.TimerHandle | None = None
        self._begun: set[asyncio.Task[None]] = set()
        self._loop.add_reader(listener.fileno(), self._readable)

    def close(self) -> None:
        """Take nobody more; those who wait are refused. Idempotent."""
        if self._listener.fileno() < 0:
            return
        if self._paused is not None:
            self._paused.cancel()
        self._loop.remove_reader(self._listener.fileno())
        self._listener.close()

    def _readable(self) -> None:
        now = self._loop.time()
        self._left = min(self._pace.burst, self._left + (now - self._at) * self._pace.a_second)
        self._at = now
        for _ in range(_A_TURN):
            if self._left < 1:
                self._pause(_A_TURN / self._pace.a_second)
                return
            try:
                made, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:  # no descriptor or no memory left: others may give some back
                _log.error("a worker's connection cannot be taken now", error=str(error))
                self._pause(_TROUBLED_SECONDS)
                return
            self._left -= 1
            made.setblocking(False)
            task = self._loop.create_task(self._begin(made))
            self._begun.add(task)
            task.add_done_callback(self._begun.discard)

    async def _begin(self, made: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._protocol, made)
        except OSError as error:
            made.close()
            _log.debug("a worker's connection ended at once", error=str(error))

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._listener.fileno())
        self._paused = self._loop.call_later(seconds, self._again)

    def _again(self) -> None:
        self._paused = None
        self._loop.add_reader(self._listener.fileno(), self._readable)
