"""Where a thing is going to live, for the slices above: one look-up, one authorisation."""

from __future__ import annotations

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, no_such
from holdfast.features.projects import store
from holdfast.features.projects.model import Environment, Project

__all__ = ["Environment", "Project", "environment_of", "project_of"]


def environment_of(conn: sa.Connection, actor: Actor, environment_id: str, permission: str) -> Environment:
    """The environment, if `actor` may do `permission` in it. NotFound when absent or foreign, else Denied."""
    found = store.environment(conn, environment_id)
    actor.require(permission, found.place if found else None, noun="environment")
    if found is None:
        raise no_such("environment")
    return found


def project_of(conn: sa.Connection, actor: Actor, project_id: str, permission: str) -> Project:
    """The project, if `actor` may do `permission` in it."""
    found = store.project(conn, project_id)
    actor.require(permission, found.place if found else None, noun="project")
    if found is None:
        raise no_such("project")
    return found
