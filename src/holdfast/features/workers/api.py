"""/api/v1/workers: made, changed, deleted."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Query, Response

from holdfast.features.access.http import CurrentActor, IdempotencyKey
from holdfast.features.workers.model import Worker
from holdfast.features.workers.service import WorkersService
from holdfast.features.workers.wire import WorkerIn, WorkerOut, WorkerPatch
from holdfast.web.errors import answers
from holdfast.web.etag import IfMatch, set_etag
from holdfast.web.paging import Cursor, Limit, Page, after_id, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes
from holdfast.web.wire import Confirm

router = Routes(tags=["workers"])
Service = Annotated[WorkersService, Depends(part(WorkersService))]


def _wire(worker: Worker) -> dict[str, Any]:
    return WorkerOut.of(worker).model_dump(mode="json")


@router.post("/workers", operation_id="worker_create", status_code=201, responses=answers(403, 404, 409))
def create(
    body: WorkerIn, actor: CurrentActor, service: Service, once: IdempotencyKey, response: Response
) -> WorkerOut:
    """Make a worker; upload a version and deploy it next."""
    made = service.create(actor, body.wanted(), once.answering(_wire))
    set_etag(response, made.version)
    return WorkerOut.of(made)


@router.get("/workers", operation_id="worker_list", responses=answers(403, 404))
def list_(
    actor: CurrentActor,
    service: Service,
    *,
    project_id: Annotated[str | None, Query(max_length=40)] = None,
    environment_id: Annotated[str | None, Query(max_length=40)] = None,
    name: Annotated[str | None, Query(max_length=63)] = None,
    q: Annotated[str | None, Query(max_length=63, description="Part of the name or the slug.")] = None,
    bound_to: Annotated[
        str | None,
        Query(
            max_length=40,
            description="Those deployed with a binding to this: the id of a database, namespace or worker.",
        ),
    ] = None,
    deleted: Annotated[bool, Query(description="Those that can still be brought back, instead.")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[WorkerOut]:
    """The workers one sees, in order of creation."""
    rows = service.list(
        actor,
        project_id=project_id,
        environment_id=environment_id,
        name=name,
        q=q,
        bound_to=bound_to,
        deleted=deleted,
        after=after_id(cursor),
        limit=limit + 1,
    )
    return page(rows, limit, WorkerOut.of, lambda worker: worker.id)


@router.get("/workers/{worker_id}", operation_id="worker_get", responses=answers(403, 404))
def get(actor: CurrentActor, service: Service, worker_id: str, response: Response) -> WorkerOut:
    """One worker."""
    found = service.get(actor, worker_id)
    set_etag(response, found.version)
    return WorkerOut.of(found)


@router.patch("/workers/{worker_id}", operation_id="worker_update", responses=answers(403, 404, 409, 412))
def update(
    body: WorkerPatch, actor: CurrentActor, service: Service, worker_id: str, version: IfMatch, response: Response
) -> WorkerOut:
    """Change a worker; what runs is started anew with it."""
    changed = service.update(actor, worker_id, version, body.changes())
    set_etag(response, changed.version)
    return WorkerOut.of(changed)


@router.delete("/workers/{worker_id}", operation_id="worker_delete", responses=answers(403, 404, 412))
def delete(body: Confirm, actor: CurrentActor, service: Service, worker_id: str) -> WorkerOut:
    """It stops at once; code and versions stay until `purge_after`."""
    return WorkerOut.of(service.delete(actor, worker_id, body.confirm))


@router.post("/workers/{worker_id}/undelete", operation_id="worker_undelete", responses=answers(403, 404, 409))
def undelete(actor: CurrentActor, service: Service, worker_id: str) -> WorkerOut:
    """Bring a deleted worker back; what was deployed runs again."""
    return WorkerOut.of(service.undelete(actor, worker_id))
