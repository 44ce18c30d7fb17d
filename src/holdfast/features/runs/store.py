"""Reading runs for people: one statement per page, whatever the filters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from holdfast.jobs import Run
from holdfast.jobs.schema import runs
from holdfast.jobs.store import to_run


def page(
    conn: sa.Connection,
    *,
    visible: sa.ColumnElement[bool],
    project_id: str | None = None,
    environment_id: str | None = None,
    resource_id: str | None = None,
    states: Sequence[str] = (),
    kinds: Sequence[str] = (),
    actor_id: str | None = None,
    triggers: Sequence[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
    after: str | None = None,
    limit: int = 50,
) -> list[Run]:
    """Newest first, those before the id `after`, of what is `visible` (see `Actor.visible`); `since` and `until`
    compare when they were asked for."""
    c = runs.c
    query = sa.select(runs).where(visible).order_by(c.id.desc()).limit(limit)
    if project_id is not None:
        query = query.where(c.project_id == project_id)
    if environment_id is not None:
        query = query.where(c.environment_id == environment_id)
    if resource_id is not None:
        query = query.where(c.resource_id == resource_id)
    if states:
        query = query.where(c.state.in_(states))
    if kinds:
        query = query.where(c.kind.in_(kinds))
    if actor_id is not None:
        query = query.where(c.actor == actor_id)
    if triggers:
        query = query.where(c.trigger.in_(triggers))
    if since is not None:
        query = query.where(c.requested_at >= since)
    if until is not None:
        query = query.where(c.requested_at < until)
    if after is not None:
        query = query.where(c.id < after)
    return [to_run(row) for row in conn.execute(query).mappings()]
