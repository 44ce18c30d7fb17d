"""A turn of a plan, from its run to one snapshot for each database and repository."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from holdfast.contract.catalog import JSON
from holdfast.features.access.actor import Actor
from holdfast.features.backups.asking import Asked, How, Want
from holdfast.features.backups.service import SnapshotsService
from holdfast.features.databases import store as databases
from holdfast.features.databases.model import Resource
from holdfast.features.plans import store
from holdfast.features.plans.coverage import DEFAULT, covered
from holdfast.features.plans.model import Member, Plan, Turn
from holdfast.features.plans.service import KIND, UNBEGUN
from holdfast.jobs import Jobs, TaskRegistry
from holdfast.jobs.lanes import Lane
from holdfast.jobs.model import TaskContext
from holdfast.kernel.clock import Clock, parse_timestamp
from holdfast.kernel.db import Database
from holdfast.kernel.errors import HoldfastError, Permanent, Retryable
from holdfast.kernel.ids import new_id

BATCH = 500  # snapshots asked for in one transaction: the metadata's writer is nobody's for long


class PlanTasks:
    """The runner's side. Running it again after a crash goes on where it was: a member is asked for once."""

    def __init__(self, db: Database, jobs: Jobs, snapshots: SnapshotsService, clock: Clock) -> None:
        self._db = db
        self._jobs = jobs
        self._snapshots = snapshots
        self._clock = clock

    def register(self, tasks: TaskRegistry) -> None:
        tasks.add(KIND, self.run)

    def run(self, ctx: TaskContext) -> Mapping[str, JSON]:
        """Ends when every snapshot was asked for; the sweep ends the turn when they are there."""
        try:
            with ctx.commit() as conn:
                plan_id = str(ctx.run.input["plan_id"])
                plan = store.get(conn, plan_id)
                if plan is None:  # it went with its project: its schedules must not fire for ever
                    self._jobs.unschedule(conn, store.prefix(plan_id))
                turn = self._begun(conn, ctx, plan) if plan else None
        except sa.exc.IntegrityError as error:  # another turn of it began this very moment: seen at the next try
            raise Retryable("another turn of this plan begins", code="plan_at_work") from error
        if plan is None or turn is None:
            return {"skipped": "the plan is gone"}
        if turn.state != "running":
            return {"turn_id": turn.id, "state": turn.state, "reason": dict(turn.reason or {})}
        while self._ask(ctx, plan, turn):
            ctx.stop.check()
        with ctx.commit() as conn:
            now = self._clock.now()
            store.change_turn(conn, turn.id, states=("running",), expanded_at=now)
        return {"turn_id": turn.id, "snapshots": turn.total}

    def _begun(self, conn: sa.Connection, ctx: TaskContext, plan: Plan) -> Turn | None:
        """The turn of this run, at work or skipped; its members are there when it is at work."""
        now = self._clock.now()
        turn = store.turn_of_run(conn, ctx.run.id)
        if turn is None and "turn_id" in ctx.run.input:
            return None  # it was deleted with its plan, and another has the same name: not ours
        if turn is not None and turn.state != "pending":
            return turn
        fresh = turn is None
        turn = turn or self._scheduled(ctx, plan, now)
        reason = self._why_not(conn, plan, turn, now)
        wanted = [] if reason else list(self._members(conn, plan, turn, now))
        if not wanted:
            reason = reason or {"code": "nothing_covered", "message": "no database meets the plan's selection"}
            turn = replace(turn, state="skipped", ended_at=now, reason=reason)
        else:
            turn = replace(turn, state="running", started_at=now, total=len(wanted))
        if fresh:
            store.insert_turn(conn, turn)
        else:
            names = ("state", "started_at", "ended_at", "total", "reason")
            store.change_turn(conn, turn.id, states=("pending",), **{name: getattr(turn, name) for name in names})
        store.insert_members(conn, wanted)
        return turn

    @staticmethod
    def _scheduled(ctx: TaskContext, plan: Plan, now: datetime) -> Turn:
        due = ctx.run.input.get("due")
        return Turn(
            id=new_id("turn"),
            plan_id=plan.id,
            project_id=plan.project_id,
            environment_id=plan.environment_id,
            schedule=str(ctx.run.input["schedule"]),
            trigger="schedule",
            actor=f"plan:{plan.id}",
            run_id=ctx.run.id,
            correlation_id=ctx.run.id,
            state="pending",
            requested_at=ctx.run.requested_at,
            due_at=parse_timestamp(str(due)) if due else now,
            **UNBEGUN,
        )

    def _why_not(self, conn: sa.Connection, plan: Plan, turn: Turn, now: datetime) -> dict[str, Any] | None:
        other = store.at_work(conn, plan.id, turn.schedule)
        if other is not None:
            return {"code": "plan_at_work", "message": f"the turn of {other.due_at.isoformat()} is still at work"}
        if turn.trigger != "schedule":
            return None
        timing = plan.timing(turn.schedule)
        if timing is None or not plan.enabled:
            return {"code": "plan_disabled", "message": "the plan or this schedule of it was switched off meanwhile"}
        late = now - turn.due_at
        if timing.missed == "skip" and late > timedelta(seconds=timing.late_seconds):
            return {
                "code": "turn_missed",
                "message": f"it was {int(late.total_seconds())} seconds late, and such turns are skipped",
                "late_seconds": int(late.total_seconds()),
            }
        return None

    def _members(self, conn: sa.Connection, plan: Plan, turn: Turn, now: datetime) -> Iterator[Member]:
        """What it covers at this moment, each with the time it may start at."""
        timing = plan.timing(turn.schedule)
        for resource in covered(plan, store.databases_of(conn, [plan.project_id])):
            spread = timing.jitter(plan.id, resource.id) if timing else timedelta(0)
            for repository_id in plan.repository_ids or (DEFAULT,):
                yield Member(
                    turn_id=turn.id,
                    resource_id=resource.id,
                    repository_id=repository_id,
                    plan_id=plan.id,
                    resource_name=resource.name,
                    state="waiting",
                    snapshot_id=None,
                    run_id=None,
                    due_at=turn.due_at,
                    not_before=max(now, turn.due_at + spread),
                    settled_at=None,
                    reason=None,
                    retention=None,
                )

    def _ask(self, ctx: TaskContext, plan: Plan, turn: Turn) -> bool:
        """For the next few snapshots; False when nobody waits any more."""
        with ctx.commit() as conn:
            waiting = store.members(conn, turn.id, states=("waiting",), limit=BATCH)
            there = databases.by_ids(conn, [each.resource_id for each in waiting])
            store.settle_members(conn, waiting, self._asked(conn, plan, turn, waiting, there))
        ctx.progress("asking", turn.total - len(waiting), turn.total, "steps")
        return bool(waiting)

    def _asked(
        self,
        conn: sa.Connection,
        plan: Plan,
        turn: Turn,
        members: Sequence[Member],
        there: Mapping[str, Resource],
    ) -> list[dict[str, Any]]:
        """What their rows say next: asked for with a run, or why there can be none."""
        now = self._clock.now()
        found: dict[int, HoldfastError | Asked] = {}
        wants: dict[int, Want] = {}
        for number, member in enumerate(members):
            try:
                resource = _ready(there.get(member.resource_id))
            except HoldfastError as error:
                found[number] = error
            else:
                delay = max(0.0, (member.not_before - now).total_seconds())
                wants[number] = Want(resource, member.repository_id or None, delay)
        asked = self._snapshots.asker.ask(conn, list(wants.values()), self._how(plan, turn))
        found |= dict(zip(wants, asked, strict=True))
        return [_said(found[number], now) for number in range(len(members))]

    @staticmethod
    def _how(plan: Plan, turn: Turn) -> How:
        timing = plan.timing(turn.schedule)
        return How(
            actor=Actor(turn.actor, "schedule", plan.name, ()),
            trigger=turn.trigger,
            level=plan.verify_level,
            options=plan.options,
            full=timing is not None and timing.mode == "full",
            plan_id=plan.id,
            correlation_id=turn.correlation_id or turn.run_id,
            lane=Lane(plan.id, plan.concurrency, plan.per_node),
            deadline_seconds=plan.deadline_seconds,
        )


def _ready(resource: Resource | None) -> Resource:
    if resource is None or resource.deleted_at is not None:
        raise Permanent("the database was deleted meanwhile", code="database_gone")
    if resource.state != "ready":
        raise Permanent(f"{resource.name!r} is {resource.state}, not ready", code="database_not_ready")
    return resource


def _said(found: HoldfastError | Asked, now: datetime) -> dict[str, Any]:
    """What a member's row says of what was asked."""
    error = found if isinstance(found, HoldfastError) else found.error
    values: dict[str, Any] = {"settled_at": None, "reason": None, "snapshot_id": None, "run_id": None}
    if error is not None or isinstance(found, HoldfastError) or found.snapshot is None:
        return {**values, "state": "skipped", "settled_at": now, "reason": error.as_dict() if error else None}
    return {**values, "state": "asked", "snapshot_id": found.snapshot.id, "run_id": found.run_id}
