"""One statement each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.features.backups.model import RepositoryRow, repositories
from holdfast.features.recovery.model import Home, MetadataSnapshot, metadata_homes, metadata_snapshots
from holdfast.kernel.audit import audit_events

_s = metadata_snapshots.c
# What changes nothing that a new server would miss.
_PASSING = ("session.%", "%.read", "%.reveal", "%.query", "token.%", "metadata.%", "%.export", "audit.%")


def insert(conn: sa.Connection, row: MetadataSnapshot) -> None:
    conn.execute(sa.insert(metadata_snapshots).values(**asdict(row)))


def get(conn: sa.Connection, snapshot_id: str) -> MetadataSnapshot | None:
    found = conn.execute(sa.select(metadata_snapshots).where(_s.id == snapshot_id)).mappings().first()
    return MetadataSnapshot(**found) if found else None


def change(
    conn: sa.Connection, snapshot_id: str, *, states: Sequence[str] = (), **values: Any
) -> MetadataSnapshot | None:
    """Set `values` and return the new row; None when it is not in one of `states`."""
    query = sa.update(metadata_snapshots).where(_s.id == snapshot_id)
    if states:
        query = query.where(_s.state.in_(states))
    found = conn.execute(query.values(**values).returning(*_s)).mappings().first()
    return MetadataSnapshot(**found) if found else None


def page(
    conn: sa.Connection,
    *,
    repository_id: str | None = None,
    states: Sequence[str] = (),
    after: str | None = None,
    limit: int = 50,
) -> list[MetadataSnapshot]:
    """Newest first."""
    query = sa.select(metadata_snapshots).order_by(_s.id.desc()).limit(limit)
    if repository_id is not None:
        query = query.where(_s.repository_id == repository_id)
    if states:
        query = query.where(_s.state.in_(states))
    if after is not None:
        query = query.where(_s.id < after)
    return [MetadataSnapshot(**row) for row in conn.execute(query).mappings()]


def newest(conn: sa.Connection, repository_id: str, *states: str) -> MetadataSnapshot | None:
    found = page(conn, repository_id=repository_id, states=states, limit=1)
    return found[0] if found else None


def homes(conn: sa.Connection) -> list[RepositoryRow]:
    """The repositories that get every snapshot of the metadata, in order of creation."""
    query = sa.select(repositories).join(metadata_homes, metadata_homes.c.repository_id == repositories.c.id)
    found = conn.execute(query.where(repositories.c.state != "detached").order_by(repositories.c.id))
    return [RepositoryRow(**row) for row in found.mappings()]


def add_home(conn: sa.Connection, home: Home) -> bool:
    """False when it is one already."""
    c = metadata_homes.c
    if conn.execute(sa.select(c.repository_id).where(c.repository_id == home.repository_id)).first() is not None:
        return False
    conn.execute(sa.insert(metadata_homes).values(**asdict(home)))
    return True


def remove_home(conn: sa.Connection, repository_id: str) -> bool:
    gone = sa.delete(metadata_homes).where(metadata_homes.c.repository_id == repository_id)
    return conn.execute(gone).rowcount == 1


def changed_since(conn: sa.Connection, seq: int) -> datetime | None:
    """When the first change after that place in the audit log was recorded that a new server would miss."""
    c = audit_events.c
    passing = sa.or_(*(c.action.like(pattern) for pattern in _PASSING))
    query = sa.select(c.at).where(c.seq > seq, c.outcome == "ok", sa.not_(passing)).order_by(c.seq).limit(1)
    found: datetime | None = conn.execute(query).scalar()
    return found
