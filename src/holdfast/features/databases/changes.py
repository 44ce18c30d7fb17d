"""What people change about a database that stands: its passwords, its size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.contract.resizing import CanResize, Change
from holdfast.contract.rotation import CanRotate
from holdfast.contract.spec import Spec
from holdfast.features.access.actor import Actor
from holdfast.features.databases.guard import found
from holdfast.features.databases.model import Resource
from holdfast.features.databases.reach import Reach, checked_spec
from holdfast.features.databases.service import DatabasesService, check_confirm, require_hosted, wrong_state
from holdfast.jobs import Run
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Invalid

ROTATE = "database.password.rotate"
RESIZE = "database.resize"
_RESIZED = ("ready", "stopped", "failed")  # one that cannot start with what it has must be given more


class ChangesService:
    """Each act is one transaction: audit and run. The run takes the database out of reach when its turn comes."""

    def __init__(self, db: Database, databases: DatabasesService, reach: Reach) -> None:
        self._db = db
        self._databases = databases
        self._reach = reach

    def rotate(self, actor: Actor, database_id: str, confirm: str) -> tuple[Resource, Run]:
        """New passwords for the owner, the writer, the reader and ourselves; `confirm` is the name, because every
        program that has the old URL stops working. Raises Conflict (code "not_offered") where nobody signs in."""
        with self._db.write() as conn:
            resource = found(conn, actor, database_id, ROTATE)
            actor.require_step_up()
            check_confirm(resource, confirm)
            engine = self._reach.engine(resource)
            require_hosted(resource, "rotate the passwords of")
            if not isinstance(engine, CanRotate):
                raise Conflict(f"{engine.capabilities.title} has no passwords", code="not_offered")
            if resource.state != "ready":
                raise wrong_state(resource, "rotate the passwords of")
            return self._databases.submit(conn, actor, resource, ROTATE, own=False)

    def resize(
        self, actor: Actor, database_id: str, spec: Mapping[str, Any], confirm: str
    ) -> tuple[Resource, Run, tuple[Change, ...]]:
        """Only what `spec` names changes. `confirm` is the name, when something of it takes a restart. Raises Invalid
        (codes "spec_invalid", "resize_invalid", "nothing_to_change"), Conflict (code "restart_needed")."""
        with self._db.write() as conn:
            resource = found(conn, actor, database_id, RESIZE)
            require_hosted(resource, "resize")
            before, after, changes = self._compared(resource, spec)
            if resource.state not in _RESIZED:
                raise wrong_state(resource, "resize")
            if resource.state == "ready" and any(change.applies == "restart" for change in changes):
                _require_confirmed(resource, changes, confirm)
            values = {"before": before.model_dump(mode="json"), "after": after.model_dump(mode="json")}
            made = self._databases.submit(conn, actor, resource, RESIZE, values, own=False)
            told = {change.field: [change.before, change.after] for change in changes}
            self._databases.record(conn, actor, resource, f"{RESIZE}.asked", {"changes": told, "run_id": made[1].id})
            return *made, changes

    def _compared(self, resource: Resource, spec: Mapping[str, Any]) -> tuple[Spec, Spec, tuple[Change, ...]]:
        engine = self._reach.engine(resource)
        if not isinstance(engine, CanResize):
            raise Conflict(f"{engine.capabilities.title}: everything stays as it was created", code="not_offered")
        before = self._reach.spec(resource)
        after = checked_spec(engine, {**resource.spec, **spec})
        changes = engine.changes(before, after)
        if not changes:
            raise Invalid(f"{resource.name!r} is like that already", code="nothing_to_change")
        return before, after, changes


def _require_confirmed(resource: Resource, changes: tuple[Change, ...], confirm: str) -> None:
    names = [change.field for change in changes if change.applies == "restart"]
    if not confirm:
        raise Conflict(
            f"{', '.join(names)} changes only with a restart of {resource.name!r}, which ends its sessions",
            code="restart_needed",
            hint="Give its name as `confirm` to have it restarted.",
            details={"fields": names},
        )
    check_confirm(resource, confirm)
