"""Runs of upgrades. The old state is never changed: it is set aside whole, and put back whole when anything fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Protocol, cast

from holdfast.contract.catalog import JSON
from holdfast.contract.engine import Engine
from holdfast.contract.snapshot import Level, Verdict
from holdfast.contract.spec import Endpoint, Spec
from holdfast.contract.tools import Tools
from holdfast.contract.upgrades import CanUpgrade
from holdfast.features.backups import store as backups
from holdfast.features.backups.formats import Opened
from holdfast.features.backups.model import Snapshot
from holdfast.features.backups.taking import Taker
from holdfast.features.backups.verifying import Verifier, kept_checks, restore_request
from holdfast.features.databases import store as databases
from holdfast.features.databases.endpoints import endpoint_to_json
from holdfast.features.databases.gate import Gate
from holdfast.features.databases.interruption import only_interrupted
from holdfast.features.databases.model import Resource
from holdfast.features.databases.reach import Reach
from holdfast.features.databases.tasks import DRAIN_SECONDS, DatabaseTasks, reason_of, scratch_of
from holdfast.features.upgrades import store
from holdfast.features.upgrades.minor import MinorTasks
from holdfast.features.upgrades.model import Upgrade, is_minor
from holdfast.features.upgrades.service import BACK, DISCARD, KIND
from holdfast.jobs import Jobs, TaskRegistry
from holdfast.jobs.model import Task, TaskContext
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Corrupt, HoldfastError, NotFound, Permanent
from holdfast.kernel.ids import new_id


class UpgradingEngine(CanUpgrade, Engine, Protocol):
    """An engine with versions to move between."""


@dataclass(frozen=True)
class Move:
    """One upgrade with all it speaks of."""

    upgrade: Upgrade
    resource: Resource
    engine: UpgradingEngine
    before: Spec
    after: Spec

    @property
    def kept(self) -> str:
        return f"{self.engine.state_directory()}.{self.upgrade.from_version}"


class UpgradeTasks:
    """The runner's side."""

    def __init__(
        self, db: Database, reach: Reach, gate: Gate, jobs: Jobs, taker: Taker, verifier: Verifier,
        tasks: DatabaseTasks, clock: Clock,
    ) -> None:  # fmt: skip
        self._db = db
        self._reach = reach
        self._gate = gate
        self._jobs = jobs
        self._taker = taker
        self._verifier = verifier
        self._tasks = tasks
        self._clock = clock
        self._minor = MinorTasks(reach, gate, taker, verifier, tasks, clock)
        tasks.at_purge(lambda conn, resource: store.forget(conn, resource.id))

    def register(self, tasks: TaskRegistry) -> None:
        tasks.add(KIND, self._of_its_kind(self.upgrade, self._minor.upgrade), resource_exclusive=True)
        tasks.add(BACK, self._of_its_kind(self.take_back, self._minor.take_back), resource_exclusive=True)
        tasks.add(DISCARD, self.discard, resource_exclusive=True)

    def _of_its_kind(self, major: Task, minor: Callable[[TaskContext, Upgrade], Mapping[str, JSON]]) -> Task:
        def task(ctx: TaskContext) -> Mapping[str, JSON] | None:
            with self._db.read() as conn:
                upgrade = store.get(conn, str(ctx.run.input["upgrade_id"]))
            return minor(ctx, upgrade) if upgrade is not None and is_minor(upgrade) else major(ctx)

        return task

    def upgrade(self, ctx: TaskContext) -> Mapping[str, JSON]:
        """Rehearse, then switch. Run again after a kill in the switch, it puts the old state back and fails."""
        move = self._load(ctx)
        if move.upgrade.state in ("rehearsed", "switched"):
            return self._result(move.upgrade)
        try:
            if move.upgrade.state == "switching":
                raise Permanent(
                    "the switch was cut off; the old server serves again as before",
                    code="upgrade_cut_off",
                    hint="Start the upgrade again.",
                )
            report = ctx.step("rehearsed", lambda: self._rehearse(ctx, move))
            if move.upgrade.rehearse:
                return self._result(self._end(ctx, move, "rehearsed", report=report))
            return self._switch(ctx, move, report)
        except Exception as error:
            self._failed(ctx, error)
            if isinstance(error, HoldfastError) and error.retryable:
                raise Permanent(error.message, code=error.code, hint=error.hint, details=error.details) from error
            raise

    def _rehearse(self, ctx: TaskContext, move: Move) -> dict[str, Any]:
        """A snapshot, proven; restored into a scratch server of the target version, and compared."""
        started = time.monotonic()
        snapshot, repository = self._taker.take(ctx, move.upgrade.snapshot_id)
        self._verifier.prove(ctx, snapshot, repository, Level.HASHES)
        taken = time.monotonic()
        crash_point("upgrade.taken")
        secrets = self._reach.secrets(move.resource)
        self._reach.require_space(2 * (snapshot.source_bytes or 0), "an upgrade")
        scratch = scratch_of(ctx)
        with self._reach.hosts.scratch(move.engine, move.after, move.resource.name, secrets, scratch) as at:
            tools = self._reach.hosts.tools(None, move.engine.software(move.after), scratch)
            asyncio.run(move.engine.prepare(at, move.after, tools))
            verdict = self._fill(ctx, move, snapshot, repository, at, tools)
        left = self._ask(ctx, move, move.engine.left_behind)
        logins = self._ask(ctx, move, lambda at: [str(each["user"]) for each in move.engine.logins(at)])
        return {
            "snapshot_id": snapshot.id,
            "source_bytes": snapshot.source_bytes,
            "seconds": {
                "snapshot": round(taken - started, 1),
                "restore_and_compare": round(time.monotonic() - taken, 1),
            },
            "outage_seconds_expected": round(time.monotonic() - started, 1),
            "differences": [each for each in kept_checks(verdict) if each.get("ok") is not True],
            "left_behind": list(left),
            "logins": logins,
        }

    def _fill(
        self, ctx: TaskContext, move: Move, snapshot: Snapshot, repository: Opened, at: Endpoint, tools: Tools
    ) -> Verdict:
        """Raises Corrupt (code "verification_failed") when what arrived is not what was there."""
        session = move.engine.connect(at, tools, "admin")
        try:
            with repository.source(snapshot.restic_id or "") as source:
                session.restore(source, restore_request(ctx, snapshot, "restoring", closed=True), ctx.stop)
                ctx.progress("comparing")
                verdict = session.verify(source.manifest, Level.RESTORED, ctx.stop)
        finally:
            asyncio.run(session.close())
        if not verdict.ok:
            bad = [check.name for check in verdict.checks if check.ok is False]
            raise Corrupt(
                f"the new server does not hold what the old one held: {', '.join(bad[:5]) or 'nothing was judged'}",
                code="verification_failed",
                hint="The old server serves as before. The run's details name what differs.",
                details={"checks": kept_checks(verdict)[:20]},
            )
        return verdict

    def _switch(self, ctx: TaskContext, move: Move, report: dict[str, Any]) -> Mapping[str, JSON]:
        """From here until the end nobody reaches the database: writes after the last capture cannot be lost."""
        started = time.monotonic()
        self._close(ctx, move)
        with self._gate.closed(move.resource.id, ctx.stop, seconds=DRAIN_SECONDS):
            at = self._reach.endpoint(move.resource)
            move.engine.shut_out(at)
            logins = move.engine.logins(at)
            crash_point("upgrade.shut")
            last, repository = self._taker.take(ctx, self._last_snapshot(ctx, move), states=("restoring",))
            ctx.progress("switching")
            self._reach.hosts.down(move.resource.id)
            self._reach.hosts.rename(move.resource.id, move.engine.state_directory(), move.kept)
            crash_point("upgrade.aside")
            new = replace(move.resource, spec=move.after.model_dump(mode="json"))
            endpoint = self._reach.provision(new, scratch_of(ctx))
            tools = self._reach.tools(new, scratch_of(ctx))
            move.engine.keep_out(endpoint)
            verdict = self._fill(ctx, move, last, repository, endpoint, tools)
            move.engine.carry_logins(endpoint, logins)
            asyncio.run(move.engine.prepare(endpoint, move.after, tools))
            crash_point("upgrade.filled")
            done = {
                **report,
                "last_snapshot_id": last.id,
                "outage_seconds": round(time.monotonic() - started, 1),
                "differences": [each for each in kept_checks(verdict) if each.get("ok") is not True],
            }
            ended = self._commit(ctx, move, new, endpoint, done)
        self._tasks.tell(move.resource.id)
        return self._result(ended)

    def _close(self, ctx: TaskContext, move: Move) -> None:
        with ctx.commit() as conn:
            now = self._clock.now()
            if databases.change(conn, move.resource.id, now=now, states=("ready",), state="restoring") is None:
                raise Conflict(f"{move.resource.name!r} changed meanwhile", code="state_changed")
            databases.claim(conn, move.resource.id, ctx.run.id)
            store.change(conn, move.upgrade.id, state="switching")
        self._tasks.tell(move.resource.id)

    def _last_snapshot(self, ctx: TaskContext, move: Move) -> str:
        """One more row like the first one's."""
        with ctx.commit() as conn:
            first = backups.get(conn, Snapshot, move.upgrade.snapshot_id)
            if first is None:
                raise NotFound("the upgrade's snapshot is gone")
            none: dict[str, Any] = dict.fromkeys(
                ("restic_id", "source_bytes", "stored_bytes", "entries", "tables", "rows", "seconds", "position",
                 "verified_level", "taken_at", "error")
            )  # fmt: skip
            made = replace(
                first, **none, id=new_id("snap"), state="creating", summary={}, verification="yellow", version=1,
                run_id=ctx.run.id, created_at=self._clock.now(),
            )  # fmt: skip
            backups.insert(conn, made)
            return made.id

    def _commit(
        self, ctx: TaskContext, move: Move, new: Resource, endpoint: Endpoint, report: dict[str, Any]
    ) -> Upgrade:
        now, grace = self._clock.now(), self._reach.settings.delete_grace_seconds
        with ctx.commit() as conn:
            changed = databases.change(
                conn,
                move.resource.id,
                now=now,
                states=("restoring",),
                run_id=ctx.run.id,
                state="ready",
                state_reason=None,
                spec=dict(new.spec),
                endpoint=endpoint_to_json(endpoint),
                bump_generation=True,
            )
            if changed is None:
                raise Conflict(f"{move.resource.name!r} changed during the upgrade", code="state_changed")
            ended = store.change(
                conn,
                move.upgrade.id,
                state="switched",
                report=report,
                kept=move.kept,
                kept_until=now + timedelta(seconds=grace),
                finished_at=now,
            )
            self._reach.keep_passwords(conn, move.resource)
            self._submit_discard(conn, move, grace)
            self._audit(conn, ctx, move, "done")
        return ended or move.upgrade

    def _failed(self, ctx: TaskContext, error: Exception) -> None:
        """Put the old state back, whatever stage it was in, and say why. A lost claim: the next attempt does it."""
        if isinstance(error, Conflict) and error.code == "claim_lost":
            return
        with ctx.commit():
            pass  # raises when another runner has the run: it is at work on these directories
        move = self._load(ctx)
        if move.upgrade.state == "switching":
            self._put_back(ctx, move)
        self._end(ctx, move, "failed", error=reason_of(error))
        self._tasks.tell(move.resource.id)

    def _put_back(self, ctx: TaskContext, move: Move) -> None:
        """Idempotent: the old server, with the old state, open to its users."""
        hosts, own = self._reach.hosts, move.engine.state_directory()
        if hosts.has(move.resource.id, move.kept):
            hosts.down(move.resource.id)
            hosts.discard(move.resource.id, own)
            hosts.rename(move.resource.id, move.kept, own)
        old = replace(move.resource, spec=move.before.model_dump(mode="json"))
        self._reach.reclaim(old)
        endpoint = self._reach.provision(old, scratch_of(ctx))
        with ctx.commit() as conn:
            databases.change(
                conn,
                move.resource.id,
                now=self._clock.now(),
                states=("restoring", "failed"),
                state="ready",
                state_reason=None,
                spec=dict(old.spec),
                endpoint=endpoint_to_json(endpoint),
                bump_generation=True,
            )

    def take_back(self, ctx: TaskContext) -> Mapping[str, JSON]:
        """The old state again. What the new server held is in a last snapshot, taken when nobody could write any more,
        and gone otherwise. A snapshot that fails leaves the new server as it was."""
        move = self._load(ctx)
        if move.upgrade.state == "taken back":
            return self._result(move.upgrade)
        with ctx.commit() as conn:
            databases.change(
                conn, move.resource.id, now=self._clock.now(), states=("ready", "failed", "stopped"), state="restoring"
            )
            databases.claim(conn, move.resource.id, ctx.run.id)
        self._tasks.tell(move.resource.id)
        with self._gate.closed(move.resource.id, ctx.stop, seconds=DRAIN_SECONDS):
            saved = ctx.step("saved", lambda: self._save(ctx, move))
            crash_point("upgrade.saved")
            self._put_back(ctx, move)
        values = {"report": {**move.upgrade.report, "taken_back_snapshot_id": saved}, "kept": None, "kept_until": None}
        ended = self._end(ctx, move, "taken back", **values)
        self._tasks.tell(move.resource.id)
        return self._result(ended)

    def _save(self, ctx: TaskContext, move: Move) -> str | None:
        """The last snapshot of the new state; None when none was asked for."""
        wanted = ctx.run.input.get("snapshot_id")
        if wanted is None:
            return None
        ctx.progress("saving what was written since")
        try:
            move.engine.shut_out(self._reach.endpoint(move.resource))
            snapshot, repository = self._taker.take(ctx, str(wanted), states=("restoring",))
            self._verifier.prove(ctx, snapshot, repository, Level.HASHES)
        except Exception as error:
            if not only_interrupted(ctx, error):
                self._stay(ctx, move)
            raise
        return snapshot.id

    def _stay(self, ctx: TaskContext, move: Move) -> None:
        """The new server goes on, open to its users again."""
        endpoint = self._reach.provision(move.resource, scratch_of(ctx))
        with ctx.commit() as conn:
            databases.change(
                conn,
                move.resource.id,
                now=self._clock.now(),
                states=("restoring",),
                run_id=ctx.run.id,
                state="ready",
                endpoint=endpoint_to_json(endpoint),
                bump_generation=True,
            )
            self._audit(conn, ctx, move, "failed")
        self._tasks.tell(move.resource.id)

    def discard(self, ctx: TaskContext) -> Mapping[str, JSON]:
        """The old state goes when its grace is over."""
        move = self._load(ctx)
        if move.upgrade.kept is not None and move.upgrade.state == "switched":
            self._reach.hosts.discard(move.resource.id, move.upgrade.kept)
            with ctx.commit() as conn:
                store.change(conn, move.upgrade.id, kept=None, kept_until=None)
                self._reach.forget_kept_passwords(conn, move.resource)
        return {"discarded": move.upgrade.kept}

    def _submit_discard(self, conn: Any, move: Move, delay: float) -> None:
        self._jobs.submit(
            conn,
            kind=DISCARD,
            actor=move.upgrade.actor,
            project_id=move.upgrade.project_id,
            environment_id=move.upgrade.environment_id,
            resource_id=move.resource.id,
            input={"upgrade_id": move.upgrade.id},
            trigger="schedule",
            delay_seconds=delay,
        )

    def _end(self, ctx: TaskContext, move: Move, state: str, **values: Any) -> Upgrade:
        with ctx.commit() as conn:
            ended = store.change(conn, move.upgrade.id, state=state, finished_at=self._clock.now(), **values)
            if state == "taken back":
                self._reach.forget_kept_passwords(conn, move.resource)
            self._audit(conn, ctx, move, "failed" if state == "failed" else "done")
        return ended or move.upgrade

    def _ask(self, ctx: TaskContext, move: Move, question: Callable[[Endpoint], Any]) -> Any:
        ctx.stop.check()
        return question(self._reach.endpoint(move.resource))

    def _load(self, ctx: TaskContext) -> Move:
        with self._db.read() as conn:
            upgrade = store.get(conn, str(ctx.run.input["upgrade_id"]))
            resource = databases.get(conn, upgrade.resource_id) if upgrade else None
        if upgrade is None or resource is None:
            raise NotFound("the upgrade or its database is gone")
        engine = cast(UpgradingEngine, self._reach.engine(resource))
        own = engine.spec.model_validate({**resource.spec, "version": upgrade.from_version})
        return Move(upgrade, resource, engine, own, engine.upgraded(own, upgrade.to_version))

    @staticmethod
    def _result(upgrade: Upgrade) -> dict[str, JSON]:
        return {"upgrade_id": upgrade.id, "state": upgrade.state, "report": cast(JSON, dict(upgrade.report))}

    @staticmethod
    def _audit(conn: Any, ctx: TaskContext, move: Move, how: str) -> None:
        audit.record(
            conn,
            actor=ctx.run.actor,
            action=f"{ctx.run.kind}.{how}",
            project_id=move.resource.project_id,
            environment_id=move.resource.environment_id,
            resource_id=move.resource.id,
            outcome="ok" if how == "done" else "failed",
            details={"run_id": ctx.run.id, "name": move.resource.name, "to": move.upgrade.to_version},
        )
