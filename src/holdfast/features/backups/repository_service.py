"""What people ask of repositories."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, no_such
from holdfast.features.access.grants import Columns
from holdfast.features.backups import store
from holdfast.features.backups.keys import Keys
from holdfast.features.backups.model import RepositoryRow, repositories
from holdfast.features.databases.names import checked_name
from holdfast.features.projects.scope import project_of
from holdfast.jobs import Jobs, Run
from holdfast.kernel import audit
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict
from holdfast.vault.stores.local import LocalStore
from holdfast.web.idempotency import NEVER, Once


class RepositoriesService:
    """Every verb takes the actor first and raises Denied or NotFound before it reads or writes anything else."""

    def __init__(self, db: Database, jobs: Jobs, keys: Keys) -> None:
        self._db = db
        self._jobs = jobs
        self._keys = keys

    def create(self, actor: Actor, project_id: str, name: str, once: Once = NEVER) -> RepositoryRow:
        """On local disk, with a password of its own. It appears on the disk with its first snapshot."""
        with self._db.write() as conn:
            project_of(conn, actor, project_id, "repository.create")
            once.check(conn)
            row = self._keys.insert(conn, project_id, checked_name(name), actor.id)
            self._record(conn, actor, row, "repository.create")
            once.keep(conn, row)
            return row

    def list(
        self, actor: Actor, *, project_id: str | None = None, after: str | None = None, limit: int = 50
    ) -> Sequence[RepositoryRow]:
        actor.require_within("repository.read", project_id)
        visible = actor.visible("repository.read", Columns.of(repositories))
        with self._db.read() as conn:
            return store.page(conn, RepositoryRow, visible=visible, project_id=project_id, after=after, limit=limit)

    def get(self, actor: Actor, repository_id: str) -> RepositoryRow:
        with self._db.read() as conn:
            return self._found(conn, actor, repository_id, "repository.read")

    def path(self, row: RepositoryRow) -> str:
        """Where it lies: what stock restic takes as -r; on another node, which."""
        return self._keys.where(row)

    def bytes(self, row: RepositoryRow) -> int | None:
        """What it takes on disk, by its files' sizes; None while it is new, or on another node's disk."""
        if row.state == "new" or row.node not in (None, self._keys.node):
            return None
        return sum(size for _, size in LocalStore(self._keys.path(row.id)).list("data"))

    def check(self, actor: Actor, repository_id: str, *, read_data: bool) -> tuple[RepositoryRow, Run]:
        """A run that reads the structure, and with `read_data` every byte."""
        with self._db.write() as conn:
            row = self._found(conn, actor, repository_id, "repository.check")
            if row.state == "new":
                raise Conflict("nothing was stored in this repository yet", code="repository_new")
            run = self._jobs.submit(
                conn,
                kind="repository.check",
                actor=actor.id,
                project_id=row.project_id,
                input={"repository_id": row.id, "read_data": read_data},
                node=row.node,
            )
            self._record(conn, actor, row, "repository.check", run_id=run.id)
            return row, run

    def key(self, actor: Actor, repository_id: str) -> tuple[str, str]:
        """The password and the path: all a stock restic needs. Audited before it is answered."""
        with self._db.write() as conn:
            row = self._found(conn, actor, repository_id, "repository.key.reveal")
            actor.require_step_up()
            self._record(conn, actor, row, "repository.key.reveal")
            return self._keys.password(conn, row), self._keys.where(row)

    def _found(self, conn: sa.Connection, actor: Actor, repository_id: str, permission: str) -> RepositoryRow:
        row = store.get(conn, RepositoryRow, repository_id)
        actor.require(permission, row.place if row else None)
        if row is None:
            raise no_such("repository")
        return row

    @staticmethod
    def _record(conn: sa.Connection, actor: Actor, row: RepositoryRow, action: str, **details: str) -> None:
        audit.record(
            conn,
            actor=actor.id,
            action=action,
            project_id=row.project_id,
            details={"repository_id": row.id, "name": row.name, **details},
        )
