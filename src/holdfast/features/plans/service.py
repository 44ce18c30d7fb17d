"""What people ask of plans. Each act is one transaction: row, schedules, audit and run, or nothing at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from itertools import islice
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, no_such
from holdfast.features.access.grants import Columns
from holdfast.features.backups import store as backups
from holdfast.features.backups.model import RepositoryRow
from holdfast.features.backups.preparing import require_takes
from holdfast.features.databases.guard import found as found_database
from holdfast.features.plans import store
from holdfast.features.plans.coverage import covered
from holdfast.features.plans.model import MANUAL, Plan, Turn, TurnFilter, plans
from holdfast.features.plans.status import Late, overdue
from holdfast.features.plans.wanted import FIELDS, WantedPlan, checked
from holdfast.features.projects.model import environments
from holdfast.features.projects.scope import environment_of, project_of
from holdfast.jobs import Jobs, Run
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Invalid
from holdfast.kernel.ids import new_id
from holdfast.kernel.log import current
from holdfast.web.changed import changed_meanwhile
from holdfast.web.idempotency import NEVER, Once

__all__ = ["Late", "PlansService", "overdue"]
MIN_DELAY, MAX_DELAY = 60, 30 * 24 * 3600
KIND = "plan.run"


class PlansService:
    """Every verb takes the actor first; a plan of a project the actor does not see is not there."""

    def __init__(self, db: Database, jobs: Jobs, clock: Clock) -> None:
        self._db = db
        self._jobs = jobs
        self._clock = clock

    def create(self, actor: Actor, project_id: str, wanted: WantedPlan, once: Once = NEVER) -> Plan:
        """Raises Conflict("name_taken"), Invalid, and NotFound for a repository or database that is not the project's
        or that the actor may not use."""
        now = self._clock.now()
        values = checked(asdict(wanted), now)
        with self._db.write() as conn:
            project_of(conn, actor, project_id, "plan.read")
            environment_id = one_of(values["environment_ids"])
            plan = Plan(
                id=new_id("plan"),
                project_id=project_id,
                environment_id=environment_id,
                **values,
                armed_at=now,
                version=1,
                created_by=actor.id,
                created_at=now,
                updated_at=now,
            )
            self._authorise(conn, actor, plan, retention=plan.retention is not None)
            once.check(conn)
            store.insert(conn, plan)
            self._schedule(conn, plan)
            record(conn, actor, plan, "plan.create", {name: values[name] for name in FIELDS if name != "name"})
            once.keep(conn, plan)
            return plan

    def list(
        self,
        actor: Actor,
        *,
        project_id: str | None = None,
        name: str | None = None,
        enabled: bool | None = None,
        database_id: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Sequence[Plan]:
        """With `database_id` only plans that take snapshots of it. Raises NotFound for one the actor cannot see."""
        actor.require_within("plan.read", project_id)
        visible = actor.visible("plan.read", Columns(plans.c.project_id, plans.c.environment_id))
        with self._db.read() as conn:
            if database_id is None:
                return store.page(
                    conn, visible, project_id=project_id, name=name, enabled=enabled, after=after, limit=limit
                )
            resource = found_database(conn, actor, database_id, "database.read")
            every = store.pages(
                conn, visible, project_id=project_id or resource.project_id, name=name, enabled=enabled, after=after
            )
            return list(islice((plan for plan in every if any(covered(plan, [resource]))), limit))

    def get(self, actor: Actor, plan_id: str, permission: str = "plan.read") -> Plan:
        with self._db.read() as conn:
            return found(conn, actor, plan_id, permission)

    def update(
        self, actor: Actor, plan_id: str, version: int, changes: Mapping[str, Any], confirm: str | None = None
    ) -> Plan:
        """Any of its fields, `enabled` too. In production the name is typed and the password fresh."""
        now = self._clock.now()
        with self._db.write() as conn:
            before = found(conn, actor, plan_id, "plan.write")
            if before.version != version:
                raise changed_meanwhile("plan")
            changed = {name: changes[name] for name in FIELDS if name in changes}
            values = checked({**{name: getattr(before, name) for name in FIELDS}, **changed}, now)
            values["environment_id"] = one_of(values["environment_ids"])
            wanted = Plan(**{**asdict(before), **values})
            self._careful(conn, actor, before, confirm)
            self._authorise(conn, actor, wanted, retention=wanted.retention not in (None, before.retention))
            different = {name: value for name, value in values.items() if getattr(before, name) != value}
            armed = {"armed_at": now} if ARMING & different.keys() else {}
            after = store.change(conn, plan_id, version, now, {**different, **armed})
            if after is None:
                raise changed_meanwhile("plan")
            self._schedule(conn, after)
            record(conn, actor, after, "plan.update", audit.difference(before, different))
            return after

    def delete(self, actor: Actor, plan_id: str, confirm: str) -> None:
        """`confirm` is its name. What it kept stays, and nothing goes by its retention any more."""
        with self._db.write() as conn:
            plan = found(conn, actor, plan_id, "plan.write")
            if self._produces(conn, plan):
                actor.require_step_up()
            check_confirm(plan, confirm)
            if store.at_work(conn, plan.id) is not None:
                raise Conflict(
                    f"{plan.name!r} is at work", code="plan_at_work", hint="Wait for its turn to end, or cancel it."
                )
            for turn in store.turns(conn, TurnFilter(plan.id, states=("pending",)), limit=1000):
                self._jobs.cancel(conn, turn.run_id)
            self._jobs.unschedule(conn, store.prefix(plan.id))
            store.delete(conn, plan.id)
            record(conn, actor, plan, "plan.delete", {})

    def run(self, actor: Actor, plan_id: str, *, in_seconds: int | None = None, once: Once = NEVER) -> tuple[Turn, Run]:
        """Now, or once in 1 minute to 30 days. A plan that is switched off runs when it is asked to."""
        if in_seconds is not None and not MIN_DELAY <= in_seconds <= MAX_DELAY:
            raise Invalid(
                "a one-off is due in 1 minute to 30 days",
                code="delay_invalid",
                details={"fields": [{"field": "in_seconds", "message": f"{MIN_DELAY} to {MAX_DELAY}"}]},
            )
        now = self._clock.now()
        with self._db.write() as conn:
            plan = found(conn, actor, plan_id, "plan.run")
            once.check(conn)
            if in_seconds is None and store.at_work(conn, plan.id, MANUAL) is not None:
                raise Conflict(f"{plan.name!r} is at work", code="plan_at_work", hint="Wait for its turn to end.")
            trigger = "manual" if in_seconds is None else "once"
            turn_id = new_id("turn")
            run = self._jobs.submit(
                conn,
                kind=KIND,
                actor=actor.id,
                project_id=plan.project_id,
                environment_id=plan.environment_id,
                input={"plan_id": plan.id, "turn_id": turn_id},
                trigger=trigger,
                correlation_id=current("request_id"),
                delay_seconds=in_seconds or 0,
            )
            turn = Turn(
                id=turn_id,
                plan_id=plan.id,
                project_id=plan.project_id,
                environment_id=plan.environment_id,
                schedule=MANUAL,
                trigger=trigger,  # type: ignore[arg-type] # one of the two above
                actor=actor.id,
                run_id=run.id,
                correlation_id=run.correlation_id,
                state="pending",
                requested_at=now,
                due_at=now + timedelta(seconds=in_seconds or 0),
                **UNBEGUN,
            )
            store.insert_turn(conn, turn)
            record(conn, actor, plan, "plan.run", {"turn_id": turn.id, "in_seconds": in_seconds})
            made = (turn, run)
            once.keep(conn, made)
            return made

    def _schedule(self, conn: sa.Connection, plan: Plan) -> None:
        """Its rows in `schedules`, as the plan says now. One whose line did not change keeps its next moment."""
        names = []
        for timing in plan.timings:
            name = f"{store.prefix(plan.id)}{timing.name}"
            names.append(name)
            self._jobs.schedule(
                conn,
                name,
                KIND,
                cron=timing.cron,
                tz=timing.tz,
                project_id=plan.project_id,
                input={"plan_id": plan.id, "schedule": timing.name},
                enabled=plan.enabled,
            )
        self._jobs.unschedule(conn, store.prefix(plan.id), names)

    def _authorise(self, conn: sa.Connection, actor: Actor, plan: Plan, *, retention: bool) -> None:
        """Whoever writes a plan may do by hand what it will do: take snapshots there, use those repositories, and
        delete when it deletes."""
        for environment_id in plan.environment_ids:
            environment = environment_of(conn, actor, environment_id, "plan.write")
            if environment.project_id != plan.project_id:
                raise no_such("environment")
        for permission in ("plan.write", "snapshot.create", *(("retention.apply",) if retention else ())):
            actor.require(permission, plan.place, noun="project")
        if self._produces(conn, plan):
            actor.require_step_up()
        for repository_id in plan.repository_ids:
            self._usable(conn, actor, plan, repository_id)
        ids = plan.selects.resources
        known = {each.id for each in store.databases_of(conn, [plan.project_id])} if ids else set()
        if any(each not in known for each in ids):
            raise no_such("database")

    @staticmethod
    def _usable(conn: sa.Connection, actor: Actor, plan: Plan, repository_id: str) -> None:
        row = backups.get(conn, RepositoryRow, repository_id)
        mine = row if row is not None and row.project_id == plan.project_id else None
        actor.require("repository.read", mine.place if mine else None, noun="repository")
        if mine is None:
            raise no_such("repository")
        if mine.serves is not None and list(plan.environment_ids) != [mine.serves]:
            raise Conflict(
                f"the repository {mine.name!r} is for one environment only",
                code="repository_environment",
                hint="Let the plan cover just that environment, or name another repository.",
            )
        require_takes(conn, mine, list(plan.environment_ids), plan.options, plan.verify_level)

    @staticmethod
    def _produces(conn: sa.Connection, plan: Plan) -> bool:
        """Whether it covers production."""
        c = environments.c
        query = sa.select(c.id).where(c.project_id == plan.project_id, c.kind == "production")
        chosen = set(plan.environment_ids)
        return any(not chosen or each in chosen for each in conn.scalars(query))

    def _careful(self, conn: sa.Connection, actor: Actor, plan: Plan, confirm: str | None) -> None:
        """In production: the password fresh and the name typed, since a plan changed in silence is a backup missed."""
        if self._produces(conn, plan):
            actor.require_step_up()
            check_confirm(plan, confirm or "")


ARMING = frozenset({"schedules", "enabled", "selection", "environment_ids", "repository_ids"})
UNBEGUN: dict[str, Any] = {
    "started_at": None,
    "expanded_at": None,
    "ended_at": None,
    "total": 0,
    "succeeded": 0,
    "failed": 0,
    "reason": None,
}


def one_of(environment_ids: Sequence[str]) -> str | None:
    return environment_ids[0] if len(environment_ids) == 1 else None


def found(conn: sa.Connection, actor: Actor, plan_id: str, permission: str) -> Plan:
    """The plan, if `actor` may do `permission` with it; absent and foreign look the same."""
    plan = store.get(conn, plan_id)
    actor.require(permission, plan.place if plan else None, noun="plan")
    if plan is None:
        raise no_such("plan")
    return plan


def record(conn: sa.Connection, actor: Actor, plan: Plan, action: str, details: Mapping[str, Any]) -> None:
    audit.record(
        conn,
        actor=actor.id,
        action=action,
        project_id=plan.project_id,
        environment_id=plan.environment_id,
        resource_id=plan.id,
        details={"name": plan.name, **details},
    )


def check_confirm(plan: Plan, confirm: str) -> None:
    if confirm != plan.name:
        raise Invalid(
            "confirm must be the plan's name, exactly",
            code="confirm_mismatch",
            details={"fields": [{"field": "confirm", "message": "is not the name"}]},
        )
