"""What a recovery kit must hold of the repositories: without its password a repository is noise."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from holdfast.features.backups.format_registry import format_of
from holdfast.features.backups.keys import Keys
from holdfast.features.backups.model import RepositoryRow, repositories
from holdfast.features.file_keys.model import file_keys
from holdfast.features.projects.model import projects
from holdfast.features.secrets.kit import KitRepository
from holdfast.features.secrets.kit_service import Repositories
from holdfast.kernel.secrets import SYSTEM


def kit_repositories(keys: Keys) -> Repositories:
    """Every repository of every project, in order of creation."""

    def everything(conn: sa.Connection) -> Sequence[KitRepository]:
        c = repositories.c
        # Also what a deleted project left on the disk: its password is nowhere else.
        named = sa.select(repositories, projects.c.name.label("project")).outerjoin(
            projects, projects.c.id == c.project_id
        )
        return [_entry(conn, keys, dict(row)) for row in conn.execute(named.order_by(c.id)).mappings()]

    def ids(conn: sa.Connection) -> Sequence[str]:
        return list(conn.scalars(sa.select(repositories.c.id).order_by(repositories.c.id)))

    def changed(conn: sa.Connection, since: datetime) -> Sequence[str]:
        c = repositories.c
        named = sa.select(file_keys.c.project_id).where(file_keys.c.created_at > since)
        newer = sa.or_(c.password_since > since, sa.and_(c.format == "plain", c.project_id.in_(named)))
        return list(conn.scalars(sa.select(c.id).where(newer)))

    def prepare(conn: sa.Connection) -> None:
        own_repository(conn, keys)

    return Repositories(everything, ids, changed, prepare)


def own_repository(conn: sa.Connection, keys: Keys) -> RepositoryRow:
    """The one on this node's disk that Holdfast's own snapshots go to, made when there is none. It belongs to no
    project; its password is in every kit made from then on."""
    c = repositories.c
    query = sa.select(repositories).where(c.project_id == SYSTEM, c.node == keys.node, c.state != "detached")
    found = conn.execute(query.order_by(c.id).limit(1)).mappings().first()
    if found is not None:
        return RepositoryRow(**found)
    return keys.insert(conn, SYSTEM, f"holdfast-{keys.node}"[:63], "system")


def _entry(conn: sa.Connection, keys: Keys, row: dict[str, object]) -> KitRepository:
    project = str(row.pop("project") or row["project_id"])
    found = RepositoryRow(**row)  # type: ignore[arg-type] # the row of its own table
    exports, abilities = keys.exports(conn, found), format_of(found).abilities
    return KitRepository(
        id=found.id,
        name=found.name,
        project=project,
        path=keys.where(found),
        restic_id=found.restic_id,
        password=keys.password(conn, found),
        environment=exports.variables,
        files=exports.files,
        kind=found.kind,
        lies=found.lies,
        credential=keys.credential(conn, found),
        format=found.format,
        settings=found.settings,
        older=list(keys.older(conn, found)),
        stock="" if abilities.dedup else abilities.stock,
        keys=[] if abilities.dedup else keys.named(conn, found),
    )
