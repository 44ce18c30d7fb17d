"""What people ask of migrations. Each act is one transaction: row, audit and run, or nothing at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, no_such
from holdfast.features.backups.service import SnapshotsService
from holdfast.features.databases.guard import found as found_database
from holdfast.features.databases.model import Resource
from holdfast.features.databases.reach import Reach
from holdfast.features.databases.service import check_confirm, wrong_state
from holdfast.features.migrations import planning, store
from holdfast.features.migrations.model import Migration, Shape, StepRow
from holdfast.features.migrations.reading import Reader, splitter
from holdfast.features.migrations.shapes import Difference, differences
from holdfast.features.projects import store as projects
from holdfast.jobs import Jobs, Run
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Invalid
from holdfast.kernel.ids import new_id
from holdfast.web.idempotency import NEVER, Once

MAX_TEXT, MAX_MIGRATIONS, MAX_NUMBER = 1_000_000, 10_000, 2**53 - 1


@dataclass(frozen=True)
class WantedMigration:
    """`number` None = one above the highest."""

    name: str
    up: str
    down: str | None = None
    number: int | None = None


@dataclass(frozen=True)
class ApplyWish:
    """`to` None = all. `confirm` is the database's name, typed; asked for in production, and by every way back."""

    to: int | None = None
    steps: int | None = None
    snapshot: bool = True
    confirm: str | None = None
    lock_seconds: float = 10.0
    out_of_order: bool = False
    on_clone: bool = False


