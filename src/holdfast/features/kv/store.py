"""One statement each. A namespace is read with its database."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from holdfast.features.databases.model import resources
from holdfast.features.kv.model import Namespace, kv_namespaces
from holdfast.kernel.db import Database
from holdfast.runtime.bindings.kv_usage import KvQuota

_k, _r = kv_namespaces.c, resources.c


def _joined() -> sa.Select[Any]:
    """Those whose database was not purged."""
    return (
        sa.select(kv_namespaces, _r.state, _r.run_id, _r.endpoint, _r.deleted_at)
        .join(resources, _r.id == _k.resource_id)
        .where(_r.purged_at.is_(None))
    )


def get(conn: sa.Connection, namespace_id: str) -> Namespace | None:
    return _one(conn.execute(_joined().where(_k.id == namespace_id)).first())


def named(conn: sa.Connection, environment_id: str, name: str) -> Namespace | None:
    """By name, among those that are not deleted."""
    here = sa.and_(_k.environment_id == environment_id, _k.name == name, _r.deleted_at.is_(None))
    return _one(conn.execute(_joined().where(here).order_by(_k.id)).first())


def by_ids(conn: sa.Connection, ids: Sequence[str]) -> dict[str, Namespace]:
    found = (_one(row) for row in conn.execute(_joined().where(_k.id.in_(list(ids)), _r.deleted_at.is_(None))))
    return {each.id: each for each in found if each is not None}


def page(
    conn: sa.Connection,
    visible: sa.ColumnElement[bool],
    *,
    project_id: str | None,
    environment_id: str | None = None,
    name: str | None = None,
    after: str | None,
    limit: int,
) -> Sequence[Namespace]:
    query = _joined().where(visible, _r.deleted_at.is_(None))
    for column, wanted in ((_k.project_id, project_id), (_k.environment_id, environment_id), (_k.name, name)):
        if wanted is not None:
            query = query.where(column == wanted)
    if after is not None:
        query = query.where(_k.id > after)
    found = (_one(row) for row in conn.execute(query.order_by(_k.id).limit(limit)))
    return [each for each in found if each is not None]


def quotas_of(db: Database) -> dict[Path, KvQuota]:
    """Of the namespaces that have one, by their files."""
    limited = sa.or_(_k.max_keys.is_not(None), _k.max_bytes.is_not(None))
    with db.read() as conn:
        found = [_one(row) for row in conn.execute(_joined().where(limited, _r.deleted_at.is_(None)))]
    return {Path(each.path): each.quota for each in found if each is not None and each.path and each.quota}


def change(conn: sa.Connection, namespace_id: str, **values: Any) -> None:
    conn.execute(kv_namespaces.update().where(_k.id == namespace_id).values(**values))


def insert(conn: sa.Connection, **values: Any) -> None:
    conn.execute(kv_namespaces.insert().values(**values))


def forget(conn: sa.Connection, resource_id: str) -> None:
    """When its database is purged."""
    conn.execute(kv_namespaces.delete().where(_k.resource_id == resource_id))


def _one(row: sa.Row[Any] | None) -> Namespace | None:
    if row is None:
        return None
    columns = {name: row._mapping[name] for name in kv_namespaces.c.keys()}  # noqa: SIM118 - a column collection
    return Namespace(**columns, state=row.state, run_id=row.run_id, path=(row.endpoint or {}).get("path"))
