"""Where a project, an environment or a resource is: what the access slice asks of the slices above it."""

from __future__ import annotations

import sqlalchemy as sa

from holdfast.features.access.grants import Place
from holdfast.features.access.places import Whereabouts
from holdfast.features.databases.model import resources
from holdfast.features.projects.model import environments, projects


def project(conn: sa.Connection, project_id: str) -> Place | None:
    found = conn.execute(sa.select(projects.c.id).where(projects.c.id == project_id)).first()
    return None if found is None else Place(project_id)


def environment(conn: sa.Connection, environment_id: str) -> Place | None:
    found = conn.execute(sa.select(environments.c.project_id).where(environments.c.id == environment_id)).scalar()
    return None if found is None else Place(found, environment_id)


def resource(conn: sa.Connection, resource_id: str) -> Place | None:
    """Deleted ones too, until they are purged: a key for one works again when it is brought back."""
    c = resources.c
    row = conn.execute(
        sa.select(c.project_id, c.environment_id).where(c.id == resource_id, c.purged_at.is_(None))
    ).first()
    return None if row is None else Place(row.project_id, row.environment_id, resource_id)


WHEREABOUTS = Whereabouts(project, environment, resource)
