"""Statements on the tables of backups; each is one round trip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, TypeVar

import sqlalchemy as sa

from holdfast.features.backups.model import (
    IMPORTED,
    STORED,
    RepositoryRow,
    Restore,
    Snapshot,
    VerificationRow,
    repositories,
    restores,
    snapshots,
    verifications,
)
from holdfast.kernel.errors import Conflict

Row = TypeVar("Row", RepositoryRow, Snapshot, VerificationRow, Restore)
_TABLES: dict[type[Any], sa.Table] = {
    RepositoryRow: repositories,
    Snapshot: snapshots,
    VerificationRow: verifications,
    Restore: restores,
}


def insert(conn: sa.Connection, row: RepositoryRow | Snapshot | VerificationRow | Restore) -> None:
    """Raises Conflict: code "name_taken" for a repository's name that the project already has, "place_taken"."""
    try:
        conn.execute(sa.insert(_TABLES[type(row)]).values(**asdict(row)))
    except sa.exc.IntegrityError as error:
        if isinstance(row, RepositoryRow):
            if "location" in str(error.orig):
                raise place_taken() from None
            raise Conflict(f"this project already has a repository named {row.name!r}", code="name_taken") from None
        raise error


def place_taken() -> Conflict:
    return Conflict(
        "another repository lies at this place, or around it, or inside it",
        code="place_taken",
        hint="Give this one a prefix of its own.",
    )


def get(conn: sa.Connection, kind: type[Row], row_id: str) -> Row | None:
    table = _TABLES[kind]
    found = conn.execute(sa.select(table).where(table.c.id == row_id)).mappings().first()
    return kind(**found) if found else None


def change(
    conn: sa.Connection, kind: type[Row], row_id: str, *, states: Sequence[str] = (), **values: Any
) -> Row | None:
    """Set `values` and return the new row; None when it is not in one of `states`."""
    table = _TABLES[kind]
    query = sa.update(table).where(table.c.id == row_id)
    if states:
        query = query.where(table.c.state.in_(states))
    found = conn.execute(query.values(**values).returning(*table.c)).mappings().first()
    return kind(**found) if found else None


def page(
    conn: sa.Connection,
    kind: type[Row],
    *,
    visible: sa.ColumnElement[bool] | None = None,
    after: str | None = None,
    limit: int = 50,
    where: Sequence[sa.ColumnElement[bool]] = (),
    **equal: Any,
) -> list[Row]:
    """Newest first, those before the id `after`; `equal` compares columns: a list is one of them, None is ignored.
    `where`: see `searching`."""
    table = _TABLES[kind]
    query = sa.select(table).where(*where).order_by(table.c.id.desc()).limit(limit)
    if visible is not None:
        query = query.where(visible)
    if after is not None:
        query = query.where(table.c.id < after)
    for name, value in equal.items():
        if value is None:
            continue
        column = table.c[name]
        query = query.where(column.in_(value) if isinstance(value, (list, tuple)) else column == value)
    return [kind(**row) for row in conn.execute(query).mappings()]


def default_repository(conn: sa.Connection, project_id: str, environment_id: str) -> RepositoryRow | None:
    """The one of the environment goes before the project's."""
    c = repositories.c
    here = sa.or_(c.serves == environment_id, c.serves.is_(None))
    query = sa.select(repositories).where(c.project_id == project_id, c.is_default, here)
    found = conn.execute(query.order_by(c.serves.is_(None), c.id.desc()).limit(1)).mappings().first()
    return RepositoryRow(**found) if found else None


def named_repository(conn: sa.Connection, project_id: str, name: str) -> RepositoryRow | None:
    c = repositories.c
    found = conn.execute(sa.select(repositories).where(c.project_id == project_id, c.name == name)).mappings().first()
    return RepositoryRow(**found) if found else None


def repository_on(conn: sa.Connection, project_id: str, node: str) -> RepositoryRow | None:
    """The project's oldest repository on that node's disk."""
    c = repositories.c
    query = sa.select(repositories).where(c.project_id == project_id, c.node == node, c.state != "detached")
    query = query.order_by(c.id).limit(1)
    found = conn.execute(query).mappings().first()
    return RepositoryRow(**found) if found else None


def make_default(conn: sa.Connection, row: RepositoryRow) -> None:
    """This one, and no other for the same environment (or for all)."""
    c = repositories.c
    same = c.serves.is_(None) if row.serves is None else c.serves == row.serves
    conn.execute(sa.update(repositories).where(c.project_id == row.project_id, same).values(is_default=c.id == row.id))


def stored_bytes(conn: sa.Connection, repository_id: str) -> int:
    """What a repository's snapshots added when they were taken."""
    c = snapshots.c
    query = sa.select(sa.func.coalesce(sa.func.sum(c.stored_bytes), 0))
    return int(conn.execute(query.where(c.repository_id == repository_id, c.state.in_(STORED))).scalar_one())


def locations(conn: sa.Connection) -> list[str]:
    """Of every repository that is not on a disk here, whatever its project."""
    return list(conn.scalars(sa.select(repositories.c.location).where(repositories.c.location.is_not(None))))


def _good() -> tuple[sa.ColumnElement[bool], ...]:
    """Of the living database, there, and not found wrong."""
    c = snapshots.c
    return c.state == "ready", c.verification != "red", c.trigger != IMPORTED


