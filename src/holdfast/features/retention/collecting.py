"""Asking for a garbage collection."""

from __future__ import annotations

from holdfast.features.access.actor import Actor, no_such
from holdfast.features.backups import store as backups
from holdfast.features.backups.model import RepositoryRow
from holdfast.features.retention.tasks import GC
from holdfast.jobs import Jobs, Run
from holdfast.kernel import audit
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict


class CollectingService:
    """Takes the actor first and raises Denied or NotFound before it reads or writes anything else."""

    def __init__(self, db: Database, jobs: Jobs) -> None:
        self._db = db
        self._jobs = jobs

    def collect(self, actor: Actor, repository_id: str, *, dry_run: bool) -> tuple[RepositoryRow, Run]:
        """A run of the phase that is due; a dry run needs only the permission to check."""
        with self._db.write() as conn:
            row = backups.get(conn, RepositoryRow, repository_id)
            actor.require("repository.check" if dry_run else "repository.gc", row.place if row else None)
            if row is None:
                raise no_such("repository")
            if row.state == "new":
                raise Conflict("nothing was stored in this repository yet", code="repository_new")
            run = self._jobs.submit(
                conn,
                kind=GC,
                actor=actor.id,
                project_id=row.project_id,
                input={"repository_id": row.id, "dry_run": dry_run},
                node=row.node,
            )
            details = {"repository_id": row.id, "name": row.name, "run_id": run.id, "dry_run": dry_run}
            audit.record(conn, actor=actor.id, action="repository.gc", project_id=row.project_id, details=details)
            return row, run
