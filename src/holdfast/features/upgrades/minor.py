"""A newer build of the same version: the server is restarted on it, proven, and can be restarted on the old one.

The state stays where it is, so nothing that was written is lost on either way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

from holdfast.contract.builds import CanPatch
from holdfast.contract.catalog import JSON
from holdfast.contract.snapshot import Level
from holdfast.contract.spec import Endpoint, Software
from holdfast.features.backups.taking import Taker
from holdfast.features.backups.verifying import Verifier
from holdfast.features.databases import store as databases
from holdfast.features.databases.endpoints import endpoint_to_json
from holdfast.features.databases.gate import Gate
from holdfast.features.databases.interruption import only_interrupted
from holdfast.features.databases.model import Resource
from holdfast.features.databases.reach import Reach
from holdfast.features.databases.tasks import DRAIN_SECONDS, DatabaseTasks, reason_of, scratch_of
from holdfast.features.upgrades import store
from holdfast.features.upgrades.model import Upgrade
from holdfast.jobs.model import TaskContext
from holdfast.kernel.clock import Clock
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.errors import Conflict, HoldfastError, Permanent


class MinorTasks:
    """The runner's side."""

    def __init__(
        self, reach: Reach, gate: Gate, taker: Taker, verifier: Verifier, tasks: DatabaseTasks, clock: Clock
    ) -> None:
        self._reach = reach
        self._gate = gate
        self._taker = taker
        self._verifier = verifier
        self._tasks = tasks
        self._clock = clock

    def upgrade(self, ctx: TaskContext, upgrade: Upgrade) -> Mapping[str, JSON]:
        """Cut off at any point it goes on, or puts the old build back; run again after the end it changes nothing."""
        if upgrade.state == "switched":
            return _result(upgrade)
        resource = self._tasks.resource_of(ctx)
        try:
            newest, pin = self._newest(ctx, resource, upgrade)
            snapshot = ctx.step("saved", lambda: self._save(ctx, upgrade))
            before = ctx.step("seen", lambda: self._look(ctx, resource))
            self._close(ctx, resource, upgrade)
            with self._gate.closed(resource.id, ctx.stop, seconds=DRAIN_SECONDS):
                endpoint = self._restart(
                    ctx, replace(resource, endpoint={**(resource.endpoint or {}), "software": None})
                )
                crash_point("minor.restarted")
                report = {"snapshot_id": snapshot, "from_build": before["build"], "to_build": newest}
                self._prove(ctx, resource, endpoint, newest, before)
                ended = self._end(ctx, resource, upgrade, endpoint, report, pin)
        except Exception as error:
            if not only_interrupted(ctx, error):
                self._failed(ctx, resource, upgrade, error)
            raise
        self._tasks.tell(resource.id)
        return _result(ended)

    def take_back(self, ctx: TaskContext, upgrade: Upgrade) -> Mapping[str, JSON]:
        """The old build on the same state: what was written since stays."""
        if upgrade.state == "taken back":
            return _result(upgrade)
        resource = self._tasks.resource_of(ctx)
        with ctx.commit() as conn:
            now, states = self._clock.now(), ("ready", "failed", "stopped")
            databases.change(conn, resource.id, now=now, states=states, state="restoring")
            databases.claim(conn, resource.id, ctx.run.id)
        self._tasks.tell(resource.id)
        with self._gate.closed(resource.id, ctx.stop, seconds=DRAIN_SECONDS):
            endpoint = self._restart(ctx, self._on_copy(resource, upgrade.kept or ""))
            with ctx.commit() as conn:
                self._ready(conn, ctx, resource, endpoint)
                values = {"state": "taken back", "kept": None, "kept_until": None, "finished_at": self._clock.now()}
                ended = store.change(conn, upgrade.id, **values)
                self._tasks.record(conn, ctx, resource, ctx.run.kind)
        self._tasks.tell(resource.id)
        return _result(ended or upgrade)

    def _newest(self, ctx: TaskContext, resource: Resource, upgrade: Upgrade) -> tuple[str, str]:
        """The build there is to move to, and the copy in use now. Raises Conflict (code "nothing_newer")."""
        wanted = self._software(resource)
        used = self._reach.hosts.pin_of((resource.endpoint or {}).get("software"), wanted)
        newest = self._reach.hosts.pin_of(str(self._reach.hosts.install(wanted)), wanted)
        build = _patching(self._reach, resource).build_of(self._reach.hosts.tools(None, wanted, scratch_of(ctx)))
        if upgrade.state == "running" and (not used or used == newest):
            raise Conflict(
                f"{resource.name!r} runs the newest build of {upgrade.to_version} there is here, {build}",
                code="nothing_newer",
                hint="A newer one comes with Holdfast's packages, or with the system's own: those a restart takes.",
            )
        return build, used

    def _software(self, resource: Resource) -> Software:
        software = self._reach.engine(resource).software(self._reach.spec(resource))
        if software is None:
            raise Permanent("this engine runs no software of its own", code="not_offered")
        return software

    def _save(self, ctx: TaskContext, upgrade: Upgrade) -> str:
        snapshot, repository = self._taker.take(ctx, upgrade.snapshot_id)
        self._verifier.prove(ctx, snapshot, repository, Level.HASHES)
        return snapshot.id

    def _look(self, ctx: TaskContext, resource: Resource) -> dict[str, Any]:
        """What must be the same afterwards, and the build before."""
        with self._reach.session(resource, scratch_of(ctx)) as session:
            catalog = asyncio.run(session.inspect("shallow"))
        names = sorted(f"{each.schema}.{each.name}" for each in catalog.relations)
        return {"build": _patching(self._reach, resource).build(self._reach.endpoint(resource)), "relations": names}

    def _close(self, ctx: TaskContext, resource: Resource, upgrade: Upgrade) -> None:
        mine = resource.run_id == ctx.run.id
        with ctx.commit() as conn:
            states = ("ready", "restoring") if mine else ("ready",)
            if databases.change(conn, resource.id, now=self._clock.now(), states=states, state="restoring") is None:
                raise Conflict(f"{resource.name!r} changed meanwhile", code="state_changed")
            databases.claim(conn, resource.id, ctx.run.id)
            store.change(conn, upgrade.id, state="switching")
        self._tasks.tell(resource.id)

    def _restart(self, ctx: TaskContext, resource: Resource) -> Endpoint:
        with ctx.commit():
            pass  # raises when the run is another runner's by now
        ctx.progress("restarting")
        self._reach.hosts.down(resource.id)
        return self._reach.provision(resource, scratch_of(ctx))

    def _prove(
        self, ctx: TaskContext, resource: Resource, endpoint: Endpoint, build: str, before: Mapping[str, Any]
    ) -> None:
        """Raises Permanent (code "upgrade_unproven"): the old build is put back then."""
        ctx.progress("verifying")
        now = self._look(ctx, replace(resource, endpoint=endpoint_to_json(endpoint)))
        if now["build"] != build or now["relations"] != before["relations"]:
            raise Permanent(
                f"the server says {now['build']} and shows {len(now['relations'])} relations; expected {build} and "
                f"{len(before['relations'])}",
                code="upgrade_unproven",
                hint="The old build serves again.",
            )

    def _end(
        self,
        ctx: TaskContext,
        resource: Resource,
        upgrade: Upgrade,
        endpoint: Endpoint,
        report: dict[str, Any],
        pin: str,
    ) -> Upgrade:
        now = self._clock.now()
        until = now + timedelta(seconds=self._reach.settings.delete_grace_seconds)
        with ctx.commit() as conn:
            self._ready(conn, ctx, resource, endpoint)
            values = {"state": "switched", "report": report, "kept": pin, "kept_until": until, "finished_at": now}
            ended = store.change(conn, upgrade.id, **values)
            self._tasks.record(conn, ctx, resource, ctx.run.kind)
        return ended or upgrade

    def _ready(self, conn: Any, ctx: TaskContext, resource: Resource, endpoint: Endpoint) -> None:
        changed = databases.change(
            conn, resource.id, now=self._clock.now(), states=("restoring",), run_id=ctx.run.id, state="ready",
            state_reason=None, endpoint=endpoint_to_json(endpoint), bump_generation=True,
        )  # fmt: skip
        if changed is None:
            raise Conflict(f"{resource.name!r} changed during the upgrade", code="state_changed")

    def _failed(self, ctx: TaskContext, resource: Resource, upgrade: Upgrade, error: Exception) -> None:
        """The old build again, when it was taken down."""
        left: HoldfastError | None = None
        with ctx.commit() as conn:
            now = store.get(conn, upgrade.id)
        switching = now is not None and now.state == "switching"
        if switching:
            try:
                endpoint = self._restart(ctx, resource)
                with ctx.commit() as conn:
                    self._ready(conn, ctx, resource, endpoint)
            except HoldfastError as second:
                left = second
        with ctx.commit() as conn:
            if left is not None:
                states, reason = ("restoring",), reason_of(left)
                databases.change(
                    conn, resource.id, now=self._clock.now(), states=states, state="failed", state_reason=reason
                )
            store.change(conn, upgrade.id, state="failed", error=reason_of(error), finished_at=self._clock.now())
            self._tasks.record(conn, ctx, resource, ctx.run.kind, outcome="failed")
        self._tasks.tell(resource.id)

    def _on_copy(self, resource: Resource, pin: str) -> Resource:
        """The resource as if it had last been brought up with that copy. Raises Conflict when the copy is gone."""
        root = self._reach.hosts.install(replace(self._software(resource), pin=pin))
        if self._reach.hosts.pin_of(str(root), self._software(resource)) != pin:
            raise Conflict("the build before this upgrade is no longer on this machine", code="nothing_kept")
        return replace(resource, endpoint={**(resource.endpoint or {}), "software": str(root)})


def _patching(reach: Reach, resource: Resource) -> CanPatch:
    engine = reach.engine(resource)
    if not isinstance(engine, CanPatch):
        raise Conflict(f"{engine.capabilities.title} has no builds to move between", code="not_offered")
    return engine


def _result(upgrade: Upgrade) -> dict[str, JSON]:
    return {"upgrade_id": upgrade.id, "state": upgrade.state, "report": cast(JSON, dict(upgrade.report))}
