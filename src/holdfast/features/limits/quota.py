"""Quotas: limits that outlive a restart, counted from rows in the transaction that spends them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa

from holdfast.features.access.actor import Actor
from holdfast.features.limits import store
from holdfast.features.limits.book import LimitBook
from holdfast.features.limits.errors import Limited
from holdfast.features.limits.words import LONGEST_WINDOW, Limit, Subject, What
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import embedded

# (connection, who, since) -> (how much, the first moment of it). For storage: the bytes there are, whatever the time.
Count = Callable[[sa.Connection, Subject, datetime], tuple[int, datetime | None]]


def none_yet(_conn: sa.Connection, _subject: Subject, _since: datetime) -> tuple[int, datetime | None]:
    return 0, None


def downloads(conn: sa.Connection, subject: Subject, since: datetime) -> tuple[int, datetime | None]:
    return store.spent(conn, "downloads", subject, since)


def versions(conn: sa.Connection, subject: Subject, since: datetime) -> tuple[int, datetime | None]:
    return store.spent(conn, "versions", subject, since)


class Quotas:
    """`counts` are questions to the slices above, which own the rows."""

    def __init__(self, book: LimitBook, clock: Clock, counts: Mapping[What, Count] | None = None) -> None:
        self._book = book
        self._clock = clock
        self._counts: dict[What, Count] = {"downloads": downloads, "versions": versions, **(counts or {})}

    def require(self, conn: sa.Connection, actor: Actor, project_id: str, what: What, count: int = 1) -> None:
        """Before `count` more of it, in the transaction that makes them. Raises Limited("quota_exceeded").

        The actor's own quota first, then the project's. On PostgreSQL those who spend of one project take turns.
        """
        self._book.fresh(conn)
        own = (Subject(actor.kind, actor.id),) if actor.kind in ("key", "user") and what != "storage" else ()
        limits = [(subject, self._book.limit(subject, what)) for subject in (*own, Subject("project", project_id))]
        if all(limit.amount is None for _, limit in limits):
            return
        _take_turns(conn, project_id)
        for subject, limit in limits:
            used, first = self.used(conn, subject, what, limit)
            if limit.amount is not None and used + count > limit.amount:
                raise self._limited(subject, what, limit, used, first)

    def require_storage(self, conn: sa.Connection, project_id: str) -> None:
        """Before bytes are stored in a project: a full one takes no more. Raises Limited("quota_exceeded")."""
        self._book.fresh(conn)
        subject = Subject("project", project_id)
        limit = self._book.limit(subject, "storage")
        if limit.amount is None:
            return
        used, _ = self.used(conn, subject, "storage", limit)
        if used >= limit.amount:
            raise self._limited(subject, "storage", limit, used, None)

    def spend_download(self, conn: sa.Connection, actor: Actor, project_id: str, count: int = 1) -> None:
        """So many downloads more, or Limited."""
        self.spend(conn, actor, project_id, "downloads", count)

    def spend(self, conn: sa.Connection, actor: Actor, project_id: str, what: What, count: int = 1) -> None:
        """So many more of what leaves no row to count, or Limited. Forgets what no window reaches any more."""
        self.require(conn, actor, project_id, what, count)
        now = self._clock.now()
        store.forget_spent(conn, now - timedelta(seconds=LONGEST_WINDOW))
        for _ in range(count):
            store.spend(conn, what, actor.id, project_id, now)

    def used(self, conn: sa.Connection, subject: Subject, what: What, limit: Limit) -> tuple[int, datetime | None]:
        since = self._clock.now() - timedelta(seconds=limit.window)
        return self._counts.get(what, none_yet)(conn, subject, since)

    def _limited(self, subject: Subject, what: What, limit: Limit, used: int, first: datetime | None) -> Limited:
        now = self._clock.now()
        comes_back = limit.window > 0
        reset_at = (first or now) + timedelta(seconds=limit.window) if comes_back else None
        return Limited(
            "quota_exceeded",
            subject,
            what,
            limit=limit.amount or 0,
            window=limit.window,
            used=used,
            reset_at=reset_at,
            reset_in=(reset_at - now).total_seconds() if reset_at else None,
        )


def _take_turns(conn: sa.Connection, project_id: str) -> None:
    """SQLite has one writer anyway."""
    if not embedded(conn):
        conn.execute(sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:project, 7))"), {"project": project_id})
