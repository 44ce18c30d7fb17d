"""One statement each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from holdfast.features.upgrades.model import Upgrade, upgrades

_c = upgrades.c


def insert(conn: sa.Connection, upgrade: Upgrade) -> None:
    conn.execute(upgrades.insert().values(**asdict(upgrade)))


def get(conn: sa.Connection, upgrade_id: str) -> Upgrade | None:
    return _upgrade(conn.execute(sa.select(upgrades).where(_c.id == upgrade_id)).first())


def page(conn: sa.Connection, resource_id: str, *, after: str | None, limit: int) -> Sequence[Upgrade]:
    """Newest first."""
    query = sa.select(upgrades).where(_c.resource_id == resource_id).order_by(_c.id.desc()).limit(limit)
    if after is not None:
        query = query.where(_c.id < after)
    return [Upgrade(**row._mapping) for row in conn.execute(query)]


def kept(conn: sa.Connection, resource_id: str) -> Upgrade | None:
    """The one whose old state is still there."""
    query = sa.select(upgrades).where(_c.resource_id == resource_id, _c.kept.is_not(None)).order_by(_c.id.desc())
    return _upgrade(conn.execute(query.limit(1)).first())


def change(conn: sa.Connection, upgrade_id: str, **values: Any) -> Upgrade | None:
    return _upgrade(conn.execute(upgrades.update().where(_c.id == upgrade_id).values(**values).returning(*_c)).first())


def forget(conn: sa.Connection, resource_id: str) -> None:
    """A purge took the old state too."""
    conn.execute(upgrades.update().where(_c.resource_id == resource_id).values(kept=None, kept_until=None))


def _upgrade(row: sa.Row[Any] | None) -> Upgrade | None:
    return None if row is None else Upgrade(**row._mapping)
