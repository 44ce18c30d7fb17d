"""Statements on storage classes, and the sums that savings are made of; each is one round trip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.features.backups.model import IMPORTED, STORED, RepositoryRow, Snapshot, repositories, snapshots
from holdfast.features.colder.model import ClassesRow, repository_classes
from holdfast.jobs.schema import runs

_k = repository_classes.c
_s = snapshots.c
_COLLECTED = "repository.gc"


@dataclass(frozen=True)
class Sums:
    """Of one repository: what is in it, and what was deleted since some day."""

    snapshots: int = 0
    logical: int = 0
    stored: int = 0
    gone: int = 0
    gone_bytes: int = 0


def get(conn: sa.Connection, repository_id: str) -> ClassesRow | None:
    row = conn.execute(sa.select(repository_classes).where(_k.repository_id == repository_id)).mappings().first()
    return ClassesRow(**row) if row else None


def of(conn: sa.Connection, repository_ids: Sequence[str]) -> dict[str, ClassesRow]:
    query = sa.select(repository_classes).where(_k.repository_id.in_(repository_ids))
    return {row["repository_id"]: ClassesRow(**row) for row in conn.execute(query).mappings()}


def put(conn: sa.Connection, repository_id: str, by: str, at: datetime, **values: Any) -> ClassesRow:
    """Only what is named changes."""
    stamped = {"updated_by": by, "updated_at": at, **values}
    changed = conn.execute(
        sa.update(repository_classes).where(_k.repository_id == repository_id).values(**stamped).returning(*_k)
    )
    if (row := changed.mappings().first()) is None:
        made = sa.insert(repository_classes).values(repository_id=repository_id, **stamped).returning(*_k)
        row = conn.execute(made).mappings().one()
    return ClassesRow(**row)


def ruled(conn: sa.Connection) -> list[RepositoryRow]:
    """Repositories in use that have a rule."""
    query = sa.select(repositories).join(repository_classes).where(_k.rule.is_not(sa.null()))
    found = conn.execute(query.where(repositories.c.state == "ready").order_by(repositories.c.id)).mappings()
    return [RepositoryRow(**row) for row in found]


def repositories_of(
    conn: sa.Connection, visible: sa.ColumnElement[bool], project_id: str | None
) -> list[RepositoryRow]:
    """Those in use, the newest first."""
    c = repositories.c
    query = sa.select(repositories).where(visible, c.state.in_(("new", "ready"))).order_by(c.id.desc())
    query = query.where(c.project_id == project_id) if project_id else query
    return [RepositoryRow(**row) for row in conn.execute(query).mappings()]


def sums(conn: sa.Connection, repository_ids: Sequence[str], since: datetime) -> dict[str, Sums]:
    """By repository, in one statement."""
    there, gone = _s.state.in_(STORED), sa.and_(_s.state == "deleted", _s.deleted_at >= since)

    def total(what: Any, when: sa.ColumnElement[bool]) -> Any:
        return sa.func.coalesce(sa.func.sum(sa.case((when, what), else_=0)), 0)

    columns = (total(1, there), total(_s.source_bytes, there), total(_s.stored_bytes, there))
    query = sa.select(_s.repository_id, *columns, total(1, gone), total(_s.stored_bytes, gone))
    query = query.where(_s.repository_id.in_(repository_ids), sa.or_(there, gone)).group_by(_s.repository_id)
    return {row[0]: Sums(*map(int, row[1:])) for row in conn.execute(query)}


def collected(conn: sa.Connection, project_ids: Sequence[str], since: datetime) -> dict[str, int]:
    """Bytes that collections of garbage deleted, by repository. They come some times a week."""
    c = runs.c
    query = sa.select(c.input, c.result).where(c.project_id.in_(project_ids), c.kind == _COLLECTED)
    found: dict[str, int] = {}
    for given, result in conn.execute(query.where(c.state == "succeeded", c.finished_at >= since)):
        name = str((given or {}).get("repository_id"))
        found[name] = found.get(name, 0) + int((result or {}).get("freed_bytes") or 0)
    return found


def newest_good(conn: sa.Connection, repository_id: str) -> frozenset[str]:
    """What a repository knows the newest good snapshot of each database as: they stay where they are read fastest."""
    newest = sa.select(sa.func.max(_s.id)).where(
        _s.repository_id == repository_id, _s.state == "ready", _s.verification != "red", _s.trigger != IMPORTED
    )
    query = sa.select(sa.func.coalesce(_s.restic_id, _s.id)).where(_s.id.in_(newest.group_by(_s.resource_id)))
    return frozenset(conn.scalars(query))


def named(conn: sa.Connection, repository_id: str, stored_ids: Sequence[str]) -> dict[str, Snapshot]:
    """Our rows of snapshots, by what the repository calls them."""
    query = sa.select(snapshots).where(_s.repository_id == repository_id)
    query = query.where(sa.func.coalesce(_s.restic_id, _s.id).in_(stored_ids))
    return {row["restic_id"] or row["id"]: Snapshot(**row) for row in conn.execute(query).mappings()}
