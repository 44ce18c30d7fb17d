"""A ready database for one act of its administration: authorised, behind the gate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from holdfast.contract.engine import Engine
from holdfast.contract.spec import Endpoint
from holdfast.features.access.actor import Actor
from holdfast.features.databases import store as databases
from holdfast.features.databases.gate import Gate
from holdfast.features.databases.guard import found
from holdfast.features.databases.model import Resource
from holdfast.features.databases.reach import Reach
from holdfast.features.databases.service import require_hosted
from holdfast.kernel import audit
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict


@dataclass(frozen=True)
class Reached:
    resource: Resource
    engine: Engine
    at: Endpoint


class Ways:
    """How the services of this slice reach databases."""

    def __init__(self, db: Database, reach: Reach, gate: Gate) -> None:
        self.db = db
        self.reach = reach
        self._gate = gate

    @contextmanager
    def to(self, actor: Actor, database_id: str, permission: str) -> Iterator[Reached]:
        """Raises Denied, NotFound, Conflict ("database_busy", "database_not_ready")."""
        with self.db.read() as conn:
            found(conn, actor, database_id, permission)
        with self.inside(database_id) as reached:
            yield reached

    @contextmanager
    def inside(self, database_id: str) -> Iterator[Reached]:
        """For who was authorised. Through the gate, and only then the state is read: see databases/gate.py."""
        with self._gate.shared(database_id):
            with self.db.read() as conn:
                resource = databases.get(conn, database_id)
            state = resource.state if resource else "gone"
            if resource is None or state != "ready":
                raise Conflict(
                    f"this database is {state}, not ready",
                    code="database_not_ready",
                    hint="Start it, or wait for its run to end.",
                    details={"state": state},
                )
            require_hosted(resource, "administer")
            yield Reached(resource, self.reach.engine(resource), self.reach.endpoint(resource))


def cannot(engine: Engine, what: str, hint: str | None = None) -> Conflict:
    """The engine has no such ability."""
    return Conflict(f"{engine.capabilities.title} has no {what}", code="not_offered", hint=hint)


def record(conn: sa.Connection, by: str, action: str, resource: Resource, details: Mapping[str, Any]) -> None:
    audit.record(
        conn,
        actor=by,
        action=action,
        project_id=resource.project_id,
        environment_id=resource.environment_id,
        resource_id=resource.id,
        details={"name": resource.name, **details},
    )
