"""Starting a process of a deployed version now, to learn whether its code can be imported, without a request to it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holdfast.features.access.actor import Actor
from holdfast.features.workers.calling import CallingService
from holdfast.kernel.clock import Clock
from holdfast.kernel.errors import NotFound, Retryable
from holdfast.runtime.pool import PoolClient
from holdfast.runtime.telemetry import TelemetryReader

MOST_SECONDS = 20.0
_LOOK_SECONDS = 0.05
_WORDS_SECONDS = 2.0  # the pool's writer keeps a failure's words at most so much later than it tells the failure


@dataclass(frozen=True)
class Started:
    """`state`: running, failed, or starting when it is not ready in time. `stack` as Python writes a traceback, with
    the paths of the version's files; None where there is none to tell."""

    version_id: str
    state: str
    milliseconds: float | None
    error: str | None
    stack: str | None


class StartingService:
    def __init__(self, calling: CallingService, telemetry: TelemetryReader, runtime: Path, clock: Clock) -> None:
        self._calling = calling
        self._telemetry = telemetry
        self._runtime = runtime
        self._clock = clock

    def start(self, actor: Actor, worker_id: str, version_id: str | None = None) -> Started:
        """Waits until it is ready or has failed. One that has a process already is not started anew.

        Raises Conflict("not_deployed"), Retryable when nothing that starts workers runs.
        """
        _, version = self._calling.deployed(actor, worker_id, version_id)
        since = int(self._clock.now().timestamp() * 1000)
        until = time.monotonic() + MOST_SECONDS
        pool = PoolClient(self._runtime)
        self._begin(pool, version.id, until)
        state = _state(pool, version.id)
        while state["state"] not in ("running", "backoff") and time.monotonic() < until:
            time.sleep(_LOOK_SECONDS)
            state = _state(pool, version.id)
        if state["state"] == "backoff":
            stack = self._stack(worker_id, version.id, since)
            return Started(version.id, "failed", None, state["error"] or "it ended", stack)
        running = state["state"] == "running"
        return Started(version.id, "running" if running else "starting", state.get("start_ms"), None, None)

    @staticmethod
    def _begin(pool: PoolClient, version_id: str, until: float) -> None:
        """The first version of all is deployed before the processes that run it are up."""
        while True:
            try:
                pool.refresh()
                pool.start(version_id=version_id)
            except (NotFound, Retryable) as error:
                if time.monotonic() >= until:
                    raise Retryable(error.message, code="worker_unreachable", hint=error.hint) from error
                time.sleep(_LOOK_SECONDS)
            else:
                return

    def _stack(self, worker_id: str, version_id: str, since: int) -> str | None:
        """The newest words of its processes; of one that failed before we asked, what it said then."""
        until = time.monotonic() + _WORDS_SECONDS
        while True:
            lines = self._telemetry.logs(worker_id, version_id=version_id, level="error", limit=20)
            own = [each for each in lines if each.invocation is None]
            if own and (own[0].at >= since or time.monotonic() >= until):
                return own[0].text
            if time.monotonic() >= until:
                return None
            time.sleep(_LOOK_SECONDS)


def _state(pool: PoolClient, version_id: str) -> Mapping[str, Any]:
    found = (each for each in pool.status() if each["version_id"] == version_id)
    return next(found, {"state": "gone", "error": None})
