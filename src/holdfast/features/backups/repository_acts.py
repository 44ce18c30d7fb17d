"""What every verb on a repository begins and ends with."""

from __future__ import annotations

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, no_such
from holdfast.features.backups import store
from holdfast.features.backups.model import RepositoryRow
from holdfast.kernel import audit


def found(conn: sa.Connection, actor: Actor, repository_id: str, permission: str) -> RepositoryRow:
    """Raises Denied, or NotFound for one the actor may not see."""
    row = store.get(conn, RepositoryRow, repository_id)
    actor.require(permission, row.place if row else None)
    if row is None:
        raise no_such("repository")
    return row


def record(conn: sa.Connection, actor: Actor, row: RepositoryRow, action: str, **details: str) -> None:
    audit.record(
        conn,
        actor=actor.id,
        action=action,
        project_id=row.project_id,
        details={"repository_id": row.id, "name": row.name, **details},
    )
