"""What no run looks after any more: databases whose run ended without them, and those whose grace is over."""

from __future__ import annotations

import logging
from datetime import timedelta

import sqlalchemy as sa

from holdfast.features.databases import store
from holdfast.features.databases.model import BUSY, Resource
from holdfast.jobs import ENDED, Jobs
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database

_log = logging.getLogger("holdfast.databases")
_ACTOR = "system:sweep"
_RETRY = timedelta(hours=1)  # a purge that failed is tried again, but not all the time


class DatabaseSweep:
    """Called by the runner process at its start and every few seconds. Cheap when there is nothing to do."""

    def __init__(self, db: Database, jobs: Jobs, clock: Clock, node: str | None = None) -> None:
        self._db = db
        self._jobs = jobs
        self._clock = clock
        self._node = node

    def sweep(self) -> None:
        self._end_orphans()
        self._purge_due()

    def _end_orphans(self) -> None:
        """A run cancelled before it began, or cut off while it cleaned up, leaves nobody to end the passing state."""
        with self._db.read() as conn:
            orphans = [(r, end) for r in store.busy(conn, sorted(BUSY)) if (end := self._end_of(conn, r)) is not None]
        for resource, reason in orphans:
            with self._db.write() as conn:
                changed = store.change(
                    conn,
                    resource.id,
                    now=self._clock.now(),
                    version=resource.version,
                    state="failed",
                    state_reason=reason,
                    bump_generation=True,
                )
                if changed is not None:
                    _log.warning("a database was left %s by %s", resource.state, resource.run_id)
                    self._record(conn, resource, "database.abandoned")

    def _end_of(self, conn: sa.Connection, resource: Resource) -> dict[str, object] | None:
        run = self._jobs.get(conn, resource.run_id or "")
        if run is not None and run.state not in ENDED:
            return None
        if run is not None and run.error:
            return dict(run.error)
        how = f"was {run.state}" if run else "is gone"
        return {
            "code": "run_ended",
            "message": f"the run that was {resource.state} it {how}",
            "hint": "Start it again, or delete it.",
            "details": {"run_id": resource.run_id},
            "retryable": False,
        }

    def _purge_due(self) -> None:
        now = self._clock.now()
        with self._db.read() as conn:
            due = [r for r in store.purgeable(conn, now, self._node) if not self._tried(conn, r)]
        for resource in due:
            with self._db.write() as conn:
                if not store.lock(conn, resource.id) or self._tried(conn, resource):
                    continue  # another node was quicker
                run = self._jobs.submit(
                    conn,
                    kind="database.purge",
                    actor=_ACTOR,
                    project_id=resource.project_id,
                    environment_id=resource.environment_id,
                    resource_id=resource.id,
                    trigger="schedule",
                )
                self._record(conn, resource, "database.purge", run_id=run.id)

    def _tried(self, conn: sa.Connection, resource: Resource) -> bool:
        for run in self._jobs.list(conn, resource_id=resource.id, kinds=("database.purge",), limit=1):
            return run.state not in ENDED or run.requested_at > self._clock.now() - _RETRY
        return False

    @staticmethod
    def _record(conn: sa.Connection, resource: Resource, action: str, **details: object) -> None:
        audit.record(
            conn,
            actor=_ACTOR,
            action=action,
            project_id=resource.project_id,
            environment_id=resource.environment_id,
            resource_id=resource.id,
            details={"name": resource.name, **details},
        )
