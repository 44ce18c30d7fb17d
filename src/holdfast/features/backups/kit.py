"""What a recovery kit must hold of the repositories: without its password a repository is noise."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from holdfast.features.backups.keys import Keys
from holdfast.features.backups.model import RepositoryRow, repositories
from holdfast.features.projects.model import projects
from holdfast.features.secrets.kit import KitRepository
from holdfast.features.secrets.kit_service import Repositories


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

    return Repositories(everything, ids)


def _entry(conn: sa.Connection, keys: Keys, row: dict[str, object]) -> KitRepository:
    project = str(row.pop("project") or row["project_id"])
    found = RepositoryRow(**row)  # type: ignore[arg-type] # the row of its own table
    exports = keys.exports(conn, found)
    return KitRepository(
        id=found.id,
        name=found.name,
        project=project,
        path=keys.where(found),
        restic_id=found.restic_id,
        password=keys.password(conn, found),
        environment=exports.variables,
        files=exports.files,
    )
