"""What people ask: rehearse an upgrade, do it, take it back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from holdfast.contract.builds import CanPatch
from holdfast.contract.upgrades import CanUpgrade
from holdfast.features.access.actor import Actor, no_such
from holdfast.features.backups.model import Snapshot
from holdfast.features.backups.service import SnapshotsService
from holdfast.features.databases.guard import found
from holdfast.features.databases.model import Resource
from holdfast.features.databases.reach import Reach
from holdfast.features.databases.service import check_confirm, wrong_state
from holdfast.features.upgrades import store
from holdfast.features.upgrades.model import Upgrade, is_minor
from holdfast.jobs import Jobs, Run
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict
from holdfast.kernel.ids import new_id

KIND, BACK, DISCARD = "database.upgrade", "database.upgrade.back", "upgrade.discard"


class UpgradesService:
    """Each act is one transaction: row, snapshot's row, audit and run."""

    def __init__(self, db: Database, jobs: Jobs, reach: Reach, snapshots: SnapshotsService, clock: Clock) -> None:
        self._db = db
        self._jobs = jobs
        self._reach = reach
        self._snapshots = snapshots
        self._clock = clock

    def upgrade(
        self, actor: Actor, database_id: str, version: str, *, rehearse: bool, confirm: str
    ) -> tuple[Upgrade, Run]:
        """`confirm` is the name, unless it is only rehearsed. Raises Invalid (code "version_invalid"), Conflict (code
        "upgrade_kept" while an earlier one can be taken back)."""
        with self._db.write() as conn:
            resource = found(conn, actor, database_id, "database.upgrade")
            actor.require("snapshot.create", resource.place)
            actor.require_step_up()
            if not rehearse:
                check_confirm(resource, confirm)
            if resource.state != "ready":
                raise wrong_state(resource, "upgrade")
            engine = self._reach.engine(resource)
            if not isinstance(engine, CanUpgrade):
                raise Conflict(f"{engine.capabilities.title} has no versions to move between", code="not_offered")
            if rehearse or version != resource.spec.get("version") or not isinstance(engine, CanPatch):
                engine.upgraded(self._reach.spec(resource), version)
            if self._still_kept(conn, resource):
                raise Conflict(
                    "the state before the last upgrade is still kept",
                    code="upgrade_kept",
                    hint="Take that upgrade back, or wait until its grace is over.",
                )
            snapshot = self._snapshots.insert(conn, actor, resource, level=1, trigger="safety")
            made = self._row(actor, resource, version, rehearse=rehearse, snapshot_id=snapshot.id)
            store.insert(conn, made)
            run = self._submit(conn, actor, resource, KIND, {"upgrade_id": made.id})
            self._snapshots.own(conn, snapshot, run)
            details = {"to": version, "rehearse": rehearse, "run_id": run.id, "upgrade": made.id}
            self._record(conn, actor, resource, KIND, details)
            return made, run

    def _still_kept(self, conn: sa.Connection, resource: Resource) -> bool:
        kept = store.kept(conn, resource.id)
        if kept is None:
            return False
        if is_minor(kept) and kept.kept_until is not None and kept.kept_until <= self._clock.now():
            store.change(conn, kept.id, kept=None, kept_until=None)
            return False
        return True

    def take_back(self, actor: Actor, upgrade_id: str, confirm: str, *, snapshot: bool = True) -> tuple[Upgrade, Run]:
        """The old server with the old state: what was written since the switch is in a snapshot, or, without, gone.
        Raises Conflict (code "cannot_snapshot") when its server does not run and one is asked for."""
        with self._db.write() as conn:
            upgrade = store.get(conn, upgrade_id)
            actor.require("database.upgrade", upgrade.place if upgrade else None, noun="upgrade")
            if upgrade is None:
                raise no_such("upgrade")
            resource = found(conn, actor, upgrade.resource_id, "database.upgrade")
            actor.require_step_up()
            check_confirm(resource, confirm)
            if upgrade.state != "switched" or upgrade.kept is None:
                raise Conflict("nothing is kept of the state before this upgrade", code="nothing_kept")
            if resource.state not in ("ready", "failed", "stopped"):
                raise wrong_state(resource, "take the upgrade back")
            values: dict[str, Any] = {"upgrade_id": upgrade.id}
            saved = self._saved(conn, actor, resource) if snapshot and not is_minor(upgrade) else None
            if saved is not None:
                values["snapshot_id"] = saved.id
            run = self._submit(conn, actor, resource, BACK, values)
            if saved is not None:
                self._snapshots.own(conn, saved, run)
            self._record(conn, actor, resource, BACK, {"run_id": run.id, **values})
            return upgrade, run

    def _saved(self, conn: sa.Connection, actor: Actor, resource: Resource) -> Snapshot:
        if resource.state != "ready":
            raise Conflict(
                f"{resource.name!r} is {resource.state}: what was written since the upgrade cannot be saved",
                code="cannot_snapshot",
                hint="Start it first, or take the upgrade back without a snapshot: that throws away what was written.",
            )
        return self._snapshots.insert(conn, actor, resource, level=1, trigger="safety")

    def list(self, actor: Actor, database_id: str, *, after: str | None, limit: int) -> Sequence[Upgrade]:
        with self._db.read() as conn:
            found(conn, actor, database_id, "database.read")
            return store.page(conn, database_id, after=after, limit=limit)

    def _row(self, actor: Actor, resource: Resource, version: str, *, rehearse: bool, snapshot_id: str) -> Upgrade:
        return Upgrade(
            id=new_id("upg"),
            project_id=resource.project_id,
            environment_id=resource.environment_id,
            resource_id=resource.id,
            actor=actor.id,
            from_version=str(resource.spec.get("version")),
            to_version=version,
            rehearse=rehearse,
            snapshot_id=snapshot_id,
            state="running",
            report={},
            error=None,
            kept=None,
            kept_until=None,
            created_at=self._clock.now(),
            finished_at=None,
        )

    def _submit(self, conn: sa.Connection, actor: Actor, resource: Resource, kind: str, values: dict[str, Any]) -> Run:
        return self._jobs.submit(
            conn,
            kind=kind,
            actor=actor.id,
            project_id=resource.project_id,
            environment_id=resource.environment_id,
            resource_id=resource.id,
            input=values,
        )

    @staticmethod
    def _record(conn: sa.Connection, actor: Actor, resource: Resource, action: str, details: dict[str, Any]) -> None:
        audit.record(
            conn,
            actor=actor.id,
            action=action,
            project_id=resource.project_id,
            environment_id=resource.environment_id,
            resource_id=resource.id,
            details={"name": resource.name, **details},
        )
