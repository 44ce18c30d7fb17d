"""The record of calls that were refused for a limit: the first of a while, so that a flood is a few rows."""

from __future__ import annotations

import threading
from collections import OrderedDict

from holdfast.features.access.actor import Actor
from holdfast.features.limits.errors import Limited
from holdfast.features.limits.words import HOUR
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database

MOST_REMEMBERED = 10_000
QUIET = 600  # seconds at least between two rows of one limit; a longer window is as long
STRANGERS_AN_HOUR = 60  # rows for addresses: who has many could otherwise fill the log without any credential


class Refusals:
    """Of this process; after a restart the first refusal is recorded again."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._lock = threading.Lock()
        self._until: OrderedDict[tuple[str, str, str], float] = OrderedDict()
        self._strangers: tuple[float, int] = (0.0, 0)

    def record(self, actor: Actor | None, limited: Limited) -> bool:
        """Whether a row was written. One transaction of its own: nothing else of the call was done."""
        if not self._is_first(limited):
            return False
        subject = limited.subject
        with self._db.write() as conn:
            audit.record(
                conn,
                actor=actor.id if actor else "anonymous",
                action="limit.reached",
                project_id=subject.id if subject.kind == "project" else None,
                outcome="denied",
                details={
                    "subject": subject.kind,
                    "subject_id": subject.id,
                    "what": limited.what,
                    "limit": limited.details["limit"],
                    "window_seconds": limited.window,
                },
            )
        return True

    def _is_first(self, limited: Limited) -> bool:
        key = (limited.subject.kind, limited.subject.id, limited.what)
        now = self._clock.monotonic()
        with self._lock:
            if self._until.get(key, 0.0) > now:
                return False
            if limited.subject.kind == "address" and not self._room(now):
                return False
            self._until[key] = now + max(limited.window or HOUR, QUIET)
            self._until.move_to_end(key)
            if len(self._until) > MOST_REMEMBERED:
                self._until.popitem(last=False)
            return True

    def _room(self, now: float) -> bool:
        since, count = self._strangers
        if now - since >= HOUR or count == 0:
            since, count = now, 0
        self._strangers = (since, count + 1)
        return count < STRANGERS_AN_HOUR
