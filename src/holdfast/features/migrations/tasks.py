"""Runs of migrations: apply, roll back, baseline. The database's own ledger decides what is still to do, so a run
that was killed is taken up again where the ledger says it got to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.contract.catalog import JSON
from holdfast.contract.scripts import LedgerRow, Script, ScriptReport
from holdfast.contract.snapshot import Level
from holdfast.features.backups.damage import explained
from holdfast.features.backups.taking import Taker
from holdfast.features.backups.verifying import Verifier
from holdfast.features.databases import store as databases
from holdfast.features.databases.interruption import only_interrupted
from holdfast.features.databases.model import Resource
from holdfast.features.databases.reach import Reach
from holdfast.features.databases.tasks import DatabaseTasks, reason_of, scratch_of
from holdfast.features.migrations import planning, store
from holdfast.features.migrations.model import Direction, Migration, Shape, StepRow
from holdfast.features.migrations.reading import scripting, seen
from holdfast.features.migrations.rehearsing import rehearse
from holdfast.jobs import TaskRegistry
from holdfast.jobs.model import TaskContext
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, HoldfastError, NotFound
from holdfast.kernel.ids import new_id


class MigrationTasks:
    """The runner's side of the slice. One run of a database at a time: none of these meets another."""

    def __init__(self, db: Database, reach: Reach, taker: Taker, verifier: Verifier, clock: Clock) -> None:
        self._db = db
        self._reach = reach
        self._taker = taker
        self._verifier = verifier
        self._clock = clock

    def register(self, tasks: TaskRegistry, databases_tasks: DatabaseTasks) -> None:
        tasks.add("migration.apply", explained(self.apply), resource_exclusive=True)
        tasks.add("migration.rollback", explained(self.rollback), resource_exclusive=True)
        tasks.add("migration.rehearse", self.rehearse, resource_exclusive=True)
        tasks.add("migration.baseline", self.baseline, resource_exclusive=True)
        databases_tasks.at_purge(lambda conn, resource: store.forget(conn, resource.id))

    def apply(self, ctx: TaskContext) -> Mapping[str, JSON]:
        """In order, one transaction each, until the first that fails; those before it stay."""
        return self._work(ctx, "up")

    def rollback(self, ctx: TaskContext) -> Mapping[str, JSON]:
        """Newest first, one transaction each. What is to go is decided once: a second attempt takes no more back."""
        return self._work(ctx, "down")

    def rehearse(self, ctx: TaskContext) -> Mapping[str, JSON]:
        resource, known = self._load(ctx)
        with self._session(ctx, resource) as session:
            wanted = self._wanted(ctx, known, session.ledger(), "up")
            scripts = [self._script(ctx, each, "up", number, len(wanted)) for number, each in enumerate(wanted)]
            reports = rehearse(ctx, self._reach, resource, session, scripts)
        rehearsed = [_rehearsed(each, report) for each, report in zip(wanted, reports, strict=True)]
        return {"rehearsed": rehearsed, "on_clone": bool(ctx.run.input.get("on_clone"))}

    def baseline(self, ctx: TaskContext) -> Mapping[str, JSON]:
        """Ledger rows without scripts; whatever is applied already is left as it is."""
        resource, known = self._load(ctx)
        to = ctx.run.input.get("to")
        with self._session(ctx, resource) as session:
            there = {row.version for row in session.ledger() if row.state == "applied"}
            wanted = [each for each in known if to is not None and each.number <= int(str(to))]
            for each in wanted:
                if each.number not in there:
                    session.run_script(Script("", self._row(ctx, each)), ctx.stop)
                    self._done(ctx, resource, each, "baseline", ScriptReport((), 0.0))
            self._settle(ctx, resource, session, known)
        return {"baseline": [each.number for each in wanted if each.number not in there]}

    def _work(self, ctx: TaskContext, direction: Direction) -> Mapping[str, JSON]:
        resource, known = self._load(ctx)
        if resource.state != "ready":
            raise Conflict(f"{resource.name!r} is {resource.state}, not ready", code="database_not_ready")
        snapshot_id = self._safe(ctx)
        with self._session(ctx, resource) as session:
            self._recover(ctx, resource, known, session.ledger(), direction)
            wanted = self._wanted(ctx, known, session.ledger(), direction)
            for done, each in enumerate(wanted):
                ctx.stop.check()
                self._one(ctx, resource, session, each, direction, done, len(wanted))
                crash_point("migration.recorded")
            self._settle(ctx, resource, session, known)
        with self._db.read() as conn:
            steps = [step.number for step in store.steps(conn, resource.id, after=None, limit=1000)
                     if step.run_id == ctx.run.id and step.outcome == "succeeded"]  # fmt: skip
        key = "applied" if direction == "up" else "rolled_back"
        return {key: list(reversed(steps)), "snapshot_id": snapshot_id}

    def _one(
        self,
        ctx: TaskContext,
        resource: Resource,
        session: Any,
        migration: Migration,
        direction: Direction,
        done: int,
        total: int,
    ) -> None:
        ctx.progress("applying" if direction == "up" else "rolling back", done, total, "migrations")
        script = self._script(ctx, migration, direction, done, total)
        try:
            report = session.run_script(script, ctx.stop)
        except HoldfastError as error:
            if not only_interrupted(ctx, error) and not error.retryable:
                error.message = f"migration {migration.number} ({migration.name}): {error.message}"
                error.details = {**error.details, "number": migration.number}
                self._step(ctx, resource, migration, direction, None, error)
            raise
        crash_point("migration.done")
        self._done(ctx, resource, migration, direction, report)
        ctx.log(f"{migration.number} {migration.name}", direction=direction, seconds=round(report.seconds, 3))

    def _safe(self, ctx: TaskContext) -> str | None:
        """The snapshot comes first, read back and hashed: without it nothing is touched."""
        wanted = ctx.run.input.get("snapshot_id")
        if wanted is None:
            return None

        def take() -> str:
            snapshot, repository = self._taker.take(ctx, str(wanted))
            return self._verifier.prove(ctx, snapshot, repository, Level(snapshot.wanted_level)).id

        return ctx.step("snapshot", take)

    def _wanted(
        self, ctx: TaskContext, known: Sequence[Migration], ledger: Sequence[LedgerRow], direction: Direction
    ) -> list[Migration]:
        values = ctx.run.input
        to = int(str(values["to"])) if values.get("to") is not None else None
        if direction == "up":
            return planning.upwards(known, ledger, to, out_of_order=bool(values.get("out_of_order")))

        def decide() -> list[int]:
            steps = int(str(values["steps"])) if values.get("steps") is not None else None
            return [each.number for each in planning.downwards(known, ledger, steps=steps, to=to)]

        numbers = ctx.step("decided", decide)
        left = {row.version for row in ledger}
        by_number = {each.number: each for each in known}
        return [by_number[number] for number in numbers if number in left]

    def _recover(
        self,
        ctx: TaskContext,
        resource: Resource,
        known: Sequence[Migration],
        ledger: Sequence[LedgerRow],
        direction: Direction,
    ) -> None:
        """What an attempt of this run did and could not write down before it was killed."""
        if direction == "down":
            return
        with self._db.read() as conn:
            told = {step.number for step in store.steps(conn, resource.id, after=None, limit=1000)
                    if step.run_id == ctx.run.id}  # fmt: skip
        by_number = {each.number: each for each in known}
        for row in ledger:
            migration = by_number.get(row.version)
            if migration and row.state == "applied" and row.run_id == ctx.run.id and row.version not in told:
                self._done(ctx, resource, migration, "up", ScriptReport((), 0.0))
                ctx.log(f"{row.version} {row.name}: an earlier attempt had applied it")

    def _script(self, ctx: TaskContext, migration: Migration, direction: Direction, done: int, total: int) -> Script:
        text = migration.up if direction == "up" else migration.down or ""
        phase = f"migration {done + 1} of {total}"
        return Script(
            text=text,
            row=self._row(ctx, migration),
            direction="up" if direction == "up" else "down",
            alone=planning.alone(text),
            lock_seconds=float(str(ctx.run.input.get("lock_seconds") or 10.0)),
            told=lambda at, of: ctx.progress(phase, at, of, "statements"),
        )

    def _row(self, ctx: TaskContext, migration: Migration) -> LedgerRow:
        at = self._clock.now().isoformat(timespec="seconds")
        return LedgerRow(
            migration.number, migration.name, migration.checksum, "applied", 0, at, ctx.run.actor, ctx.run.id
        )

    def _done(
        self, ctx: TaskContext, resource: Resource, migration: Migration, direction: Direction, report: ScriptReport
    ) -> None:
        self._step(ctx, resource, migration, direction, report, None)

    def _step(
        self,
        ctx: TaskContext,
        resource: Resource,
        migration: Migration,
        direction: Direction,
        report: ScriptReport | None,
        error: HoldfastError | None,
    ) -> None:
        """One line of history, the mirror and the audit, in one transaction."""
        now = self._clock.now()
        step = StepRow(
            id=new_id("mgs"),
            resource_id=resource.id,
            number=migration.number,
            name=migration.name,
            checksum=migration.checksum,
            direction=direction,
            outcome="failed" if error else "succeeded",
            actor=ctx.run.actor,
            run_id=ctx.run.id,
            snapshot_id=str(ctx.run.input["snapshot_id"]) if ctx.run.input.get("snapshot_id") else None,
            seconds=round(report.seconds, 6) if report else 0.0,
            statements=len(report.steps) if report else 0,
            error=reason_of(error) if error else None,
            at=now,
        )
        with ctx.commit() as conn:
            store.add_step(conn, step)
            if error is None:
                up = direction != "down"
                store.mirror(conn, resource.id, migration.number, now if up else None, ctx.run.actor if up else None)
            self._audit(conn, ctx, resource, step)

    def _settle(self, ctx: TaskContext, resource: Resource, session: Any, known: Sequence[Migration]) -> None:
        """The mirror says what the ledger says, and the structure is what drift is measured against."""
        ledger = {row.version: row for row in session.ledger()}
        shape = seen(session)
        last = max((row.version for row in ledger.values() if row.state == "applied"), default=None)
        with ctx.commit() as conn:
            for each in known:
                row = ledger.get(each.number)
                applied = row is not None and row.state == "applied"
                if applied is (each.applied_at is not None):
                    continue
                at = datetime.fromisoformat(row.at) if row is not None and applied else None
                store.mirror(conn, resource.id, each.number, at, row.actor if row is not None and applied else None)
            store.put_shape(conn, Shape(resource.id, last, shape, ctx.run.id, self._clock.now()))

    def _session(self, ctx: TaskContext, resource: Resource) -> Any:
        tools = self._reach.tools(resource, scratch_of(ctx))
        return scripting(self._reach, resource, self._reach.endpoint(resource), tools, "owner")

    def _load(self, ctx: TaskContext) -> tuple[Resource, list[Migration]]:
        with self._db.read() as conn:
            resource = databases.get(conn, ctx.run.resource_id or "")
            if resource is None:
                raise NotFound("the database of this run is gone")
            return resource, store.of(conn, resource.id)

    @staticmethod
    def _audit(conn: sa.Connection, ctx: TaskContext, resource: Resource, step: StepRow) -> None:
        audit.record(
            conn,
            actor=ctx.run.actor,
            action=f"{ctx.run.kind}.{'failed' if step.error else 'done'}",
            project_id=resource.project_id,
            environment_id=resource.environment_id,
            resource_id=resource.id,
            outcome="failed" if step.error else "ok",
            details={"run_id": ctx.run.id, "number": step.number, "name": step.name, "direction": step.direction},
        )


def _rehearsed(migration: Migration, report: ScriptReport) -> dict[str, JSON]:
    slowest = sorted(report.steps, key=lambda step: -step.seconds)[:5]
    return {
        "number": migration.number,
        "name": migration.name,
        "seconds": round(report.seconds, 6),
        "statements": len(report.steps),
        "locks": list(report.locks),
        "slowest": [{"line": step.line, "seconds": round(step.seconds, 6)} for step in slowest],
    }
