"""When the metadata is due for a snapshot: daily, and soon after something changed that a new server would miss."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from holdfast.features.backups.keys import Keys
from holdfast.features.backups.kit import own_repository
from holdfast.features.backups.model import RepositoryRow
from holdfast.features.recovery import store
from holdfast.features.recovery.model import Home, MetadataSnapshot
from holdfast.features.recovery.taking import KIND
from holdfast.jobs import ENDED, Jobs
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.ids import new_id
from holdfast.kernel.secrets import SYSTEM

LOOK_SECONDS = 20.0
DAILY = timedelta(hours=24)
SETTLED = timedelta(seconds=60)  # changes come in groups
APART = timedelta(minutes=10)


class MetadataSweep:
    """Called by the runner process every few seconds. Cheap when there is nothing to do."""

    def __init__(self, db: Database, jobs: Jobs, keys: Keys, clock: Clock) -> None:
        self._db = db
        self._jobs = jobs
        self._keys = keys
        self._clock = clock
        self._looked: float | None = None

    def sweep(self) -> None:
        now = self._clock.monotonic()
        if self._looked is not None and now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        self._end_lost()
        with self._db.read() as conn:
            there = store.homes(conn)
            due = [home for home in there if self.reason(conn, home)]
            first = not there and self._changed(conn, 0)
        if first:
            with self._db.write() as conn:
                due = [ensure_home(conn, self._keys, self._clock)]
        for home in due:
            with self._db.write() as conn:
                if reason := self.reason(conn, home):
                    submit(conn, self._jobs, home, self._clock, actor="system", trigger=reason)

    def reason(self, conn: sa.Connection, home: RepositoryRow) -> str | None:
        """Why a snapshot is due in this home now: "schedule", "change"; None when none is."""
        now = self._clock.now()
        last = store.newest(conn, home.id)
        if last is not None and last.state == "creating":
            return None
        if last is not None and timedelta(0) <= now - last.created_at < APART:  # also after a failed one
            return None
        good = store.newest(conn, home.id, "ready")
        if good is None:
            return "change" if self._changed(conn, 0) else None
        if now - good.created_at >= DAILY:
            return "schedule"
        return "change" if self._changed(conn, good.audit_seq or 0) else None

    def _changed(self, conn: sa.Connection, seq: int) -> bool:
        at = store.changed_since(conn, seq)
        return at is not None and self._clock.now() - at >= SETTLED

    def _end_lost(self) -> None:
        """Rows whose run ended without them."""
        with self._db.read() as conn:
            taking = store.page(conn, states=("creating",), limit=100)
            lost = [row for row in taking if self._ended(conn, row)]
        for row in lost:
            with self._db.write() as conn:
                error = {"code": "run_ended", "message": "its run ended without it", "hint": None}
                store.change(conn, row.id, states=("creating",), state="failed", error=error)

    def _ended(self, conn: sa.Connection, row: MetadataSnapshot) -> bool:
        run = self._jobs.get(conn, row.run_id or "")
        return run is None or run.state in ENDED


def ensure_home(conn: sa.Connection, keys: Keys, clock: Clock) -> RepositoryRow:
    """A home there is, else this node's own repository becomes one."""
    there = store.homes(conn)
    if there:
        return there[0]
    made = own_repository(conn, keys)
    store.add_home(conn, Home(made.id, "system", clock.now()))
    return made


def submit(
    conn: sa.Connection, jobs: Jobs, home: RepositoryRow, clock: Clock, *, actor: str, trigger: str
) -> MetadataSnapshot:
    """A row in state "creating" and its run, in the caller's transaction."""
    row_id = new_id("snap")
    run = jobs.submit(
        conn,
        kind=KIND,
        actor=actor,
        project_id=SYSTEM,
        input={"snapshot_id": row_id, "repository_id": home.id},
        trigger=trigger,
        node=home.node,
    )
    none: None = None
    row = MetadataSnapshot(
        row_id, home.id, none, run.id, "creating", trigger, none, none, none, none, none, clock.now(), none
    )
    store.insert(conn, row)
    return row
