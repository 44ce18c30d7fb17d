"""Checks of repositories as recorded, and when each pack was read sound last."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa

from holdfast.features.backups.model import CheckRow, pack_proofs, repository_checks, snapshots
from holdfast.kernel.db.upsert import upsert

_BATCH = 500  # bound variables stay under every database's limit
WITHIN = "within "  # how the methods begin that go by what was proven before


def insert_check(conn: sa.Connection, row: CheckRow) -> None:
    conn.execute(sa.insert(repository_checks).values(**asdict(row)))


def checks(conn: sa.Connection, repository_id: str, after: str | None = None, limit: int = 50) -> list[CheckRow]:
    """Newest first."""
    c = repository_checks.c
    query = sa.select(repository_checks).where(c.repository_id == repository_id)
    if after is not None:
        query = query.where(c.id < after)
    return [CheckRow(**row) for row in conn.execute(query.order_by(c.id.desc()).limit(limit)).mappings()]


def last_within(conn: sa.Connection, repository_id: str) -> datetime | None:
    """When the newest check began to go by what was proven before."""
    c = repository_checks.c
    query = sa.select(sa.func.max(c.at)).where(c.repository_id == repository_id, c.method.startswith(WITHIN))
    found: datetime | None = conn.execute(query).scalar()
    return found


def proven(conn: sa.Connection, repository_id: str) -> dict[bytes, datetime]:
    """When each pack was read sound last."""
    c = pack_proofs.c
    query = sa.select(c.pack, c.proven_at).where(c.repository_id == repository_id)
    return {bytes.fromhex(pack): at for pack, at in conn.execute(query)}


def all_since(conn: sa.Connection, repository_id: str, packs: int) -> datetime | None:
    """Since when each of so many packs was proven at least once; None when one never was."""
    c = pack_proofs.c
    query = sa.select(sa.func.count(), sa.func.min(c.proven_at)).where(c.repository_id == repository_id)
    count, oldest = conn.execute(query).one()
    return oldest if count >= packs > 0 else None


def keep(
    conn: sa.Connection,
    repository_id: str,
    *,
    sound: Collection[bytes],
    damaged: Collection[bytes],
    present: Collection[bytes],
    at: datetime,
) -> None:
    """Sound packs are proven now, damaged ones no more; those that a prune took are forgotten, the others stay."""
    gone = proven(conn, repository_id).keys() - present
    c = pack_proofs.c
    for names in _batches(sorted({*damaged, *gone})):
        conn.execute(sa.delete(pack_proofs).where(c.repository_id == repository_id, c.pack.in_(names)))
    proven_now(conn, repository_id, sound, at)


def proven_now(conn: sa.Connection, repository_id: str, packs: Collection[bytes], at: datetime) -> None:
    """These were read whole, whatever else is there. Several runs may say so of one pack at the same moment."""
    for names in _batches(sorted(packs)):
        rows = [{"repository_id": repository_id, "pack": name, "proven_at": at} for name in names]
        upsert(conn, pack_proofs, rows)


def _batches(packs: Collection[bytes]) -> list[list[str]]:
    names = iter(packs)
    found = []
    while some := [pack.hex() for pack in islice(names, _BATCH)]:
        found.append(some)
    return found


def snapshots_of(conn: sa.Connection, repository_id: str) -> Mapping[str, Mapping[str, Any]]:
    """By their names in the repository: whose they are."""
    c = snapshots.c
    query = sa.select(c.restic_id, c.id, c.resource_id, c.resource_name)
    found = conn.execute(query.where(c.repository_id == repository_id, c.restic_id.is_not(None))).mappings()
    return {str(row["restic_id"]): dict(row) for row in found}
