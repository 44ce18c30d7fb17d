"""Moves whose run ended without them."""

from __future__ import annotations

from holdfast.features.databases.tasks import reason_of
from holdfast.features.moves import store
from holdfast.features.moves.model import RUNNING
from holdfast.jobs import ENDED, Jobs
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import NotFound


class MoveSweep:
    """Ends moves whose run ended without them (given up, or gone)."""

    def __init__(self, db: Database, jobs: Jobs, clock: Clock) -> None:
        self._db = db
        self._jobs = jobs
        self._clock = clock

    def sweep(self) -> None:
        """Cheap when there is nothing to do."""
        with self._db.read() as conn:
            going = [(move, self._jobs.get(conn, move.run_id or "")) for move in store.running(conn)]
        for move, run in going:
            if run is not None and run.state not in ENDED:
                continue
            error = dict(run.error) if run and run.error else reason_of(NotFound("its run ended"))
            with self._db.write() as conn:
                ended = "cancelled" if run and run.state == "cancelled" else "failed"
                values = {"state": ended, "error": error, "finished_at": self._clock.now()}
                store.change(conn, move.id, states=RUNNING, **values)
