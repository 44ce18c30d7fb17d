"""Runs of snapshots and repositories."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.contract.catalog import JSON
from holdfast.contract.snapshot import Level
from holdfast.features.backups import store
from holdfast.features.backups.asking import KIND as BATCH
from holdfast.features.backups.batching import BatchTaker
from holdfast.features.backups.damage import explained
from holdfast.features.backups.keys import Keys
from holdfast.features.backups.model import RepositoryRow, Restore, Snapshot
from holdfast.features.backups.repository_tasks import RepositoryTasks
from holdfast.features.backups.restoring import Restorer
from holdfast.features.backups.swapping import Swapper
from holdfast.features.backups.taking import Taker
from holdfast.features.backups.verifying import Verifier
from holdfast.jobs import TaskRegistry
from holdfast.jobs.model import TaskContext
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, NotFound


class BackupTasks:
    """The runner's side of the slice."""

    def __init__(
        self,
        db: Database,
        keys: Keys,
        taker: Taker,
        verifier: Verifier,
        restorer: Restorer,
        swapper: Swapper,
        clock: Clock,
        repositories: RepositoryTasks,
        batches: BatchTaker,
    ) -> None:
        self._db = db
        self._keys = keys
        self._taker = taker
        self._verifier = verifier
        self._restorer = restorer
        self._swapper = swapper
        self._clock = clock
        self._repositories = repositories
        self._batches = batches

    def register(self, tasks: TaskRegistry) -> None:
        tasks.add("snapshot.create", explained(self.create), resource_exclusive=True)
        tasks.add(BATCH, self._batches.run)
        tasks.add("snapshot.verify", explained(self.verify))
        tasks.add("snapshot.restore", explained(self.restore), resource_exclusive=True)
        tasks.add("snapshot.delete", explained(self.delete), resource_exclusive=True)
        tasks.add("restore.discard", self._swapper.discard, resource_exclusive=True)
        self._repositories.register(tasks)

    def create(self, ctx: TaskContext) -> Mapping[str, JSON]:
        """Success means stored, read back and proven to the level the row asks for."""
        snapshot = self._take(ctx, str(ctx.run.input["snapshot_id"]))
        return {
            "snapshot_id": snapshot.id,
            "verified_level": snapshot.verified_level,
            "source_bytes": snapshot.source_bytes,
            "stored_bytes": snapshot.stored_bytes,
        }

    def verify(self, ctx: TaskContext) -> Mapping[str, JSON]:
        snapshot, row = self._snapshot(ctx)
        if snapshot.state != "ready":
            raise Conflict(f"snapshot {snapshot.id} is {snapshot.state}", code="snapshot_state")
        level = Level(int(str(ctx.run.input["level"])))
        snapshot = self._verifier.prove(ctx, snapshot, self._keys.open(row, ctx.stop), level)
        with self._db.read() as conn:
            newest = store.newest_verification(conn, snapshot.id)
        skipped = newest.error if newest is not None and newest.ok is None else None
        result: dict[str, JSON] = {"verified_level": snapshot.verified_level, "level": int(level)}
        return {"snapshot_id": snapshot.id, **result, "skipped": str(skipped["message"]) if skipped else None}

    def restore(self, ctx: TaskContext) -> Mapping[str, JSON]:
        """The safety snapshot comes first, proven to L1: without it nothing is touched."""
        with self._db.read() as conn:
            restore = store.get(conn, Restore, str(ctx.run.input["restore_id"]))
        if restore is not None and restore.safety_snapshot_id is not None:
            safety = restore.safety_snapshot_id
            try:
                ctx.step("safety", lambda: self._take(ctx, safety).id)
            except Exception as error:
                self._restorer.abandoned(ctx, restore, error)
                raise
        return self._restorer.restore(ctx, str(ctx.run.input["restore_id"]))

    def delete(self, ctx: TaskContext) -> Mapping[str, JSON]:
        """Forgotten in the repository; the space comes back with the next prune."""
        snapshot, row = self._snapshot(ctx)
        repository = self._keys.open(row, ctx.stop, deleting=True)
        if snapshot.restic_id is not None:
            repository.forget(snapshot.restic_id)
        with ctx.commit() as conn:
            now = self._clock.now()
            store.change(
                conn, Snapshot, snapshot.id, states=("ready", "failed", "forgotten"), state="deleted", deleted_at=now
            )
        return {"snapshot_id": snapshot.id}

    def _take(self, ctx: TaskContext, snapshot_id: str) -> Snapshot:
        snapshot, repository = self._taker.take(ctx, snapshot_id)
        return self._verifier.prove(ctx, snapshot, repository, Level(snapshot.wanted_level))

    def _snapshot(self, ctx: TaskContext) -> tuple[Snapshot, RepositoryRow]:
        with self._db.read() as conn:
            snapshot = store.get(conn, Snapshot, str(ctx.run.input["snapshot_id"]))
            row = store.get(conn, RepositoryRow, snapshot.repository_id) if snapshot else None
        if snapshot is None or row is None:
            raise NotFound("the snapshot is gone")
        return snapshot, row
