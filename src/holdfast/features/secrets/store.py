"""One statement each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.features.secrets.model import (
    KitRecord,
    Secret,
    Version,
    installation,
    recovery_kits,
    user_secret_versions,
    user_secrets,
)

_s = user_secrets.c
_v = user_secret_versions.c


def secret(conn: sa.Connection, environment_id: str, name: str) -> Secret | None:
    """Deleted ones too."""
    mine = sa.and_(_s.environment_id == environment_id, _s.name == name)
    row = conn.execute(sa.select(user_secrets).where(mine)).first()
    return None if row is None else Secret(**row._mapping)


def page(
    conn: sa.Connection,
    environment_id: str,
    *,
    visible: sa.ColumnElement[bool],
    deleted: bool,
    after: str | None,
    limit: int,
) -> Sequence[Secret]:
    """By name. `deleted`: those that can still be restored, instead of the living."""
    state = _s.deleted_at.is_not(None) if deleted else _s.deleted_at.is_(None)
    statement = sa.select(user_secrets).where(_s.environment_id == environment_id, state, visible)
    if after is not None:
        statement = statement.where(_s.name > after)
    return [Secret(**row._mapping) for row in conn.execute(statement.order_by(_s.name).limit(limit))]


def insert(conn: sa.Connection, made: Secret) -> None:
    conn.execute(user_secrets.insert().values(**asdict(made)))


def change(conn: sa.Connection, found: Secret, **values: Any) -> bool:
    """Only if nobody has changed it since `found` was read."""
    same = sa.and_(_s.id == found.id, _s.version == found.version)
    return conn.execute(user_secrets.update().where(same).values(**values)).rowcount == 1


def versions(conn: sa.Connection, secret_id: str) -> Sequence[Version]:
    """Newest first."""
    columns = (_v.version, _v.created_by, _v.created_at, _v.restored_from)
    rows = conn.execute(sa.select(*columns).where(_v.secret_id == secret_id).order_by(_v.version.desc()))
    return [Version(**row._mapping) for row in rows]


def delete_versions(conn: sa.Connection, secret_id: str, *, up_to: int) -> None:
    conn.execute(user_secret_versions.delete().where(_v.secret_id == secret_id, _v.version <= up_to))


def destroy(conn: sa.Connection, secret_id: str) -> None:
    """The secret and every version of it."""
    conn.execute(user_secret_versions.delete().where(_v.secret_id == secret_id))
    conn.execute(user_secrets.delete().where(_s.id == secret_id))


def expired(conn: sa.Connection, before: datetime, limit: int) -> Sequence[Secret]:
    """Deleted before that moment."""
    rows = conn.execute(sa.select(user_secrets).where(_s.deleted_at < before).limit(limit))
    return [Secret(**row._mapping) for row in rows]


def any_in(conn: sa.Connection, environment_id: str) -> Secret | None:
    row = conn.execute(sa.select(user_secrets).where(_s.environment_id == environment_id).limit(1)).first()
    return None if row is None else Secret(**row._mapping)


def insert_kit(conn: sa.Connection, made: KitRecord) -> None:
    conn.execute(recovery_kits.insert().values(**{**asdict(made), "repositories": list(made.repositories)}))


def newest_kit(conn: sa.Connection) -> KitRecord | None:
    row = conn.execute(sa.select(recovery_kits).order_by(recovery_kits.c.id.desc()).limit(1)).first()
    return None if row is None else KitRecord(**row._mapping)


def installation_id(conn: sa.Connection) -> str | None:
    return conn.execute(sa.select(installation.c.id).limit(1)).scalar()


def installation_epoch(conn: sa.Connection) -> tuple[str, int] | None:
    """Its id, and how often it was recovered."""
    row = conn.execute(sa.select(installation.c.id, installation.c.epoch).limit(1)).first()
    return None if row is None else (row.id, row.epoch)


def ensure_installation(conn: sa.Connection, made: str, now: datetime) -> str:
    """The id there is, else `made`."""
    found = installation_id(conn)
    if found is None:
        insert_installation(conn, made, now)
    return found or made


def insert_installation(conn: sa.Connection, made: str, now: datetime) -> None:
    conn.execute(installation.insert().values(id=made, since=now))


def of_resource(
    conn: sa.Connection, environment_id: str, resource_id: str, *, deleted: bool = False
) -> Sequence[Secret]:
    """Those that belong to one resource, by name; the living, or with `deleted` all of them."""
    mine = sa.and_(_s.environment_id == environment_id, _s.resource_id == resource_id)
    if not deleted:
        mine = sa.and_(mine, _s.deleted_at.is_(None))
    return [Secret(**row._mapping) for row in conn.execute(sa.select(user_secrets).where(mine).order_by(_s.name))]


def living_in(conn: sa.Connection, environment_ids: Sequence[str]) -> Sequence[Secret]:
    """All of several environments."""
    here = sa.and_(_s.environment_id.in_(list(environment_ids)), _s.deleted_at.is_(None))
    return [Secret(**row._mapping) for row in conn.execute(sa.select(user_secrets).where(here).order_by(_s.name))]
