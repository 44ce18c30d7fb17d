"""Reading runs for people: one statement per page, whatever the filters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from holdfast.jobs import Run
from holdfast.jobs.schema import runs
from holdfast.jobs.store import to_run


@dataclass(frozen=True)
class Filter:
    """None and () = whatever it is. `since` and `until` compare when a run was asked for."""

    project_id: str | None = None
    environment_id: str | None = None
    resource_id: str | None = None
    states: Sequence[str] = ()
    kinds: Sequence[str] = ()
    actor_id: str | None = None
    triggers: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        c = runs.c
        same = (
            (c.project_id, self.project_id),
            (c.environment_id, self.environment_id),
            (c.resource_id, self.resource_id),
            (c.actor, self.actor_id),
        )
        one_of = ((c.state, self.states), (c.kind, self.kinds), (c.trigger, self.triggers))
        found: list[sa.ColumnElement[bool]] = [column == value for column, value in same if value is not None]
        found += [column.in_(values) for column, values in one_of if values]
        if self.since is not None:
            found.append(c.requested_at >= self.since)
        if self.until is not None:
            found.append(c.requested_at < self.until)
        return found


ANY = Filter()


def page(
    conn: sa.Connection, visible: sa.ColumnElement[bool], wanted: Filter, *, after: str | None, limit: int
) -> list[Run]:
    """Newest first, those before the id `after`, of what is `visible` (see `Actor.visible`)."""
    query = sa.select(runs).where(visible, *wanted.conditions()).order_by(runs.c.id.desc()).limit(limit)
    if after is not None:
        query = query.where(runs.c.id < after)
    return [to_run(row) for row in conn.execute(query).mappings()]
