"""What people change about a database that stands: its passwords, its size."""

from __future__ import annotations

from holdfast.contract.rotation import CanRotate
from holdfast.features.access.actor import Actor
from holdfast.features.databases.guard import found
from holdfast.features.databases.model import Resource
from holdfast.features.databases.reach import Reach
from holdfast.features.databases.service import DatabasesService, check_confirm, require_hosted, wrong_state
from holdfast.jobs import Run
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict

ROTATE = "database.password.rotate"


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
