"""The history of plans: what each turn did, what waits, and stopping one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, no_such
from holdfast.features.access.grants import Columns
from holdfast.features.plans import store
from holdfast.features.plans.model import Member, Turn, TurnFilter, plan_turns
from holdfast.features.plans.service import found, record
from holdfast.jobs import Jobs
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database

PIECE = 500  # turns read at once for an export


class TurnsService:
    """Every verb takes the actor first; a turn of a plan the actor does not see is not there."""

    def __init__(self, db: Database, jobs: Jobs, clock: Clock) -> None:
        self._db = db
        self._jobs = jobs
        self._clock = clock

    def list(self, actor: Actor, wanted: TurnFilter, *, after: str | None = None, limit: int = 50) -> Sequence[Turn]:
        """Newest first, of one plan or of all that are seen."""
        with self._db.read() as conn:
            actor.require_within("plan.read", wanted.project_id)
            if wanted.plan_id is not None:
                found(conn, actor, wanted.plan_id, "plan.read")
            visible = actor.visible("plan.read", Columns(plan_turns.c.project_id, plan_turns.c.environment_id))
            return store.turns(conn, wanted, visible=visible, after=after, limit=limit)

    def every(self, actor: Actor, wanted: TurnFilter) -> Iterator[Turn]:
        """The same without a limit, read in pieces. Authorised before this returns."""
        first = self.list(actor, wanted, limit=PIECE)

        def pieces() -> Iterator[Turn]:
            rows = first
            while rows:
                yield from rows
                rows = self.list(actor, wanted, after=rows[-1].id, limit=PIECE)

        return pieces()

    def get(self, actor: Actor, turn_id: str) -> Turn:
        with self._db.read() as conn:
            return found_turn(conn, actor, turn_id, "plan.read")

    def members(self, actor: Actor, turn_id: str, *, after: str | None, limit: int) -> Sequence[Member]:
        """The databases of a turn, by id."""
        with self._db.read() as conn:
            turn = found_turn(conn, actor, turn_id, "plan.read")
            return store.members(conn, turn.id, after=after, limit=limit)

    def cancel(self, actor: Actor, turn_id: str) -> Turn:
        """A pending turn never begins; of one at work what has not ended is asked to stop. One that ended stays."""
        with self._db.write() as conn:
            turn = found_turn(conn, actor, turn_id, "plan.run")
            plan = store.get(conn, turn.plan_id)
            if plan is None or turn.state not in ("pending", "running"):
                return turn
            self._jobs.cancel(conn, turn.run_id)
            why = {"code": "cancelled", "message": f"cancelled by {actor.id}"}
            if turn.state == "pending":
                values = {"state": "cancelled", "ended_at": self._clock.now(), "reason": why}
                turn = store.change_turn(conn, turn.id, states=("pending",), **values) or turn
            else:
                for member in store.members(conn, turn.id, states=("asked",), limit=100_000):
                    self._jobs.cancel(conn, member.run_id or "")
                turn = store.change_turn(conn, turn.id, states=("running",), reason=why) or turn
            record(conn, actor, plan, "plan.cancel", {"turn_id": turn.id})
            return turn


def found_turn(conn: sa.Connection, actor: Actor, turn_id: str, permission: str) -> Turn:
    """The turn, if `actor` may do `permission` with it; absent and foreign look the same."""
    turn = store.turn(conn, turn_id)
    actor.require(permission, turn.place if turn else None, noun="turn")
    if turn is None:
        raise no_such("turn")
    return turn
