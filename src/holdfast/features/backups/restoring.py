"""Bringing a snapshot back: into a new database, or in place of a living one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from holdfast.contract.catalog import JSON
from holdfast.contract.digesting import CanRepeatDigests
from holdfast.contract.engine import CanDigest, Session
from holdfast.contract.snapshot import Check, Level, Source, Verdict
from holdfast.contract.spec import Endpoint
from holdfast.contract.tools import Tools
from holdfast.features.backups import store
from holdfast.features.backups.copying import mask
from holdfast.features.backups.damage import explain
from holdfast.features.backups.keys import Keys
from holdfast.features.backups.model import RepositoryRow, Restore, Snapshot
from holdfast.features.backups.restore_there import There
from holdfast.features.backups.swapping import Swapper
from holdfast.features.backups.verifying import kept_checks, restore_request
from holdfast.features.databases import store as databases
from holdfast.features.databases.endpoints import endpoint_to_json
from holdfast.features.databases.interruption import only_interrupted
from holdfast.features.databases.model import EXTERNAL, Resource
from holdfast.features.databases.reach import Reach
from holdfast.features.databases.tasks import reason_of, scratch_of
from holdfast.jobs.model import TaskContext
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Corrupt, HoldfastError, NotFound, Permanent


class Restorer:
    """Runs one row of `restores` to its end. Run again after a crash it starts over beside, or completes the swap."""

    def __init__(self, db: Database, reach: Reach, keys: Keys, swapper: Swapper, clock: Clock) -> None:
        self._db = db
        self._reach = reach
        self._keys = keys
        self._swapper = swapper
        self._clock = clock
        self._there = There(db, reach, clock)

    def restore(self, ctx: TaskContext, restore_id: str) -> Mapping[str, JSON]:
        """The row's mode decides. A failure leaves no half-made database: a new one is failed and empty of anything on
        the host, a living one is as it was."""
        restore, snapshot, resource, row = self._load(restore_id)
        if restore.state == "succeeded":
            return {"restore_id": restore.id, "resource_id": resource.id}
        try:
            self._reach.require_space(snapshot.source_bytes or 0, "a restore")
            with self._keys.open(row, ctx.stop).source(snapshot.restic_id or "") as source:
                if restore.mode == "new":
                    self._into_new(ctx, restore, snapshot, resource, source)
                else:
                    self._in_place(ctx, restore, snapshot, resource, source)
        except Exception as error:
            if only_interrupted(ctx, error):
                raise
            explain(error)
            self._failed(ctx, restore, resource, error)
            if isinstance(error, HoldfastError) and error.retryable:
                # What was built is gone, so a silent second attempt would not find what the first one recorded.
                raise Permanent(error.message, code=error.code, hint=error.hint, details=error.details) from error
            raise
        return {"restore_id": restore.id, "resource_id": resource.id, "snapshot_id": snapshot.id}

    def _into_new(
        self, ctx: TaskContext, restore: Restore, snapshot: Snapshot, resource: Resource, source: Source
    ) -> None:
        ctx.progress("provisioning")
        if resource.host == EXTERNAL:
            self._into_foreign(ctx, restore, snapshot, resource, source)
            return
        self._reach.hosts.remove(resource.id)  # what a crashed attempt left
        endpoint = self._reach.provision(resource, scratch_of(ctx))
        crash_point("restore.created")
        receipt, verdict = self._fill(ctx, restore, snapshot, resource, endpoint, source)
        if restore.masking is not None:
            receipt["masking"] = self._masked(ctx, restore.masking, resource, endpoint)
            crash_point("restore.masked")
        host = self._reach.plan(resource).host
        with ctx.commit() as conn:
            changed = databases.change(
                conn,
                resource.id,
                now=self._clock.now(),
                states=("restoring",),
                run_id=ctx.run.id,
                state="ready",
                state_reason=None,
                endpoint=endpoint_to_json(endpoint),
                host=host,
                bump_generation=True,
            )
            if changed is None:
                raise Conflict(f"{resource.name!r} changed during the restore", code="state_changed")
            self._succeeded(conn, ctx, restore, receipt, verdict)

    def _into_foreign(
        self, ctx: TaskContext, restore: Restore, snapshot: Snapshot, resource: Resource, source: Source
    ) -> None:
        """As into one of ours, on somebody else's server."""
        filled: list[tuple[dict[str, Any], dict[str, Any]]] = []

        def fill(at: Endpoint) -> None:
            receipt, verdict = self._fill(ctx, restore, snapshot, resource, at, source)
            if restore.masking is not None:
                receipt["masking"] = self._masked(ctx, restore.masking, resource, at)
            filled.append((receipt, verdict))

        seen = self._there.build(ctx, self._swapper.engine(resource), resource, fill)
        with ctx.commit() as conn:
            changed = databases.change(
                conn,
                resource.id,
                now=self._clock.now(),
                states=("restoring",),
                run_id=ctx.run.id,
                state="ready",
                state_reason=None,
                endpoint=seen.record,
                bump_generation=True,
            )
            if changed is None:
                raise Conflict(f"{resource.name!r} changed during the restore", code="state_changed")
            self._there.keep(conn, resource, seen)
            self._succeeded(conn, ctx, restore, *filled[-1])

    def _in_place(
        self, ctx: TaskContext, restore: Restore, snapshot: Snapshot, resource: Resource, source: Source
    ) -> None:
        engine = self._swapper.engine(resource)
        tools = self._reach.tools(resource, scratch_of(ctx))

        def build(candidate: Endpoint) -> dict[str, Any]:
            asyncio.run(engine.discard(candidate, tools))
            asyncio.run(engine.prepare(candidate, self._reach.spec(resource), tools))
            crash_point("restore.created")
            receipt, verdict = self._fill(ctx, restore, snapshot, resource, candidate, source)
            return {"receipt": receipt, "verdict": verdict}

        with self._reach.open(resource) as at:
            candidate = engine.beside(at, restore.candidate or "")
            built = ctx.step("built", lambda: build(candidate))
            self._swapper.swap(ctx, restore, resource, at, candidate, tools)
        with ctx.commit() as conn:
            self._swapper.open_again(conn, ctx, restore, resource)
            self._succeeded(conn, ctx, restore, built["receipt"], built["verdict"])
        self._swapper.tell(resource.id)

    def _fill(
        self,
        ctx: TaskContext,
        restore: Restore,
        snapshot: Snapshot,
        resource: Resource,
        at: Endpoint,
        source: Source,
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Load and compare. Raises Corrupt (code "verification_failed") when what arrived is not what was stored."""
        tools: Tools = self._reach.tools(resource, scratch_of(ctx))
        session = self._reach.engine(resource).connect(at, tools, "admin")
        try:
            select = tuple(restore.select)
            receipt = session.restore(source, restore_request(ctx, snapshot, "restoring", select), ctx.stop)
            crash_point("restore.loaded")
            ctx.progress("comparing")
            verdict = compared(session, source, select, ctx)
            crash_point("restore.verified")
        finally:
            asyncio.run(session.close())
        checks = kept_checks(verdict)
        wire = {"ok": verdict.ok, "level": int(verdict.level), "checks": checks}
        if not verdict.ok:
            bad = ", ".join(check.name for check in verdict.checks if check.ok is False) or "nothing could be judged"
            raise Corrupt(
                f"what was restored is not what the snapshot holds: {bad}",
                code="verification_failed",
                details={"checks": checks[:20]},
            )
        return {"notes": list(receipt.notes), "facts": dict(receipt.facts)}, wire

    def _masked(
        self, ctx: TaskContext, masking: Mapping[str, Any], resource: Resource, at: Endpoint
    ) -> list[dict[str, Any]]:
        """As the owner, before the copy is reachable: nobody sees a row of it unmasked."""
        session = self._reach.engine(resource).connect(at, self._reach.tools(resource, scratch_of(ctx)), "owner")
        try:
            return mask(ctx, session, masking)
        finally:
            asyncio.run(session.close())

    def _succeeded(
        self, conn: Any, ctx: TaskContext, restore: Restore, receipt: dict[str, Any], verdict: dict[str, Any]
    ) -> None:
        store.change(
            conn,
            Restore,
            restore.id,
            states=("running",),
            state="succeeded",
            receipt=receipt,
            verdict=verdict,
            finished_at=self._clock.now(),
        )
        self._audit(conn, ctx, restore, "ok")

    def _failed(self, ctx: TaskContext, restore: Restore, resource: Resource, error: Exception) -> None:
        """Undo first, then say so: a row that says "failed" must not have anything left behind it."""
        if restore.mode == "new" and resource.host == EXTERNAL:
            self._there.undo(ctx, self._swapper.engine(resource), resource)
        elif restore.mode == "new":
            self._reach.hosts.remove(resource.id)
        else:
            self._swapper.undo(ctx, restore, resource)
        ended = "cancelled" if ctx.stop.stopped else "failed"
        with ctx.commit() as conn:
            if restore.mode == "new":
                databases.change(
                    conn,
                    resource.id,
                    now=self._clock.now(),
                    states=("restoring",),
                    run_id=ctx.run.id,
                    state="failed",
                    state_reason=reason_of(error),
                )
            store.change(
                conn,
                Restore,
                restore.id,
                states=("running",),
                state=ended,
                error=reason_of(error),
                finished_at=self._clock.now(),
            )
            self._audit(conn, ctx, restore, "failed")

    def abandoned(self, ctx: TaskContext, restore: Restore, error: Exception) -> None:
        """The restore ended before it touched anything."""
        if only_interrupted(ctx, error):
            return
        with ctx.commit() as conn:
            ended = "cancelled" if ctx.stop.stopped else "failed"
            values = {"state": ended, "error": reason_of(error), "finished_at": self._clock.now()}
            store.change(conn, Restore, restore.id, states=("running",), **values)
            self._audit(conn, ctx, restore, "failed")

    def _audit(self, conn: Any, ctx: TaskContext, restore: Restore, outcome: Any) -> None:
        audit.record(
            conn,
            actor=ctx.run.actor,
            action="snapshot.restore.done" if outcome == "ok" else "snapshot.restore.failed",
            project_id=restore.project_id,
            environment_id=restore.environment_id,
            resource_id=restore.resource_id,
            outcome=outcome,
            details={"run_id": ctx.run.id, "snapshot_id": restore.snapshot_id, "mode": restore.mode},
        )

    def _load(self, restore_id: str) -> tuple[Restore, Snapshot, Resource, RepositoryRow]:
        with self._db.read() as conn:
            restore = store.get(conn, Restore, restore_id)
            snapshot = store.get(conn, Snapshot, restore.snapshot_id) if restore else None
            resource = databases.get(conn, restore.resource_id) if restore else None
            row = store.get(conn, RepositoryRow, snapshot.repository_id) if snapshot else None
        if restore is None or snapshot is None or resource is None or row is None:
            raise NotFound(f"restore {restore_id}, its snapshot or its database is gone")
        if snapshot.restic_id is None or snapshot.state == "deleted":
            raise NotFound(f"snapshot {snapshot.id} is no longer stored", code="snapshot_gone")
        return restore, snapshot, resource, row


def compared(session: Session, source: Source, select: tuple[str, ...], ctx: TaskContext) -> Verdict:
    """The whole database by the engine's own verdict; a selection by rows and digests of the tables chosen."""
    if not select:
        return session.verify(source.manifest, Level.RESTORED, ctx.stop)
    if not isinstance(session, CanDigest):
        return Verdict(Level.RESTORED, (Check("selection", None, detail="this engine computes no digests"),))
    facts = {f"{t.schema}.{t.name}" if t.schema else t.name: t for t in source.manifest.tables}
    if isinstance(session, CanRepeatDigests):
        found = session.digests_by(select, {name: f.method for name, f in facts.items() if f.method}, ctx.stop)
    else:
        found = session.digests(select, ctx.stop)
    checks = []
    for name, (rows, digest) in sorted(found.items()):
        fact = facts.get(name)
        if fact is None:
            checks.append(Check(name, False, detail="the snapshot has no such table"))
            continue
        checks.append(Check(f"{name}: rows", rows == fact.rows, str(fact.rows), str(rows)))
        if fact.digest is not None:
            checks.append(Check(f"{name}: digest", digest == fact.digest, fact.digest, digest))
    return Verdict(Level.RESTORED, tuple(checks))
