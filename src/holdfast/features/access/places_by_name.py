"""The names of projects and environments, of the slice above: by table name, read only, for lists that show them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from holdfast.features.access.model import role_grants

_projects = sa.table("projects", sa.column("id"), sa.column("name"))
_environments = sa.table("environments", sa.column("id"), sa.column("name"))

PROJECT = _projects.c.name.label("project")
ENVIRONMENT = _environments.c.name.label("environment")


def named() -> sa.FromClause:
    """Grants, each beside the names of where it counts. One statement, however many grants."""
    c: Any = role_grants.c
    return role_grants.outerjoin(_projects, _projects.c.id == c.project_id).outerjoin(
        _environments, _environments.c.id == c.environment_id
    )
