"""Variables: the table, the record, one statement each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from holdfast.features.workers.model import Variable, worker_variables

_c = worker_variables.c
__all__ = ["Variable", "all_of", "delete", "of", "put"]


def of(conn: sa.Connection, project_id: str, environment_id: str | None, worker_id: str | None) -> Sequence[Variable]:
    """Of this place and those around it: the project's first, the worker's last."""
    around = [sa.and_(_c.project_id == project_id, _c.environment_id.is_(None))]
    if environment_id is not None:
        around.append(sa.and_(_c.environment_id == environment_id, _c.worker_id.is_(None)))
    if worker_id is not None:
        around.append(_c.worker_id == worker_id)
    rows = conn.execute(sa.select(worker_variables).where(sa.or_(*around)))
    return _sorted(rows)


def all_of(conn: sa.Connection) -> Sequence[Variable]:
    """Of every place."""
    return _sorted(conn.execute(sa.select(worker_variables)))


def put(conn: sa.Connection, made: Variable) -> None:
    """In place of the one of that name at that level."""
    same = (
        _c.project_id == made.project_id,
        _c.environment_id == made.environment_id if made.environment_id else _c.environment_id.is_(None),
        _c.worker_id == made.worker_id if made.worker_id else _c.worker_id.is_(None),
        _c.name == made.name,
    )
    conn.execute(worker_variables.delete().where(*same))
    conn.execute(worker_variables.insert().values(**vars(made)))


def delete(conn: sa.Connection, variable_id: str) -> None:
    conn.execute(worker_variables.delete().where(_c.id == variable_id))


def _sorted(rows: Any) -> Sequence[Variable]:
    order = ("project", "environment", "worker")
    found = (Variable(**row._mapping) for row in rows)
    return sorted(found, key=lambda each: (order.index(each.level), each.name))
