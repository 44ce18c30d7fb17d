"""One statement each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.features.projects.model import Environment, Project, environments, projects


def _project(row: sa.Row[Any] | None) -> Project | None:
    return None if row is None else Project(**row._mapping)


def _environment(row: sa.Row[Any] | None) -> Environment | None:
    return None if row is None else Environment(**row._mapping)


def project(conn: sa.Connection, project_id: str) -> Project | None:
    return _project(conn.execute(sa.select(projects).where(projects.c.id == project_id)).first())


def environment(conn: sa.Connection, environment_id: str) -> Environment | None:
    return _environment(conn.execute(sa.select(environments).where(environments.c.id == environment_id)).first())


def page_of_projects(
    conn: sa.Connection, *, visible: sa.ColumnElement[bool], after: str | None, limit: int
) -> Sequence[Project]:
    """In order of creation."""
    statement = sa.select(projects).where(visible).order_by(projects.c.id).limit(limit)
    if after is not None:
        statement = statement.where(projects.c.id > after)
    return [Project(**row._mapping) for row in conn.execute(statement)]


def page_of_environments(
    conn: sa.Connection, project_id: str, *, visible: sa.ColumnElement[bool], after: str | None, limit: int
) -> Sequence[Environment]:
    own = environments.c.project_id == project_id
    statement = sa.select(environments).where(own, visible).order_by(environments.c.id).limit(limit)
    if after is not None:
        statement = statement.where(environments.c.id > after)
    return [Environment(**row._mapping) for row in conn.execute(statement)]


def insert_project(conn: sa.Connection, made: Project) -> None:
    conn.execute(projects.insert().values(**asdict(made)))


def insert_environment(conn: sa.Connection, made: Environment) -> None:
    conn.execute(environments.insert().values(**asdict(made)))


def change_project(
    conn: sa.Connection, project_id: str, version: int, now: datetime, values: Mapping[str, Any]
) -> Project | None:
    """None when `version` is no longer current."""
    return _project(
        conn.execute(
            projects.update()
            .where(projects.c.id == project_id, projects.c.version == version)
            .values(**values, version=version + 1, updated_at=now)
            .returning(*projects.c)
        ).first()
    )


def change_environment(
    conn: sa.Connection, environment_id: str, version: int, now: datetime, values: Mapping[str, Any]
) -> Environment | None:
    """None when `version` is no longer current."""
    return _environment(
        conn.execute(
            environments.update()
            .where(environments.c.id == environment_id, environments.c.version == version)
            .values(**values, version=version + 1, updated_at=now)
            .returning(*environments.c)
        ).first()
    )


def delete_project(conn: sa.Connection, project_id: str) -> None:
    conn.execute(projects.delete().where(projects.c.id == project_id))


def delete_environment(conn: sa.Connection, environment_id: str) -> None:
    conn.execute(environments.delete().where(environments.c.id == environment_id))


def any_project(conn: sa.Connection) -> bool:
    return conn.execute(sa.select(projects.c.id).limit(1)).first() is not None


def environment_ids(conn: sa.Connection, project_id: str) -> Sequence[str]:
    return conn.execute(sa.select(environments.c.id).where(environments.c.project_id == project_id)).scalars().all()
