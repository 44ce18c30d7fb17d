"""/api/v1/databases/{id}/sessions and /locks."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel

from holdfast.features.access.http import CurrentActor
from holdfast.features.connections.activity import ActivityService
from holdfast.web.errors import answers
from holdfast.web.paging import Page
from holdfast.web.parts import part
from holdfast.web.routes import Routes

router = Routes(tags=["connections"])
Service = Annotated[ActivityService, Depends(part(ActivityService))]


class SessionAtServerOut(BaseModel):
    """One session at a database's server. `statement` is its shape, without literals; `ours` cannot be ended."""

    id: str
    user: str | None
    application: str | None
    address: str | None
    state: str
    statement: str | None
    since: datetime | None
    statement_since: datetime | None
    waiting_for: str | None
    blocked_by: list[str]
    ours: bool


class WaitOut(BaseModel):
    """`waiter` wants `mode` on `target`; `holder` is in its way."""

    waiter: str
    holder: str
    mode: str
    target: str
    since: datetime | None


@router.get("/databases/{database_id}/sessions", operation_id="database_session_list", responses=answers(403, 404, 409))
def list_sessions(actor: CurrentActor, service: Service, database_id: str) -> Page[SessionAtServerOut]:
    """Who is connected, oldest first: all of them, there is no second page."""
    found = service.sessions(actor, database_id)
    return Page[SessionAtServerOut](items=[SessionAtServerOut.model_validate(asdict(each)) for each in found])


@router.get("/databases/{database_id}/locks", operation_id="database_lock_list", responses=answers(403, 404, 409))
def list_locks(actor: CurrentActor, service: Service, database_id: str) -> Page[WaitOut]:
    """Who waits for whom, longest first."""
    return Page[WaitOut](items=[WaitOut(**asdict(each)) for each in service.waits(actor, database_id)])


@router.post(
    "/databases/{database_id}/sessions/{number}/cancel",
    operation_id="database_session_cancel",
    status_code=204,
    responses=answers(403, 404, 409),
)
def cancel(actor: CurrentActor, service: Service, database_id: str, number: str) -> None:
    """End its statement; the session stays."""
    service.cancel(actor, database_id, number)


@router.delete(
    "/databases/{database_id}/sessions/{number}",
    operation_id="database_session_end",
    status_code=204,
    responses=answers(403, 404, 409),
)
def end(actor: CurrentActor, service: Service, database_id: str, number: str) -> None:
    """End the session; what it had begun is undone."""
    service.end(actor, database_id, number)
