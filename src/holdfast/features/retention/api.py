"""/api/v1/{projects,environments,databases}/{id}/retention, undelete, and garbage collection."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from holdfast.features.access.http import CurrentActor
from holdfast.features.backups.wire import SnapshotOut
from holdfast.features.retention.collecting import CollectingService
from holdfast.features.retention.service import RetentionService
from holdfast.features.retention.wire import (
    ApplyIn,
    GcIn,
    GcRunOut,
    OutcomeOut,
    PreviewIn,
    RetentionIn,
    RetentionOut,
)
from holdfast.features.runs.wire import RunOut
from holdfast.web.errors import answers
from holdfast.web.paging import MAX_LIMIT, Cursor, Limit, decode_cursor
from holdfast.web.parts import part
from holdfast.web.routes import Routes

router = Routes(tags=["retention"])
Service = Annotated[RetentionService, Depends(part(RetentionService))]
Collecting = Annotated[CollectingService, Depends(part(CollectingService))]


@router.get("/projects/{project_id}/retention", operation_id="retention_of_project", responses=answers(403, 404))
def show_project(actor: CurrentActor, service: Service, project_id: str) -> RetentionOut:
    """Which snapshots a project keeps."""
    return RetentionOut.of(service.show(actor, "project", project_id))


@router.put("/projects/{project_id}/retention", operation_id="retention_set_project", responses=answers(403, 404, 422))
def set_project(body: RetentionIn, actor: CurrentActor, service: Service, project_id: str) -> RetentionOut:
    """Set a project's policy. Nothing is deleted until it is applied."""
    return RetentionOut.of(service.set(actor, "project", project_id, body.chosen(), body.tz))


@router.get(
    "/environments/{environment_id}/retention", operation_id="retention_of_environment", responses=answers(403, 404)
)
def show_environment(actor: CurrentActor, service: Service, environment_id: str) -> RetentionOut:
    """Which snapshots an environment keeps: its own policy, or its project's."""
    return RetentionOut.of(service.show(actor, "environment", environment_id))


@router.put(
    "/environments/{environment_id}/retention",
    operation_id="retention_set_environment",
    responses=answers(403, 404, 422),
)
def set_environment(body: RetentionIn, actor: CurrentActor, service: Service, environment_id: str) -> RetentionOut:
    """Set an environment's policy, or inherit again. Nothing is deleted until it is applied."""
    return RetentionOut.of(service.set(actor, "environment", environment_id, body.chosen(), body.tz))


@router.get("/databases/{database_id}/retention", operation_id="retention_of_database", responses=answers(403, 404))
def show_database(actor: CurrentActor, service: Service, database_id: str) -> RetentionOut:
    """Which snapshots a database keeps: its own policy, or what it inherits."""
    return RetentionOut.of(service.show(actor, "database", database_id))


@router.put(
    "/databases/{database_id}/retention", operation_id="retention_set_database", responses=answers(403, 404, 422)
)
def set_database(body: RetentionIn, actor: CurrentActor, service: Service, database_id: str) -> RetentionOut:
    """Set a database's policy, or inherit again. Nothing is deleted until it is applied."""
    return RetentionOut.of(service.set(actor, "database", database_id, body.chosen(), body.tz))


@router.post(
    "/databases/{database_id}/retention/preview",
    operation_id="retention_preview",
    responses=answers(403, 404, 422),
)
def preview(
    body: PreviewIn,
    actor: CurrentActor,
    service: Service,
    database_id: str,
    limit: Limit = MAX_LIMIT,
    cursor: Cursor = None,
) -> OutcomeOut:
    """Which snapshots would stay and which would go, with the reasons. Changes nothing."""
    key = decode_cursor(cursor, int)
    return OutcomeOut.of(
        service.preview(actor, database_id, body.chosen(), body.repository_id), int(key[0]) if key else 0, limit
    )


@router.post(
    "/databases/{database_id}/retention/apply",
    operation_id="retention_apply",
    responses=answers(403, 404, 409, 422),
)
def apply(body: ApplyIn, actor: CurrentActor, service: Service, database_id: str) -> OutcomeOut:
    """Forget what the policy does not keep. Forgotten snapshots can be brought back until their grace is over."""
    outcome = service.apply(
        actor, database_id, body.repository_id, body.chosen(), confirm=body.confirm, trust_clock=body.trust_clock
    )
    return OutcomeOut.of(outcome)


@router.post("/snapshots/{snapshot_id}/undelete", operation_id="snapshot_undelete", responses=answers(403, 404, 409))
def undelete(actor: CurrentActor, service: Service, snapshot_id: str) -> SnapshotOut:
    """Bring a forgotten snapshot back, until its grace is over."""
    return SnapshotOut.of(service.undelete(actor, snapshot_id))


@router.post(
    "/repositories/{repository_id}/gc",
    operation_id="repository_gc",
    status_code=202,
    responses=answers(403, 404, 409),
)
def collect(body: GcIn, actor: CurrentActor, service: Collecting, repository_id: str) -> GcRunOut:
    """Collect garbage: the first call marks what no snapshot needs, one after the grace deletes it."""
    row, run = service.collect(actor, repository_id, dry_run=body.dry_run)
    return GcRunOut(repository_id=row.id, run=RunOut.of(run))
