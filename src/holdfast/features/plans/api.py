"""Routes of plans."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Query, Response

from holdfast.features.access.http import CurrentActor, IdempotencyKey
from holdfast.features.plans.gaps import GapsService
from holdfast.features.plans.model import Plan, Turn
from holdfast.features.plans.service import PlansService
from holdfast.features.plans.status import PlanStatus
from holdfast.features.plans.wanted import WantedPlan
from holdfast.features.plans.wire import (
    CoveredOut,
    GapOut,
    LateOut,
    PlanIn,
    PlanOut,
    PlanPatch,
    RunPlanIn,
    ScheduleRowOut,
    TurnOut,
    TurnRunOut,
    UnprotectedOut,
    UpcomingListOut,
    UpcomingOut,
)
from holdfast.features.runs.wire import RunOut
from holdfast.jobs import Run
from holdfast.web.errors import answers
from holdfast.web.etag import IfMatch, set_etag
from holdfast.web.paging import Cursor, Limit, Page, after_id, decode_cursor, encode_cursor, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes
from holdfast.web.wire import Confirm, Moment

router = Routes(tags=["plans"])
Service = Annotated[PlansService, Depends(part(PlansService))]
Gaps = Annotated[GapsService, Depends(part(GapsService))]
Status = Annotated[PlanStatus, Depends(part(PlanStatus))]


@router.post(
    "/projects/{project_id}/plans", operation_id="plan_create", status_code=201, responses=answers(403, 404, 409)
)
def create(
    project_id: str,
    body: PlanIn,
    actor: CurrentActor,
    service: Service,
    status: Status,
    once: IdempotencyKey,
    response: Response,
) -> PlanOut:
    """Say what is backed up when, where to, and how long it is kept."""
    wanted = WantedPlan(**body.model_dump())
    made = service.create(actor, project_id, wanted, once.answering(lambda plan: _wire(plan, status)))
    set_etag(response, made.version)
    return _out(made, status)


@router.get("/plans", operation_id="plan_list", responses=answers(403, 404))
def list_(
    actor: CurrentActor,
    service: Service,
    status: Status,
    *,
    project_id: str | None = None,
    name: Annotated[str | None, Query(description="Part of the name.")] = None,
    enabled: bool | None = None,
    database_id: Annotated[str | None, Query(description="Only those that take snapshots of it.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[PlanOut]:
    """Plans with their schedules and next turns, newest first."""
    rows = service.list(
        actor,
        project_id=project_id,
        name=name,
        enabled=enabled,
        database_id=database_id,
        after=after_id(cursor),
        limit=limit + 1,
    )
    following = status.next_turns(rows)
    return page(rows, limit, lambda plan: PlanOut.of(plan, following), lambda plan: plan.id)


@router.get("/plans/{plan_id}", operation_id="plan_read", responses=answers(403, 404))
def read(plan_id: str, actor: CurrentActor, service: Service, status: Status, response: Response) -> PlanOut:
    """One plan."""
    found = service.get(actor, plan_id)
    set_etag(response, found.version)
    return _out(found, status)


@router.patch("/plans/{plan_id}", operation_id="plan_update", responses=answers(403, 404, 409, 412, 428))
def update(
    plan_id: str,
    body: PlanPatch,
    version: IfMatch,
    actor: CurrentActor,
    service: Service,
    status: Status,
    response: Response,
) -> PlanOut:
    """Change a plan, switch it on or off. In production the name is typed."""
    changed = service.update(actor, plan_id, version, body.changes(), body.confirm)
    set_etag(response, changed.version)
    return _out(changed, status)


@router.delete("/plans/{plan_id}", operation_id="plan_delete", status_code=204, responses=answers(403, 404, 409))
def delete(plan_id: str, body: Confirm, actor: CurrentActor, service: Service) -> None:
    """Delete a plan and its history. Its snapshots stay."""
    service.delete(actor, plan_id, body.confirm)


@router.post("/plans/{plan_id}/run", operation_id="plan_run", status_code=202, responses=answers(403, 404, 409))
def run(plan_id: str, body: RunPlanIn, actor: CurrentActor, service: Service, once: IdempotencyKey) -> TurnRunOut:
    """Carry a plan out now, or once later."""
    return _pair(service.run(actor, plan_id, in_seconds=body.in_seconds, once=once.answering(_pair_wire, 202)))


@router.get("/plans/{plan_id}/next", operation_id="plan_next", responses=answers(403, 404))
def upcoming(
    plan_id: str,
    actor: CurrentActor,
    service: Service,
    status: Status,
    count: Annotated[int, Query(ge=1, le=100)] = 5,
) -> UpcomingListOut:
    """When its schedules are due next."""
    plan = service.get(actor, plan_id)
    return UpcomingListOut(items=[UpcomingOut(at=at, schedule=name) for at, name in status.upcoming(plan, count)])


@router.get("/plans/{plan_id}/coverage", operation_id="plan_coverage", responses=answers(403, 404))
def coverage(
    plan_id: str, actor: CurrentActor, service: Service, status: Status, limit: Limit = 50, cursor: Cursor = None
) -> Page[CoveredOut]:
    """The databases it covers now: last success, next turn, and whether one is late."""
    key = decode_cursor(cursor, str)
    after = str(key[0]) if key else None
    rows = status.coverage(actor, service.get(actor, plan_id), after=after, limit=limit + 1)
    return page(rows, limit, CoveredOut.of, lambda row: f"{row.resource.id}/{row.repository_id or ''}")


@router.get("/projects/{project_id}/plans/late", operation_id="plan_late", responses=answers(403, 404))
def late(
    project_id: str, actor: CurrentActor, status: Status, limit: Limit = 50, cursor: Cursor = None
) -> Page[LateOut]:
    """Databases that should have a newer snapshot by the project's plans."""
    rows = status.late(actor, project_id, after=after_id(cursor), limit=limit + 1)
    return page(rows, limit, LateOut.of, lambda each: each.key)


