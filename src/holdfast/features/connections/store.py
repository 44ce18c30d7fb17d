"""One statement each."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.features.connections.model import Tunnel, tunnels
from holdfast.features.databases.model import resources

_c = tunnels.c


def insert(conn: sa.Connection, tunnel: Tunnel) -> None:
    conn.execute(tunnels.insert().values(**asdict(tunnel)))


def get(conn: sa.Connection, tunnel_id: str) -> Tunnel | None:
    return _tunnel(conn.execute(sa.select(tunnels).where(_c.id == tunnel_id)).first())


def living(conn: sa.Connection, ids: Collection[str], now: datetime) -> dict[str, Tunnel]:
    """Of these, the ones that are open."""
    query = sa.select(tunnels).where(_c.id.in_(sorted(ids)), _c.closed_at.is_(None), _c.expires_at > now)
    return {row.id: Tunnel(**row._mapping) for row in conn.execute(query)}


def count_of(conn: sa.Connection, actor: str, now: datetime) -> int:
    """Open tunnels of someone."""
    query = sa.select(sa.func.count()).where(_c.actor == actor, _c.closed_at.is_(None), _c.expires_at > now)
    return int(conn.execute(query).scalar_one())


def page(
    conn: sa.Connection, resource_id: str, *, open_at: datetime | None, after: str | None, limit: int
) -> Sequence[Tunnel]:
    """Newest first; only those open at that moment when one is given."""
    query = sa.select(tunnels).where(_c.resource_id == resource_id).order_by(_c.id.desc()).limit(limit)
    if open_at is not None:
        query = query.where(_c.closed_at.is_(None), _c.expires_at > open_at)
    if after is not None:
        query = query.where(_c.id < after)
    return [Tunnel(**row._mapping) for row in conn.execute(query)]


def undismissed(conn: sa.Connection, node: str, limit: int = 200) -> Sequence[Tunnel]:
    """Those whose login may still be at a server that this node reaches, open or not."""
    elsewhere = sa.select(resources.c.id).where(resources.c.node != node)
    query = (
        sa.select(tunnels)
        .where(_c.dismissed_at.is_(None), _c.resource_id.not_in(elsewhere))
        .order_by(_c.id)
        .limit(limit)
    )
    return [Tunnel(**row._mapping) for row in conn.execute(query)]


def change(conn: sa.Connection, tunnel_id: str, **values: Any) -> Tunnel | None:
    query = tunnels.update().where(_c.id == tunnel_id).values(**values).returning(*_c)
    return _tunnel(conn.execute(query).first())


def close(conn: sa.Connection, tunnel_id: str, now: datetime, reason: str) -> Tunnel | None:
    """None when it was closed before."""
    query = tunnels.update().where(_c.id == tunnel_id, _c.closed_at.is_(None))
    return _tunnel(conn.execute(query.values(closed_at=now, reason=reason).returning(*_c)).first())


def add(
    conn: sa.Connection, tunnel_id: str, now: datetime, *, connections: int = 0, up: int = 0, down: int = 0
) -> None:
    conn.execute(
        tunnels.update()
        .where(_c.id == tunnel_id)
        .values(
            used_at=now,
            connections=_c.connections + connections,
            bytes_up=_c.bytes_up + up,
            bytes_down=_c.bytes_down + down,
        )
    )


def _tunnel(row: sa.Row[Any] | None) -> Tunnel | None:
    return None if row is None else Tunnel(**row._mapping)
