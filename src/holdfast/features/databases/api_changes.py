"""/api/v1/databases/{id}/passwords: changes of a database that stands."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from holdfast.features.access.http import CurrentActor
from holdfast.features.databases.api import pair
from holdfast.features.databases.changes import ChangesService
from holdfast.features.databases.wire import ConfirmIn, DatabaseRunOut
from holdfast.web.errors import answers
from holdfast.web.parts import part

router = APIRouter(tags=["databases"])
Service = Annotated[ChangesService, Depends(part(ChangesService))]


@router.post(
    "/databases/{database_id}/passwords/rotate",
    operation_id="database_password_rotate",
    status_code=202,
    responses=answers(403, 404, 409),
)
def rotate(body: ConfirmIn, actor: CurrentActor, service: Service, database_id: str) -> DatabaseRunOut:
    """New passwords for the standing logins. The old ones and their sessions end; named logins and tunnels stay."""
    return pair(service.rotate(actor, database_id, body.confirm))
