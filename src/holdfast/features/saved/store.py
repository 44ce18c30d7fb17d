"""One statement each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.features.saved.model import SavedQuery, Version, saved_queries, saved_query_versions

_c = saved_queries.c
_v = saved_query_versions.c


def get(conn: sa.Connection, query_id: str) -> SavedQuery | None:
    return _query(conn.execute(sa.select(saved_queries).where(_c.id == query_id)).first())


def page(
    conn: sa.Connection, resource_id: str, actor: str, *, name: str | None, after: str | None, limit: int
) -> Sequence[SavedQuery]:
    """Those shared and one's own, in order of creation."""
    query = sa.select(saved_queries).where(_c.resource_id == resource_id, _c.owner.in_(("", actor)))
    if name is not None:
        query = query.where(_c.name == name)
    if after is not None:
        query = query.where(_c.id > after)
    return [SavedQuery(**row._mapping) for row in conn.execute(query.order_by(_c.id).limit(limit))]


def insert(conn: sa.Connection, made: SavedQuery) -> None:
    conn.execute(saved_queries.insert().values(**asdict(made)))


def change(
    conn: sa.Connection, query_id: str, version: int, now: datetime, values: Mapping[str, Any]
) -> SavedQuery | None:
    """None when `version` is no longer current."""
    query = saved_queries.update().where(_c.id == query_id, _c.version == version)
    return _query(conn.execute(query.values(**values, version=version + 1, updated_at=now).returning(*_c)).first())


def delete(conn: sa.Connection, query_id: str, version: int) -> bool:
    """False when `version` is no longer current."""
    gone = saved_queries.delete().where(_c.id == query_id, _c.version == version)
    return bool(conn.execute(gone).rowcount)


def forget_versions(conn: sa.Connection, query_id: str) -> None:
    conn.execute(saved_query_versions.delete().where(_v.query_id == query_id))


def keep(conn: sa.Connection, version: Version) -> None:
    conn.execute(saved_query_versions.insert().values(**asdict(version)))


def versions(conn: sa.Connection, query_id: str, *, before: int | None, limit: int) -> Sequence[Version]:
    """Newest first."""
    query = sa.select(saved_query_versions).where(_v.query_id == query_id)
    if before is not None:
        query = query.where(_v.version < before)
    return [Version(**row._mapping) for row in conn.execute(query.order_by(_v.version.desc()).limit(limit))]


def _query(row: sa.Row[Any] | None) -> SavedQuery | None:
    return None if row is None else SavedQuery(**row._mapping)
