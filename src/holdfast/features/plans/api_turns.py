"""Routes of the turns that plans took: the history of all schedules."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Depends, Query
from fastapi.responses import StreamingResponse

from holdfast.features.access.http import CurrentActor
from holdfast.features.plans.export import written
from holdfast.features.plans.model import TurnFilter
from holdfast.features.plans.turns_service import TurnsService
from holdfast.features.plans.wire import MemberOut, TurnOut
from holdfast.web.errors import answers
from holdfast.web.paging import Cursor, Limit, Page, after_id, decode_cursor, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes
from holdfast.web.sheets import MEDIA
from holdfast.web.wire import Moment

router = Routes(tags=["plans"])
Service = Annotated[TurnsService, Depends(part(TurnsService))]


def filter_of(
    project_id: str | None = None,
    plan_id: str | None = None,
    state: Annotated[
        list[str] | None,
        Query(description="pending, running, succeeded, partial, failed, cancelled, skipped; repeatable."),
    ] = None,
    trigger: Annotated[list[str] | None, Query(description="schedule, manual or once; repeatable.")] = None,
    since: Annotated[Moment | None, Query(description="Due at this moment or later.")] = None,
    until: Annotated[Moment | None, Query(description="Due before this moment.")] = None,
) -> TurnFilter:
    return TurnFilter(plan_id, project_id, state or (), trigger or (), since, until)


Filters = Annotated[TurnFilter, Depends(filter_of)]


@router.get("/plan-turns", operation_id="turn_list", responses=answers(403, 404))
def list_(
    actor: CurrentActor, service: Service, wanted: Filters, limit: Limit = 50, cursor: Cursor = None
) -> Page[TurnOut]:
    """What plans did and are about to do, newest first; `state=pending` are one-offs that wait."""
    rows = service.list(actor, wanted, after=after_id(cursor), limit=limit + 1)
    return page(rows, limit, TurnOut.of, lambda turn: turn.id)


@router.get(
    "/plan-turns/export", operation_id="turn_export", responses=answers(403, 404), response_class=StreamingResponse
)
def export(
    actor: CurrentActor,
    service: Service,
    wanted: Filters,
    kind: Annotated[Literal["csv", "json"], Query(alias="format")] = "json",
) -> StreamingResponse:
    """The history as a file, newest first."""
    headers = {"content-disposition": f'attachment; filename="plan-turns.{kind}"'}
    return StreamingResponse(written(service.every(actor, wanted), kind), media_type=MEDIA[kind], headers=headers)


@router.get("/plan-turns/{turn_id}", operation_id="turn_read", responses=answers(403, 404))
def read(turn_id: str, actor: CurrentActor, service: Service) -> TurnOut:
    """One turn."""
    return TurnOut.of(service.get(actor, turn_id))


@router.get("/plan-turns/{turn_id}/members", operation_id="turn_members", responses=answers(403, 404))
def members(
    turn_id: str, actor: CurrentActor, service: Service, limit: Limit = 50, cursor: Cursor = None
) -> Page[MemberOut]:
    """The databases of a turn, and what became of each."""
    key = decode_cursor(cursor, str)
    rows = service.members(actor, turn_id, after=str(key[0]) if key else None, limit=limit + 1)
    return page(rows, limit, MemberOut.of, lambda row: f"{row.resource_id}/{row.repository_id}")


@router.post("/plan-turns/{turn_id}/cancel", operation_id="turn_cancel", responses=answers(403, 404))
def cancel(turn_id: str, actor: CurrentActor, service: Service) -> TurnOut:
    """Let a pending turn never begin; stop what has not ended of one at work."""
    return TurnOut.of(service.cancel(actor, turn_id))
