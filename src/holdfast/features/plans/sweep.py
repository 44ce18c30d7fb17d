"""Turns from "every snapshot was asked for" to their end, and what is kept after each snapshot."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from holdfast.features.backups.model import snapshots
from holdfast.features.plans import store
from holdfast.features.plans.model import Member, Plan, Turn
from holdfast.features.retention.policy import Policy
from holdfast.features.retention.service import apply
from holdfast.jobs import ENDED
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import HoldfastError
from holdfast.kernel.wake import Wake

_MANY = 200
_GOOD = "succeeded"
_log = logging.getLogger("holdfast.plans")


class PlanSweep:
    """Called by the runner process at its start and every few seconds. Cheap when there is nothing to do; safe from
    several runners at once: each row is settled by one of them. Whoever looks at a plan is told of the ends."""

    def __init__(self, db: Database, clock: Clock, wake: Wake | None = None) -> None:
        self._db = db
        self._clock = clock
        self._wake = wake

    def sweep(self) -> None:
        while True:
            with self._db.read() as conn:
                ended = store.ended_members(conn, sorted(ENDED), _MANY)
            for member, state, error in ended:
                self._settle(member, state, error)
            if len(ended) < _MANY:
                break
        with self._db.read() as conn:
            abandoned = store.abandoned_turns(conn, sorted(ENDED), _MANY)
        for turn, run_state, run_error in abandoned:
            self._abandoned(turn, run_state, run_error)
        with self._db.read() as conn:
            settled = store.settled_turns(conn, _MANY)
            counts = store.counts(conn, [turn.id for turn in settled]) if settled else {}
        for turn in settled:
            self._end(turn, counts[turn.id])

    def _settle(self, member: Member, state: str, error: Any) -> None:
        """Once, by one of several runners, together with what the plan lets go because of it."""
        with self._db.write() as conn:
            values = {"state": state, "settled_at": self._clock.now(), "reason": error}
            if not store.change_member(conn, member, states=("asked",), **values):
                return
            plan = store.get(conn, member.plan_id)
            if plan is not None and plan.retention is not None and state == _GOOD:
                retention = self._retained(conn, plan, member)
                store.change_member(conn, member, states=(_GOOD,), retention=retention)

    def _retained(self, conn: sa.Connection, plan: Plan, member: Member) -> dict[str, Any]:
        """What went, or why nothing could: a backup that succeeded stays one when old ones cannot be let go."""
        timings = plan.timings
        try:
            outcome = apply(
                conn,
                f"plan:{plan.id}",
                member.resource_id,
                member.repository_id or repository_of(conn, member.snapshot_id),
                Policy.from_json(plan.retention or {}),
                dry_run=False,
                now=self._clock.now(),
                tz=timings[0].tz if timings else "UTC",
            )
        except HoldfastError as error:
            _log.warning("a plan's retention was not applied", extra={"plan": plan.id, "code": error.code})
            return {"error": error.as_dict()}
        gone = {each.snapshot.id: list(each.reasons) for each in outcome.verdicts if not each.keep}
        return {
            "forgotten": {snapshot_id: gone[snapshot_id] for snapshot_id in outcome.forgotten},
            "kept": len(outcome.verdicts) - len(gone),
        }

    def _abandoned(self, turn: Turn, run_state: str | None, run_error: Mapping[str, Any] | None) -> None:
        """Its run ended, or is gone (None), without having asked for everything."""
        error = dict(run_error) if run_error else {"code": "run_ended", "message": "its run is gone"}
        state = "cancelled" if run_state == "cancelled" else "failed"
        now = self._clock.now()
        with self._db.write() as conn:
            if turn.state == "pending":
                values = {"state": state, "ended_at": now, "reason": turn.reason or error}
                store.change_turn(conn, turn.id, states=("pending",), **values)
                self._tell(conn, turn)
                return
            store.settle_waiting(conn, turn.id, {"state": state, "settled_at": now, "reason": error})
            store.change_turn(conn, turn.id, states=("running",), expanded_at=now, reason=turn.reason or error)

    def _end(self, turn: Turn, counts: Mapping[str, int]) -> None:
        good, total = counts.get(_GOOD, 0), sum(counts.values())
        if counts.get("cancelled") and turn.reason and turn.reason.get("code") == "cancelled":
            state = "cancelled"
        elif good == total:
            state = "succeeded"
        else:
            state = "partial" if good else "failed"
        with self._db.write() as conn:
            store.change_turn(
                conn,
                turn.id,
                states=("running",),
                state=state,
                ended_at=self._clock.now(),
                total=total,
                succeeded=good,
                failed=total - good,
            )
            self._tell(conn, turn)

    def _tell(self, conn: sa.Connection, turn: Turn) -> None:
        """After the commit: the last run of a turn has ended before the turn has, and nothing else would say so."""
        if (wake := self._wake) is not None:
            self._db.after_commit(conn, lambda: wake.notify(f"plan:{turn.plan_id}"))


def repository_of(conn: sa.Connection, snapshot_id: str | None) -> str | None:
    """Where the snapshot of a member without a repository of its own went."""
    return conn.execute(sa.select(snapshots.c.repository_id).where(snapshots.c.id == snapshot_id)).scalar()
