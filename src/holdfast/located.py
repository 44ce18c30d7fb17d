"""Where a project, an environment or a resource is: what the access slice asks of the slices above it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from holdfast.features.access.grants import Place
from holdfast.features.access.places import Whereabouts
from holdfast.features.backups.model import repositories
from holdfast.features.databases.model import resources
from holdfast.features.projects.model import environments, projects
from holdfast.features.workers import store as workers
from holdfast.jobs import ENDED
from holdfast.jobs.schema import runs
from holdfast.kernel.ids import is_id


def project(conn: sa.Connection, project_id: str) -> Place | None:
    found = conn.execute(sa.select(projects.c.id).where(projects.c.id == project_id)).first()
    return None if found is None else Place(project_id)


def environment(conn: sa.Connection, environment_id: str) -> Place | None:
    found = conn.execute(sa.select(environments.c.project_id).where(environments.c.id == environment_id)).scalar()
    return None if found is None else Place(found, environment_id)


def resource(conn: sa.Connection, resource_id: str) -> Place | None:
    """A database or a worker. Deleted ones too, until they are purged: a key for one works again when it is brought
    back."""
    if is_id(resource_id, "wrk"):
        worker = workers.get(conn, resource_id)
        return None if worker is None else worker.place
    c = resources.c
    row = conn.execute(
        sa.select(c.project_id, c.environment_id).where(c.id == resource_id, c.purged_at.is_(None))
    ).first()
    return None if row is None else Place(row.project_id, row.environment_id, resource_id)


def node_of(resource_id: str) -> sa.ColumnElement[Any]:
    """SQL: the node a resource lives on; NULL when it is reached from everywhere, or is none of ours."""
    return sa.select(resources.c.node).where(resources.c.id == resource_id).scalar_subquery()


def adopt(conn: sa.Connection, node: str) -> None:
    """What was recorded before there were nodes is this one's: it was the only Holdfast there was."""
    conn.execute(sa.update(resources).where(resources.c.node.is_(None)).values(node=node))
    conn.execute(
        sa.update(repositories).where(repositories.c.node.is_(None), repositories.c.kind == "local").values(node=node)
    )
    waiting = sa.and_(runs.c.node.is_(None), runs.c.state.not_in(sorted(ENDED)))
    conn.execute(sa.update(runs).where(waiting).values(node=node))


WHEREABOUTS = Whereabouts(project, environment, resource)