class MigrationsService:
    """Every verb takes the actor first and raises Denied or NotFound before it reads or writes anything else."""

    def __init__(
        self, db: Database, jobs: Jobs, snapshots: SnapshotsService, reach: Reach, reader: Reader, clock: Clock
    ) -> None:
        self._db = db
        self._jobs = jobs
        self._snapshots = snapshots
        self._reach = reach
        self._reader = reader
        self._clock = clock

    def create(self, actor: Actor, resource_id: str, wanted: WantedMigration, once: Once = NEVER) -> Migration:
        """The same text again is the same migration; another text replaces one that is not applied.

        Raises Invalid where the engine cannot read the script, Conflict (code "migration_changed") for another text of
        an applied number, (code "engine_cannot_migrate") for an engine without scripts.
        """
        with self._db.write() as conn:
            resource = found_database(conn, actor, resource_id, "migration.apply")
            once.check(conn)
            self._check(resource, wanted)
            known = store.of(conn, resource.id)
            number = wanted.number if wanted.number is not None else max([0, *(each.number for each in known)]) + 1
            there = next((each for each in known if each.number == number), None)
            if there is None and len(known) >= MAX_MIGRATIONS:
                raise Conflict(f"a database takes at most {MAX_MIGRATIONS} migrations", code="too_many_migrations")
            made = self._put(conn, actor, resource, number, wanted, there)
            once.keep(conn, made)
            return made

    def _put(
        self,
        conn: sa.Connection,
        actor: Actor,
        resource: Resource,
        number: int,
        wanted: WantedMigration,
        there: Migration | None,
    ) -> Migration:
        check = planning.checksum(wanted.up)
        values = {"name": wanted.name, "up": wanted.up, "down": wanted.down, "checksum": check}
        if there is not None:
            if there.applied_at is not None and check != there.checksum:
                raise Conflict(
                    f"migration {number} is applied: its text stays",
                    code="migration_changed",
                    hint="Put the old text back, and write the change as a new migration.",
                    details={"number": number},
                )
            if all(getattr(there, key) == value for key, value in values.items()):
                return there
            made = store.change(conn, there.id, values) or there
            self._record(conn, actor, resource, "migration.update", {"number": number, "name": wanted.name})
            return made
        made = Migration(
            id=new_id("mig"),
            project_id=resource.project_id,
            environment_id=resource.environment_id,
            resource_id=resource.id,
            number=number,
            **values,  # type: ignore[arg-type]
            applied_at=None,
            applied_by=None,
            version=1,
            created_by=actor.id,
            created_at=self._clock.now(),
        )
        store.insert(conn, made)
        self._record(conn, actor, resource, "migration.create", {"number": number, "name": wanted.name})
        return made

    def list(self, actor: Actor, resource_id: str, *, after: int | None = None, limit: int = 50) -> Sequence[Migration]:
        with self._db.read() as conn:
            resource = found_database(conn, actor, resource_id, "migration.read")
            return store.page(conn, resource.id, after=after, limit=limit)

    def get(self, actor: Actor, migration_id: str) -> Migration:
        with self._db.read() as conn:
            return _found(conn, actor, migration_id, "migration.read")

    def delete(self, actor: Actor, migration_id: str) -> None:
        """One that was never applied. Raises Conflict (code "migration_applied")."""
        with self._db.write() as conn:
            migration = _found(conn, actor, migration_id, "migration.apply")
            if migration.applied_at is not None:
                raise Conflict(
                    f"migration {migration.number} is applied", code="migration_applied", hint="Roll it back first."
                )
            resource = found_database(conn, actor, migration.resource_id, "migration.apply")
            store.delete(conn, migration.id)
            details = {"number": migration.number, "name": migration.name}
            self._record(conn, actor, resource, "migration.delete", details)

    def status(self, actor: Actor, resource_id: str) -> Sequence[planning.Standing]:
        """By number, from the database's own ledger."""
        resource, known = self._known(actor, resource_id, "migration.read")
        return planning.standings(known, self._reader.ledger(resource))

    def history(self, actor: Actor, resource_id: str, *, after: str | None, limit: int) -> Sequence[StepRow]:
        """Every migration applied, rolled back or failed, newest first."""
        with self._db.read() as conn:
            resource = found_database(conn, actor, resource_id, "migration.read")
            return store.steps(conn, resource.id, after=after, limit=limit)

    def drift(self, actor: Actor, resource_id: str) -> tuple[Shape, Sequence[Difference]]:
        """How the structure differs from what the last migration left. Raises Conflict (code "no_baseline")."""
        with self._db.read() as conn:
            resource = found_database(conn, actor, resource_id, "migration.read")
            shape = store.shape(conn, resource.id)
        now = self._reader.shape(resource)
        if shape is None:
            raise Conflict(
                "no structure was recorded to compare with",
                code="no_baseline",
                hint="Apply a migration, or record what is there: holdfast migration baseline",
            )
        return shape, differences(shape.shape, now)

    def apply(self, actor: Actor, resource_id: str, wish: ApplyWish) -> Run:
        """Raises Conflict (code "nothing_pending") when there is nothing to do."""
        resource, known = self._known(actor, resource_id, "migration.apply")
        self._careful(actor, resource, wish, always=False)
        ledger = self._reader.ledger(resource)
        if not planning.upwards(known, ledger, wish.to, out_of_order=wish.out_of_order):
            raise Conflict("nothing is pending", code="nothing_pending")
        return self._submit(actor, resource_id, "migration.apply", wish)

    def rollback(self, actor: Actor, resource_id: str, wish: ApplyWish) -> Run:
        """The last `steps`, or everything above `to`; the name typed and the password fresh."""
        if (wish.steps is None) == (wish.to is None):
            raise Invalid("say how many steps, or to which number", code="rollback_unclear")
        resource, known = self._known(actor, resource_id, "migration.apply")
        self._careful(actor, resource, wish, always=True)
        planning.downwards(known, self._reader.ledger(resource), steps=wish.steps, to=wish.to)
        return self._submit(actor, resource_id, "migration.rollback", wish)

    def rehearse(self, actor: Actor, resource_id: str, wish: ApplyWish) -> Run:
        """What `apply` would do: in a transaction that is rolled back, or on a clone that is thrown away."""
        resource, known = self._known(actor, resource_id, "migration.apply")
        wanted = planning.upwards(known, self._reader.ledger(resource), wish.to, out_of_order=wish.out_of_order)
        if not wanted:
            raise Conflict("nothing is pending", code="nothing_pending")
        if not wish.on_clone and any(planning.alone(each.up) for each in wanted):
            raise Invalid(
                "a script that runs outside a transaction cannot be rehearsed in one",
                code="rehearsal_needs_clone",
                hint="Rehearse it on a clone: holdfast migration dry-run --on-clone",
            )
        return self._submit(actor, resource_id, "migration.rehearse", wish)

    def baseline(self, actor: Actor, resource_id: str, wish: ApplyWish) -> Run:
        """Take the migrations up to `to` as applied, without running them, and the structure as it is now."""
        resource, _ = self._known(actor, resource_id, "migration.apply")
        self._careful(actor, resource, wish, always=False)
        return self._submit(actor, resource_id, "migration.baseline", wish)

    def _careful(self, actor: Actor, resource: Resource, wish: ApplyWish, *, always: bool) -> None:
        """In production, and for every way back: the password fresh and the name typed."""
        with self._db.read() as conn:
            environment = projects.environment(conn, resource.environment_id)
        if always or (environment is not None and environment.kind == "production"):
            actor.require_step_up()
            check_confirm(resource, wish.confirm or "")

    def _submit(self, actor: Actor, resource_id: str, kind: str, wish: ApplyWish) -> Run:
        with self._db.write() as conn:
            resource = found_database(conn, actor, resource_id, "migration.apply")
            if resource.state != "ready":
                raise wrong_state(resource, "migrate")
            values: dict[str, Any] = {
                "to": wish.to,
                "steps": wish.steps,
                "lock_seconds": wish.lock_seconds,
                "out_of_order": wish.out_of_order,
                "on_clone": wish.on_clone,
            }
            snapshot = None
            if wish.snapshot and kind in ("migration.apply", "migration.rollback"):
                tags = ("safety", "before-migration")
                snapshot = self._snapshots.insert(conn, actor, resource, level=1, trigger="safety", tags=tags)
                values["snapshot_id"] = snapshot.id
            run = self._jobs.submit(
                conn,
                kind=kind,
                actor=actor.id,
                project_id=resource.project_id,
                environment_id=resource.environment_id,
                resource_id=resource.id,
                input=values,
            )
            if snapshot is not None:
                self._snapshots.own(conn, snapshot, run)
            details = {key: value for key, value in values.items() if value not in (None, False)}
            self._record(conn, actor, resource, kind, {"run_id": run.id, **details})
            return run

    def _known(self, actor: Actor, resource_id: str, permission: str) -> tuple[Resource, Sequence[Migration]]:
        with self._db.read() as conn:
            resource = found_database(conn, actor, resource_id, permission)
            return resource, store.of(conn, resource.id)

    def _check(self, resource: Resource, wanted: WantedMigration) -> None:
        engine = splitter(self._reach, resource)
        for text in (wanted.up, wanted.down or ""):
            if len(text) > MAX_TEXT:
                raise Invalid(f"a script takes at most {MAX_TEXT} characters", code="script_too_long")
            engine.split(text)
        if not wanted.name.isprintable() or not wanted.name.strip():
            raise Invalid("a migration's name is printable", code="name_invalid")

    @staticmethod
    def _record(conn: sa.Connection, actor: Actor, resource: Resource, action: str, details: Mapping[str, Any]) -> None:
        audit.record(
            conn,
            actor=actor.id,
            action=action,
            project_id=resource.project_id,
            environment_id=resource.environment_id,
            resource_id=resource.id,
            details={"database": resource.name, **details},
        )


def _found(conn: sa.Connection, actor: Actor, migration_id: str, permission: str) -> Migration:
    migration = store.get(conn, migration_id)
    actor.require(permission, migration.place if migration else None, noun="migration")
    if migration is None:
        raise no_such("migration")
    return migration
