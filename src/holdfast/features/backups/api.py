"""/api/v1/snapshots: taking, proving, restoring, deleting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from holdfast.features.access.http import CurrentActor, IdempotencyKey
from holdfast.features.backups.asking import Asked, How
from holdfast.features.backups.model import ProofWord, Restore
from holdfast.features.backups.restore_service import RestoreService
from holdfast.features.backups.searching import Search
from holdfast.features.backups.service import SnapshotsService
from holdfast.features.backups.tagging.service import TagsService
from holdfast.features.backups.wire import (
    OutlookOut,
    RestoreIn,
    RestoreOut,
    RestoreRunOut,
    SnapshotDeleteIn,
    SnapshotIn,
    SnapshotOut,
    SnapshotPatch,
    SnapshotRunOut,
    SnapshotsAskedOut,
    SnapshotsIn,
    VerificationOut,
    VerifyIn,
)
from holdfast.features.databases.model import Resource
from holdfast.features.databases.wire import DatabaseOut
from holdfast.features.runs.wire import RunOut
from holdfast.jobs import Run
from holdfast.kernel.errors import Invalid
from holdfast.web.errors import answers
from holdfast.web.etag import IfMatch, set_etag
from holdfast.web.paging import Cursor, Limit, Page, after_id, page
from holdfast.web.parts import part
from holdfast.web.wire import Moment

router = APIRouter(tags=["snapshots"])
Service = Annotated[SnapshotsService, Depends(part(SnapshotsService))]
Tags = Annotated[TagsService, Depends(part(TagsService))]
Restores = Annotated[RestoreService, Depends(part(RestoreService))]


def _asked_wire(asked: Sequence[Asked]) -> dict[str, Any]:
    return SnapshotsAskedOut.of(asked).model_dump(mode="json")


def _restored(made: tuple[Resource, Restore, Run]) -> RestoreRunOut:
    resource, restore, run = made
    return RestoreRunOut(
        resource=DatabaseOut.of(resource), restore=RestoreOut.of(restore, resource.name), run=RunOut.of(run)
    )


def _restored_wire(made: tuple[Resource, Restore, Run]) -> dict[str, Any]:
    return _restored(made).model_dump(mode="json")


@router.post(
    "/databases/{database_id}/snapshots",
    operation_id="snapshot_create",
    status_code=202,
    responses=answers(403, 404, 409),
)
def create_snapshot(
    body: SnapshotIn, actor: CurrentActor, service: Service, once: IdempotencyKey, database_id: str
) -> SnapshotRunOut:
    """Take a snapshot; its run succeeds when it is stored, read back and verified to the level."""
    return SnapshotRunOut.of(
        service.create(
            actor,
            database_id,
            level=body.level,
            repository_id=body.repository_id,
            tags=body.tags,
            options=body.options.chosen(),
            full=body.full,
            once=once.answering(SnapshotRunOut.body, 202),
        )
    )


@router.post("/snapshots", operation_id="snapshot_create_many", status_code=202, responses=answers(403, 404, 409))
def create_snapshots(
    body: SnapshotsIn, actor: CurrentActor, service: Service, once: IdempotencyKey
) -> SnapshotsAskedOut:
    """Take a snapshot of each of many databases; small ones go together in one run. One that fails hinders no other."""
    return SnapshotsAskedOut.of(
        service.create_many(
            actor,
            body.which(),
            How(actor, "manual", body.level, body.tags, body.options.chosen(), body.full),
            repository_id=body.repository_id,
            once=once.answering(_asked_wire, 202),
        )
    )


@router.get("/snapshots", operation_id="snapshot_list", responses=answers(403, 404))
def list_snapshots(
    actor: CurrentActor,
    service: Service,
    tags: Tags,
    *,
    project_id: str | None = None,
    environment_id: str | None = None,
    resource_id: str | None = None,
    repository_id: str | None = None,
    engine: str | None = None,
    state: Annotated[
        list[str] | None, Query(description="creating, ready, failed, forgotten, deleted; repeatable.")
    ] = None,
    verification: Annotated[str | None, Query(description="green, yellow or red.")] = None,
    proof: Annotated[
        ProofWord | None,
        Query(description="verified is green; pending, skipped and stale are yellow; failed is red."),
    ] = None,
    q: Annotated[
        str | None,
        Query(max_length=200, description="In its id, its database's name, a tag or an imported file's name."),
    ] = None,
    tag: Annotated[
        list[str] | None, Query(max_length=20, description="Has this tag; repeatable, all must hold.")
    ] = None,
    trigger: Annotated[list[str] | None, Query(description="manual, schedule, safety, import...; repeatable.")] = None,
    hold: bool | None = None,
    since: Annotated[Moment | None, Query(description="Taken then or later.")] = None,
    until: Annotated[Moment | None, Query(description="Taken before.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[SnapshotOut]:
    """Snapshots, newest first."""
    rows = service.list(
        actor,
        project_id=project_id,
        resource_id=resource_id,
        states=state or (),
        after=after_id(cursor),
        limit=limit + 1,
        environment_id=environment_id,
        repository_id=repository_id,
        engine=engine,
        verification=verification,
        search=Search(q, tag or (), trigger or (), hold, since, until, proof),
    )
    colours = tags.colours(rows)
    return page(rows, limit, lambda row: SnapshotOut.of(row, colours), lambda snapshot: snapshot.id)


@router.get("/snapshots/{snapshot_id}", operation_id="snapshot_get", responses=answers(403, 404))
def get_snapshot(
    actor: CurrentActor, service: Service, tags: Tags, snapshot_id: str, response: Response
) -> SnapshotOut:
    """One snapshot."""
    snapshot = service.get(actor, snapshot_id)
    set_etag(response, snapshot.version)
    return SnapshotOut.of(snapshot, tags.colours([snapshot]))


@router.patch("/snapshots/{snapshot_id}", operation_id="snapshot_update", responses=answers(403, 404, 412, 428))
def update_snapshot(
    body: SnapshotPatch,
    actor: CurrentActor,
    service: Service,
    tags: Tags,
    snapshot_id: str,
    if_match: IfMatch,
    response: Response,
) -> SnapshotOut:
    """Tags and hold. A held snapshot is deleted by nobody."""
    changes = body.model_dump(exclude_unset=True)
    if None in changes.values():
        raise Invalid("tags and hold cannot be null")
    snapshot = service.update(actor, snapshot_id, changes, version=if_match)
    set_etag(response, snapshot.version)
    return SnapshotOut.of(snapshot, tags.colours([snapshot]))


@router.get("/snapshots/{snapshot_id}/verifications", operation_id="verification_list", responses=answers(403, 404))
def list_verifications(actor: CurrentActor, service: Service, snapshot_id: str) -> Page[VerificationOut]:
    """Every proof of a snapshot, newest first."""
    return Page[VerificationOut](items=[VerificationOut.of(row) for row in service.verifications(actor, snapshot_id)])


@router.post(
    "/snapshots/{snapshot_id}/verify",
    operation_id="snapshot_verify",
    status_code=202,
    responses=answers(403, 404, 409),
)
def verify_snapshot(body: VerifyIn, actor: CurrentActor, service: Service, snapshot_id: str) -> SnapshotRunOut:
    """Prove it again."""
    return SnapshotRunOut.of(service.verify(actor, snapshot_id, body.level))


@router.delete(
    "/snapshots/{snapshot_id}", operation_id="snapshot_delete", status_code=202, responses=answers(403, 404, 409)
)
def delete_snapshot(body: SnapshotDeleteIn, actor: CurrentActor, service: Service, snapshot_id: str) -> SnapshotRunOut:
    """Forget a snapshot; refused for a held one, and for the only good one without `force`."""
    return SnapshotRunOut.of(service.delete(actor, snapshot_id, body.confirm, force=body.force))


@router.post("/snapshots/{snapshot_id}/preview", operation_id="restore_preview", responses=answers(403, 404, 409))
def preview_restore(body: RestoreIn, actor: CurrentActor, service: Restores, snapshot_id: str) -> OutlookOut:
    """What a restore with the same body would do. Changes nothing."""
    return OutlookOut.of(service.preview(actor, snapshot_id, body.wish()))


@router.post(
    "/snapshots/{snapshot_id}/restore",
    operation_id="snapshot_restore",
    status_code=202,
    responses=answers(403, 404, 409),
)
def restore_snapshot(
    body: RestoreIn, actor: CurrentActor, service: Restores, once: IdempotencyKey, snapshot_id: str
) -> RestoreRunOut:
    """Into a new database, or in place: built beside, verified, swapped, the old one kept for the grace period."""
    return _restored(service.restore(actor, snapshot_id, body.wish(), once.answering(_restored_wire, 202)))


@router.get("/restores", operation_id="restore_list", responses=answers(403, 404))
def list_restores(
    actor: CurrentActor,
    service: Service,
    *,
    project_id: str | None = None,
    resource_id: str | None = None,
    snapshot_id: str | None = None,
    state: Annotated[str | None, Query(description="running, succeeded, failed or cancelled.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[RestoreOut]:
    """Who brought what back where, newest first."""
    rows = service.restores(
        actor,
        project_id=project_id,
        resource_id=resource_id,
        snapshot_id=snapshot_id,
        state=state,
        after=after_id(cursor),
        limit=limit + 1,
    )
    return page(rows, limit, lambda row: RestoreOut.of(*row), lambda row: row[0].id)
