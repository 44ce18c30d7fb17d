"""Executes runs: claims, beats, takes over, stops. One per process; its tasks run on threads."""

from __future__ import annotations

import contextlib
import logging
import shutil
import threading
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from holdfast.jobs import deadline, schedules, store
from holdfast.jobs.attempt import Attempt
from holdfast.jobs.client import Jobs
from holdfast.jobs.context import Context
from holdfast.jobs.giving_up import REASON, UNDO_AFTER
from holdfast.jobs.lease import BEAT_SECONDS, LEASE_SECONDS, Lease
from holdfast.jobs.model import Run
from holdfast.jobs.nodes import Node
from holdfast.jobs.registry import TaskRegistry
from holdfast.jobs.schema import runs
from holdfast.kernel.clock import Clock, SystemClock, timestamp
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, HoldfastError
from holdfast.kernel.stop import Stop
from holdfast.kernel.wake import Wake

_log = logging.getLogger("holdfast.jobs")
_POLL_SECONDS = 1.0
_PULSE_SECONDS = 0.5
_PRUNE_SECONDS = 24 * 3600.0


class Runner:
    """Claims queued runs of the kinds it knows, at most `concurrency` at a time.

    Guarantee: a run is executed by one claim at a time; a claim that was lost (our beat was missing for
    `lease_seconds`, or our process was seen gone) can write nothing. Tasks may run again from the start after that.
    """

    def __init__(
        self,
        db: Database,
        tasks: TaskRegistry,
        *,
        name: str,
        scratch_root: Path,
        clock: Clock | None = None,
        concurrency: int = 4,
        wake: Wake | None = None,
        lease_seconds: float = LEASE_SECONDS,
        grace_seconds: float = 30.0,
        keep_logs_days: int = 90,
        node: str | None = None,
        joined: Node | None = None,
    ) -> None:
        self._db = db
        self._tasks = tasks
        self._clock = clock or SystemClock()
        self._wake = wake
        self._scratch_root = scratch_root
        self._concurrency = concurrency
        self._grace = grace_seconds
        self._keep = timedelta(days=keep_logs_days)
        self._node = joined.name if joined else node
        self._joined = joined
        self._lease = Lease(db, self._clock, name, lease_seconds, self._node)
        self._jobs = Jobs(db, self._clock, wake)
        self._active: dict[tuple[str, int], tuple[Context, threading.Thread]] = {}
        self._lock = threading.Lock()
        self._look = threading.Event()
        self._over = threading.Event()
        self._stop = Stop()
        self._watch = schedules.WallWatch()

    @property
    def id(self) -> str:
        """What `Run.claimed_by` says."""
        return self._lease.runner_id

    def run_forever(self, stop: Stop) -> None:
        """Work until `stop`; then ask every task to stop, put unfinished runs back in the queue and return."""
        self._stop = stop
        stop.on_stop(self._look.set)
        self._beat()
        self._guarded(self._bury)
        helpers = [threading.Thread(target=self._pulse_loop, name="runner-pulse", daemon=True)]
        if self._wake is not None:
            helpers.append(
                threading.Thread(target=self._listen_loop, args=(self._wake,), name="runner-wake", daemon=True)
            )
        for helper in helpers:
            helper.start()
        try:
            while not stop.stopped:
                self._look.clear()
                self._guarded(self._fill)
                self._look.wait(_POLL_SECONDS)
        finally:
            self._shut_down()
            self._over.set()
            for helper in helpers:
                helper.join(2 * _POLL_SECONDS)
            self._guarded(self._lease.leave)

    def _guarded(self, work: Any) -> None:
        """The loops outlive a busy or full database: what was not done is done at the next turn."""
        try:
            work()
        except (HoldfastError, sa.exc.SQLAlchemyError, OSError):
            _log.exception("the runner could not reach the metadata database; trying again")
            time.sleep(0.1)

    def _fill(self) -> None:
        """Claim as long as there is room and work."""
        while len(self._active) < self._concurrency:
            if not self._anything_queued():
                return
            with self._db.write() as conn:
                self._alive(conn)  # a claim by a runner nobody knows would be taken over at once
                run = store.claim(
                    conn,
                    runner=self.id,
                    kinds=self._tasks.kinds(),
                    exclusive_kinds=self._tasks.exclusive_kinds(),
                    now=self._clock.now(),
                    node=self._node,
                    laned=self._laned() < max(1, self._concurrency - 1),
                )
            if run is None:
                return
            self._start(run)

    def _laned(self) -> int:
        """How many of ours wait for nobody: one place is kept for those that somebody waits for."""
        return sum(context.run.lane is not None for context in self._contexts())

    def _beat(self) -> None:
        """Raises Conflict("node_lost"), and then this runner is stopping: its node is somebody else's."""
        try:
            with self._db.write() as conn:
                self._alive(conn)
        except Conflict as error:
            self._stop.stop(error.message)
            raise

    def _alive(self, conn: sa.Connection) -> None:
        if self._joined is not None:
            self._joined.beat(conn)
        self._lease.ensure(conn)

    def _anything_queued(self) -> bool:
        """Asked without the write lock first, so that an idle runner costs nobody anything."""
        with self._db.read() as conn:
            return conn.execute(sa.select(runs.c.id).where(store.claimable_at(self._node)).limit(1)).first() is not None

    def _start(self, run: Run) -> None:
        scratch = self._scratch_root / run.id / str(run.epoch)
        context = Context(self._db, self._clock, run, scratch, tell=self._notify)
        if run.cancel_requested_at is not None:
            context.stop.stop("cancel requested")
        elif run.deaths >= UNDO_AFTER:
            context.stop.stop(REASON)
        thread = threading.Thread(target=self._execute, args=(context,), name=f"run-{run.id}", daemon=True)
        with self._lock:
            self._active[run.id, run.epoch] = (context, thread)
        self._notify(run.id)
        thread.start()

    def _execute(self, context: Context) -> None:
        try:
            Attempt(self._db, self._clock, context, self._tasks.get(context.run.kind)).carry_out()
        finally:
            self._clear(context.scratch)
            with self._lock:
                self._active.pop((context.run.id, context.run.epoch), None)
            self._notify(context.run.id)
            if self._wake is not None:
                self._wake.notify("runs")  # another runner may hold back a run that waits for this resource
            self._look.set()

    @staticmethod
    def _clear(scratch: Path) -> None:
        shutil.rmtree(scratch, ignore_errors=True)
        with contextlib.suppress(OSError):  # another claim of the same run has its own directory beside ours
            scratch.parent.rmdir()

    def _notify(self, run_id: str) -> None:
        if self._wake is not None:
            self._wake.notify(f"run:{run_id}")

    def _listen_loop(self, wake: Wake) -> None:
        with wake.listen("runner") as listener:
            while not self._over.is_set():
                heard = listener.wait(_POLL_SECONDS)
                if "runs" in heard:
                    self._look.set()
                if any(topic == f"run:{run_id}" for topic in heard for run_id, _ in list(self._active)):
                    self._guarded(self._check_claims)

    def _pulse_loop(self) -> None:
        """Progress every half second, claims and schedules every second, beat and burials every two."""
        due_beat = due_check = due_prune = self._clock_free()
        while not self._over.wait(_PULSE_SECONDS):
            now = self._clock_free()
            self._guarded(self._write_progress)
            if now >= due_check:
                due_check = now + _POLL_SECONDS
                self._guarded(self._check_claims)
                self._guarded(self._fire_schedules)
            if now >= due_beat:
                due_beat = now + BEAT_SECONDS
                self._guarded(self._beat)
                self._guarded(self._bury)
            if now >= due_prune:
                due_prune = now + _PRUNE_SECONDS
                self._guarded(self._prune)

    @staticmethod
    def _clock_free() -> float:
        return time.monotonic()

    def _contexts(self) -> list[Context]:
        with self._lock:
            return [context for context, _ in self._active.values()]

    def _write_progress(self) -> None:
        changed = [(c, p) for c in self._contexts() if (p := c.meter.take()) is not None]
        if not changed:
            return
        with self._db.write() as conn:
            for context, progress in changed:
                store.write_progress(conn, context.run, progress)
        for context, _ in changed:
            self._notify(context.run.id)

    def _check_claims(self) -> None:
        """Stop tasks whose cancel was asked for, or whose claim another runner has."""
        contexts = self._contexts()
        if not contexts:
            return
        with self._db.read() as conn:
            found = conn.execute(sa.select(runs).where(runs.c.id.in_([c.run.id for c in contexts])))
            rows = {row.id: row for row in found}
        for context in contexts:
            row = rows[context.run.id]
            if row.epoch != context.run.epoch or row.state != "running":
                context.stop.stop("the claim was lost")
            elif row.cancel_requested_at is not None:
                context.stop.stop("cancel requested")
            elif context.overdue:
                context.stop.stop(deadline.REASON)

    def _bury(self) -> None:
        freed = self._lease.bury()
        if freed:
            _log.warning("took over the runs of a dead runner", extra={"runs": freed})
            self._look.set()

    def _fire_schedules(self) -> None:
        now = self._clock.now()
        if self._watch.set_back(now, self._clock.monotonic()):
            with self._db.write() as conn:
                if mended := schedules.mend(conn, now):
                    _log.warning("the clock was set back: schedules reckoned anew", extra={"schedules": mended})
        with self._db.read() as conn:
            if not schedules.any_due(conn, now):
                return
        with self._db.write() as conn:
            schedules.fire_due(conn, now, self._submit_scheduled)
        crash_point("schedule.committed")
        self._look.set()

    def _submit_scheduled(self, conn: sa.Connection, row: Mapping[str, Any]) -> str:
        run = self._jobs.submit(
            conn,
            kind=row["kind"],
            actor=f"schedule:{row['name']}",
            project_id=row["project_id"],
            input={**row["input"], **({"due": timestamp(row["due"])} if row["cron"] else {})},
            trigger="schedule",
        )
        return run.id

    def _prune(self) -> None:
        with self._db.write() as conn:
            store.prune(conn, self._clock.now() - self._keep)

    def _shut_down(self) -> None:
        """Stop tasks and wait for them; what does not stop in time is taken over once our process is gone."""
        with self._lock:
            active = list(self._active.values())
        for context, _ in active:
            context.stop.stop("the runner shuts down")
        deadline = time.monotonic() + self._grace
        for _, thread in active:
            thread.join(max(0.0, deadline - time.monotonic()))
