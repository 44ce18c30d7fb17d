"""How each kind of work is asked for again: by the verb that asked for it first, with what its run remembers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from holdfast.features.access.actor import Actor, no_such
from holdfast.features.backups import store as backups
from holdfast.features.backups.care_service import CareService, CheckWish
from holdfast.features.backups.model import Snapshot
from holdfast.features.backups.service import SnapshotsService
from holdfast.features.connections.upkeep import UpkeepService
from holdfast.features.connections.wiring import Connections
from holdfast.features.databases.service import DatabasesService
from holdfast.features.drills.service import DrillsService
from holdfast.features.migrations.service import ApplyWish, MigrationsService
from holdfast.features.plans.wiring import Plans
from holdfast.features.retention.collecting import CollectingService
from holdfast.features.runs.repeating import Again
from holdfast.jobs import Run
from holdfast.kernel.db import Database


class Snapshotting:
    """A snapshot is taken as the one before it: same repository, level, tags and options."""

    def __init__(self, db: Database, snapshots: SnapshotsService) -> None:
        self._db = db
        self._snapshots = snapshots

    def __call__(self, actor: Actor, run: Run) -> Run:
        wanted: dict[str, Any] = {"full": bool(run.input.get("full"))}
        with self._db.read() as conn:
            before = backups.get(conn, Snapshot, str(run.input.get("snapshot_id")))
        if before is not None:
            same = {"repository_id": before.repository_id, "tags": before.tags, "options": before.options}
            wanted |= {**same, "level": before.wanted_level}
        return self._snapshots.create(actor, resource_of(run), **wanted)[1]


def resource_of(run: Run) -> str:
    if run.resource_id is None:
        raise no_such("database")
    return run.resource_id


class Verbs(Protocol):
    """What is asked, as `services` has it."""

    @property
    def db(self) -> Database: ...
    @property
    def snapshots(self) -> SnapshotsService: ...
    @property
    def care(self) -> CareService: ...
    @property
    def collecting(self) -> CollectingService: ...
    @property
    def databases(self) -> DatabasesService: ...
    @property
    def migrations(self) -> MigrationsService: ...
    @property
    def drills(self) -> DrillsService: ...
    @property
    def plans(self) -> Plans: ...
    @property
    def connections(self) -> Connections: ...


def again(verbs: Verbs) -> Mapping[str, Again]:
    """One for each kind of `runs.repeating.REPEATABLE`."""
    upkeep: UpkeepService = verbs.connections.parts[UpkeepService]

    def check(actor: Actor, run: Run) -> Run:
        given: dict[str, Any] = {name: run.input[name] for name in _CHECKED if name in run.input}
        wish = CheckWish(**given)
        return verbs.care.check(actor, _text(run, "repository_id"), wish)[1]

    def maintain(actor: Actor, run: Run) -> Run:
        target = run.input.get("target")
        return upkeep.maintain(actor, resource_of(run), _text(run, "chore"), str(target) if target else None)

    def rehearse(actor: Actor, run: Run) -> Run:
        given: dict[str, Any] = {name: run.input[name] for name in _REHEARSED if name in run.input}
        wish = ApplyWish(**given)
        return verbs.migrations.rehearse(actor, resource_of(run), wish)

    def verify(actor: Actor, run: Run) -> Run:
        level = run.input.get("level")
        return verbs.snapshots.verify(actor, _text(run, "snapshot_id"), level if isinstance(level, int) else None)[1]

    def collect(actor: Actor, run: Run) -> Run:
        return verbs.collecting.collect(actor, _text(run, "repository_id"), dry_run=bool(run.input.get("dry_run")))[1]

    return {
        "snapshot.create": Snapshotting(verbs.db, verbs.snapshots),
        "snapshot.verify": verify,
        "repository.check": check,
        "repository.usage": lambda actor, run: verbs.care.usage(actor, _text(run, "repository_id"))[1],
        "repository.gc": collect,
        "database.start": lambda actor, run: verbs.databases.start(actor, resource_of(run))[1],
        "database.maintain": maintain,
        "migration.rehearse": rehearse,
        "drill.run": lambda actor, run: verbs.drills.start(actor, resource_of(run), _text(run, "snapshot_id"))[1],
        "plan.run": lambda actor, run: verbs.plans.service.run(actor, _text(run, "plan_id"))[1],
    }


_CHECKED = ("read_data", "subset", "within")
_REHEARSED = ("to", "steps", "lock_seconds", "out_of_order", "on_clone")


def _text(run: Run, name: str) -> str:
    return str(run.input.get(name))
