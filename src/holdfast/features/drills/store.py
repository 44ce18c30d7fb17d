"""Statements on the tables of drills; each is one round trip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from holdfast.features.drills.model import Aims, Drill, drill_aims, drills


def aims_of(conn: sa.Connection, resource_id: str) -> Aims:
    """What was set, or nothing at version 0."""
    found = conn.execute(sa.select(drill_aims).where(drill_aims.c.resource_id == resource_id)).mappings().first()
    return Aims(**found) if found else Aims(resource_id)


def put_aims(conn: sa.Connection, aims: Aims, before: int) -> bool:
    """False when the version was no longer `before`. Two that set the first ones at once: one gets IntegrityError."""
    if before == 0:
        conn.execute(sa.insert(drill_aims).values(**asdict(aims)))
        return True
    c = drill_aims.c
    query = sa.update(drill_aims).where(c.resource_id == aims.resource_id, c.version == before)
    return conn.execute(query.values(**asdict(aims))).rowcount == 1


def insert(conn: sa.Connection, drill: Drill) -> None:
    conn.execute(sa.insert(drills).values(**asdict(drill)))


def get(conn: sa.Connection, drill_id: str) -> Drill | None:
    found = conn.execute(sa.select(drills).where(drills.c.id == drill_id)).mappings().first()
    return Drill(**found) if found else None


def change(conn: sa.Connection, drill_id: str, *, states: Sequence[str] = (), **values: Any) -> Drill | None:
    """Set `values`; None when it is not in one of `states`."""
    query = sa.update(drills).where(drills.c.id == drill_id)
    if states:
        query = query.where(drills.c.state.in_(states))
    found = conn.execute(query.values(**values).returning(*drills.c)).mappings().first()
    return Drill(**found) if found else None


def page(
    conn: sa.Connection, visible: sa.ColumnElement[bool], *, after: str | None, limit: int, **equal: Any
) -> list[Drill]:
    """Newest first, those before the id `after`; None in `equal` is ignored."""
    query = sa.select(drills).where(visible).order_by(drills.c.id.desc()).limit(limit)
    if after is not None:
        query = query.where(drills.c.id < after)
    for name, value in equal.items():
        if value is not None:
            query = query.where(drills.c[name] == value)
    return [Drill(**row) for row in conn.execute(query).mappings()]


def running(conn: sa.Connection) -> list[Drill]:
    return [Drill(**row) for row in conn.execute(sa.select(drills).where(drills.c.state == "running")).mappings()]


def forget(conn: sa.Connection, resource_id: str) -> None:
    """The database is gone; its drills stay as history."""
    conn.execute(sa.delete(drill_aims).where(drill_aims.c.resource_id == resource_id))
