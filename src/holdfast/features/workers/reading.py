"""What a worker did and how it fares, for people: invocations, log lines, turns of its crons, sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from holdfast.features.access.actor import Actor, no_such
from holdfast.features.workers.guard import found
from holdfast.features.workers.live import cron_takers
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.runtime import cron
from holdfast.runtime.telemetry import CronRun, Invocation, LogLine, Point, Summary, TelemetryReader, VersionState

NEXT_TURNS = 5


@dataclass(frozen=True)
class Schedule:
    """A cron of the deployed code, with its next turns and the version that takes them."""

    cron: str
    version_id: str
    next: Sequence[datetime]


@dataclass(frozen=True)
class Window:
    """One worker over some time: all together, by version, by step, and how its versions fare now."""

    since: datetime
    until: datetime
    step_minutes: int
    whole: Summary | None
    versions: Sequence[Summary]
    points: Sequence[Point]
    states: Sequence[VersionState]


class ReadingService:
    """Everything but schedules and sums takes `worker.logs.read`: what code logs may be anybody's data."""

    def __init__(self, db: Database, telemetry: TelemetryReader, clock: Clock) -> None:
        self._db = db
        self._telemetry = telemetry
        self._clock = clock

    def require(self, actor: Actor, worker_id: str, permission: str = "worker.logs.read") -> None:
        with self._db.read() as conn:
            found(conn, actor, worker_id, permission)

    def invocations(self, actor: Actor, worker_id: str, **filters: Any) -> Sequence[Invocation]:
        self.require(actor, worker_id)
        return self._telemetry.invocations(worker_id, **filters)

    def invocation(self, actor: Actor, worker_id: str, invocation_id: str) -> tuple[Invocation, Sequence[LogLine]]:
        """With the lines it logged, oldest first."""
        self.require(actor, worker_id)
        one = self._telemetry.invocation(worker_id, invocation_id)
        if one is None:
            raise no_such("invocation")
        return one, self._telemetry.logs(worker_id, invocation=invocation_id, after=0, limit=1000)

    def logs(self, actor: Actor, worker_id: str, **filters: Any) -> Sequence[LogLine]:
        self.require(actor, worker_id)
        return self._telemetry.logs(worker_id, **filters)

    def turns(self, actor: Actor, worker_id: str, **filters: Any) -> Sequence[CronRun]:
        self.require(actor, worker_id)
        return self._telemetry.crons(worker_id, **filters)

    def schedules(self, actor: Actor, worker_id: str) -> Sequence[Schedule]:
        """Each line once, with the version that takes its turns: of those that have it, the one with the largest
        share."""
        with self._db.read() as conn:
            worker = found(conn, actor, worker_id, "worker.read")
            takers = cron_takers(conn, worker)
        now = self._clock.now()
        return [Schedule(line, version.id, cron.parse(line).next(now, NEXT_TURNS)) for line, version in takers.items()]

    def window(self, actor: Actor, worker_id: str, minutes: int, version_id: str | None = None) -> Window:
        """At most 120 steps; those of one version where it is said."""
        self.require(actor, worker_id, "worker.read")
        until = self._clock.now()
        since = until - timedelta(minutes=minutes)
        first, last = int(since.timestamp() * 1000), int(until.timestamp() * 1000)
        step = max(1, -(-minutes // 120))
        whole = self._telemetry.summaries(worker_id, first, last, by_version=False)
        return Window(
            since,
            until,
            step,
            next(iter(whole), None),
            self._telemetry.summaries(worker_id, first, last),
            self._telemetry.series(worker_id, first, last, step_minutes=step, version_id=version_id),
            self._telemetry.states(worker_id),
        )
