"""One statement each."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from holdfast.features.backups.model import restores, snapshots
from holdfast.features.copies.model import Clone, clones

_c = clones.c


def get(conn: sa.Connection, clone_id: str) -> Clone | None:
    return _clone(conn.execute(sa.select(clones).where(_c.id == clone_id)).first())


def of(conn: sa.Connection, resource_id: str) -> Clone | None:
    """The one that made this database."""
    return _clone(conn.execute(sa.select(clones).where(_c.resource_id == resource_id)).first())


def restored(conn: sa.Connection, resource_id: str) -> sa.Row[Any] | None:
    """The restore that made this database: (snapshot_id, source_id, source_name, moment, masking)."""
    query = (
        sa.select(snapshots.c.id, snapshots.c.resource_id, snapshots.c.resource_name, snapshots.c.taken_at)
        .add_columns(restores.c.masking)
        .join(restores, restores.c.snapshot_id == snapshots.c.id)
        .where(restores.c.resource_id == resource_id, restores.c.mode == "new")
    )
    return conn.execute(query).first()


def insert(conn: sa.Connection, made: Clone) -> None:
    conn.execute(clones.insert().values(**asdict(made)))


def change(conn: sa.Connection, clone_id: str, **values: Any) -> Clone | None:
    """None when the clone has ended already."""
    query = clones.update().where(_c.id == clone_id, _c.state == "running").values(**values)
    return _clone(conn.execute(query.returning(*_c)).first())


def _clone(row: sa.Row[Any] | None) -> Clone | None:
    return None if row is None else Clone(**row._mapping)
