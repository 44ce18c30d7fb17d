"""Snapshots and restores whose run ended without them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from holdfast.features.backups import freshness, store
from holdfast.features.backups.model import Restore, Snapshot
from holdfast.features.backups.swapping import Swapper
from holdfast.jobs import ENDED, Jobs, Run
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database


class BackupSweep:
    """Called by the runner process at its start and every few seconds. Cheap when there is nothing to do."""

    def __init__(self, db: Database, jobs: Jobs, swapper: Swapper, clock: Clock) -> None:
        self._db = db
        self._jobs = jobs
        self._swapper = swapper
        self._clock = clock

    def sweep(self) -> None:
        self._stale()
        with self._db.read() as conn:
            taking = [(s, self._ended(conn, s.run_id)) for s in store.page(conn, Snapshot, state="creating", limit=500)]
            going = [(r, self._ended(conn, r.run_id)) for r in store.page(conn, Restore, state="running", limit=500)]
        for snapshot, error in taking:
            if error is not None:
                with self._db.write() as conn:
                    values = {"state": "failed", "verification": "red", "error": error}
                    store.change(conn, Snapshot, snapshot.id, states=("creating",), **values)
        for restore, error in going:
            if error is not None:
                self._end(restore, error)

    def _stale(self) -> None:
        now = self._clock.now()
        with self._db.read() as conn:
            found = freshness.any_stale(conn, now)
        if found:
            with self._db.write() as conn:
                freshness.make_stale(conn, now)

    def _end(self, restore: Restore, error: dict[str, Any]) -> None:
        with self._db.write() as conn:
            values = {"state": "failed", "error": error, "finished_at": self._clock.now()}
            if store.change(conn, Restore, restore.id, states=("running",), **values) and restore.candidate:
                self._swapper.submit_discard(conn, restore, restore.candidate, delay=0)

    def _ended(self, conn: sa.Connection, run_id: str | None) -> dict[str, Any] | None:
        """Why it ended, when it has."""
        run: Run | None = self._jobs.get(conn, run_id or "")
        if run is not None and run.state not in ENDED:
            return None
        if run is not None and run.error:
            return dict(run.error)
        how = f"was {run.state}" if run else "is gone"
        return {"code": "run_ended", "message": f"its run {how}", "hint": None, "details": {}, "retryable": False}
