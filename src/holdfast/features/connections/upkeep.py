"""Chores, settings and extensions of a database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from holdfast.contract.catalog import JSON
from holdfast.contract.upkeep import CanExtend, CanMaintain, CanTune, Chore, Extension, Setting
from holdfast.features.access.actor import Actor
from holdfast.features.connections.reached import Reached, Ways, cannot, record
from holdfast.features.databases.guard import found
from holdfast.features.databases.service import check_confirm
from holdfast.jobs import Jobs, Run, TaskRegistry
from holdfast.jobs.model import TaskContext
from holdfast.kernel.errors import Conflict, Invalid

KIND = "database.maintain"


class UpkeepService:
    """Verbs block; they belong on a thread."""

    def __init__(self, ways: Ways, jobs: Jobs) -> None:
        self._ways = ways
        self._jobs = jobs

    def chores(self, actor: Actor, database_id: str) -> Sequence[Chore]:
        """Empty for an engine that needs none."""
        with self._ways.db.read() as conn:
            engine = self._ways.reach.engine(found(conn, actor, database_id, "database.read"))
        return engine.chores() if isinstance(engine, CanMaintain) else ()

    def maintain(self, actor: Actor, database_id: str, chore: str, target: str | None) -> Run:
        """Submit the chore as a run. Raises Invalid (code "chore_unknown", "target_invalid"), Conflict."""
        with self._ways.db.write() as conn:
            resource = found(conn, actor, database_id, "database.maintain")
            engine = self._ways.reach.engine(resource)
            if not isinstance(engine, CanMaintain):
                raise cannot(engine, "chores")
            known = {each.name: each for each in engine.chores()}
            if chore not in known:
                raise Invalid(f"chores are {', '.join(known)}", code="chore_unknown")
            if target is not None and not known[chore].targets:
                raise Invalid(f"{chore} is done to the whole database", code="target_invalid")
            if resource.state != "ready":
                raise Conflict(
                    f"this database is {resource.state}, not ready", code="database_not_ready", hint="Start it first."
                )
            run = self._jobs.submit(
                conn,
                kind=KIND,
                actor=actor.id,
                project_id=resource.project_id,
                environment_id=resource.environment_id,
                resource_id=resource.id,
                input={"chore": chore, "target": target},
            )
            record(conn, actor.id, KIND, resource, {"chore": chore, "target": target, "run_id": run.id})
            return run

    def settings(self, actor: Actor, database_id: str) -> Sequence[Setting]:
        with self._ways.to(actor, database_id, "database.read") as there:
            return _tuning(there).settings(there.at)

    def tune(self, actor: Actor, database_id: str, changes: Mapping[str, str | None]) -> Sequence[Setting]:
        """All or none; the settings as they are then. None sets one back."""
        with self._ways.to(actor, database_id, "database.settings.write") as there:
            engine = _tuning(there)
            before = {each.name: each.value for each in engine.settings(there.at)}
            engine.tune(there.at, changes)
            with self._ways.db.write() as conn:
                details = {"before": {name: before.get(name) for name in changes}, "after": dict(changes)}
                record(conn, actor.id, "database.settings.update", there.resource, details)
            return engine.settings(there.at)

    def extensions(self, actor: Actor, database_id: str) -> Sequence[Extension]:
        """Empty for an engine without any."""
        with self._ways.to(actor, database_id, "database.read") as there:
            return there.engine.extensions(there.at) if isinstance(there.engine, CanExtend) else ()

    def enable(self, actor: Actor, database_id: str, name: str) -> None:
        with self._ways.to(actor, database_id, "database.extension.write") as there:
            _extending(there).enable(there.at, name)
            with self._ways.db.write() as conn:
                record(conn, actor.id, "database.extension.enable", there.resource, {"extension": name})

    def disable(self, actor: Actor, database_id: str, name: str, confirm: str, *, cascade: bool) -> None:
        """`confirm` is the database's name. With `cascade` what needs the extension goes with it."""
        with self._ways.to(actor, database_id, "database.extension.write") as there:
            check_confirm(there.resource, confirm)
            _extending(there).disable(there.at, name, cascade=cascade)
            with self._ways.db.write() as conn:
                details = {"extension": name, "cascade": cascade}
                record(conn, actor.id, "database.extension.disable", there.resource, details)


class UpkeepTasks:
    """The runner's side."""

    def __init__(self, ways: Ways) -> None:
        self._ways = ways

    def register(self, tasks: TaskRegistry) -> None:
        tasks.add(KIND, self.maintain, resource_exclusive=True)

    def maintain(self, ctx: TaskContext) -> Mapping[str, JSON]:
        """May be run again from the start: each chore leaves the same behind."""
        chore, target = str(ctx.run.input["chore"]), ctx.run.input.get("target")
        with self._ways.inside(ctx.run.resource_id or "") as there:
            engine = there.engine
            if not isinstance(engine, CanMaintain):
                raise cannot(engine, "chores")
            if any(each.name == chore and each.copies for each in engine.chores()):
                self._ways.reach.require_space(_size(there), f"{chore} writes a copy and")
            receipt = engine.maintain(there.at, chore, str(target) if target else None, ctx.stop, ctx.progress)
        for note in receipt.notes:
            ctx.log(note)
        with ctx.commit() as conn:
            record(conn, ctx.run.actor, f"{KIND}.done", there.resource, {"chore": chore, "run_id": ctx.run.id})
        return {**receipt.facts, "notes": list(receipt.notes)}


def _size(there: Reached) -> int:
    """What a file takes now; a server's data is on a disk whose reserve is checked by itself."""
    return there.at.path.stat().st_size if there.at.path is not None else 0


def _tuning(there: Reached) -> CanTune:
    if not isinstance(there.engine, CanTune):
        raise cannot(there.engine, "settings that can be changed here")
    return there.engine


def _extending(there: Reached) -> CanExtend:
    if not isinstance(there.engine, CanExtend):
        raise cannot(there.engine, "extensions")
    return there.engine
