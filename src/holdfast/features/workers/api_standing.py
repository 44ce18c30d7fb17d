"""/api/v1/worker-standings: a list of workers at one look."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from holdfast.features.access.http import CurrentActor
from holdfast.features.workers.standing import Standing, StandingService
from holdfast.web.errors import answers
from holdfast.web.paging import Cursor, Limit, Page, after_id, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes

router = Routes(tags=["workers"])
Service = Annotated[StandingService, Depends(part(StandingService))]


class DeployedOut(BaseModel):
    version_id: str
    number: int
    tag: str | None
    weight: int = Field(description="Per cent.")


class WorkerStandingOut(BaseModel):
    """What takes a worker's requests, where it is reached, and how its last day went."""

    worker_id: str
    addresses: list[str] = Field(description="Proven own hosts first.")
    deployed: list[DeployedOut]
    requests: int = Field(description="Of the last day.")
    errors: int = Field(description="Of these, those that did not end well, answers of 500 and above among them.")
    outcomes: dict[str, int] = Field(description="How they ended.")
    statuses: dict[str, int] = Field(description="What they answered: `2xx`, `3xx`, `4xx`, `5xx`.")
    last_at: datetime | None

    @classmethod
    def of(cls, standing: Standing) -> WorkerStandingOut:
        return cls.model_validate(standing, from_attributes=True)


@router.get("/worker-standings", operation_id="worker_standing_list", responses=answers(403, 404))
def list_(
    actor: CurrentActor,
    service: Service,
    *,
    project_id: Annotated[str | None, Query(max_length=40)] = None,
    environment_id: Annotated[str | None, Query(max_length=40)] = None,
    name: Annotated[str | None, Query(max_length=63)] = None,
    q: Annotated[str | None, Query(max_length=63, description="Part of the name or the slug.")] = None,
    deleted: Annotated[bool, Query(description="Those that can still be brought back, instead.")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[WorkerStandingOut]:
    """Of the workers that the list of workers gives for the same question."""
    filters = {"environment_id": environment_id, "name": name, "q": q, "deleted": deleted}
    rows = service.list(actor, project_id=project_id, **filters, after=after_id(cursor), limit=limit + 1)
    return page(rows, limit, WorkerStandingOut.of, lambda each: each.worker_id)


@router.get("/workers/{worker_id}/standing", operation_id="worker_standing", responses=answers(403, 404))
def one(actor: CurrentActor, service: Service, worker_id: str) -> WorkerStandingOut:
    """Of one worker."""
    return WorkerStandingOut.of(service.one(actor, worker_id))
