"""Drills whose run ended without them."""

from __future__ import annotations

from holdfast.features.databases.tasks import reason_of
from holdfast.features.drills import store
from holdfast.jobs import ENDED, Jobs
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import NotFound


class DrillSweep:
    """Ends drills whose run was cancelled before it began, given up, or is gone."""

    def __init__(self, db: Database, jobs: Jobs, clock: Clock) -> None:
        self._db = db
        self._jobs = jobs
        self._clock = clock

    def sweep(self) -> None:
        """Cheap when there is nothing to do."""
        with self._db.read() as conn:
            going = [(drill, self._jobs.get(conn, drill.run_id or "")) for drill in store.running(conn)]
        for drill, run in going:
            if run is not None and run.state not in ENDED:
                continue
            error = dict(run.error) if run and run.error else reason_of(NotFound("its run ended"))
            state = "cancelled" if run and run.state == "cancelled" else "failed"
            with self._db.write() as conn:
                store.change(
                    conn, drill.id, states=("running",), state=state, error=error, finished_at=self._clock.now()
                )
