"""What was saved, and what it costs: from counts and the prices an admin gave. Without prices only bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from holdfast.features.access.actor import Actor
from holdfast.features.access.grants import Columns
from holdfast.features.backups.model import RepositoryRow, repositories
from holdfast.features.backups.repository_acts import found
from holdfast.features.colder import store
from holdfast.features.colder.model import ClassesRow
from holdfast.features.colder.store import Sums
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.vault.stores.classes import HOT

GB = 10**9
FREED_DAYS = 30
_DISKS = ("local", "sftp")


@dataclass(frozen=True)
class ClassLine:
    """`pieces` None: not counted, `bytes` are what the snapshots added. `cost`: a month, when there is a price."""

    name: str
    pieces: int | None
    bytes: int
    cost: float | None


@dataclass(frozen=True)
class Savings:
    """`logical`: bytes of the databases as they were, snapshot by snapshot. `gone`: snapshots deleted in the last 30
    days, `gone_bytes` what they had added, `collected`: bytes that collections freed. `colder_saves`: what a month
    would cost more were everything in the first class; `packing_saves`: were nothing shared and nothing packed."""

    row: RepositoryRow
    sums: Sums
    stored: int
    classes: Sequence[ClassLine]
    counted_at: datetime | None
    collected: int
    currency: str | None
    cost: float | None
    colder_bytes: int
    colder_saves: float | None
    packing_saves: float | None

    @property
    def saved(self) -> int:
        return max(0, self.sums.logical - self.stored)


class SavingsService:
    """Every verb takes the actor first and raises Denied or NotFound before it reads anything else."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db, self._clock = db, clock

    def of(self, actor: Actor, repository_id: str) -> Savings:
        with self._db.read() as conn:
            row = found(conn, actor, repository_id, "repository.read")
            return self._reckoned(conn, [row])[0]

    def all(self, actor: Actor, project_id: str | None) -> Sequence[Savings]:
        """Newest repository first; four statements, however many there are."""
        actor.require_within("repository.read", project_id)
        visible = actor.visible("repository.read", Columns.of(repositories))
        with self._db.read() as conn:
            return self._reckoned(conn, store.repositories_of(conn, visible, project_id))

    def _reckoned(self, conn: sa.Connection, rows: Sequence[RepositoryRow]) -> list[Savings]:
        since, ids = self._clock.now() - timedelta(days=FREED_DAYS), [row.id for row in rows]
        sums, classes = store.sums(conn, ids, since), store.of(conn, ids)
        collected = store.collected(conn, sorted({row.project_id for row in rows}), since)
        return [reckon(row, sums.get(row.id, Sums()), classes.get(row.id), collected.get(row.id, 0)) for row in rows]


def reckon(row: RepositoryRow, sums: Sums, classes: ClassesRow | None, collected: int) -> Savings:
    """Pure."""
    counted, priced = classes.counted if classes else None, classes.priced if classes else None
    prices = priced.per_gb_month if priced else {}
    first = "disk" if row.kind in _DISKS else HOT
    sizes: list[tuple[str, int | None, int]] = [(first, None, sums.stored)]
    if counted:
        sizes = [(name, int(each["pieces"]), int(each["bytes"])) for name, each in sorted(counted["classes"].items())]
    lines = [ClassLine(name, pieces, size, _cost(size, prices.get(name))) for name, pieces, size in sizes]
    stored, colder = sum(line.bytes for line in lines), sum(line.bytes for line in lines if line.name != first)
    known = [line.cost for line in lines if line.cost is not None]
    cost = round(sum(known), 6) if known and len(known) == len(lines) else None
    hot = _cost(stored, prices.get(first))
    packed = _cost(max(0, sums.logical - stored), prices.get(first))
    return Savings(
        row=row,
        sums=sums,
        stored=stored,
        classes=lines,
        counted_at=datetime.fromisoformat(str(counted["at"])) if counted else None,
        collected=collected,
        currency=priced.currency if priced else None,
        cost=cost,
        colder_bytes=colder,
        colder_saves=round(hot - cost, 6) if hot is not None and cost is not None else None,
        packing_saves=packed,
    )


def _cost(size: int, price: float | None) -> float | None:
    return None if price is None else round(size / GB * price, 6)
