"""A snapshot into a new database on a server that is not ours, where the login may make one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from holdfast.contract.spec import Endpoint
from holdfast.contract.tools import Tools
from holdfast.features.access.actor import Actor
from holdfast.features.backups.swapping import SwappingEngine
from holdfast.features.databases import external_store
from holdfast.features.databases.endpoints import endpoint_from_json
from holdfast.features.databases.external_look import Looker, Seen
from holdfast.features.databases.external_service import PERMISSION, require_external
from holdfast.features.databases.external_target import registering
from holdfast.features.databases.guard import found
from holdfast.features.databases.model import Resource
from holdfast.features.databases.names import checked_name
from holdfast.features.databases.reach import Reach
from holdfast.features.databases.tasks import scratch_of
from holdfast.features.projects.scope import Environment
from holdfast.jobs import store as runs
from holdfast.jobs.model import TaskContext
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, HoldfastError
from holdfast.kernel.secrets import Secrets

_OURS = "restored"  # the label under which a database that this restore made may be removed again


@dataclass(frozen=True)
class Neighbour:
    """Where a new database goes: beside `server`, reached as it is."""

    server: Resource
    record: dict[str, Any]


class Neighbours:
    """The service's side: whether it may be asked for."""

    def __init__(self, reach: Reach, secrets: Secrets) -> None:
        self._reach = reach
        self._secrets = secrets

    def beside(
        self, conn: sa.Connection, actor: Actor, server_id: str, environment: Environment, engine: str, name: str
    ) -> Neighbour:
        """Raises NotFound, Denied, Conflict (codes "database_hosted", "engine_mismatch", "other_project",
        "cannot_create_there" with the statements that would allow it)."""
        server = found(conn, actor, server_id, PERMISSION)
        require_external(server)
        if server.engine != engine:
            raise Conflict(f"{server.name!r} is of another engine than the snapshot", code="engine_mismatch")
        if server.project_id != environment.project_id:
            raise Conflict("that server is registered in another project", code="other_project")
        able = registering(self._reach.engine(server))
        at = able.sibling(endpoint_from_json(server.endpoint or {}, {}), checked_name(name))
        power = external_store.power(conn, server.id, "restore_new")
        if power is None or not power["ok"]:
            reason = power["reason"] if power else "nobody has looked at it yet"
            raise Conflict(
                f"no database can be made beside {server.name!r}: {reason}",
                code="cannot_create_there",
                hint="Run there what `holdfast db report` says and look again.",
                details={"remedy": power["remedy"] if power else []},
            )
        return Neighbour(server, {**(server.endpoint or {}), "database": at.database})

    def lend(self, conn: sa.Connection, neighbour: Neighbour, resource: Resource) -> None:
        """The new registration has its own copy of what reaches the server: either may be forgotten first."""
        for name, value in self._reach.secrets(neighbour.server).items():
            self._secrets.put(conn, resource.environment_id, resource.id, name, value)


class There:
    """The runner's side: made, filled, looked at; on a failure removed again, and nothing else is."""

    def __init__(self, db: Database, reach: Reach, clock: Clock) -> None:
        self._db = db
        self._reach = reach
        self._looker = Looker(reach, clock, reach.settings.data / "scratch" / "looks")

    def build(
        self, ctx: TaskContext, engine: SwappingEngine, resource: Resource, fill: Callable[[Endpoint], None]
    ) -> Seen:
        """Raises Conflict (code "name_taken_there") when the server has a database of that name."""
        tools = self._reach.tools(resource, scratch_of(ctx))
        with self._reach.open(resource) as at:
            ctx.step("absent", lambda: self._require_absent(engine, at, tools))
            asyncio.run(engine.discard(replace(at, beside=_OURS), tools))  # what a crashed attempt left
            asyncio.run(engine.prepare(at, self._reach.spec(resource), tools))
            fill(at)
        return self._looker.look_at(resource)

    def keep(self, conn: sa.Connection, resource: Resource, seen: Seen) -> None:
        self._looker.keep(conn, resource.id, seen)

    def undo(self, ctx: TaskContext, engine: SwappingEngine, resource: Resource) -> None:
        """Only what this run made: before its first look found nothing there, nothing is ours. A server that cannot be
        reached any more keeps it, and the run's log says so."""
        with self._db.read() as conn:
            if not runs.step_result(conn, ctx.run, "absent")[0]:
                return
        tools = self._reach.tools(resource, scratch_of(ctx))
        try:
            with self._reach.open(resource) as at:
                asyncio.run(engine.discard(replace(at, beside=_OURS), tools))
        except HoldfastError as error:
            name = (resource.endpoint or {}).get("database")
            ctx.log(f"the half-restored database {name!r} is still there: {error.message}")

    @staticmethod
    def _require_absent(engine: SwappingEngine, at: Endpoint, tools: Tools) -> bool:
        session = engine.connect(at, tools, "admin")
        try:
            asyncio.run(session.inspect("shallow"))
        except HoldfastError as error:
            if error.code == "database_absent":
                return True
            raise
        finally:
            asyncio.run(session.close())
        raise Conflict(
            f"that server already has a database named {at.database!r}",
            code="name_taken_there",
            hint="Choose another name; nothing there was touched.",
        )
