"""The limits in force, kept in memory: asked at every call, read again when someone changed them."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa

from holdfast.features.limits import store
from holdfast.features.limits.words import SHIPPED, Limit, Subject, What
from holdfast.kernel import log
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database

POLL_SECONDS = 1.0
_log = log.get("holdfast.limits")


class LimitBook:
    """A change made in this process counts at once (`forget`), one of another node a second later (`check`).

    `poll_seconds` None = nobody else changes limits: one api process has an embedded database to itself. While the
    metadata database cannot be read the limits read last stay in force.
    """

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._lock = threading.Lock()
        self._overrides: Mapping[tuple[str, str, str], Limit] | None = None
        self._version = -1
        self._checked = 0.0
        self.poll_seconds: float | None = None if db.embedded else POLL_SECONDS
        self._checking = ThreadPoolExecutor(1, thread_name_prefix="limits")
        self.edition = 0  # rises with every change seen: what was derived from the book is made again

    def limit(self, subject: Subject, what: What) -> Limit:
        """The subject's own, else the default set for its kind, else the shipped one; none where none is shipped."""
        overrides = self._current()
        for identity in (subject.id, ""):
            found = overrides.get((subject.kind, identity, what))
            if found is not None:
                return found
        return SHIPPED[subject.kind].get(what) or Limit(None, 0)

    def forget(self) -> None:
        """The next question reads the limits again."""
        with self._lock:
            self._overrides = None
            self.edition += 1

    def check(self) -> None:
        """Look for changes made elsewhere, at most once a second and without waiting for the answer."""
        if self.poll_seconds is None:
            return
        now = self._clock.monotonic()
        if now - self._checked < self.poll_seconds:
            return
        self._checked = now
        self._checking.submit(self._look)

    def fresh(self, conn: sa.Connection) -> None:
        """See every change committed before the transaction of `conn` began."""
        if store.version(conn) != self._version:
            self.forget()

    def _look(self) -> None:
        try:
            with self._db.read() as conn:
                version = store.version(conn)
        except Exception as error:  # noqa: BLE001 - a database that is away must not stop calls that need none
            _log.warning("limits could not be read again", error=str(error))
            return
        if version != self._version and self._overrides is not None:
            self.forget()

    def _current(self) -> Mapping[tuple[str, str, str], Limit]:
        found = self._overrides
        if found is None:
            with self._lock:
                found = self._overrides
                if found is None:
                    found = self._overrides = self._read()
        return found

    def _read(self) -> Mapping[tuple[str, str, str], Limit]:
        with self._db.read() as conn:
            self._version = store.version(conn)
            rows = store.every(conn)
        return {(row.subject, row.subject_id, row.what): Limit(row.amount, row.window) for row in rows}

    def close(self) -> None:
        self._checking.shutdown()
