"""What a running task holds: its claim, its steps, its progress, its log."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from holdfast.contract.catalog import JSON
from holdfast.jobs import carrying, store
from holdfast.jobs.model import End, Progress, Run
from holdfast.kernel.clock import Clock, timestamp
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.db import Database
from holdfast.kernel.stop import Stop

T = TypeVar("T")
_log = logging.getLogger("holdfast.jobs")
_RATE_MEMORY_SECONDS = 5.0
MOST_PHASES = 40


class Meter:
    """The latest progress, with rate (exponential average) and time left. Safe from any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._latest: Progress | None = None
        self._dirty = False
        self._rate: float | None = None
        self._mark: tuple[str, int, float] | None = None
        self._phases: list[dict[str, str]] = []

    def set(self, phase: str, done: int, total: int | None, unit: str) -> None:
        with self._lock:
            if not self._phases or self._phases[-1]["phase"] != phase:
                begun = {"phase": phase, "at": timestamp(self._clock.now())}
                self._phases = [*self._phases, begun][-MOST_PHASES:]
            self._latest, self._dirty = Progress(phase, done, total, unit), True

    def take(self) -> Progress | None:
        """What to write now; None when nothing changed since the last take."""
        with self._lock:
            if not self._dirty or self._latest is None:
                return None
            self._dirty = False
            now, latest = self._clock.monotonic(), self._latest
            self._measure(latest, now)
            left = None
            if self._rate and latest.total is not None:
                left = round(max(0, latest.total - latest.done) / self._rate, 1)
            rate = None if self._rate is None else round(self._rate, 3)
            self._latest = Progress(
                latest.phase, latest.done, latest.total, latest.unit, rate, left, tuple(self._phases)
            )
            return self._latest

    def _measure(self, latest: Progress, now: float) -> None:
        if self._mark is None or self._mark[0] != latest.phase or latest.done < self._mark[1]:
            self._rate, self._mark = None, (latest.phase, latest.done, now)
            return
        elapsed = now - self._mark[2]
        if elapsed <= 0:
            return
        current = (latest.done - self._mark[1]) / elapsed
        weight = min(1.0, elapsed / _RATE_MEMORY_SECONDS)
        self._rate = current if self._rate is None else self._rate + weight * (current - self._rate)
        self._mark = (latest.phase, latest.done, now)


class Context:
    """`TaskContext` of one claim. Everything it writes is refused with `Conflict("claim_lost")` once another runner
    has claimed the run."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        run: Run,
        scratch: Path,
        stop: Stop | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        """`tell` wakes whoever follows the run of that id; `stop` is shared by runs that one carries."""
        self._db = db
        self._clock = clock
        self._tell = tell
        self.run = run
        self.stop = stop or Stop()
        self.scratch = scratch
        self.meter = Meter(clock)
        self._begun = clock.monotonic()

    def step(self, name: str, work: Callable[[], T]) -> T:
        """See `TaskContext.step`. Crash points: `step.NAME.before`, `step.NAME.done` (not yet recorded),
        `step.NAME.after`. The first run gets the JSON form too, so that both see the same."""
        self.stop.check()
        with self._db.read() as conn:
            recorded, value = store.step_result(conn, self.run, name)
        if recorded:
            return value  # type: ignore[no-any-return]
        crash_point(f"step.{name}.before")
        result: Any = json.loads(json.dumps(work()))
        crash_point(f"step.{name}.done")
        with self._db.write() as conn:
            store.record_step(conn, self.run, name, result, self._clock.now())
        crash_point(f"step.{name}.after")
        return result  # type: ignore[no-any-return]

    @property
    def overdue(self) -> bool:
        """Whether this claim has worked for longer than the run may. By the clock that nobody sets."""
        limit = self.run.deadline_seconds
        return limit is not None and self._clock.monotonic() - self._begun > limit

    def progress(self, phase: str, done: int = 0, total: int | None = None, unit: str = "steps") -> None:
        """Remembered here; the runner writes it every half second."""
        self.meter.set(phase, done, total, unit)

    def log(self, message: str, **fields: JSON) -> None:
        self.log_line("info", message, fields)

    def log_line(self, level: str, message: str, fields: dict[str, Any]) -> None:
        """A line of the run's log, refused when the claim is lost."""
        with self._db.write() as conn:
            store.require(conn, self.run)
            store.append_log(conn, self.run.id, level=level, message=message, fields=fields, now=self._clock.now())

    @contextmanager
    def commit(self) -> Iterator[sa.Connection]:
        with self._db.write() as conn:
            store.require(conn, self.run)
            yield conn

    def carry(self, limit: int) -> Sequence[Context]:
        """See `TaskContext.carry`."""
        self.stop.check()
        with self._db.write() as conn:
            claimed = carrying.claim(conn, self.run, limit, self._clock.now())
        place = self.scratch / "carried"
        return [Context(self._db, self._clock, run, place / run.id, self.stop, self._tell) for run in claimed]

    def end_carried(self, conn: sa.Connection, ends: Sequence[End]) -> frozenset[str]:
        """See `TaskContext.end_carried`."""
        done = carrying.end(conn, ends, self._clock.now())
        tell = self._tell
        if tell is not None:
            for run_id in sorted(done):
                self._db.after_commit(conn, partial(tell, run_id))
        return done

    def cancelled_carried(self, conn: sa.Connection) -> frozenset[str]:
        """See `TaskContext.cancelled_carried`."""
        return carrying.unwanted(conn, self.run.id)

    def let_go(self, *, cancel: bool = False, only: Sequence[str] | None = None) -> int:
        """See `TaskContext.let_go`."""
        with self.commit() as conn:
            moment = self._clock.now() if cancel else None
            return carrying.release(conn, self.run, cancel=moment, only=only)
