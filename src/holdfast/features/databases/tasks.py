"""Runs of one database: create, start, stop, delete, undelete, purge. Each may be run again from the start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from holdfast.contract.catalog import JSON
from holdfast.features.databases import external_store, store
from holdfast.features.databases.endpoints import endpoint_to_json
from holdfast.features.databases.external_look import Looker
from holdfast.features.databases.gate import Gate
from holdfast.features.databases.interruption import only_interrupted
from holdfast.features.databases.model import EXTERNAL, Resource
from holdfast.features.databases.reach import Reach
from holdfast.jobs import TaskRegistry
from holdfast.jobs.model import TaskContext
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, HoldfastError, NotFound
from holdfast.kernel.secrets import Secrets
from holdfast.kernel.wake import Wake

DRAIN_SECONDS = 15.0  # statements are cancelled first, and a cancelled one is gone within 2 s


class DatabaseTasks:
    """The runner's side of the slice."""

    def __init__(
        self,
        db: Database,
        reach: Reach,
        secrets: Secrets,
        gate: Gate,
        clock: Clock,
        wake: Wake | None = None,
        looker: Looker | None = None,
    ) -> None:
        self._db = db
        self._reach = reach
        self._secrets = secrets
        self._gate = gate
        self._clock = clock
        self._wake = wake
        self._looker = looker or Looker(reach, clock, reach.settings.data / "scratch" / "looks")
        self._at_purge: list[Callable[[sa.Connection, Resource], None]] = []

    def at_purge(self, do: Callable[[sa.Connection, Resource], None]) -> None:
        """`do` runs in the transaction that ends a purge: upper slices end there what still waits for the database."""
        self._at_purge.append(do)

    def register(self, tasks: TaskRegistry) -> None:
        for verb in ("create", "start", "stop", "delete", "undelete", "purge"):
            tasks.add(f"database.{verb}", getattr(self, verb), resource_exclusive=True)
        tasks.add("database.register", self.look, resource_exclusive=True)

    def create(self, ctx: TaskContext) -> Mapping[str, JSON]:
        """Ends with the database ready, or failed with nothing left of it."""
        return self._bring_up(ctx, states=("creating", "failed"), undo=True)

    def look(self, ctx: TaskContext) -> Mapping[str, JSON]:
        """Ends with a foreign database looked at and ready, or failed with the reason. Its server stays as it is."""
        return self._bring_up(ctx, states=("creating", "starting", "failed"), undo=False)

    def start(self, ctx: TaskContext) -> Mapping[str, JSON]:
        return self._bring_up(ctx, states=("starting", "failed"), undo=False)

    def undelete(self, ctx: TaskContext) -> Mapping[str, JSON]:
        return self._bring_up(ctx, states=("starting", "failed"), undo=False)

    def stop(self, ctx: TaskContext) -> Mapping[str, JSON]:
        resource = self.resource_of(ctx)

        def work() -> dict[str, Any]:
            self._close_down(ctx, resource)
            return {"state": "stopped"}

        return self._guarded(ctx, resource, work, states=("stopping", "failed"))

    def delete(self, ctx: TaskContext) -> Mapping[str, JSON]:
        """The server is stopped and the data kept until `purge_after`."""
        resource = self.resource_of(ctx)

        def work() -> dict[str, Any]:
            self._close_down(ctx, resource)
            now = self._clock.now()
            return {"state": "deleted", "deleted_at": now, "purge_after": _later(now, ctx.run.input)}

        return self._guarded(ctx, resource, work, states=("stopping", "failed"))

    def purge(self, ctx: TaskContext) -> Mapping[str, JSON]:
        """Data, user, port and passwords go for good; the row stays, because snapshots speak of it. Done once only."""
        resource = self.resource_of(ctx)
        if resource.purged_at is not None:
            return {"state": "purged"}
        if resource.deleted_at is None:
            raise Conflict(f"{resource.name!r} is not deleted: undeleted meanwhile", code="not_deleted")
        if not ctx.run.input.get("now") and (resource.purge_after is None or resource.purge_after > self._clock.now()):
            raise Conflict(f"{resource.name!r} is still within its grace period", code="in_grace")
        ctx.progress("removing", 0, 1)
        self._reach.hosts.remove(resource.id)
        with ctx.commit() as conn:
            now = self._clock.now()
            if store.change(conn, resource.id, now=now, states=("deleted",), purged_at=now, endpoint=None) is None:
                raise Conflict(f"{resource.name!r} changed during the purge", code="not_deleted")
            self._secrets.delete_resource(conn, resource.environment_id, resource.id)
            external_store.forget(conn, resource.id)
            for do in self._at_purge:
                do(conn, resource)
            self.record(conn, ctx, resource, "database.purge")
        self._gate.forget(resource.id)
        return {"state": "purged"}

    def _bring_up(self, ctx: TaskContext, *, states: tuple[str, ...], undo: bool) -> Mapping[str, JSON]:
        resource = self.resource_of(ctx)

        def look() -> dict[str, Any]:
            ctx.progress("looking")
            seen = self._looker.look_at(resource)
            with ctx.commit() as conn:
                self._looker.keep(conn, resource.id, seen)
            spec = seen.spec(self._reach.engine(resource))
            return {"state": "ready", "endpoint": seen.record, "spec": spec, "bump_generation": True}

        def work() -> dict[str, Any]:
            if resource.host == EXTERNAL:
                return look()
            ctx.progress("provisioning", 0, 2)
            ctx.stop.check()
            endpoint = self._reach.provision(resource, scratch_of(ctx))
            crash_point("create.provisioned")
            ctx.progress("provisioning", 2, 2)
            ctx.stop.check()
            host = self._reach.plan(resource).host
            return {"state": "ready", "endpoint": endpoint_to_json(endpoint), "host": host, "bump_generation": True}

        return self._guarded(ctx, resource, work, states=states, undo=undo)

    def _close_down(self, ctx: TaskContext, resource: Resource) -> None:
        """End statements, then the server. A database that was never provisioned has neither."""
        ctx.progress("draining", 0, 2)
        self.tell(resource.id)
        with self._gate.closed(resource.id, ctx.stop, seconds=DRAIN_SECONDS):
            ctx.progress("stopping", 1, 2)
            self._reach.hosts.down(resource.id)

    def _guarded(
        self,
        ctx: TaskContext,
        resource: Resource,
        work: Callable[[], dict[str, Any]],
        *,
        states: tuple[str, ...],
        undo: bool = False,
    ) -> Mapping[str, JSON]:
        """Work, then one commit; or the resource failed with its reason, and with `undo` nothing left on the host."""
        try:
            values = work()
            with ctx.commit() as conn:
                values = {"state_reason": None, **values}
                changed = store.change(
                    conn, resource.id, now=self._clock.now(), states=states, run_id=ctx.run.id, **values
                )
                if changed is None:
                    raise Conflict(f"{resource.name!r} is no longer this run's", code="state_changed")
                self.record(conn, ctx, resource, ctx.run.kind)
        except Exception as error:
            if only_interrupted(ctx, error):
                raise
            self._failed(ctx, resource, error, undo)
            raise
        self.tell(resource.id)
        return {"resource_id": resource.id, "state": str(values["state"])}

    def _failed(self, ctx: TaskContext, resource: Resource, error: Exception, undo: bool) -> None:
        if undo:
            self._reach.hosts.remove(resource.id)
        with ctx.commit() as conn:
            if resource.host == EXTERNAL and isinstance(error, HoldfastError):
                self._looker.keep(conn, resource.id, error)
            store.change(
                conn,
                resource.id,
                now=self._clock.now(),
                run_id=ctx.run.id,
                state="failed",
                state_reason=reason_of(error),
                bump_generation=True,
            )
            self.record(conn, ctx, resource, ctx.run.kind, outcome="failed")
        self.tell(resource.id)

    def resource_of(self, ctx: TaskContext) -> Resource:
        with self._db.read() as conn:
            found = store.get(conn, ctx.run.resource_id or "")
        if found is None:
            raise NotFound("the database of this run is gone")
        return found

    def record(self, conn: Any, ctx: TaskContext, resource: Resource, action: str, **more: Any) -> None:
        audit.record(
            conn,
            actor=ctx.run.actor,
            action=f"{action}.done" if more.get("outcome") != "failed" else f"{action}.failed",
            project_id=resource.project_id,
            environment_id=resource.environment_id,
            resource_id=resource.id,
            details={"run_id": ctx.run.id, "name": resource.name},
            **more,
        )

    def tell(self, resource_id: str) -> None:
        """Processes that hold sessions of it look again (see query.py)."""
        if self._wake is not None:
            self._wake.notify(f"resource:{resource_id}")


def reason_of(error: Exception) -> dict[str, Any]:
    """What a failed resource says about itself."""
    if isinstance(error, HoldfastError):
        return error.as_dict()
    return HoldfastError(f"{type(error).__name__}: {error}", code="internal").as_dict()


def scratch_of(ctx: TaskContext) -> Path:
    ctx.scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
    return ctx.scratch


def _later(now: datetime, values: Mapping[str, Any]) -> datetime:
    return now + timedelta(seconds=int(values.get("grace_seconds", 0)))
