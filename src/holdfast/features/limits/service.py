"""Setting limits, clearing them, and what is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from holdfast.features.access import key_store
from holdfast.features.access import store as people
from holdfast.features.access.actor import Actor, no_such
from holdfast.features.access.grants import Columns
from holdfast.features.limits import store
from holdfast.features.limits.admission import COUNTED, Admission
from holdfast.features.limits.book import LimitBook
from holdfast.features.limits.model import Override, limit_overrides
from holdfast.features.limits.quota import Quotas
from holdfast.features.limits.words import LONGEST_WINDOW, MOST, NEAR, SHIPPED, Limit, Subject, What
from holdfast.features.projects.scope import project_of
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Invalid
from holdfast.kernel.ids import new_id


@dataclass(frozen=True)
class Used:
    """One line of usage. `limit` None = none; `remaining` and `reset_at` None where there is nothing to wait for."""

    what: What
    limit: int | None
    window: int
    used: int
    remaining: int | None
    reset_at: datetime | None

    @property
    def percent(self) -> float | None:
        if self.limit is None:
            return None
        return 100.0 if self.limit == 0 else min(100.0, round(100 * self.used / self.limit, 1))

    @property
    def near(self) -> bool:
        """Time to say so: four fifths are used."""
        return self.percent is not None and self.percent >= NEAR


class LimitsService:
    """Limits of a project belong to the project; all others are the installation's."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        book: LimitBook,
        admission: Admission,
        quotas: Quotas,
    ) -> None:
        self._db = db
        self._clock = clock
        self._book = book
        self._admission = admission
        self._quotas = quotas

    def list(self, actor: Actor, *, after: str | None = None, limit: int = 50) -> Sequence[Override]:
        """What was set: everything for those who see the installation, else what was set for their projects."""
        actor.require("limit.read")
        with self._db.read() as conn:
            return store.page(conn, _visible(actor), after=after, limit=limit)

    def put(self, actor: Actor, subject: Subject, what: What, amount: int | None, window: int | None) -> Override:
        """Set one limit; it holds from the next call on. `window` None = as shipped. Raises Invalid, NotFound."""
        checked = _checked(subject, what, amount, window)
        with self._db.write() as conn:
            self._require(conn, actor, "limit.write", subject)
            store.raise_version(conn)
            before = store.find(conn, subject, what)
            values: dict[str, Any] = {
                "amount": checked.amount,
                "window": checked.window,
                "changed_by": actor.id,
                "changed_at": self._clock.now(),
            }
            if before is None:
                project_id = subject.id if subject.kind == "project" and subject.id else None
                made = Override(new_id("lim"), subject.kind, subject.id, what, project_id=project_id, **values)
                store.insert(conn, made)
            else:
                made = store.change(conn, before.id, **values) or before
            self._record(conn, actor, "limit.set", before, made)
            self._after(conn)
            return made

    def clear(self, actor: Actor, override_id: str) -> None:
        """Back to the default."""
        with self._db.write() as conn:
            actor.require_everywhere("limit.write")
            found = store.get(conn, override_id)
            if found is None:
                raise no_such("limit")
            store.raise_version(conn)
            store.delete(conn, override_id)
            self._record(conn, actor, "limit.clear", found, None)
            self._after(conn)

    def usage(self, actor: Actor, subject: Subject | None = None) -> tuple[Subject | None, Sequence[Used]]:
        """What is left: for the caller when nobody is named. A local actor has no limits, and an empty answer."""
        if subject is None:
            subject = Subject(actor.kind, actor.id) if actor.kind in ("key", "user") else None
            if subject is None:
                return None, []
        elif (subject.kind, subject.id) != (actor.kind, actor.id):
            with self._db.read() as conn:
                self._require(conn, actor, "limit.read", subject)
        return subject, [*self._calls(subject), *self._spent(subject)]

    def _calls(self, subject: Subject) -> Sequence[Used]:
        standing = {each.what: each for each in self._admission.standings(subject)}
        now, found = self._clock.now(), []
        for what in COUNTED:
            limit = self._book.limit(subject, what)
            at = standing.get(what)
            if at is None:
                found.append(Used(what, limit.amount, limit.window, 0, limit.amount, None))
                continue
            reset = now + timedelta(seconds=at.reset_in) if at.used else None
            found.append(Used(what, at.limit, at.window, at.used, at.remaining, reset))
        return found

    def _spent(self, subject: Subject) -> Sequence[Used]:
        found = []
        with self._db.read() as conn:
            for what, shipped in SHIPPED[subject.kind].items():
                if what in COUNTED:
                    continue
                limit = self._book.limit(subject, what)
                used, first = self._quotas.used(conn, subject, what, limit if limit.window else shipped)
                left = None if limit.amount is None else max(0, limit.amount - used)
                back = first + timedelta(seconds=limit.window) if first and limit.window else None
                found.append(Used(what, limit.amount, limit.window, used, left, back))
        return found

    def _require(self, conn: sa.Connection, actor: Actor, permission: str, subject: Subject) -> None:
        """A project's limits are read in the project, all others in the installation; none is written by whoever it
        binds. Raises NotFound for an absent subject."""
        if permission == "limit.write":
            actor.require_everywhere(permission)
        if subject.kind == "project" and subject.id:
            project_of(conn, actor, subject.id, permission)
            return
        actor.require_everywhere(permission)
        if subject.id and subject.kind == "key" and key_store.get(conn, subject.id) is None:
            raise no_such("key")
        if subject.id and subject.kind == "user" and people.user(conn, subject.id) is None:
            raise no_such("user")

    def _record(
        self, conn: sa.Connection, actor: Actor, action: str, before: Override | None, after: Override | None
    ) -> None:
        one = after or before
        if one is None:
            raise ValueError("a change has a side")
        details = {
            "subject": one.subject,
            "subject_id": one.subject_id or None,
            "what": one.what,
            "before": _shown(before),
            "after": _shown(after),
        }
        audit.record(
            conn, actor=actor.id, action=action, project_id=one.project_id, resource_id=one.id, details=details
        )

    def _after(self, conn: sa.Connection) -> None:
        self._db.after_commit(conn, self._book.forget)


def _visible(actor: Actor) -> sa.ColumnElement[bool]:
    if actor.holds("limit.read", None):
        return sa.true()
    c = limit_overrides.c
    return sa.and_(c.project_id.is_not(None), actor.visible("limit.read", Columns(c.project_id)))


def _checked(subject: Subject, what: What, amount: int | None, window: int | None) -> Limit:
    shipped = SHIPPED[subject.kind].get(what)
    if shipped is None:
        known = ", ".join(SHIPPED[subject.kind])
        raise _invalid("what", f"for a {subject.kind} there are limits of {known}")
    if subject.kind == "address" and subject.id:
        raise _invalid("subject_id", "addresses have one limit for all of them")
    if amount is not None and not 0 <= amount <= MOST:
        raise _invalid("amount", "is out of range")
    if window is None:
        return Limit(amount, shipped.window)
    if (shipped.window == 0) != (window == 0) or not 0 <= window <= LONGEST_WINDOW:
        raise _invalid("window_seconds", "storage has none" if shipped.window == 0 else "is 1 second to 31 days")
    return Limit(amount, window)


def _invalid(field: str, message: str) -> Invalid:
    return Invalid(
        f"{field}: {message}",
        code="limit_invalid",
        details={"fields": [{"field": field, "message": message}]},
    )


def _shown(override: Override | None) -> dict[str, Any] | None:
    return None if override is None else {"amount": override.amount, "window_seconds": override.window}
