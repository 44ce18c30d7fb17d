"""What the metadata database knows for metrics; each question is one statement, however many databases there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.features.backups.model import IMPORTED, repositories, snapshots
from holdfast.features.databases.model import KIND, Resource, resources
from holdfast.features.databases.store import resource_from
from holdfast.features.projects.model import environments, projects
from holdfast.features.workers.model import workers
from holdfast.jobs.schema import runs
from holdfast.kernel.clock import parse_timestamp


@dataclass(frozen=True)
class Named:
    """A database with the names of where it lives."""

    resource: Resource
    project: str
    environment: str


@dataclass(frozen=True)
class LastSnapshot:
    """A database's newest good snapshot."""

    resource_id: str
    taken_at: datetime | None
    seconds: float | None
    source_bytes: int | None
    stored_bytes: int | None
    verified_level: int | None


@dataclass(frozen=True)
class StoreHealth:
    """A repository and whether its store answers. `open`: nobody asks it for a while; `since`: it is in trouble."""

    id: str
    name: str
    kind: str
    project: str
    open: bool
    failures: int
    since: datetime | None


def databases(
    conn: sa.Connection,
    visible: sa.ColumnElement[bool],
    *,
    project_id: str | None = None,
    environment_id: str | None = None,
    resource_id: str | None = None,
    after: str | None = None,
    limit: int | None = None,
) -> list[Named]:
    """Newest first; deleted ones are not in it."""
    c = resources.c
    query = (
        sa.select(resources, projects.c.name.label("project"), environments.c.name.label("environment"))
        .join(projects, projects.c.id == c.project_id)
        .join(environments, environments.c.id == c.environment_id)
        .where(visible, c.kind == KIND, c.deleted_at.is_(None))
        .order_by(c.id.desc())
    )
    for column, value in ((c.project_id, project_id), (c.environment_id, environment_id), (c.id, resource_id)):
        if value is not None:
            query = query.where(column == value)
    if after is not None:
        query = query.where(c.id < after)
    if limit is not None:
        query = query.limit(limit)
    return [Named(resource_from(row), row.project, row.environment) for row in conn.execute(query)]


def last_snapshots(conn: sa.Connection, ids: Sequence[str] | None) -> dict[str, LastSnapshot]:
    """Of these databases; None = of all. Imported ones do not count."""
    c = snapshots.c
    newest = sa.select(sa.func.max(c.id)).where(c.state == "ready", c.trigger != IMPORTED).group_by(c.resource_id)
    if ids is not None:
        newest = newest.where(c.resource_id.in_(ids))
    query = sa.select(c.resource_id, c.taken_at, c.seconds, c.source_bytes, c.stored_bytes, c.verified_level).where(
        c.id.in_(newest)
    )
    return {row.resource_id: LastSnapshot(**row._mapping) for row in conn.execute(query)}


def snapshot_counts(conn: sa.Connection, visible: sa.ColumnElement[bool]) -> list[tuple[str, str, int]]:
    """(resource_id, state, how many)."""
    c = snapshots.c
    query = sa.select(c.resource_id, c.state, sa.func.count()).where(visible, c.state != "deleted")
    return [(row[0], row[1], int(row[2])) for row in conn.execute(query.group_by(c.resource_id, c.state))]


def stores(conn: sa.Connection, visible: sa.ColumnElement[bool]) -> list[StoreHealth]:
    """As the process that met the trouble wrote it down: every process tells the same."""
    c = repositories.c
    query = (
        sa.select(c.id, c.name, c.kind, projects.c.name.label("project"), c.trouble)
        .join(projects, projects.c.id == c.project_id)
        .where(visible)
        .order_by(c.id)
    )
    return [_store(row) for row in conn.execute(query)]


def _store(row: Any) -> StoreHealth:
    trouble: Mapping[str, Any] = row.trouble or {}
    since = parse_timestamp(str(trouble["since"])) if trouble else None
    left_alone = trouble.get("state") in ("open", "half_open")
    return StoreHealth(row.id, row.name, row.kind, row.project, left_alone, int(trouble.get("failures", 0)), since)


def worker_names(conn: sa.Connection, visible: sa.ColumnElement[bool]) -> dict[str, str]:
    """{id: name}; deleted ones are not in it."""
    query = sa.select(workers.c.id, workers.c.name).where(visible, workers.c.deleted_at.is_(None))
    return {row.id: row.name for row in conn.execute(query)}


def run_counts(conn: sa.Connection, visible: sa.ColumnElement[bool]) -> list[tuple[str, str, int]]:
    """(kind, state, how many are remembered)."""
    c = runs.c
    query = sa.select(c.kind, c.state, sa.func.count()).where(visible).group_by(c.kind, c.state)
    return [(row[0], row[1], int(row[2])) for row in conn.execute(query)]
