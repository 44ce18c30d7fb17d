"""Statements on the `resources` table; each is one round trip, and every change of state is guarded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.features.databases.model import EXTERNAL, KIND, Resource, resources
from holdfast.kernel.errors import Conflict

_COLUMNS = [column.name for column in resources.columns]


def resource_from(row: sa.Row[Any]) -> Resource:
    return Resource(**{name: getattr(row, name) for name in _COLUMNS})


def insert(conn: sa.Connection, resource: Resource) -> None:
    """Raises Conflict (code "name_taken") when a living database of the environment has this name."""
    try:
        conn.execute(sa.insert(resources).values(**{name: getattr(resource, name) for name in _COLUMNS}))
    except sa.exc.IntegrityError:
        raise name_taken(resource.name) from None


def name_taken(name: str) -> Conflict:
    return Conflict(
        f"this environment already has a database named {name!r}",
        code="name_taken",
        hint="Choose another name, or delete the other database first.",
    )


def get(conn: sa.Connection, resource_id: str) -> Resource | None:
    row = conn.execute(sa.select(resources).where(resources.c.id == resource_id)).first()
    return resource_from(row) if row else None


def by_name(conn: sa.Connection, environment_id: str, name: str) -> Resource | None:
    """The living database of that name."""
    row = conn.execute(
        sa.select(resources).where(
            resources.c.environment_id == environment_id,
            resources.c.kind == KIND,
            resources.c.name == name,
            resources.c.deleted_at.is_(None),
        )
    ).first()
    return resource_from(row) if row else None


def by_ids(conn: sa.Connection, ids: Sequence[str]) -> dict[str, Resource]:
    if not ids:
        return {}
    rows = conn.execute(sa.select(resources).where(resources.c.id.in_(ids)))
    return {row.id: resource_from(row) for row in rows}


def page(
    conn: sa.Connection,
    *,
    visible: sa.ColumnElement[bool],
    project_id: str | None = None,
    environment_id: str | None = None,
    engine: str | None = None,
    states: Sequence[str] = (),
    name: str | None = None,
    labels: Mapping[str, str] | None = None,
    colour: str | None = None,
    notes: str | None = None,
    deleted: bool = False,
    after: str | None = None,
    limit: int = 50,
) -> list[Resource]:
    """Newest first, `limit` at most, those after the id `after`, of what is `visible`. One statement always."""
    c = resources.c
    query = sa.select(resources).where(visible, c.kind == KIND, c.purged_at.is_(None))
    query = query.where(c.deleted_at.is_not(None) if deleted else c.deleted_at.is_(None))
    if project_id is not None:
        query = query.where(c.project_id == project_id)
    if environment_id is not None:
        query = query.where(c.environment_id == environment_id)
    if engine is not None:
        query = query.where(c.engine == engine)
    if states:
        query = query.where(c.state.in_(states))
    if name is not None:
        query = query.where(c.name.contains(name, autoescape=True))
    if colour is not None:
        query = query.where(c.colour == colour)
    if notes is not None:
        query = query.where(c.notes.contains(notes, autoescape=True))
    for key, value in (labels or {}).items():
        query = query.where(c.labels[key].as_string() == value)
    if after is not None:
        query = query.where(c.id < after)
    rows = conn.execute(query.order_by(c.id.desc()).limit(limit))
    return [resource_from(row) for row in rows]


def change(
    conn: sa.Connection,
    resource_id: str,
    *,
    now: datetime,
    states: Sequence[str] = (),
    version: int | None = None,
    run_id: str | None = None,
    **values: Any,
) -> Resource | None:
    """Set `values`, bump `version`, and return the new row; None when it is not in one of `states`, at another
    `version`, or owned by another run than `run_id`. Nothing changes then."""
    c = resources.c
    query = sa.update(resources).where(c.id == resource_id)
    if states:
        query = query.where(c.state.in_(states))
    if version is not None:
        query = query.where(c.version == version)
    if run_id is not None:
        query = query.where(c.run_id == run_id)
    bumped = values.pop("bump_generation", False)
    if bumped:
        query = query.values(generation=c.generation + 1)
    query = query.values(version=c.version + 1, updated_at=now, **values).returning(*resources.c)
    row = conn.execute(query).first()
    return resource_from(row) if row else None


def claim(conn: sa.Connection, resource_id: str, run_id: str) -> Resource:
    """Name the run that will end the resource's passing state; only that run can (see `change`)."""
    query = sa.update(resources).where(resources.c.id == resource_id).values(run_id=run_id)
    return resource_from(conn.execute(query.returning(*resources.c)).one())


def lock(conn: sa.Connection, resource_id: str) -> bool:
    """Hold the row until the transaction ends; False when it is not there, or somebody else holds it."""
    query = sa.select(resources.c.id).where(resources.c.id == resource_id).with_for_update(skip_locked=True)
    return conn.execute(query).first() is not None


def purgeable(conn: sa.Connection, now: datetime, node: str | None = None, limit: int = 100) -> list[Resource]:
    """Deleted databases whose grace is over, of this node and of none."""
    c = resources.c
    rows = conn.execute(
        sa.select(resources)
        .where(c.deleted_at.is_not(None), c.purged_at.is_(None), c.purge_after <= now)
        .where(sa.or_(c.node.is_(None), c.node == node))
        .order_by(c.purge_after)
        .limit(limit)
    )
    return [resource_from(row) for row in rows]


def busy(conn: sa.Connection, states: Sequence[str]) -> list[Resource]:
    """Databases in the middle of something, for the sweep that looks whether the run behind them still lives."""
    rows = conn.execute(sa.select(resources).where(resources.c.state.in_(states)))
    return [resource_from(row) for row in rows]


def next_ready(conn: sa.Connection, engines: Sequence[str], node: str, after: str) -> Resource | None:
    """The next one of these engines that this node hosts, in the order of ids; None after the last."""
    c = resources.c
    query = sa.select(resources).where(c.state == "ready", c.engine.in_(engines), c.host != EXTERNAL, c.node == node)
    row = conn.execute(query.where(c.id > after).order_by(c.id).limit(1)).first()
    return resource_from(row) if row else None


def with_reason(conn: sa.Connection, code: str, limit: int) -> list[str]:
    """Names of those ready that have something to say all the same."""
    c = resources.c
    query = sa.select(c.name).where(c.state == "ready", c.state_reason["code"].as_string() == code)
    return [str(name) for name in conn.execute(query.order_by(c.id).limit(limit)).scalars()]
