"""One statement each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.features.migrations.model import (
    Migration,
    Shape,
    StepRow,
    migration_shapes,
    migration_steps,
    migrations,
)

_c = migrations.c


def get(conn: sa.Connection, migration_id: str) -> Migration | None:
    return _migration(conn.execute(sa.select(migrations).where(_c.id == migration_id)).first())


def numbered(conn: sa.Connection, resource_id: str, number: int) -> Migration | None:
    mine = sa.select(migrations).where(_c.resource_id == resource_id, _c.number == number)
    return _migration(conn.execute(mine).first())


def of(conn: sa.Connection, resource_id: str) -> list[Migration]:
    """All of a database's, by number."""
    mine = sa.select(migrations).where(_c.resource_id == resource_id).order_by(_c.number)
    return [Migration(**row._mapping) for row in conn.execute(mine)]


def page(conn: sa.Connection, resource_id: str, *, after: int | None, limit: int) -> list[Migration]:
    query = sa.select(migrations).where(_c.resource_id == resource_id).order_by(_c.number).limit(limit)
    if after is not None:
        query = query.where(_c.number > after)
    return [Migration(**row._mapping) for row in conn.execute(query)]


def insert(conn: sa.Connection, made: Migration) -> None:
    conn.execute(migrations.insert().values(**asdict(made)))


def change(conn: sa.Connection, migration_id: str, values: Mapping[str, Any]) -> Migration | None:
    query = migrations.update().where(_c.id == migration_id).values(**values, version=_c.version + 1)
    return _migration(conn.execute(query.returning(*_c)).first())


def delete(conn: sa.Connection, migration_id: str) -> None:
    conn.execute(migrations.delete().where(_c.id == migration_id))


def mirror(conn: sa.Connection, resource_id: str, number: int, at: datetime | None, by: str | None) -> None:
    """What the database's ledger says, where it is known here."""
    mine = migrations.update().where(_c.resource_id == resource_id, _c.number == number)
    conn.execute(mine.values(applied_at=at, applied_by=by))


def add_step(conn: sa.Connection, step: StepRow) -> None:
    conn.execute(migration_steps.insert().values(**asdict(step)))


def steps(conn: sa.Connection, resource_id: str, *, after: str | None, limit: int) -> Sequence[StepRow]:
    """Newest first."""
    c = migration_steps.c
    query = sa.select(migration_steps).where(c.resource_id == resource_id).order_by(c.id.desc()).limit(limit)
    if after is not None:
        query = query.where(c.id < after)
    return [StepRow(**row._mapping) for row in conn.execute(query)]


def shape(conn: sa.Connection, resource_id: str) -> Shape | None:
    row = conn.execute(sa.select(migration_shapes).where(migration_shapes.c.resource_id == resource_id)).first()
    return None if row is None else Shape(**row._mapping)


def put_shape(conn: sa.Connection, made: Shape) -> None:
    conn.execute(migration_shapes.delete().where(migration_shapes.c.resource_id == made.resource_id))
    conn.execute(migration_shapes.insert().values(**asdict(made)))


def forget(conn: sa.Connection, resource_id: str) -> None:
    """Nothing is left of a purged database's texts; the steps stay, as its other history does."""
    conn.execute(migrations.delete().where(_c.resource_id == resource_id))
    conn.execute(migration_shapes.delete().where(migration_shapes.c.resource_id == resource_id))


def _migration(row: sa.Row[Any] | None) -> Migration | None:
    return None if row is None else Migration(**row._mapping)
