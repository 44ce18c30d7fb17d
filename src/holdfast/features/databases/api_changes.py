"""/api/v1/databases/{id}/passwords and /resize: changes of a database that stands."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends
from pydantic import BaseModel, Field

from holdfast.features.access.http import CurrentActor
from holdfast.features.databases.api import pair
from holdfast.features.databases.changes import ChangesService
from holdfast.features.databases.wire import ConfirmIn, DatabaseRunOut
from holdfast.web.errors import answers
from holdfast.web.parts import part
from holdfast.web.routes import Routes
from holdfast.web.wire import In

router = Routes(tags=["databases"])
Service = Annotated[ChangesService, Depends(part(ChangesService))]


class ResizeIn(In):
    spec: dict[str, Any] = Field(description="What shall change, of the engine's own form.", examples=[{"cpus": 2}])
    confirm: str = Field(default="", max_length=200, description="The name, typed, where a restart is needed.")


class ChangeOut(BaseModel):
    """One field. `applies`: "at once" or "restart"."""

    field: str
    before: Any
    after: Any
    applies: str


class ResizeOut(DatabaseRunOut):
    """A database, what changes of it, and the run that does it."""

    changes: list[ChangeOut]


@router.post(
    "/databases/{database_id}/passwords/rotate",
    operation_id="database_password_rotate",
    status_code=202,
    responses=answers(403, 404, 409),
)
def rotate(body: ConfirmIn, actor: CurrentActor, service: Service, database_id: str) -> DatabaseRunOut:
    """New passwords for the standing logins. The old ones and their sessions end; named logins and tunnels stay."""
    return pair(service.rotate(actor, database_id, body.confirm))


@router.post(
    "/databases/{database_id}/resize",
    operation_id="database_resize",
    status_code=202,
    responses=answers(403, 404, 409),
)
def resize(body: ResizeIn, actor: CurrentActor, service: Service, database_id: str) -> ResizeOut:
    """Other limits and settings: at once where the server can, else with a restart, which `confirm` agrees to. Of one
    that is stopped they count from its next start."""
    resource, run, changes = service.resize(actor, database_id, body.spec, body.confirm)
    told = [ChangeOut(**vars(change)) for change in changes]
    return ResizeOut(**dict(pair((resource, run))), changes=told)
