"""What lives on a node, and what becomes of it when the node is gone for good. One statement per question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.features.backups.model import STORED, repositories, restores, snapshots
from holdfast.features.databases.model import resources
from holdfast.jobs.schema import runners, runs

_OPEN = ("creating", *STORED)
_GOING = ("queued", "running")  # not "not ended": an index finds the few


@dataclass(frozen=True)
class Living:
    """Databases not purged, snapshots in repositories on its disk, runs that have not ended, runner processes."""

    databases: int = 0
    repositories: int = 0
    snapshots: int = 0
    runs: int = 0
    runners: int = 0

    @property
    def data(self) -> int:
        """What would be out of reach without the node."""
        return self.databases + self.snapshots + self.runs


def living(conn: sa.Connection, names: Sequence[str]) -> dict[str, Living]:
    """One statement, whatever the number of nodes."""
    stored = sa.join(snapshots, repositories, repositories.c.id == snapshots.c.repository_id)
    asked: dict[str, sa.Select[Any]] = {
        "databases": _count(resources.c.node).where(resources.c.purged_at.is_(None)),
        "repositories": _count(repositories.c.node),
        "snapshots": _count(repositories.c.node).select_from(stored).where(snapshots.c.state.in_(_OPEN)),
        "runs": _count(runs.c.node).where(runs.c.state.in_(_GOING)),
        "runners": _count(runners.c.node),
    }
    parts = []
    for what, query in asked.items():
        node = query.selected_columns[0]
        parts.append(query.add_columns(sa.literal(what)).where(node.in_(names)).group_by(node))
    found: dict[str, dict[str, int]] = {name: {} for name in names}
    for name, count, what in conn.execute(sa.union_all(*parts)):
        found[name][what] = count
    return {name: Living(**counts) for name, counts in found.items()}


def _count(node: sa.Column[Any]) -> sa.Select[Any]:
    return sa.select(node, sa.func.count())


def databases_on(conn: sa.Connection, name: str, limit: int = 100) -> list[Mapping[str, Any]]:
    """The first ones by name, for people."""
    c = resources.c
    query = sa.select(c.id, c.name, c.engine, c.state).where(c.node == name, c.purged_at.is_(None))
    return [dict(row) for row in conn.execute(query.order_by(c.name, c.id).limit(limit)).mappings()]


def end_runs(conn: sa.Connection, name: str, now: datetime, error: Mapping[str, Any]) -> list[str]:
    """Every run of a node that will not come back ends cancelled; a late writer of it finds its claim gone."""
    ended = (
        sa.update(runs)
        .where(runs.c.node == name, runs.c.state.in_(_GOING))
        .values(state="cancelled", finished_at=now, error=dict(error), epoch=runs.c.epoch + 1)
        .returning(runs.c.id)
    )
    return list(conn.execute(ended).scalars())


def purge_databases(conn: sa.Connection, name: str, now: datetime) -> list[sa.Row[Any]]:
    """Their rows stay, because snapshots speak of them: (id, environment_id) of each."""
    c = resources.c
    gone = (
        sa.update(resources)
        .where(c.node == name, c.purged_at.is_(None))
        .values(
            state="deleted",
            deleted_at=sa.func.coalesce(c.deleted_at, sa.bindparam("now", now, c.deleted_at.type)),
            purged_at=now,
            endpoint=None,
            version=c.version + 1,
            generation=c.generation + 1,
        )
        .returning(c.id, c.environment_id)
    )
    found = list(conn.execute(gone))
    kept = restores.c.kept_until
    ids = [row.id for row in found]
    conn.execute(sa.update(restores).where(restores.c.resource_id.in_(ids), kept.is_not(None)).values(kept_until=None))
    return found


def lose_snapshots(conn: sa.Connection, name: str, now: datetime, error: Mapping[str, Any]) -> int:
    """Snapshots that were on the node's disk are deleted ones; its repositories are nobody's default."""
    there = sa.select(repositories.c.id).where(repositories.c.node == name)
    lost = sa.update(snapshots).where(snapshots.c.repository_id.in_(there), snapshots.c.state.in_(_OPEN))
    count = conn.execute(lost.values(state="deleted", deleted_at=now, error=dict(error))).rowcount
    release_default(conn, name)
    return int(count)


def release_default(conn: sa.Connection, name: str) -> None:
    """A project's next snapshot makes its default repository anew, on a node that is there."""
    conn.execute(sa.update(repositories).where(repositories.c.node == name).values(is_default=False))
