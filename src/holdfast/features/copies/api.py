"""/api/v1/databases/{database_id}/clone and .../origin."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends
from pydantic import BaseModel, Field

from holdfast.features.access.http import CurrentActor, IdempotencyKey
from holdfast.features.copies.model import Clone
from holdfast.features.copies.service import CloneWish, CopiesService
from holdfast.features.databases.model import Resource
from holdfast.features.databases.wire import DatabaseOut
from holdfast.features.runs.wire import RunOut
from holdfast.jobs import Run
from holdfast.web.errors import answers
from holdfast.web.parts import part
from holdfast.web.routes import Routes
from holdfast.web.wire import In

router = Routes(tags=["databases"])
Service = Annotated[CopiesService, Depends(part(CopiesService))]


class CloneIn(In):
    """Of the living database. A clone of a snapshot is a restore with mode "new"."""

    name: str = Field(max_length=63, examples=["shop-copy"])
    environment_id: str | None = Field(default=None, max_length=64, description="Without it: the source's own.")
    masking: str | None = Field(default=None, max_length=64, description="A masking profile, by name or id.")

    def wish(self) -> CloneWish:
        return CloneWish(**self.model_dump())


class CloneRunOut(BaseModel):
    """The new database and the run that fills it."""

    resource: DatabaseOut
    clone_id: str
    run: RunOut


class OriginOut(BaseModel):
    """Where a database came from: created, cloned or restored; `moment` is what it shows the source as of."""

    how: str
    source_id: str | None
    source_name: str | None
    snapshot_id: str | None
    moment: datetime | None
    masking: str | None


def _out(made: tuple[Resource, Clone, Run]) -> CloneRunOut:
    resource, clone, run = made
    return CloneRunOut(resource=DatabaseOut.of(resource), clone_id=clone.id, run=RunOut.of(run))


def _wire(made: tuple[Resource, Clone, Run]) -> dict[str, Any]:
    return _out(made).model_dump(mode="json")


@router.post(
    "/databases/{database_id}/clone", operation_id="database_clone", status_code=202, responses=answers(403, 404, 409)
)
def clone(database_id: str, body: CloneIn, actor: CurrentActor, service: Service, once: IdempotencyKey) -> CloneRunOut:
    """Copy a living database into a new one, as of one moment, compared by digest before anyone gets in."""
    return _out(service.clone(actor, database_id, body.wish(), once.answering(_wire, 202)))


@router.get("/databases/{database_id}/origin", operation_id="database_origin", responses=answers(403, 404))
def origin(database_id: str, actor: CurrentActor, service: Service) -> OriginOut:
    """Cloned from what, restored from which snapshot, as of when."""
    return OriginOut(**asdict(service.origin(actor, database_id)))
