"""What people ask of drills. Each act is one transaction: row, audit and run, or nothing at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, no_such
from holdfast.features.access.grants import Columns
from holdfast.features.backups import store as backups
from holdfast.features.backups.model import Snapshot
from holdfast.features.backups.service import SnapshotsService, require_ready
from holdfast.features.databases.guard import found as found_database
from holdfast.features.databases.model import Resource
from holdfast.features.drills import store
from holdfast.features.drills.checks import checked
from holdfast.features.drills.model import Aims, Drill, drills
from holdfast.jobs import Jobs, Run
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Invalid
from holdfast.kernel.ids import new_id
from holdfast.web.changed import changed_meanwhile
from holdfast.web.idempotency import NEVER, Once

MAX_SECONDS = 366 * 86_400


@dataclass(frozen=True)
class WantedAims:
    checks: Sequence[Mapping[str, Any]]
    rto_seconds: int | None
    rpo_seconds: int | None


class DrillsService:
    """Every verb takes the actor first and raises Denied or NotFound before it reads or writes anything else."""

    def __init__(self, db: Database, jobs: Jobs, snapshots: SnapshotsService, clock: Clock) -> None:
        self._db = db
        self._jobs = jobs
        self._snapshots = snapshots
        self._clock = clock

    def aims(self, actor: Actor, resource_id: str) -> Aims:
        with self._db.read() as conn:
            found_database(conn, actor, resource_id, "drill.read")
            return store.aims_of(conn, resource_id)

    def set_aims(self, actor: Actor, resource_id: str, version: int, wanted: WantedAims) -> Aims:
        """Replace what drills of this database ask and aim at; `version` is the one last read, 0 for the first.

        Whoever writes a question reads its answer: that needs database.query.read too."""
        checks = checked(wanted.checks)
        for name in ("rto_seconds", "rpo_seconds"):
            _require_seconds(name, getattr(wanted, name))
        with self._db.write() as conn:
            resource = found_database(conn, actor, resource_id, "drill.write")
            actor.require("database.query.read", resource.place, noun="database")
            before = store.aims_of(conn, resource_id)
            after = Aims(
                resource_id, checks, wanted.rto_seconds, wanted.rpo_seconds, version + 1, actor.id, self._clock.now()
            )
            try:
                kept = before.version == version and store.put_aims(conn, after, version)
            except sa.exc.IntegrityError:
                kept = False
            if not kept:
                raise changed_meanwhile("drill")
            details = {
                "checks": [check["name"] for check in checks],
                "rto_seconds": [before.rto_seconds, after.rto_seconds],
                "rpo_seconds": [before.rpo_seconds, after.rpo_seconds],
            }
            _record(conn, actor, resource, "drill.aims", details)
            return after

    def start(
        self, actor: Actor, resource_id: str, snapshot_id: str | None = None, once: Once = NEVER
    ) -> tuple[Drill, Run]:
        """Rehearse the newest good snapshot, or that one. Raises Conflict("no_snapshot") when there is none."""
        with self._db.write() as conn:
            resource = found_database(conn, actor, resource_id, "drill.run")
            once.check(conn)
            snapshot = self._chosen(conn, resource, snapshot_id)
            aims = store.aims_of(conn, resource_id)
            drill = Drill(
                id=new_id("drl"),
                project_id=resource.project_id,
                environment_id=resource.environment_id,
                resource_id=resource.id,
                resource_name=resource.name,
                snapshot_id=snapshot.id,
                run_id=None,
                state="running",
                aims={"checks": aims.checks, "rto_seconds": aims.rto_seconds, "rpo_seconds": aims.rpo_seconds},
                rto_seconds=None,
                rpo_seconds=None,
                checks=[],
                error=None,
                requested_by=actor.id,
                requested_at=self._clock.now(),
                finished_at=None,
            )
            store.insert(conn, drill)
            run = self._jobs.submit(
                conn,
                kind="drill.run",
                actor=actor.id,
                project_id=resource.project_id,
                environment_id=resource.environment_id,
                resource_id=resource.id,
                input={"drill_id": drill.id, "snapshot_id": snapshot.id},
                node=self._snapshots.node_of(conn, snapshot),
            )
            _record(conn, actor, resource, "drill.run", {"drill_id": drill.id, "snapshot_id": snapshot.id})
            made = (store.change(conn, drill.id, run_id=run.id) or drill, run)
            once.keep(conn, made)
            return made

    @staticmethod
    def _chosen(conn: sa.Connection, resource: Resource, snapshot_id: str | None) -> Snapshot:
        if snapshot_id is None:
            snapshot = backups.newest_good(conn, resource.id)
            if snapshot is None:
                raise Conflict(
                    f"{resource.name!r} has no snapshot that could be rehearsed",
                    code="no_snapshot",
                    hint="Take one first.",
                )
            return snapshot
        snapshot = backups.get(conn, Snapshot, snapshot_id)
        if snapshot is None or snapshot.resource_id != resource.id:
            raise no_such("snapshot")
        require_ready(snapshot)
        return snapshot

    def list(
        self,
        actor: Actor,
        *,
        project_id: str | None,
        resource_id: str | None,
        state: str | None,
        after: str | None,
        limit: int,
    ) -> Sequence[Drill]:
        """Newest first. One statement always."""
        actor.require_within("drill.read", project_id)
        visible = actor.visible("drill.read", Columns.of(drills))
        with self._db.read() as conn:
            return store.page(
                conn, visible, after=after, limit=limit, project_id=project_id, resource_id=resource_id, state=state
            )

    def get(self, actor: Actor, drill_id: str) -> Drill:
        with self._db.read() as conn:
            drill = store.get(conn, drill_id)
        actor.require("drill.read", drill.place if drill else None, noun="drill")
        if drill is None:
            raise no_such("drill")
        return drill


def _require_seconds(name: str, value: int | None) -> None:
    if value is not None and not 1 <= value <= MAX_SECONDS:
        raise Invalid(
            f"{name} is 1 to {MAX_SECONDS}, or absent",
            code="drill_aim_invalid",
            details={"fields": [{"field": name, "message": "out of range"}]},
        )


def _record(conn: sa.Connection, actor: Actor, resource: Resource, action: str, details: Mapping[str, Any]) -> None:
    audit.record(
        conn,
        actor=actor.id,
        action=action,
        project_id=resource.project_id,
        environment_id=resource.environment_id,
        resource_id=resource.id,
        details={"name": resource.name, **details},
    )
