"""Statements on retention policies and on snapshots that are forgotten; each is one round trip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.features.backups.model import IMPORTED, STORED, RepositoryRow, Snapshot, repositories, snapshots
from holdfast.features.retention.model import RetentionRow, retention_policies
from holdfast.jobs import ENDED
from holdfast.jobs.schema import runs

_c = snapshots.c
_p = retention_policies.c


def policies(conn: sa.Connection, subject_ids: Sequence[str]) -> dict[str, RetentionRow]:
    """By subject."""
    query = sa.select(retention_policies).where(_p.subject_id.in_(subject_ids))
    return {row["subject_id"]: RetentionRow(**row) for row in conn.execute(query).mappings()}


def put(conn: sa.Connection, row: RetentionRow) -> None:
    values = asdict(row)
    changed = conn.execute(sa.update(retention_policies).where(_p.subject_id == row.subject_id).values(**values))
    if changed.rowcount == 0:
        conn.execute(sa.insert(retention_policies).values(**values))


def drop(conn: sa.Connection, subject_id: str) -> None:
    conn.execute(sa.delete(retention_policies).where(_p.subject_id == subject_id))


def ready(conn: sa.Connection, resource_id: str, repository_id: str | None = None) -> list[Snapshot]:
    """A database's snapshots that are there, newest first. Imported ones are nobody's nightly copy: no policy counts
    them or lets them go."""
    mine = (_c.resource_id == resource_id, _c.state == "ready", _c.trigger != IMPORTED)
    query = sa.select(snapshots).where(*mine).order_by(_c.id.desc())
    if repository_id is not None:
        query = query.where(_c.repository_id == repository_id)
    return [Snapshot(**row) for row in conn.execute(query).mappings()]


def forget(conn: sa.Connection, ids: Sequence[str], why: Mapping[str, Any], due: datetime) -> list[str]:
    """Mark these; those that are held or no longer ready meanwhile stay. The marked ones' ids."""
    query = sa.update(snapshots).where(_c.id.in_(ids), _c.state == "ready", _c.hold.is_(sa.false()))
    values = {"state": "forgotten", "forgotten": dict(why), "forget_due": due, "version": _c.version + 1}
    return list(conn.scalars(query.values(**values).returning(_c.id)))


def remember(conn: sa.Connection, snapshot_id: str, state: str = "forgotten") -> Snapshot | None:
    """None when it is not in `state`."""
    query = sa.update(snapshots).where(_c.id == snapshot_id, _c.state == state)
    values = {"state": "ready", "forgotten": None, "forget_due": None, "version": _c.version + 1}
    row = conn.execute(query.values(**values).returning(*_c)).mappings().first()
    return Snapshot(**row) if row else None


def due(conn: sa.Connection, now: datetime) -> dict[str, list[str]]:
    """Forgotten snapshots whose grace is over, by repository."""
    query = sa.select(_c.repository_id, _c.id).where(_c.state == "forgotten", _c.forget_due <= now).limit(1000)
    found: dict[str, list[str]] = {}
    for repository_id, snapshot_id in conn.execute(query):
        found.setdefault(repository_id, []).append(snapshot_id)
    return found


def take(conn: sa.Connection, ids: Sequence[str], run_id: str) -> int:
    """From now on they are the run's: nobody brings them back."""
    query = sa.update(snapshots).where(_c.id.in_(ids), _c.state == "forgotten")
    return conn.execute(query.values(state="forgetting", forget_run_id=run_id)).rowcount


def taken(conn: sa.Connection, run_id: str) -> list[Snapshot]:
    query = sa.select(snapshots).where(_c.state == "forgetting", _c.forget_run_id == run_id).order_by(_c.id)
    return [Snapshot(**row) for row in conn.execute(query).mappings()]


def abandoned(conn: sa.Connection, until: datetime) -> int:
    """Give back what a run that has ended had taken: the next one begins at `until`."""
    over = sa.select(runs.c.id).where(runs.c.id == _c.forget_run_id, runs.c.state.in_(tuple(ENDED))).exists()
    query = sa.update(snapshots).where(_c.state == "forgetting", over)
    return conn.execute(query.values(state="forgotten", forget_due=until)).rowcount


def any_forgetting(conn: sa.Connection) -> bool:
    return conn.execute(sa.select(_c.id).where(_c.state == "forgetting").limit(1)).first() is not None


def deleted(conn: sa.Connection, ids: Sequence[str], now: datetime) -> None:
    query = sa.update(snapshots).where(_c.id.in_(ids), _c.state == "forgetting")
    conn.execute(query.values(state="deleted", deleted_at=now, forget_due=None))


def used_repositories(conn: sa.Connection) -> list[RepositoryRow]:
    """Those that were made at their places."""
    query = sa.select(repositories).where(repositories.c.state == "ready").order_by(repositories.c.id)
    return [RepositoryRow(**row) for row in conn.execute(query).mappings()]


def stored_ids(conn: sa.Connection, repository_id: str) -> frozenset[str]:
    """Of the snapshots that a repository has by our rows, or is about to have, as it knows them."""
    c = snapshots.c
    query = sa.select(sa.func.coalesce(c.restic_id, c.id)).where(c.repository_id == repository_id)
    return frozenset(conn.scalars(query.where(c.state.in_((*STORED, "creating")))))
