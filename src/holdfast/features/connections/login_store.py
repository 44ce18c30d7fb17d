"""One statement each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from holdfast.features.connections.model import NamedLogin, named_logins

_c = named_logins.c


def insert(conn: sa.Connection, login: NamedLogin) -> None:
    """Raises IntegrityError when the database has one of that name."""
    conn.execute(named_logins.insert().values(**asdict(login)))


def get(conn: sa.Connection, login_id: str) -> NamedLogin | None:
    return _login(conn.execute(sa.select(named_logins).where(_c.id == login_id)).first())


def count(conn: sa.Connection, resource_id: str) -> int:
    return int(conn.execute(sa.select(sa.func.count()).where(_c.resource_id == resource_id)).scalar_one())


def page(conn: sa.Connection, resource_id: str, *, after: str | None, limit: int) -> Sequence[NamedLogin]:
    """In order of creation."""
    query = sa.select(named_logins).where(_c.resource_id == resource_id).order_by(_c.id).limit(limit)
    if after is not None:
        query = query.where(_c.id > after)
    return [NamedLogin(**row._mapping) for row in conn.execute(query)]


def change(conn: sa.Connection, login_id: str, **values: Any) -> NamedLogin | None:
    return _login(conn.execute(named_logins.update().where(_c.id == login_id).values(**values).returning(*_c)).first())


def delete(conn: sa.Connection, login_id: str) -> None:
    conn.execute(named_logins.delete().where(_c.id == login_id))


def forget(conn: sa.Connection, resource_id: str) -> None:
    """Of a database that was purged."""
    conn.execute(named_logins.delete().where(_c.resource_id == resource_id))


def _login(row: sa.Row[Any] | None) -> NamedLogin | None:
    return None if row is None else NamedLogin(**row._mapping)
