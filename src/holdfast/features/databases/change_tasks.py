"""Runs that change a database that stands. Out of reach only while they work; as it was before when they fail early."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from holdfast.contract.catalog import JSON
from holdfast.contract.resizing import CanResize
from holdfast.contract.spec import Spec
from holdfast.features.databases import passwords, store
from holdfast.features.databases.changes import RESIZE, ROTATE
from holdfast.features.databases.gate import Gate
from holdfast.features.databases.interruption import only_interrupted
from holdfast.features.databases.model import Resource
from holdfast.features.databases.reach import Reach
from holdfast.features.databases.tasks import DRAIN_SECONDS, DatabaseTasks, reason_of, scratch_of
from holdfast.jobs import TaskRegistry
from holdfast.jobs.model import TaskContext
from holdfast.kernel.clock import Clock
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.errors import Conflict, HoldfastError, Permanent
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
        tasks.add(RESIZE, self.resize, resource_exclusive=True)

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

    def resize(self, ctx: TaskContext) -> Mapping[str, JSON]:
        """Applied while it runs where that is enough, else by a restart. A server that does not stand what was asked
        for is put back as it was, and the run says why."""
        resource = self._tasks.resource_of(ctx)
        engine = self._reach.engine(resource)
        if not isinstance(engine, CanResize):
            raise Permanent(f"{resource.engine} cannot be resized", code="not_offered")
        before, after = (engine.spec.model_validate(ctx.run.input[which]) for which in ("before", "after"))
        changes = engine.changes(before, after)
        restart = any(change.applies == "restart" for change in changes)
        told: dict[str, JSON] = {"resource_id": resource.id, "fields": [change.field for change in changes]}
        if resource.state in ("stopped", "failed") and resource.run_id != ctx.run.id:
            self._keep_spec(ctx, resource, after)
            return {**told, "applied": "at the next start", "limited": None}
        self._require_room(resource, engine, after)
        if restart:
            self._restart(ctx, resource, before, after)
        else:
            self._live(ctx, resource, before, after)
        limited = self._reach.hosts.status(resource.id).limited
        return {**told, "applied": "by a restart" if restart else "at once", "limited": limited}

    def _live(self, ctx: TaskContext, resource: Resource, before: Spec, after: Spec) -> None:
        try:
            self._apply(ctx, resource, after)
            self._keep_spec(ctx, resource, after)
        except Exception as error:
            if only_interrupted(ctx, error):
                raise
            self._as_before(ctx, resource, before)
            with ctx.commit() as conn:
                self._tasks.record(conn, ctx, resource, ctx.run.kind, outcome="failed")
            raise

    def _restart(self, ctx: TaskContext, resource: Resource, before: Spec, after: Spec) -> None:
        with ctx.commit() as conn:
            self._enter(conn, ctx, resource)
        self._tasks.tell(resource.id)
        ctx.progress("draining", 0, 2)
        down, left = False, None
        try:
            with self._gate.closed(resource.id, ctx.stop, seconds=DRAIN_SECONDS):
                ctx.progress("restarting", 1, 2)
                down = True
                self._reach.hosts.down(resource.id)
                self._apply(ctx, resource, after)
                self._leave(ctx, resource, spec=after.model_dump(mode="json"))
        except Exception as error:
            if only_interrupted(ctx, error):
                raise
            if down:
                self._reach.hosts.down(resource.id)
                left = self._as_before(ctx, resource, before)
            self._fail(ctx, resource, left)
            raise
        self._tasks.tell(resource.id)

    def _as_before(self, ctx: TaskContext, resource: Resource, before: Spec) -> Exception | None:
        """What kept even that from coming up; `db start` tries again."""
        try:
            self._apply(ctx, resource, before)
        except HoldfastError as error:
            ctx.log("it could not be put back as it was", code=error.code, why=error.message)
            return error
        return None

    def _apply(self, ctx: TaskContext, resource: Resource, spec: Spec) -> None:
        """Files and limits, roles and grants, then what the server must be told. Idempotent."""
        with ctx.commit():
            pass  # raises when the run is another runner's by now
        endpoint = self._reach.provision(_with(resource, spec), scratch_of(ctx))
        crash_point("resize.applied")
        engine = self._reach.engine(resource)
        if isinstance(engine, CanResize):
            engine.resize(endpoint, spec)

    def _require_room(self, resource: Resource, engine: CanResize, after: Spec) -> None:
        """Raises Conflict (code "limit_below_use"): the kernel would end the server, or data would be evicted."""
        used = dict(engine.used(self._reach.endpoint(resource)))
        memory = self._reach.hosts.status(resource.id).memory_bytes
        if memory is not None:
            used["memory_mb"] = memory / (1024 * 1024)
        for field, now in used.items():
            wanted = after.model_dump().get(field)
            if wanted is not None and wanted < now:
                raise Conflict(
                    f"{field} cannot be {wanted}: {now:.0f} MB are in use now",
                    code="limit_below_use",
                    hint="Nothing was changed. Ask for more, or make room first.",
                    details={"field": field, "used_mb": round(now, 1)},
                )

    def _keep_spec(self, ctx: TaskContext, resource: Resource, spec: Spec) -> None:
        with ctx.commit() as conn:
            wanted = spec.model_dump(mode="json")
            store.change(conn, resource.id, now=self._clock.now(), spec=wanted)
            self._tasks.record(conn, ctx, resource, ctx.run.kind)

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


def _with(resource: Resource, spec: Spec) -> Resource:
    return replace(resource, spec=spec.model_dump(mode="json"))
