"""Reading placed rows: one statement per page, whatever the filters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.kernel.audit import audit_events

_c = audit_events.c


@dataclass(frozen=True)
class AuditEvent:
    """One row with its place. An erased one has neither address nor details any more."""

    seq: int
    id: str
    at: datetime
    actor: str
    action: str
    project_id: str | None
    environment_id: str | None
    resource_id: str | None
    request_id: str | None
    address: str | None
    outcome: str
    details: Mapping[str, Any]
    erased_at: datetime | None


@dataclass(frozen=True)
class Filter:
    """None = whatever it is. `action` is a prefix: "snapshot" or "snapshot.restore"; `text` is looked for in ids,
    actions and details; `verb` is an action's last word."""

    actor: str | None = None
    action: str | None = None
    resource_id: str | None = None
    project_id: str | None = None
    environment_id: str | None = None
    outcome: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None
    verb: str | None = None

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        found: list[sa.ColumnElement[bool]] = [_c.seq.is_not(None)]
        for column, value in (
            (_c.actor, self.actor),
            (_c.resource_id, self.resource_id),
            (_c.project_id, self.project_id),
            (_c.environment_id, self.environment_id),
            (_c.outcome, self.outcome),
        ):
            if value is not None:
                found.append(column == value)
        if self.action is not None:
            found.append(sa.or_(_c.action == self.action, _c.action.startswith(f"{self.action}.", autoescape=True)))
        if self.verb is not None:
            found.append(_c.action.endswith(f".{self.verb}", autoescape=True))
        if self.since is not None:
            found.append(_c.at >= self.since)
        if self.until is not None:
            found.append(_c.at < self.until)
        if self.text is not None:
            everywhere = (_c.id, _c.actor, _c.action, _c.resource_id, _c.request_id, sa.cast(_c.details, sa.Text))
            found.append(sa.or_(*(column.contains(self.text, autoescape=True) for column in everywhere)))
        return found


_COLUMNS = tuple(_c[name] for name in AuditEvent.__dataclass_fields__)


def newest(
    conn: sa.Connection, visible: sa.ColumnElement[bool], wanted: Filter, *, before: int | None, limit: int
) -> list[AuditEvent]:
    query = sa.select(*_COLUMNS).where(visible, *wanted.conditions()).order_by(_c.seq.desc()).limit(limit)
    if before is not None:
        query = query.where(_c.seq < before)
    return [AuditEvent(**row._mapping) for row in conn.execute(query)]


def following(
    conn: sa.Connection, visible: sa.ColumnElement[bool], wanted: Filter, *, after: int, limit: int
) -> list[AuditEvent]:
    """Oldest first, those after a place."""
    query = sa.select(*_COLUMNS).where(visible, *wanted.conditions(), _c.seq > after).order_by(_c.seq).limit(limit)
    return [AuditEvent(**row._mapping) for row in conn.execute(query)]


def get(conn: sa.Connection, event_id: str) -> AuditEvent | None:
    """By its id or by its place in decimal digits."""
    # A place has at most 18 digits: a longer number would not fit the column and fail in the database.
    number = event_id.isascii() and event_id.isdigit() and len(event_id) <= 18
    wanted = _c.seq == int(event_id) if number else _c.id == event_id
    row = conn.execute(sa.select(*_COLUMNS).where(wanted, _c.seq.is_not(None))).first()
    return None if row is None else AuditEvent(**row._mapping)


def last_place(conn: sa.Connection) -> int:
    return int(conn.execute(sa.select(sa.func.max(_c.seq))).scalar() or 0)


def to_erase(
    conn: sa.Connection, *, actor: str | None, ids: Sequence[str], never: str, limit: int
) -> list[tuple[int, str]]:
    """(place, id) of rows that still have their payload; never those that explain other erasures."""
    query = sa.select(_c.seq, _c.id).where(_c.seq.is_not(None), _c.erased_at.is_(None), _c.action != never)
    if actor is not None:
        query = query.where(_c.actor == actor)
    if ids:
        query = query.where(_c.id.in_(list(ids)))
    return [(int(row.seq), str(row.id)) for row in conn.execute(query.order_by(_c.seq).limit(limit))]


def empty(conn: sa.Connection, rows: Sequence[tuple[int, str]], now: datetime) -> None:
    """Take address, details and salt out of the rows."""
    conn.execute(
        audit_events.update()
        .where(_c.id.in_([row_id for _, row_id in rows]))
        .values(address=None, details={}, salt=None, erased_at=now)
    )


def ranges(places: Sequence[int]) -> Iterator[list[int]]:
    """Rising places as [first, last] pairs."""
    start = last = None
    for place in places:
        if last is not None and place == last + 1:
            last = place
            continue
        if start is not None and last is not None:
            yield [start, last]
        start = last = place
    if start is not None and last is not None:
        yield [start, last]
