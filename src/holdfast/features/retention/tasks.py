"""The runner's side: forgotten snapshots go for good when their grace is over, and repositories give space back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import sqlalchemy as sa

from holdfast.contract.catalog import JSON
from holdfast.features.backups import store as backups
from holdfast.features.backups.format_registry import format_of
from holdfast.features.backups.keys import Keys
from holdfast.features.backups.model import RepositoryRow, Snapshot
from holdfast.features.retention import store
from holdfast.jobs import Jobs, TaskRegistry
from holdfast.jobs.model import TaskContext
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import NotFound
from holdfast.vault.gc import GcOptions, GcReport

FORGET, GC, GC_ALL = "snapshot.forget", "repository.gc", "repository.gc-all"
WEEKLY = "41 3 * * 0"
AGAIN = timedelta(hours=1)  # after a run that failed: a store that refuses deletions is not asked all the time


class RetentionTasks:
    """`grace` is that of deleted things; a collection's own is never longer than its default."""

    def __init__(self, db: Database, jobs: Jobs, keys: Keys, clock: Clock, grace: timedelta) -> None:
        self._db = db
        self._jobs = jobs
        self._keys = keys
        self._clock = clock
        self._collecting = GcOptions(grace=min(grace, GcOptions().grace))

    def register(self, tasks: TaskRegistry) -> None:
        tasks.add(FORGET, self.forget)
        tasks.add(GC, self.collect)
        tasks.add(GC_ALL, self.collect_all)

    def forget(self, ctx: TaskContext) -> Mapping[str, JSON]:
        """Remove the snapshot files. One that has become its database's only good copy meanwhile stays after all."""
        row = self._row(str(ctx.run.input["repository_id"]))
        with self._db.read() as conn:
            waiting = store.taken(conn, ctx.run.id)
        repository, gone, kept = self._keys.open(row, ctx.stop, deleting=True), 0, 0
        for done, snapshot in enumerate(waiting):
            ctx.stop.check()
            with ctx.commit() as conn:
                needed = self._last_good(conn, snapshot)
                if needed:
                    store.remember(conn, snapshot.id, "forgetting")
                    self._record(conn, ctx, snapshot, "snapshot.undelete", "it is the only good one left")
            kept += needed
            if not needed:
                if snapshot.restic_id is not None:
                    repository.forget(snapshot.restic_id)
                with ctx.commit() as conn:
                    store.deleted(conn, [snapshot.id], self._clock.now())
                    self._record(conn, ctx, snapshot, "snapshot.delete", _why(snapshot))
                gone += 1
            ctx.progress("forgetting", done + 1, len(waiting), "snapshots")
        return {"repository_id": row.id, "deleted": gone, "kept": kept}

    def collect(self, ctx: TaskContext) -> Mapping[str, JSON]:
        """The phase of the garbage collection that is due."""
        row = self._row(str(ctx.run.input["repository_id"]))
        with self._db.read() as conn:
            known = store.stored_ids(conn, row.id)
        report = format_of(row).collect(
            self._keys.open(row, ctx.stop, deleting=True),
            known,
            self._collecting,
            dry_run=bool(ctx.run.input.get("dry_run")),
            stop=ctx.stop,
            progress=lambda phase, done, total: ctx.progress(phase, done, total, "packs"),
        )
        result: dict[str, JSON] = {"repository_id": row.id, **report.as_json()}
        ctx.log(
            "garbage collection", **{name: result[name] for name in ("state", "free_bytes", "freed_bytes", "reason")}
        )
        if ctx.run.input.get("dry_run"):
            return result
        with ctx.commit() as conn:
            at = self._clock.now().isoformat()
            backups.change(conn, RepositoryRow, row.id, last_gc={**result, "at": at, "run_id": ctx.run.id})
            if ctx.run.input.get("both") and _delete_follows(report):
                self._submit(conn, row, ctx.run.actor, self._collecting.grace + AGAIN)
        return result

    def collect_all(self, ctx: TaskContext) -> Mapping[str, JSON]:
        """Every repository, each on its own node, both phases: the second after the grace."""
        with ctx.commit() as conn:
            rows = store.used_repositories(conn)
            for row in rows:
                self._submit(conn, row, ctx.run.actor, timedelta(0))
        return {"repositories": len(rows)}

    def _submit(self, conn: sa.Connection, row: RepositoryRow, actor: str, delay: timedelta) -> None:
        self._jobs.submit(
            conn,
            kind=GC,
            actor=actor,
            project_id=row.project_id,
            input={"repository_id": row.id, "both": not delay},
            trigger="schedule",
            delay_seconds=delay.total_seconds(),
            node=row.node,
        )

    def _row(self, repository_id: str) -> RepositoryRow:
        with self._db.read() as conn:
            row = backups.get(conn, RepositoryRow, repository_id)
        if row is None:
            raise NotFound("the repository is gone")
        return row

    @staticmethod
    def _last_good(conn: sa.Connection, snapshot: Snapshot) -> bool:
        return snapshot.verification != "red" and not backups.other_good(conn, snapshot)

    @staticmethod
    def _record(conn: sa.Connection, ctx: TaskContext, snapshot: Snapshot, action: str, reason: str) -> None:
        audit.record(
            conn,
            actor=ctx.run.actor,
            action=action,
            project_id=snapshot.project_id,
            environment_id=snapshot.environment_id,
            resource_id=snapshot.resource_id,
            details={"snapshot_id": snapshot.id, "name": snapshot.resource_name, "reason": reason},
        )


class RetentionSweep:
    """Called by the runner process every few seconds. Cheap when nothing is due."""

    def __init__(self, db: Database, jobs: Jobs, clock: Clock) -> None:
        self._db = db
        self._jobs = jobs
        self._clock = clock
        self._scheduled = False

    def sweep(self) -> None:
        """One run for each repository with snapshots whose grace is over."""
        now = self._clock.now()
        with self._db.read() as conn:
            due, taken = store.due(conn, now), store.any_forgetting(conn)
        if not due and not taken and self._scheduled:
            return
        with self._db.write() as conn:
            if not self._scheduled:
                self._jobs.schedule(conn, "repository-gc", GC_ALL, cron=WEEKLY)
            if taken:
                store.abandoned(conn, now + AGAIN)
            for repository_id, ids in due.items():
                self._submit(conn, repository_id, ids)
        self._scheduled = True

    def _submit(self, conn: sa.Connection, repository_id: str, ids: list[str]) -> None:
        row = backups.get(conn, RepositoryRow, repository_id)
        if row is None:
            return
        run = self._jobs.submit(
            conn,
            kind=FORGET,
            actor="retention",
            project_id=row.project_id,
            input={"repository_id": row.id},
            trigger="schedule",
            node=row.node,
        )
        store.take(conn, ids, run.id)


def _why(snapshot: Snapshot) -> str:
    forgotten = snapshot.forgotten or {}
    return ", ".join(map(str, forgotten.get("reasons", ()))) or "it was forgotten"


def _delete_follows(report: GcReport) -> bool:
    return report.state == "marked" and report.free_bytes > 0
