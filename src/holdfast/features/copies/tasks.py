"""Runs that clone: provision, copy, compare, mask, and only then let anyone in."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from holdfast.contract.catalog import JSON
from holdfast.contract.cloning import CanClone, copy_through
from holdfast.contract.snapshot import Level, Manifest, Receipt, Verdict
from holdfast.contract.spec import Endpoint
from holdfast.features.backups.copying import mask
from holdfast.features.backups.verifying import kept_checks
from holdfast.features.copies import store
from holdfast.features.copies.model import Clone
from holdfast.features.databases import store as databases
from holdfast.features.databases.endpoints import endpoint_to_json
from holdfast.features.databases.gate import Gate
from holdfast.features.databases.interruption import only_interrupted
from holdfast.features.databases.model import Resource
from holdfast.features.databases.reach import Reach
from holdfast.features.databases.tasks import reason_of, scratch_of
from holdfast.jobs import TaskRegistry
from holdfast.jobs.model import TaskContext
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Corrupt, HoldfastError, NotFound, Permanent


class CopyTasks:
    """The runner's side of the slice. Run again after a crash a clone starts over."""

    def __init__(self, db: Database, reach: Reach, gate: Gate, clock: Clock) -> None:
        self._db = db
        self._reach = reach
        self._gate = gate
        self._clock = clock

    def register(self, tasks: TaskRegistry) -> None:
        tasks.add("database.clone", self.clone, resource_exclusive=True)

    def clone(self, ctx: TaskContext) -> Mapping[str, JSON]:
        """Ends with the copy ready and proven equal, or failed with nothing of it on the host."""
        clone, source, target = self._load(str(ctx.run.input["clone_id"]))
        if clone.state == "succeeded":
            return {"clone_id": clone.id, "resource_id": target.id}
        try:
            if source.state != "ready":
                raise Conflict(f"{source.name!r} is {source.state}, not ready", code="database_not_ready")
            with self._gate.shared(source.id):  # it is neither stopped nor swapped while it is read
                self._make(ctx, clone, source, target)
        except Exception as error:
            if only_interrupted(ctx, error):
                raise
            self._failed(ctx, clone, target, error)
            if isinstance(error, HoldfastError) and error.retryable:
                # What was built is gone, so a silent second attempt would find a clone that failed.
                raise Permanent(error.message, code=error.code, hint=error.hint, details=error.details) from error
            raise
        return {"clone_id": clone.id, "resource_id": target.id, "source_id": source.id}

    def _make(self, ctx: TaskContext, clone: Clone, source: Resource, target: Resource) -> None:
        ctx.progress("provisioning")
        self._reach.hosts.remove(target.id)  # what a crashed attempt left
        endpoint = self._reach.provision(target, scratch_of(ctx))
        crash_point("clone.created")
        moment, receipt, verdict = self._copied(ctx, source, target, endpoint)
        done: dict[str, Any] = {"notes": list(receipt.notes), "facts": dict(receipt.facts)}
        if clone.masking is not None:
            done["masking"] = self._masked(ctx, clone.masking, target, endpoint)
        crash_point("clone.masked")
        host = self._reach.plan(target).host
        wire = {"ok": verdict.ok, "level": int(verdict.level), "checks": kept_checks(verdict)}
        with ctx.commit() as conn:
            now = self._clock.now()
            changed = databases.change(
                conn,
                target.id,
                now=now,
                states=("creating",),
                run_id=ctx.run.id,
                state="ready",
                state_reason=None,
                endpoint=endpoint_to_json(endpoint),
                host=host,
                bump_generation=True,
            )
            if changed is None:
                raise Conflict(f"{target.name!r} changed during the clone", code="state_changed")
            values = {"state": "succeeded", "receipt": done, "verdict": wire, "moment": moment, "finished_at": now}
            store.change(conn, clone.id, **values)
            self._audit(conn, ctx, clone, "ok")

    def _copied(
        self, ctx: TaskContext, source: Resource, target: Resource, endpoint: Endpoint
    ) -> tuple[datetime, Receipt, Verdict]:
        """By the engine's own way where there is one, else through capture and restore; then compared by digest."""
        engine = self._reach.engine(source)
        at, theirs = self._reach.endpoint(source), self._reach.tools(source, scratch_of(ctx))
        ours = self._reach.tools(target, scratch_of(ctx))
        read, written = engine.connect(at, theirs, "admin"), engine.connect(endpoint, ours, "admin")
        try:
            size = asyncio.run(read.inspect("shallow")).bytes or 0
            moment = self._clock.now()
            made: tuple[Receipt, Manifest] | None = None
            if isinstance(engine, CanClone):
                self._reach.require_space(size, "a clone")
                ctx.progress("cloning", 0, size, "bytes")
                made = engine.clone(
                    at, endpoint, ours, ctx.stop, lambda done: ctx.progress("cloning", done, max(size, done), "bytes")
                )
            if made is None:
                self._reach.require_space(2 * size, "a clone")
                made = copy_through(
                    read, written, scratch_of(ctx), ctx.stop, lambda done: ctx.progress("cloning", done, None, "bytes")
                )
            crash_point("clone.loaded")
            ctx.progress("comparing")
            verdict = written.verify(made[1], Level.RESTORED, ctx.stop)
        finally:
            asyncio.run(read.close())
            asyncio.run(written.close())
        if not verdict.ok:
            bad = ", ".join(check.name for check in verdict.checks if check.ok is False) or "nothing could be judged"
            raise Corrupt(
                f"the clone is not what its source was: {bad}",
                code="verification_failed",
                hint="The source was not touched. Try again; if it fails again, verify a snapshot of the source.",
                details={"checks": kept_checks(verdict)[:20]},
            )
        return moment, made[0], verdict

    def _masked(
        self, ctx: TaskContext, masking: Mapping[str, Any], target: Resource, endpoint: Endpoint
    ) -> list[dict[str, Any]]:
        """As the owner, before the copy is reachable: nobody sees a row of it unmasked."""
        session = self._reach.engine(target).connect(endpoint, self._reach.tools(target, scratch_of(ctx)), "owner")
        try:
            return mask(ctx, session, masking)
        finally:
            asyncio.run(session.close())

    def _failed(self, ctx: TaskContext, clone: Clone, target: Resource, error: Exception) -> None:
        """Undo first, then say so: a row that says "failed" must not have anything left behind it."""
        self._reach.hosts.remove(target.id)
        ended = "cancelled" if ctx.stop.stopped else "failed"
        with ctx.commit() as conn:
            now = self._clock.now()
            reason = reason_of(error)
            databases.change(
                conn,
                target.id,
                now=now,
                states=("creating",),
                run_id=ctx.run.id,
                state="failed",
                state_reason=reason,
                bump_generation=True,
            )
            store.change(conn, clone.id, state=ended, error=reason, finished_at=now)
            self._audit(conn, ctx, clone, "failed")

    def _load(self, clone_id: str) -> tuple[Clone, Resource, Resource]:
        with self._db.read() as conn:
            clone = store.get(conn, clone_id)
            source = databases.get(conn, clone.source_id) if clone else None
            target = databases.get(conn, clone.resource_id) if clone else None
        if clone is None or source is None or target is None:
            raise NotFound("the clone, its source or its target is gone")
        return clone, source, target

    @staticmethod
    def _audit(conn: Any, ctx: TaskContext, clone: Clone, outcome: Any) -> None:
        audit.record(
            conn,
            actor=ctx.run.actor,
            action="database.clone.done" if outcome == "ok" else "database.clone.failed",
            project_id=clone.project_id,
            environment_id=clone.environment_id,
            resource_id=clone.resource_id,
            outcome=outcome,
            details={"run_id": ctx.run.id, "source_id": clone.source_id, "name": clone.source_name},
        )
