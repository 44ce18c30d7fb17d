"""A tail of a worker: what it did and logged since a place, in the order it was written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.features.access.actor import Actor
from holdfast.features.workers.guard import found
from holdfast.kernel.db import Database
from holdfast.runtime.telemetry import Invocation, LogLine, TelemetryReader

AT_ONCE = 200
_LINES_OF_ONE = 1000


@dataclass(frozen=True)
class Sought:
    """What is shown. `status`: a number such as 404, or a class such as 5xx; `errors`: only what did not end "ok" or
    ended with status 500 and above; `text`: in a log line, a path or the words of an error, in any case."""

    version_id: str | None = None
    outcome: str | None = None
    status: str | None = None
    errors: bool = False
    method: str | None = None
    trigger: str | None = None
    level: str | None = None
    text: str | None = None

    @property
    def by_invocation(self) -> bool:
        """Whether lines are shown with the invocation they belong to, because that is what is asked for."""
        return self.errors or any((self.outcome, self.status, self.method, self.trigger))

    def takes_line(self, line: LogLine) -> bool:
        level = self.level is None or line.level == self.level
        return level and (self.text is None or self.text.lower() in line.text.lower())

    def takes(self, one: Invocation) -> bool:
        """Leaving the text aside."""
        if self.method is not None and (one.method or "").upper() != self.method.upper():
            return False
        if self.status is None:
            return True
        shown = "" if one.status is None else str(one.status)
        return shown == self.status or (self.status.endswith("xx") and shown[:1] == self.status[:1])

    def in_words(self, one: Invocation) -> bool:
        words = (one.path or "", *(one.error or {}).values())
        return self.text is None or any(self.text.lower() in each.lower() for each in words)


@dataclass(frozen=True)
class Event:
    """A line, or an invocation that has ended; `logs` only where lines do not come by themselves."""

    line: LogLine | None = None
    invocation: Invocation | None = None
    logs: Sequence[LogLine] = ()

    @property
    def at(self) -> float:
        """An invocation comes when it has ended: behind its lines."""
        if self.invocation is not None:
            return self.invocation.at + self.invocation.wall_ms
        return self.line.at if self.line is not None else 0


@dataclass(frozen=True)
class Tail:
    """`place`: where the next one begins. `more`: there is more already."""

    events: Sequence[Event]
    place: tuple[int, int]
    more: bool


class TailingService:
    def __init__(self, db: Database, telemetry: TelemetryReader) -> None:
        self._db = db
        self._telemetry = telemetry

    def read(self, actor: Actor, worker_id: str, after: tuple[int, int] | None, sought: Sought) -> Tail:
        """What came after a place; without one nothing, and the place where the tail begins. Takes
        `worker.logs.read`."""
        with self._db.read() as conn:
            found(conn, actor, worker_id, "worker.logs.read")
        if after is None:
            return Tail((), self._telemetry.last_seq(), False)
        # Invocations first: the lines of each were written before it, so none of them is missed below.
        ended = self._telemetry.invocations(
            worker_id,
            version_id=sought.version_id,
            outcome=sought.outcome,
            errors=sought.errors,
            trigger=sought.trigger,
            after=after[0],
            limit=AT_ONCE,
        )
        lines = self._telemetry.logs(worker_id, version_id=sought.version_id, after=after[1], limit=AT_ONCE)
        place = (ended[-1].seq if ended else after[0], lines[-1].seq if lines else after[1])
        chosen = [each for each in ended if sought.takes(each)]
        if sought.by_invocation:
            events = [each for each in map(self._whole, chosen) if self._shown(each, sought)]
        else:
            events = [Event(line=each) for each in lines if sought.takes_line(each)]
            if sought.level is None:
                events += [Event(invocation=each) for each in chosen if sought.in_words(each)]
        more = len(ended) == AT_ONCE or len(lines) == AT_ONCE
        return Tail(sorted(events, key=lambda each: each.at), place, more)

    def _whole(self, one: Invocation) -> Event:
        logs = self._telemetry.logs(one.worker_id, invocation=one.id, after=0, limit=_LINES_OF_ONE)
        return Event(invocation=one, logs=logs)

    @staticmethod
    def _shown(event: Event, sought: Sought) -> bool:
        if event.invocation is None or (sought.text is None and sought.level is None):
            return True
        in_words = sought.level is None and sought.in_words(event.invocation)
        return in_words or any(sought.takes_line(each) for each in event.logs)
