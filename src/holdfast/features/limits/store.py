"""One statement each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.features.limits.model import Override, limit_overrides, limit_spent, limit_versions
from holdfast.features.limits.words import Subject, What
from holdfast.kernel.ids import new_id

_c = limit_overrides.c
_s = limit_spent.c


def every(conn: sa.Connection) -> Sequence[Override]:
    return [Override(**row._mapping) for row in conn.execute(sa.select(limit_overrides))]


def page(conn: sa.Connection, visible: sa.ColumnElement[bool], *, after: str | None, limit: int) -> Sequence[Override]:
    """In order of creation."""
    query = sa.select(limit_overrides).where(visible).order_by(_c.id).limit(limit)
    if after is not None:
        query = query.where(_c.id > after)
    return [Override(**row._mapping) for row in conn.execute(query)]


def get(conn: sa.Connection, override_id: str) -> Override | None:
    return _override(conn.execute(sa.select(limit_overrides).where(_c.id == override_id)).first())


def find(conn: sa.Connection, subject: Subject, what: What) -> Override | None:
    query = sa.select(limit_overrides).where(_c.subject == subject.kind, _c.subject_id == subject.id, _c.what == what)
    return _override(conn.execute(query).first())


def insert(conn: sa.Connection, made: Override) -> None:
    conn.execute(limit_overrides.insert().values(**asdict(made)))


def change(conn: sa.Connection, override_id: str, **values: Any) -> Override | None:
    query = limit_overrides.update().where(_c.id == override_id).values(**values).returning(*_c)
    return _override(conn.execute(query).first())


def delete(conn: sa.Connection, override_id: str) -> None:
    conn.execute(limit_overrides.delete().where(_c.id == override_id))


def version(conn: sa.Connection) -> int:
    found = conn.execute(sa.select(limit_versions.c.version)).scalar()
    return int(found or 0)


def raise_version(conn: sa.Connection) -> None:
    """Before anything else of the change: on PostgreSQL two changes then take turns."""
    changed = conn.execute(limit_versions.update().values(version=limit_versions.c.version + 1))
    if changed.rowcount == 0:
        conn.execute(limit_versions.insert().values(id=1, version=1))


def spend(conn: sa.Connection, what: What, actor: str, project_id: str, now: datetime) -> None:
    conn.execute(limit_spent.insert().values(id=new_id("spt"), what=what, actor=actor, project_id=project_id, at=now))


def spent(conn: sa.Connection, what: What, subject: Subject, since: datetime) -> tuple[int, datetime | None]:
    """How often since then, and the first time."""
    whose = _s.project_id if subject.kind == "project" else _s.actor
    query = sa.select(sa.func.count(), sa.func.min(_s.at)).where(_s.what == what, whose == subject.id, _s.at > since)
    count, first = conn.execute(query).one()
    return int(count), first


def forget_spent(conn: sa.Connection, before: datetime) -> None:
    conn.execute(limit_spent.delete().where(_s.at < before))


def _override(row: sa.Row[Any] | None) -> Override | None:
    return None if row is None else Override(**row._mapping)
