"""What keeps an environment from being deleted: the questions the upper slices answer for the projects' slice."""

from __future__ import annotations

import sqlalchemy as sa

from holdfast.features.backups.model import snapshots
from holdfast.features.databases.model import resources
from holdfast.features.plans.model import plans
from holdfast.features.projects.model import environments
from holdfast.features.secrets import store as secrets
from holdfast.features.workers import store as workers
from holdfast.jobs import ENDED
from holdfast.jobs.schema import runs


def by_resource(conn: sa.Connection, environment_id: str) -> str | None:
    """A resource whose data is still there: living, half made, or deleted and within its grace period."""
    c = resources.c
    row = conn.execute(
        sa.select(c.kind, c.name, c.deleted_at)
        .where(c.environment_id == environment_id, c.purged_at.is_(None))
        .limit(1)
    ).first()
    if row is None:
        return None
    return f"the {row.kind} {row.name!r}" + (", deleted and not purged yet," if row.deleted_at else "")


def by_snapshot(conn: sa.Connection, environment_id: str) -> str | None:
    """A snapshot that was not deleted: the environment's key may be what opens the secrets it restores with."""
    c = snapshots.c
    row = conn.execute(
        sa.select(c.id, c.resource_name).where(c.environment_id == environment_id, c.state != "deleted").limit(1)
    ).first()
    return None if row is None else f"the snapshot {row.id} of {row.resource_name!r}"


def by_run(conn: sa.Connection, environment_id: str) -> str | None:
    """A run at work: it would write into what is gone."""
    c = runs.c
    row = conn.execute(
        sa.select(c.id, c.kind).where(c.environment_id == environment_id, c.state.not_in(sorted(ENDED))).limit(1)
    ).first()
    return None if row is None else f"the run {row.id} ({row.kind})"


def by_secret(conn: sa.Connection, environment_id: str) -> str | None:
    """A secret someone stored here, or deleted and may still restore."""
    found = secrets.any_in(conn, environment_id)
    if found is None:
        return None
    return f"the secret {found.name!r}" + (", deleted and not destroyed yet," if found.deleted_at else "")


def by_plan(conn: sa.Connection, environment_id: str) -> str | None:
    """A plan that names this environment: without it, it would cover every one."""
    c = plans.c
    here = sa.select(environments.c.project_id).where(environments.c.id == environment_id).scalar_subquery()
    for name, named in conn.execute(sa.select(c.name, c.environment_ids).where(c.project_id == here)):
        if environment_id in named:
            return f"the plan {name!r}"
    return None


def by_worker(conn: sa.Connection, environment_id: str) -> str | None:
    """A worker, or one deleted within its grace period."""
    found = workers.any_in(conn, environment_id)
    if found is None:
        return None
    return f"the worker {found.name!r}" + (", deleted and not purged yet," if found.deleted_at else "")


QUESTIONS = (by_resource, by_snapshot, by_run, by_worker, by_secret, by_plan)
