"""Planning a move, accepting its plan, starting it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, no_such
from holdfast.features.access.grants import Columns
from holdfast.features.databases import store as databases
from holdfast.features.databases.guard import found as found_database
from holdfast.features.databases.model import Resource
from holdfast.features.databases.names import checked_name
from holdfast.features.databases.reach import Reach, checked_spec
from holdfast.features.databases.service import DatabasesService, Wanted, wrong_state
from holdfast.features.moves import store
from holdfast.features.moves.model import Move, moves
from holdfast.features.projects.scope import environment_of
from holdfast.jobs import Jobs, Run
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Invalid
from holdfast.kernel.ids import new_id
from holdfast.web.idempotency import NEVER, Once


@dataclass(frozen=True)
class MoveWish:
    """`name` is the new database's; it stays in the source's environment."""

    engine: str
    name: str
    spec: Mapping[str, Any] = field(default_factory=dict)


class MovesService:
    """The source is read and stays as it is; the copy is a database of its own."""

    def __init__(self, db: Database, jobs: Jobs, reach: Reach, own: DatabasesService, clock: Clock) -> None:
        self._db = db
        self._jobs = jobs
        self._reach = reach
        self._databases = own
        self._clock = clock

    def plan(self, actor: Actor, resource_id: str, wish: MoveWish, once: Once = NEVER) -> tuple[Move, Run]:
        """202: the move and the run that finds out what would be lost. Nothing is made yet.

        Raises Conflict when the database is not ready, is of that engine already, or one of both cannot move.
        """
        with self._db.write() as conn:
            resource = self._source(conn, actor, resource_id)
            once.check(conn)
            self._check(conn, resource, wish)
            move = Move(
                id=new_id("mov"),
                project_id=resource.project_id,
                environment_id=resource.environment_id,
                resource_id=resource.id,
                engine=wish.engine,
                name=checked_name(wish.name),
                spec=dict(wish.spec),
                state="planning",
                tables=[],
                losses=[],
                fingerprint=None,
                target_id=None,
                run_id=None,
                receipt=None,
                error=None,
                created_by=actor.id,
                created_at=self._clock.now(),
                finished_at=None,
            )
            store.insert(conn, move)
            run = self._submit(conn, actor, move, "move.plan", resource.id, resource.node)
            made = (self._with_run(conn, move, run), run)
            self._record(conn, actor, move, "database.move.plan", {"engine": wish.engine, "name": move.name})
            once.keep(conn, made)
            return made

    def start(self, actor: Actor, move_id: str, accept: str, once: Once = NEVER) -> tuple[Move, Run]:
        """202: the new database is made and filled. `accept` is the plan's fingerprint: every loss of it is accepted.

        Raises Conflict (code "not_planned" | "not_accepted" | "name_taken").
        """
        with self._db.write() as conn:
            move = _found(conn, actor, move_id)
            once.check(conn)
            resource = self._source(conn, actor, move.resource_id)
            if move.state != "planned":
                raise Conflict(f"this move is {move.state}, not planned", code="not_planned")
            if accept != move.fingerprint:
                raise Conflict(
                    "what is accepted is not this plan",
                    code="not_accepted",
                    hint="Read the losses, then send the plan's `fingerprint` as `accept`.",
                    details={"fingerprint": move.fingerprint},
                )
            environment = environment_of(conn, actor, move.environment_id, "database.create")
            wanted = Wanted(
                environment.id,
                move.engine,
                move.name,
                move.spec,
                dict(resource.labels),
                node=resource.node,
                notes=f"Moved from {resource.name} ({resource.engine}).",
            )
            target = self._databases.insert(conn, actor, environment, wanted, state="creating")
            run = self._submit(conn, actor, move, "move.run", target.id, target.node)
            databases.claim(conn, target.id, run.id)
            changed = store.change(
                conn, move.id, states=("planned",), state="moving", target_id=target.id, run_id=run.id, error=None
            )
            if changed is None:
                raise Conflict("this move changed meanwhile", code="not_planned")
            details = {"target": target.id, "losses": len(move.losses), "run_id": run.id}
            self._record(conn, actor, move, "database.move", details)
            once.keep(conn, (changed, run))
            return changed, run

    def get(self, actor: Actor, move_id: str) -> Move:
        with self._db.read() as conn:
            return _found(conn, actor, move_id, "database.read")

    def list(
        self,
        actor: Actor,
        *,
        project_id: str | None = None,
        resource_id: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Sequence[Move]:
        actor.require_within("database.read", project_id)
        visible = actor.visible("database.read", Columns.of(moves))
        with self._db.read() as conn:
            return store.page(conn, visible, project_id=project_id, resource_id=resource_id, after=after, limit=limit)

    def delete(self, actor: Actor, move_id: str) -> None:
        """Forget a plan or an ended move; databases stay. Raises Conflict (code "move_running")."""
        with self._db.write() as conn:
            move = _found(conn, actor, move_id)
            if not store.delete(conn, move.id):
                raise Conflict("this move is at work: cancel its run first", code="move_running")
            self._record(conn, actor, move, "database.move.delete", {"name": move.name})

    def _source(self, conn: sa.Connection, actor: Actor, resource_id: str) -> Resource:
        resource = found_database(conn, actor, resource_id, "database.move")
        environment_of(conn, actor, resource.environment_id, "database.create")
        if resource.state != "ready":
            raise wrong_state(resource, "move")
        return resource

    def _check(self, conn: sa.Connection, resource: Resource, wish: MoveWish) -> None:
        target = self._reach.engines.get(wish.engine)
        for engine in (self._reach.engine(resource), target):
            if not engine.capabilities.translates:
                raise Conflict(
                    f"{engine.capabilities.title} cannot be moved to another engine or be moved to",
                    code="cannot_move",
                    hint="`holdfast engine list` shows which engines can.",
                )
        if wish.engine == resource.engine:
            raise Invalid(
                f"{resource.name!r} is a {target.capabilities.title} database already",
                code="same_engine",
                hint="To copy it within its engine, take a snapshot and restore it under another name.",
            )
        checked_spec(target, dict(wish.spec))
        if databases.by_name(conn, resource.environment_id, checked_name(wish.name)) is not None:
            raise databases.name_taken(wish.name)

    def _submit(
        self, conn: sa.Connection, actor: Actor, move: Move, kind: str, resource_id: str, node: str | None
    ) -> Run:
        return self._jobs.submit(
            conn,
            kind=kind,
            actor=actor.id,
            project_id=move.project_id,
            environment_id=move.environment_id,
            resource_id=resource_id,
            input={"move_id": move.id},
            node=node,
        )

    def _with_run(self, conn: sa.Connection, move: Move, run: Run) -> Move:
        changed = store.change(conn, move.id, states=(move.state,), run_id=run.id)
        return changed or move

    def _record(self, conn: sa.Connection, actor: Actor, move: Move, action: str, details: dict[str, Any]) -> None:
        audit.record(
            conn,
            actor=actor.id,
            action=action,
            project_id=move.project_id,
            environment_id=move.environment_id,
            resource_id=move.resource_id,
            details={"move_id": move.id, **details},
        )


def _found(conn: sa.Connection, actor: Actor, move_id: str, permission: str = "database.move") -> Move:
    move = store.get(conn, move_id)
    actor.require(permission, move.place if move else None, noun="move")
    if move is None:
        raise no_such("move")
    return move
