"""Runs that change a database that stands. Out of reach only while they work; as it was before when they fail early."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.contract.catalog import JSON
from holdfast.features.databases import passwords, store
from holdfast.features.databases.changes import ROTATE
from holdfast.features.databases.gate import Gate
from holdfast.features.databases.interruption import only_interrupted
from holdfast.features.databases.model import Resource
from holdfast.features.databases.reach import Reach
from holdfast.features.databases.tasks import DRAIN_SECONDS, DatabaseTasks, reason_of
from holdfast.jobs import TaskRegistry
from holdfast.jobs.model import TaskContext
from holdfast.kernel.clock import Clock
from holdfast.kernel.errors import Conflict
from holdfast.kernel.secrets import Secrets


class ChangeTasks:
    """The runner's side."""

    def __init__(self, reach: Reach, secrets: Secrets, gate: Gate, clock: Clock, tasks: DatabaseTasks) -> None:
        self._reach = reach
        self._secrets = secrets
        self._gate = gate
        self._clock = clock
        self._tasks = tasks

    def register(self, tasks: TaskRegistry) -> None:
        tasks.add(ROTATE, self.rotate, resource_exclusive=True)

    def rotate(self, ctx: TaskContext) -> Mapping[str, JSON]:
        """The new ones are written down, given to the server, and count from then on. Cut off anywhere, the next try
        (or the next start of the database) carries it to its end; failed before the server heard of it, nothing did."""
        resource = self._tasks.resource_of(ctx)
        told = False
        try:
            with ctx.commit() as conn:
                self._enter(conn, ctx, resource)
                _, names = self._reach.engine(resource).needs(self._reach.spec(resource))
                passwords.begin(conn, self._secrets, resource, names)
            self._tasks.tell(resource.id)
            ctx.progress("draining", 0, 2)
            with self._gate.closed(resource.id, ctx.stop, seconds=DRAIN_SECONDS):
                ctx.progress("rotating", 1, 2)
                with ctx.commit():
                    told = True  # raises when the run is another runner's by now: the server hears nothing of us then
                ended = self._reach.change_passwords(resource)
                self._leave(ctx, resource)
        except Exception as error:
            if not only_interrupted(ctx, error):
                self._rotation_failed(ctx, resource, error, told=told)
            raise
        self._tasks.tell(resource.id)
        return {"resource_id": resource.id, "sessions_ended": ended}

    def _rotation_failed(self, ctx: TaskContext, resource: Resource, error: Exception, *, told: bool) -> None:
        if not told:
            with ctx.commit() as conn:
                passwords.give_up(conn, self._secrets, resource)
        self._fail(ctx, resource, None if not told else error)

    def _enter(self, conn: Any, ctx: TaskContext, resource: Resource) -> None:
        """Raises Conflict (code "state_changed") for one that is no longer ready, unless it was this run's before."""
        mine = resource.run_id == ctx.run.id
        states = ("ready", "changing", "failed") if mine else ("ready",)
        now = self._clock.now()
        if store.change(conn, resource.id, now=now, states=states, state="changing") is None:
            raise Conflict(f"{resource.name!r} is {resource.state} by now", code="state_changed")
        store.claim(conn, resource.id, ctx.run.id)

    def _leave(self, ctx: TaskContext, resource: Resource, **values: Any) -> None:
        with ctx.commit() as conn:
            changed = store.change(
                conn, resource.id, now=self._clock.now(), states=("changing",), run_id=ctx.run.id,
                state="ready", state_reason=None, bump_generation=True, **values,
            )  # fmt: skip
            if changed is None:
                raise Conflict(f"{resource.name!r} is no longer this run's", code="state_changed")
            self._tasks.record(conn, ctx, resource, ctx.run.kind)

    def _fail(self, ctx: TaskContext, resource: Resource, error: Exception | None) -> None:
        """Ready as before without `error`; else failed with it, and `db start` mends it."""
        values: dict[str, Any] = {"state": "ready"}
        if error is not None:
            values = {"state": "failed", "state_reason": reason_of(error), "bump_generation": True}
        with ctx.commit() as conn:
            now = self._clock.now()
            store.change(conn, resource.id, now=now, states=("changing",), run_id=ctx.run.id, **values)
            self._tasks.record(conn, ctx, resource, ctx.run.kind, outcome="failed")
        self._tasks.tell(resource.id)
