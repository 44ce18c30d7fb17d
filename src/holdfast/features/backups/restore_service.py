"""Asking for a restore: what would happen, and making it happen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import sqlalchemy as sa

from holdfast.features.access.actor import Actor
from holdfast.features.backups import store
from holdfast.features.backups.copying import check_copy
from holdfast.features.backups.model import Restore, Snapshot
from holdfast.features.backups.restore_there import Neighbours
from holdfast.features.backups.sealing import check_opens
from holdfast.features.backups.service import SnapshotsService, found, record, require_ready
from holdfast.features.backups.swapping import Swapper
from holdfast.features.databases import store as databases
from holdfast.features.databases.guard import found as found_database
from holdfast.features.databases.model import EXTERNAL, Resource
from holdfast.features.databases.names import checked_name
from holdfast.features.databases.service import DatabasesService, Wanted, check_confirm, wrong_state
from holdfast.features.projects.scope import Environment, environment_of
from holdfast.jobs import Jobs, Run
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Invalid
from holdfast.kernel.ids import new_id
from holdfast.web.idempotency import NEVER, Once

Mode = Literal["new", "in_place"]


@dataclass(frozen=True)
class RestoreWish:
    """`name`, `environment_id`, `spec`, `masking` (a profile's name or id) are for mode "new"; `confirm` (the name,
    typed), `safety` for "in_place"."""

    mode: Mode
    name: str | None = None
    environment_id: str | None = None
    spec: Mapping[str, Any] | None = None
    confirm: str | None = None
    select: Sequence[str] = ()
    safety: bool = True
    override_unverified: bool = False
    masking: str | None = None
    server: str | None = None  # an external database: mode "new" makes a database on its server


@dataclass(frozen=True)
class Outlook:
    """What a restore would do. `blockers` are reasons why it would be refused now."""

    snapshot: Snapshot
    target: str
    environment: Environment
    bytes: int | None
    seconds: float | None
    confirm: str | None
    warnings: list[str] = field(default_factory=list)
    blockers: list[dict[str, Any]] = field(default_factory=list)


class RestoreService:
    """Read on the source, write on the target, both checked; production only where it is allowed."""

    def __init__(
        self,
        db: Database,
        jobs: Jobs,
        snapshots: SnapshotsService,
        databases_service: DatabasesService,
        swapper: Swapper,
        clock: Clock,
        neighbours: Neighbours,
    ) -> None:
        self._neighbours = neighbours
        self._db = db
        self._jobs = jobs
        self._snapshots = snapshots
        self._databases = databases_service
        self._swapper = swapper
        self._clock = clock

    def restore(
        self, actor: Actor, snapshot_id: str, wish: RestoreWish, once: Once = NEVER
    ) -> tuple[Resource, Restore, Run]:
        """202: the database (new, or the one to be replaced), the restore and its run."""
        with self._db.write() as conn:
            snapshot = found(conn, actor, snapshot_id, "snapshot.restore")
            once.check(conn)
            actor.require_step_up()
            check_proven(snapshot, wish)
            check_opens(conn, snapshot)
            if wish.mode == "new":
                made = self._new(conn, actor, snapshot, wish)
            else:
                made = self._in_place(conn, actor, snapshot, wish)
            once.keep(conn, made)
            return made

    def preview(self, actor: Actor, snapshot_id: str, wish: RestoreWish) -> Outlook:
        """Changes nothing. What `restore` with the same wish would do, how big it is, how long it took last time."""
        with self._db.read() as conn:
            snapshot = found(conn, actor, snapshot_id, "snapshot.restore")
            environment = self._environment(conn, actor, snapshot, wish)
            seconds = store.latest_seconds(conn, [snapshot.id], 3) or snapshot.seconds
            living = databases.get(conn, snapshot.resource_id)
            outlook = Outlook(
                snapshot=snapshot,
                target=wish.name or snapshot.resource_name,
                environment=environment,
                bytes=snapshot.source_bytes,
                seconds=seconds,
                confirm=living.name if wish.mode == "in_place" and living else None,
            )
            self._look(conn, actor, outlook, wish, living)
            return outlook

    def _look(
        self, conn: sa.Connection, actor: Actor, outlook: Outlook, wish: RestoreWish, living: Resource | None
    ) -> None:
        snapshot = outlook.snapshot
        checks: list[Callable[[], None]] = [
            lambda: check_proven(snapshot, wish),
            lambda: check_opens(conn, snapshot),
            lambda: check_production(outlook.environment, wish),
            lambda: self._check_target(conn, actor, outlook.environment, snapshot, wish, living),
            lambda: _check_copy(conn, actor, outlook, wish),
        ]
        for check in checks:
            try:
                check()
            except (Conflict, Invalid) as error:
                outlook.blockers.append(error.as_dict())
        if (snapshot.verified_level or 0) < 3:
            outlook.warnings.append("This snapshot was never restored: its contents were not compared yet.")
        if wish.mode == "in_place":
            outlook.warnings.append(
                "The database's present contents are replaced; queries are refused during the swap."
            )
            if not wish.safety:
                outlook.warnings.append("No safety snapshot is taken first.")
            if wish.select:
                outlook.warnings.append("Only the selected tables will be in the database afterwards.")

    def _check_target(
        self,
        conn: sa.Connection,
        actor: Actor,
        environment: Environment,
        snapshot: Snapshot,
        wish: RestoreWish,
        living: Resource | None,
    ) -> None:
        if wish.mode == "new":
            name = checked_name(wish.name or "")
            if databases.by_name(conn, wish.environment_id or snapshot.environment_id, name) is not None:
                raise databases.name_taken(name)
            if wish.server is not None:
                self._neighbours.beside(conn, actor, wish.server, environment, snapshot.engine, name)
        elif living is None or living.state != "ready":
            raise Conflict(f"the database is {living.state if living else 'gone'}, not ready", code="wrong_state")
        else:
            self._swapper.require(conn, living)
            self._snapshots.node_of(conn, snapshot, living.node)

    def _environment(self, conn: sa.Connection, actor: Actor, snapshot: Snapshot, wish: RestoreWish) -> Environment:
        wanted = wish.environment_id if wish.mode == "new" and wish.environment_id else snapshot.environment_id
        return environment_of(conn, actor, wanted, "database.create" if wish.mode == "new" else "snapshot.restore")

    def _new(
        self, conn: sa.Connection, actor: Actor, snapshot: Snapshot, wish: RestoreWish
    ) -> tuple[Resource, Restore, Run]:
        environment = self._environment(conn, actor, snapshot, wish)
        check_production(environment, wish)
        masking = check_copy(conn, actor, snapshot, environment, wish.masking)
        if environment.project_id != snapshot.project_id:
            raise Conflict(
                "a snapshot is restored within its own project",
                code="other_project",
                hint="Its repository and its password belong to that project.",
            )
        if not wish.name:
            raise Invalid(
                "a new database needs a name",
                code="name_invalid",
                details={"fields": [{"field": "name", "message": "is required"}]},
            )
        wanted = Wanted(
            environment_id=environment.id,
            engine=snapshot.engine,
            name=wish.name,
            spec=wish.spec if wish.spec is not None else snapshot.spec,
            labels={},
            node=self._snapshots.node_of(conn, snapshot),
            notes=f"Restored from {snapshot.id}" + (f", masked with {masking['name']}." if masking else "."),
        )
        if wish.server is None:
            resource = self._databases.insert(conn, actor, environment, wanted, state="restoring")
        else:
            resource = self._beside(conn, actor, environment, wanted, wish.server)
        restore = self._insert(conn, actor, snapshot, resource, wish, None, masking)
        run = self._submit(conn, actor, snapshot, restore, wanted.node)
        return databases.claim(conn, resource.id, run.id), restore, run

    def _beside(
        self, conn: sa.Connection, actor: Actor, environment: Environment, wanted: Wanted, server: str
    ) -> Resource:
        near = self._neighbours.beside(conn, actor, server, environment, wanted.engine, wanted.name)
        wanted = replace(wanted, spec=near.server.spec)
        resource = self._databases.insert(
            conn, actor, environment, wanted, state="restoring", host=EXTERNAL, endpoint=near.record
        )
        self._neighbours.lend(conn, near, resource)
        return resource

    def _in_place(
        self, conn: sa.Connection, actor: Actor, snapshot: Snapshot, wish: RestoreWish
    ) -> tuple[Resource, Restore, Run]:
        resource = found_database(conn, actor, snapshot.resource_id, "snapshot.restore")
        environment = environment_of(conn, actor, resource.environment_id, "snapshot.restore")
        check_production(environment, wish)
        self._swapper.require(conn, resource)
        self._snapshots.node_of(conn, snapshot, resource.node)
        if resource.state != "ready":
            raise wrong_state(resource, "restore into")
        check_confirm(resource, wish.confirm or "")
        safety = None
        if wish.safety:
            safety = self._snapshots.insert(conn, actor, resource, level=1, trigger="safety", tags=("safety",))
        restore = self._insert(conn, actor, snapshot, resource, wish, safety)
        run = self._submit(conn, actor, snapshot, restore, resource.node)
        if safety is not None:
            self._snapshots.own(conn, safety, run)
        return resource, restore, run

    def _insert(
        self,
        conn: sa.Connection,
        actor: Actor,
        snapshot: Snapshot,
        resource: Resource,
        wish: RestoreWish,
        safety: Snapshot | None,
        masking: Mapping[str, Any] | None = None,
    ) -> Restore:
        restore_id = new_id("rst")
        mark = restore_id[-16:]
        swaps = wish.mode == "in_place"
        restore = Restore(
            id=restore_id,
            project_id=resource.project_id,
            environment_id=resource.environment_id,
            snapshot_id=snapshot.id,
            resource_id=resource.id,
            mode=wish.mode,
            actor=actor.id,
            run_id=None,
            select=list(wish.select),
            safety_snapshot_id=safety.id if safety else None,
            state="running",
            candidate=f"new_{mark}" if swaps else None,
            kept=f"old_{mark}" if swaps else None,
            kept_until=None,
            masking=masking,
            receipt=None,
            verdict=None,
            error=None,
            at=self._clock.now(),
            finished_at=None,
        )
        store.insert(conn, restore)
        return restore

    def _submit(self, conn: sa.Connection, actor: Actor, snapshot: Snapshot, restore: Restore, node: str | None) -> Run:
        run = self._jobs.submit(
            conn,
            kind="snapshot.restore",
            actor=actor.id,
            project_id=restore.project_id,
            environment_id=restore.environment_id,
            resource_id=restore.resource_id,
            input={"restore_id": restore.id, "snapshot_id": snapshot.id, "mode": restore.mode},
            node=self._snapshots.node_of(conn, snapshot, node),
        )
        store.change(conn, Restore, restore.id, run_id=run.id)
        named = restore.masking["name"] if restore.masking else None
        record(
            conn,
            actor,
            snapshot,
            "snapshot.restore",
            {
                "run_id": run.id,
                "mode": restore.mode,
                "target": restore.resource_id,
                "restore_id": restore.id,
                "masking": named,
            },
        )
        return run


def _check_copy(conn: sa.Connection, actor: Actor, outlook: Outlook, wish: RestoreWish) -> None:
    if wish.mode == "new":
        check_copy(conn, actor, outlook.snapshot, outlook.environment, wish.masking)


def check_proven(snapshot: Snapshot, wish: RestoreWish) -> None:
    """A snapshot that failed its proof, or never had one, comes back only when someone says so."""
    require_ready(snapshot)
    doubtful = snapshot.verification == "red" or not snapshot.verified_level
    if doubtful and not wish.override_unverified:
        raise Conflict(
            "this snapshot did not prove itself" if snapshot.verification == "red" else "this snapshot is not verified",
            code="snapshot_unverified",
            hint="Verify it first, choose another one, or say override_unverified.",
            details={"verification": snapshot.verification, "verified_level": snapshot.verified_level},
        )


def check_production(environment: Environment, wish: RestoreWish) -> None:
    """Restores into production are off until the environment allows them."""
    if environment.kind == "production" and not environment.restore_allowed:
        raise Conflict(
            f"restores into {environment.name!r} are not allowed: it is production",
            code="restore_not_allowed",
            hint="Set restore_allowed on the environment first, then restore.",
            details={"environment_id": environment.id, "mode": wish.mode},
        )