@router.get("/projects/{project_id}/plans/gaps", operation_id="plan_gaps", responses=answers(403, 404))
def gaps(
    project_id: str,
    actor: CurrentActor,
    service: Gaps,
    since: Annotated[Moment | None, Query(description="Snapshots since then; the last 90 days without it.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[GapOut]:
    """Times without a snapshot that were longer than the plan allows, newest first."""
    key = decode_cursor(cursor, int)
    offset = int(key[0]) if key else 0
    rows = service.gaps(actor, project_id, since=since, offset=offset, limit=limit + 1)
    found = page(rows, limit, GapOut.of, lambda _: (0,))
    return found.model_copy(update={"next_cursor": encode_cursor(offset + limit)}) if found.next_cursor else found


@router.get("/plan-schedules", operation_id="plan_schedules", responses=answers(403, 404))
def schedules(
    actor: CurrentActor,
    service: Service,
    status: Status,
    project_id: str | None = None,
    count: Annotated[int, Query(ge=1, le=20, description="So many next turns of each.")] = 1,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ScheduleRowOut]:
    """Every schedule of every plan with its next turns. A page holds those of `limit` plans, newest plan first."""
    plans = service.list(actor, project_id=project_id, after=after_id(cursor), limit=limit + 1)
    found = page(plans, limit, lambda plan: plan, lambda plan: plan.id)
    rows = [row for plan in found.items for row in _schedule_rows(plan, status, count)]
    return Page[ScheduleRowOut](items=rows, next_cursor=found.next_cursor)


def _schedule_rows(plan: Plan, status: PlanStatus, count: int) -> list[ScheduleRowOut]:
    """Before the jitter."""
    due = status.turns_of(plan, count)
    return [
        ScheduleRowOut(
            plan_id=plan.id,
            plan_name=plan.name,
            project_id=plan.project_id,
            enabled=plan.enabled,
            schedule=timing.name,
            cron=timing.cron,
            tz=timing.tz,
            jitter_seconds=timing.jitter_seconds,
            next=due[timing.name],
        )
        for timing in plan.timings
    ]


@router.get("/projects/{project_id}/unprotected", operation_id="plan_unprotected", responses=answers(403, 404))
def unprotected(
    project_id: str, actor: CurrentActor, status: Status, limit: Limit = 50, cursor: Cursor = None
) -> Page[UnprotectedOut]:
    """Databases that no plan covers."""
    rows = status.unprotected(actor, project_id, after=after_id(cursor), limit=limit + 1)
    return page(rows, limit, UnprotectedOut.of, lambda resource: resource.id)


def _out(plan: Plan, status: PlanStatus) -> PlanOut:
    return PlanOut.of(plan, status.next_turns([plan]))


def _wire(plan: Plan, status: PlanStatus) -> dict[str, Any]:
    return _out(plan, status).model_dump(mode="json")


def _pair(made: tuple[Turn, Run]) -> TurnRunOut:
    return TurnRunOut(turn=TurnOut.of(made[0]), run=RunOut.of(made[1]))


def _pair_wire(made: tuple[Turn, Run]) -> dict[str, Any]:
    return _pair(made).model_dump(mode="json")
