"""The run of a drill: bring back, compare, ask, judge."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from holdfast.contract.catalog import JSON
from holdfast.contract.query import QueryLimits
from holdfast.contract.snapshot import Check, Level, Verdict
from holdfast.features.backups import store as backups
from holdfast.features.backups.damage import explained
from holdfast.features.backups.keys import Keys
from holdfast.features.backups.model import RepositoryRow, Snapshot
from holdfast.features.backups.verifying import Rehearsal, Verifier, kept_checks
from holdfast.features.databases.interruption import only_interrupted
from holdfast.features.databases.tasks import reason_of
from holdfast.features.drills import store
from holdfast.features.drills.checks import judged
from holdfast.features.drills.model import Drill
from holdfast.jobs import TaskRegistry
from holdfast.jobs.model import TaskContext
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Corrupt, HoldfastError, NotFound

_SECONDS = 60.0  # of one question


class DrillTasks:
    """The runner's side of the slice. Run again after a crash a drill starts over."""

    def __init__(self, db: Database, keys: Keys, verifier: Verifier, clock: Clock) -> None:
        self._db = db
        self._keys = keys
        self._verifier = verifier
        self._clock = clock

    def register(self, tasks: TaskRegistry) -> None:
        tasks.add("drill.run", explained(self.run))

    def run(self, ctx: TaskContext) -> Mapping[str, JSON]:
        """Passed: what came back is what was taken, every question is answered as wanted, and the aims are met.
        Otherwise the run fails with what did not hold; the drill's row says everything that was found."""
        drill, snapshot, row = self._load(str(ctx.run.input["drill_id"]))
        if drill.state != "running":
            return self._result(drill)
        try:
            drill = self._rehearse(ctx, drill, snapshot, row)
        except Exception as error:
            if not only_interrupted(ctx, error):
                self._end(ctx, drill, "cancelled" if ctx.stop.stopped else "failed", error=reason_of(error))
            raise
        if drill.state != "passed":
            bad = [check for check in drill.checks if check["ok"] is False]
            names = ", ".join(str(check["name"]) for check in bad[:5])
            raise Corrupt(
                f"the drill failed: {names}",
                code="drill_failed",
                hint=f"See what was expected and what came back: holdfast drill show {drill.id}",
                details={"checks": bad[:20]},
            )
        return self._result(drill)

    def _rehearse(self, ctx: TaskContext, drill: Drill, snapshot: Snapshot, row: RepositoryRow) -> Drill:
        started, age = time.monotonic(), self._clock.now() - (snapshot.taken_at or snapshot.created_at)
        repository = self._keys.open(row, ctx.stop)
        with self._verifier.rehearsal(ctx, snapshot, repository) as rehearsed:
            rto = time.monotonic() - started
            verdict = rehearsed.verify(ctx)
            self._verifier.record(ctx, snapshot, Level.RESTORED, verdict, None, None, time.monotonic() - started)
            ctx.progress("asking", 0, len(drill.aims["checks"]), "questions")
            answers = asyncio.run(_asked(rehearsed, drill.aims["checks"], ctx))
        checks = (*verdict.checks, *answers, *_aimed(drill.aims, rto, age))
        whole = Verdict(Level.RESTORED, checks)
        state = "passed" if whole.ok and verdict.ok else "failed"
        return self._end(ctx, drill, state, rto, age.total_seconds(), kept_checks(whole))

    def _end(
        self,
        ctx: TaskContext,
        drill: Drill,
        state: str,
        rto: float | None = None,
        rpo: float | None = None,
        checks: Sequence[Mapping[str, Any]] = (),
        error: Mapping[str, Any] | None = None,
    ) -> Drill:
        with ctx.commit() as conn:
            ended = store.change(
                conn,
                drill.id,
                states=("running",),
                state=state,
                rto_seconds=None if rto is None else round(rto, 3),
                rpo_seconds=None if rpo is None else round(rpo, 3),
                checks=list(checks),
                error=error,
                finished_at=self._clock.now(),
            )
            audit.record(
                conn,
                actor=ctx.run.actor,
                action="drill.done",
                outcome="ok" if state == "passed" else "failed",
                project_id=drill.project_id,
                environment_id=drill.environment_id,
                resource_id=drill.resource_id,
                details={"drill_id": drill.id, "snapshot_id": drill.snapshot_id, "state": state},
            )
        return ended or drill

    @staticmethod
    def _result(drill: Drill) -> Mapping[str, JSON]:
        return {
            "drill_id": drill.id,
            "state": drill.state,
            "snapshot_id": drill.snapshot_id,
            "rto_seconds": drill.rto_seconds,
            "rpo_seconds": drill.rpo_seconds,
        }

    def _load(self, drill_id: str) -> tuple[Drill, Snapshot, RepositoryRow]:
        with self._db.read() as conn:
            drill = store.get(conn, drill_id)
            snapshot = backups.get(conn, Snapshot, drill.snapshot_id) if drill else None
            row = backups.get(conn, RepositoryRow, snapshot.repository_id) if snapshot else None
        if drill is None or snapshot is None or row is None:
            raise NotFound("the drill, its snapshot or its repository is gone")
        return drill, snapshot, row


def _aimed(aims: Mapping[str, Any], rto: float, age: timedelta) -> list[Check]:
    """Only what somebody aims at is judged."""
    measured = {"rto_seconds": ("time to bring it back", rto), "rpo_seconds": ("age of the data", age.total_seconds())}
    return [
        Check(words, value <= aims[name], f"at most {aims[name]} s", f"{value:.1f} s")
        for name, (words, value) in measured.items()
        if aims.get(name) is not None
    ]


async def _asked(rehearsed: Rehearsal, checks: Sequence[Mapping[str, Any]], ctx: TaskContext) -> list[Check]:
    """The questions in order, each with the rights of someone who only reads. A question that fails is a failed
    check: what a restored database cannot answer is a finding, not an accident."""
    found = []
    session = rehearsed.engine.connect(rehearsed.endpoint, rehearsed.tools, "ro")
    try:
        for number, check in enumerate(checks):
            ctx.stop.check()
            limits = QueryLimits(rows=1, bytes=1 << 20, seconds=_SECONDS, stop=ctx.stop)
            try:
                rows = [row async for batch in session.query(check["statement"], (), limits) for row in batch.rows]
            except HoldfastError as error:
                ctx.stop.check()
                found.append(Check(check["name"], False, detail=error.message[:500]))
            else:
                found.append(judged(check, rows[0][0]) if rows and rows[0] else _silent(check))
            ctx.progress("asking", number + 1, len(checks), "questions")
    finally:
        await session.close()
    return found


def _silent(check: Mapping[str, Any]) -> Check:
    return Check(check["name"], False, detail="the statement gave no value")
