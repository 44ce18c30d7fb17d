"""Putting a restored candidate in the place of the living database, and the old one aside for its grace period."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import timedelta
from typing import Any, Protocol

import sqlalchemy as sa

from holdfast.contract.activity import CanActivity, Present
from holdfast.contract.catalog import JSON
from holdfast.contract.engine import CanSwap, Engine
from holdfast.contract.spec import Endpoint
from holdfast.contract.tools import Tools
from holdfast.features.backups import store
from holdfast.features.backups.model import Restore
from holdfast.features.databases import external_store
from holdfast.features.databases import store as databases
from holdfast.features.databases.gate import Gate
from holdfast.features.databases.model import EXTERNAL, Resource
from holdfast.features.databases.reach import Reach
from holdfast.features.databases.tasks import DRAIN_SECONDS, DatabaseTasks, scratch_of
from holdfast.jobs import Jobs
from holdfast.jobs import store as runs
from holdfast.jobs.model import TaskContext
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Denied, HoldfastError, NeedsOperator, Retryable
from holdfast.kernel.stop import Stop

_AGAIN_SECONDS = 3600
_LOOK_SECONDS = 0.2
_SWAP_WAITS = (0.0, 1.0, 3.0, 6.0, 10.0)  # a server that was killed is back by then


def _at_work(engine: CanActivity, at: Endpoint) -> list[Present]:
    """Sessions of a Holdfast, on whichever node, that run a statement: by the name every line of one gives itself.
    None where the login may not look: their statements are cut."""
    try:
        return [one for one in engine.sessions(at) if one.state == "active" and _is_ours(one)]
    except Denied:
        return []


def _is_ours(session: Present) -> bool:
    return (session.application or "").startswith("holdfast")


class SwappingEngine(CanSwap, Engine, Protocol):
    """An engine that can build beside and swap."""


class Swapper:
    """Drain, swap, keep, discard."""

    def __init__(self, db: Database, reach: Reach, gate: Gate, jobs: Jobs, tasks: DatabaseTasks, clock: Clock) -> None:
        self._db = db
        self._reach = reach
        self._gate = gate
        self._jobs = jobs
        self._tasks = tasks
        self._clock = clock
        tasks.at_purge(self._forget)

    def engine(self, resource: Resource) -> SwappingEngine:
        """Raises Conflict (code "cannot_swap") for engines that have no way to build beside."""
        engine = self._reach.engine(resource)
        if not isinstance(engine, CanSwap):
            raise Conflict(
                f"{engine.capabilities.title} cannot restore in place",
                code="cannot_swap",
                hint="Restore into a new database.",
            )
        return engine

    def require(self, conn: sa.Connection, resource: Resource) -> None:
        """Before anything begins. Raises Conflict (code "cannot_swap"), for what is not ours with the reason of the
        latest look and the statements that would change it."""
        self.engine(resource)
        if resource.host != EXTERNAL:
            return
        power = external_store.power(conn, resource.id, "restore_in_place")
        if power is None or not power["ok"]:
            reason = power["reason"] if power else "nobody has looked at it yet"
            raise Conflict(
                f"{resource.name!r} cannot be restored in place: {reason}",
                code="cannot_swap",
                hint="Restore into a new database, or run there what `holdfast db report` says and look again.",
                details={"remedy": power["remedy"] if power else []},
            )

    def swap(
        self,
        ctx: TaskContext,
        restore: Restore,
        resource: Resource,
        at: Endpoint,
        candidate: Endpoint,
        tools: Tools,
    ) -> None:
        """Refuse queries, end the running ones, swap. From the engine's first rename on there is no way back, only
        through: `swapping` is recorded before it, and a later attempt completes it."""
        engine = self.engine(resource)
        kept = engine.beside(at, restore.kept or "")
        with ExitStack() as stack:
            self._close(ctx, resource)
            try:
                stack.enter_context(self._gate.closed(resource.id, ctx.stop, seconds=DRAIN_SECONDS))
                self._quiet_elsewhere(engine, resource, at, ctx.stop)
                ctx.stop.check()
            except HoldfastError:
                if ctx.stop.reason != "cancel requested" and ctx.stop.stopped:
                    raise
                self._reopen(ctx, resource)
                raise
            ctx.progress("swapping")
            ctx.step("swapping", lambda: True)
            self._through(engine, at, candidate, kept, tools)

    @staticmethod
    def _quiet_elsewhere(engine: Engine, resource: Resource, at: Endpoint, stop: Stop) -> None:
        """Every node reaches a server that is not ours, and the gate knows only this one's statements: those of other
        nodes may end first. A reader's, which the login may not look at, are cut; they can be asked again.

        Raises Retryable (code "database_in_use")."""
        if resource.host != EXTERNAL or not isinstance(engine, CanActivity):
            return
        until = time.monotonic() + DRAIN_SECONDS
        while working := _at_work(engine, at):
            if time.monotonic() > until:
                raise Retryable(
                    f"{len(working)} statements of Holdfast's other nodes still run on {resource.name!r}",
                    code="database_in_use",
                    hint="Wait until they have ended, or end them at the server, then restore again.",
                )
            stop.wait(_LOOK_SECONDS)
            stop.check()

    def _through(self, engine: SwappingEngine, at: Endpoint, candidate: Endpoint, kept: Endpoint, tools: Tools) -> None:
        last: HoldfastError | None = None
        for number, wait in enumerate(_SWAP_WAITS):
            Stop().wait(wait)
            try:
                asyncio.run(engine.swap(at, candidate, kept, tools))
                return
            except HoldfastError as error:
                last = error
                if number >= 2 and not error.retryable:
                    break
        raise NeedsOperator(
            f"the swap did not complete: {last}",
            code="swap_incomplete",
            hint="Both databases are there. Mend what the message says, then restore again or start the database.",
        ) from last

    def open_again(self, conn: sa.Connection, ctx: TaskContext, restore: Restore, resource: Resource) -> None:
        """Ready again, in the transaction that ends the restore; the old database is discarded after the grace."""
        now = self._clock.now()
        grace = self._reach.settings.delete_grace_seconds
        changed = databases.change(
            conn,
            resource.id,
            now=now,
            states=("restoring",),
            run_id=ctx.run.id,
            state="ready",
            state_reason=None,
            bump_generation=True,
        )
        if changed is None:
            raise Conflict(f"{resource.name!r} changed during the swap", code="state_changed")
        store.change(conn, Restore, restore.id, kept_until=now + timedelta(seconds=grace))
        self.submit_discard(conn, restore, restore.kept or "", delay=grace)

    def undo(self, ctx: TaskContext, restore: Restore, resource: Resource) -> None:
        """Remove the candidate. After a swap that began nothing is removed: the candidate may be the only good copy."""
        if self._swapping(ctx):
            with ctx.commit() as conn:
                databases.change(
                    conn,
                    resource.id,
                    now=self._clock.now(),
                    states=("restoring",),
                    run_id=ctx.run.id,
                    state="failed",
                    bump_generation=True,
                )
            return
        with self._db.read() as conn:
            current = databases.get(conn, resource.id)
        if current is None or current.endpoint is None:
            return
        if current.state in ("ready", "restoring"):
            self._discard(current, restore.candidate or "", scratch_of(ctx))
            return
        with ctx.commit() as conn:  # its server is down: the candidate goes once it is up again
            self.submit_discard(conn, restore, restore.candidate or "", delay=_AGAIN_SECONDS)

    def discard(self, ctx: TaskContext) -> Mapping[str, JSON]:
        """The task `restore.discard`. A database that is stopped or busy keeps its old self for another hour."""
        label = str(ctx.run.input["label"])
        with self._db.read() as conn:
            restore = store.get(conn, Restore, str(ctx.run.input["restore_id"]))
            resource = databases.get(conn, restore.resource_id) if restore else None
        if restore is None or resource is None or resource.purged_at is not None or resource.endpoint is None:
            return {"discarded": None}
        if resource.state != "ready" and self._reach.plan(resource).server is not None:
            with ctx.commit() as conn:
                self.submit_discard(conn, restore, label, delay=_AGAIN_SECONDS)
            return {"discarded": None, "again_in_seconds": _AGAIN_SECONDS}
        self._discard(resource, label, scratch_of(ctx))
        with ctx.commit() as conn:
            if label == restore.kept:
                store.change(conn, Restore, restore.id, kept_until=None)
        return {"discarded": label}

    def _forget(self, conn: sa.Connection, resource: Resource) -> None:
        """A purge took the old selves and the candidates too: the runs that wait to discard them have nothing to do."""
        for run in self._jobs.list(conn, resource_id=resource.id, states=("queued",), kinds=("restore.discard",)):
            self._jobs.cancel(conn, run.id)
        store.forget_kept(conn, resource.id)

    def submit_discard(self, conn: sa.Connection, restore: Restore, label: str, *, delay: float) -> None:
        self._jobs.submit(
            conn,
            kind="restore.discard",
            actor=restore.actor,
            project_id=restore.project_id,
            environment_id=restore.environment_id,
            resource_id=restore.resource_id,
            input={"restore_id": restore.id, "label": label},
            trigger="schedule",
            delay_seconds=delay,
        )

    def tell(self, resource_id: str) -> None:
        self._tasks.tell(resource_id)

    def _discard(self, resource: Resource, label: str, scratch: Any) -> None:
        engine = self.engine(resource)
        tools = self._reach.tools(resource, scratch)
        with self._reach.open(resource) as at:
            asyncio.run(engine.discard(engine.beside(at, label), tools))

    def _close(self, ctx: TaskContext, resource: Resource) -> None:
        """From here on every query is refused. A second attempt finds it closed by this very run."""
        ctx.progress("draining")
        with ctx.commit() as conn:
            changed = databases.change(conn, resource.id, now=self._clock.now(), states=("ready",), state="restoring")
            current = changed or databases.get(conn, resource.id)
            if current is None or (changed is None and (current.state, current.run_id) != ("restoring", ctx.run.id)):
                state = current.state if current else "gone"
                raise Conflict(f"{resource.name!r} is {state}: it changed meanwhile", code="state_changed")
            databases.claim(conn, resource.id, ctx.run.id)
        self.tell(resource.id)

    def _reopen(self, ctx: TaskContext, resource: Resource) -> None:
        with ctx.commit() as conn:
            databases.change(
                conn, resource.id, now=self._clock.now(), states=("restoring",), run_id=ctx.run.id, state="ready"
            )

    def _swapping(self, ctx: TaskContext) -> bool:
        with self._db.read() as conn:
            return runs.step_result(conn, ctx.run, "swapping")[0]