def newest_good(conn: sa.Connection, resource_id: str, repository_id: str | None = None) -> Snapshot | None:
    """The newest ready snapshot of the living database that no verification found wrong: never an imported one."""
    c = snapshots.c
    query = sa.select(snapshots).where(c.resource_id == resource_id, *_good())
    if repository_id is not None:
        query = query.where(c.repository_id == repository_id)
    found = conn.execute(query.order_by(c.id.desc()).limit(1)).mappings().first()
    return Snapshot(**found) if found else None


def newest_ready(conn: sa.Connection, resource_id: str, repository_id: str) -> Snapshot | None:
    """The newest one of the living database that was stored, whatever was found of it since."""
    c = snapshots.c
    mine = (c.resource_id == resource_id, c.repository_id == repository_id, c.state == "ready", c.trigger != IMPORTED)
    query = sa.select(snapshots).where(*mine)
    found = conn.execute(query.order_by(c.id.desc()).limit(1)).mappings().first()
    return Snapshot(**found) if found else None


def other_good(conn: sa.Connection, snapshot: Snapshot) -> bool:
    """Whether the database has another ready snapshot that no verification found wrong. An imported one stands in for
    another imported one, and for none of the living database."""
    c = snapshots.c
    good = (c.state == "ready", c.verification != "red") if snapshot.trigger == IMPORTED else _good()
    query = sa.select(c.id).where(c.resource_id == snapshot.resource_id, c.id != snapshot.id, *good)
    return conn.execute(query.limit(1)).first() is not None


def proven_before(conn: sa.Connection, resource_id: str) -> bool:
    """Whether any snapshot of this database was ever restored and compared."""
    c = snapshots.c
    query = sa.select(c.id).where(c.resource_id == resource_id, c.verified_level >= 3, c.trigger != IMPORTED)
    return conn.execute(query.limit(1)).first() is not None


def newest_verification(conn: sa.Connection, snapshot_id: str) -> VerificationRow | None:
    c = verifications.c
    query = sa.select(verifications).where(c.snapshot_id == snapshot_id).order_by(c.id.desc()).limit(1)
    found = conn.execute(query).mappings().first()
    return VerificationRow(**found) if found else None


def latest_seconds(conn: sa.Connection, snapshot_ids: Sequence[str], level: int) -> float | None:
    """How long the newest successful verification to `level` of any of these took."""
    c = verifications.c
    query = sa.select(c.seconds).where(c.snapshot_id.in_(snapshot_ids), c.level == level, c.ok.is_(True))
    return conn.execute(query.order_by(c.id.desc()).limit(1)).scalar()


def forget_kept(conn: sa.Connection, resource_id: str) -> None:
    """No restore of this database keeps an old one any more."""
    c = restores.c
    conn.execute(
        sa.update(restores).where(c.resource_id == resource_id, c.kept_until.is_not(None)).values(kept_until=None)
    )


def by_restic_id(conn: sa.Connection, restic_id: str) -> RepositoryRow | None:
    """The repository in use that is this one, whatever its project."""
    c = repositories.c
    query = sa.select(repositories).where(c.restic_id == restic_id, c.state != "detached").limit(1)
    found = conn.execute(query).mappings().first()
    return RepositoryRow(**found) if found else None


def good_elsewhere(conn: sa.Connection, snapshot: Snapshot) -> bool:
    """Whether its database has a good snapshot in another repository."""
    c = snapshots.c
    query = sa.select(c.id).where(
        c.resource_id == snapshot.resource_id, *_good(), c.repository_id != snapshot.repository_id
    )
    return conn.execute(query.limit(1)).first() is not None


def insert_many(conn: sa.Connection, rows: Sequence[Snapshot | VerificationRow]) -> None:
    """All of one kind, in one statement."""
    if rows:
        conn.execute(sa.insert(_TABLES[type(rows[0])]), [asdict(row) for row in rows])


def by_ids(conn: sa.Connection, snapshot_ids: Sequence[str]) -> dict[str, Snapshot]:
    query = sa.select(snapshots).where(snapshots.c.id.in_(snapshot_ids))
    return {row["id"]: Snapshot(**row) for row in conn.execute(query).mappings()}


def newest_of(
    conn: sa.Connection, resource_ids: Sequence[str], repository_id: str | None = None, *, good: bool = False
) -> dict[str, Snapshot]:
    """By database: its newest ready snapshot; `good`: of those that no verification found wrong."""
    c = snapshots.c
    wanted = [c.resource_id.in_(resource_ids), c.state == "ready"]
    if repository_id is not None:
        wanted.append(c.repository_id == repository_id)
    if good:
        wanted.append(c.verification != "red")
    newest = sa.select(sa.func.max(c.id)).where(*wanted).group_by(c.resource_id)
    found = conn.execute(sa.select(snapshots).where(c.id.in_(newest))).mappings()
    return {row["resource_id"]: Snapshot(**row) for row in found}


def newest_sizes(conn: sa.Connection, resource_ids: Sequence[str]) -> dict[str, int]:
    """By database: what its newest ready snapshot holds; one that never had any is not there."""
    c = snapshots.c
    newest = sa.select(sa.func.max(c.id)).where(c.resource_id.in_(resource_ids), c.state == "ready")
    query = sa.select(c.resource_id, c.source_bytes).where(c.id.in_(newest.group_by(c.resource_id)))
    return {row.resource_id: int(row.source_bytes or 0) for row in conn.execute(query)}


def proven_among(conn: sa.Connection, resource_ids: Sequence[str]) -> frozenset[str]:
    """Those of which any snapshot was ever restored and compared."""
    c = snapshots.c
    query = sa.select(c.resource_id).where(c.resource_id.in_(resource_ids), c.verified_level >= 3).distinct()
    return frozenset(conn.scalars(query))
