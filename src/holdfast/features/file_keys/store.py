"""One statement each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.features.file_keys.model import FileKey, file_keys

_c = file_keys.c


def get(conn: sa.Connection, key_id: str) -> FileKey | None:
    return _key(conn.execute(sa.select(file_keys).where(_c.id == key_id)).first())


def named(conn: sa.Connection, project_id: str, name: str) -> FileKey | None:
    """By name or id, within one project."""
    mine = sa.select(file_keys).where(_c.project_id == project_id, sa.or_(_c.name == name, _c.id == name))
    return _key(conn.execute(mine).first())


def all_of(conn: sa.Connection, project_id: str) -> Sequence[FileKey]:
    """A project's, oldest first."""
    query = sa.select(file_keys).where(_c.project_id == project_id).order_by(_c.id)
    return [FileKey(**row._mapping) for row in conn.execute(query)]


def page(
    conn: sa.Connection, project_id: str, visible: sa.ColumnElement[bool], *, after: str | None, limit: int
) -> Sequence[FileKey]:
    """In order of creation."""
    query = sa.select(file_keys).where(_c.project_id == project_id, visible).order_by(_c.id).limit(limit)
    if after is not None:
        query = query.where(_c.id > after)
    return [FileKey(**row._mapping) for row in conn.execute(query)]


def insert(conn: sa.Connection, made: FileKey) -> None:
    conn.execute(file_keys.insert().values(**asdict(made)))


def touch(conn: sa.Connection, key_id: str, at: datetime) -> None:
    """Its credential is another one."""
    conn.execute(file_keys.update().where(_c.id == key_id).values(credential_at=at))


def delete(conn: sa.Connection, key_id: str) -> None:
    conn.execute(file_keys.delete().where(_c.id == key_id))


def _key(row: sa.Row[Any] | None) -> FileKey | None:
    return None if row is None else FileKey(**row._mapping)
