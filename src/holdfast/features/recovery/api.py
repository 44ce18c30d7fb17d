"""/api/v1/system/recovery: snapshots of Holdfast's own records."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends
from pydantic import BaseModel, Field

from holdfast.features.access.http import CurrentActor
from holdfast.features.recovery.model import MetadataSnapshot
from holdfast.features.recovery.service import HomeLook, RecoveryService, RecoveryState
from holdfast.web.errors import answers
from holdfast.web.paging import Cursor, Limit, Page, after_id, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes

router = Routes(tags=["system"])
Service = Annotated[RecoveryService, Depends(part(RecoveryService))]


class MetadataSnapshotOut(BaseModel):
    """One snapshot of everything Holdfast knows, in one repository."""

    id: str
    repository_id: str
    restic_id: str | None
    run_id: str | None
    state: str
    trigger: str
    bytes: int | None
    stored_bytes: int | None
    rows: int | None
    audit_seq: int | None = Field(description="The audit log's end in it.")
    error: dict[str, Any] | None
    created_at: datetime
    taken_at: datetime | None

    @classmethod
    def of(cls, row: MetadataSnapshot) -> MetadataSnapshotOut:
        return cls(**vars(row))


class MetadataHomeOut(BaseModel):
    """A repository that gets them. `path` is what stock restic takes as -r."""

    repository_id: str
    name: str
    kind: str
    path: str
    newest: MetadataSnapshotOut | None = Field(description="The newest good one.")

    @classmethod
    def of(cls, look: HomeLook) -> MetadataHomeOut:
        row = look.repository
        newest = MetadataSnapshotOut.of(look.newest) if look.newest else None
        return cls(repository_id=row.id, name=row.name, kind=row.kind, path=look.path, newest=newest)


class RecoveryOut(BaseModel):
    """Whether this server could be built again somewhere else."""

    ok: bool
    why: list[str] = Field(description="What is lacking; empty when nothing is.")
    homes: list[MetadataHomeOut]

    @classmethod
    def of(cls, state: RecoveryState) -> RecoveryOut:
        return cls(ok=not state.why, why=list(state.why), homes=[MetadataHomeOut.of(each) for each in state.homes])


class TakenOut(BaseModel):
    """One for each home; the run of each ends it."""

    snapshots: list[MetadataSnapshotOut]


@router.get("/system/recovery", operation_id="recovery_read", responses=answers(403))
def read(actor: CurrentActor, service: Service) -> RecoveryOut:
    """Where snapshots of the metadata go, the newest in each, and what a recovery would lack."""
    return RecoveryOut.of(service.state(actor))


@router.get("/system/recovery/snapshots", operation_id="metadata_snapshot_list", responses=answers(403))
def list_snapshots(
    actor: CurrentActor, service: Service, limit: Limit = 50, cursor: Cursor = None
) -> Page[MetadataSnapshotOut]:
    """Snapshots of the metadata, newest first."""
    rows = service.list(actor, after=after_id(cursor), limit=limit + 1)
    return page(rows, limit, MetadataSnapshotOut.of, lambda row: row.id)


@router.post(
    "/system/recovery/snapshots", operation_id="metadata_snapshot_create", status_code=202, responses=answers(403, 503)
)
def take(actor: CurrentActor, service: Service) -> TakenOut:
    """Take one now in every home. Asked again while one is under way it answers with that one."""
    return TakenOut(snapshots=[MetadataSnapshotOut.of(row) for row in service.take(actor)])


@router.put(
    "/system/recovery/homes/{repository_id}", operation_id="metadata_home_add", responses=answers(403, 404, 503)
)
def add_home(actor: CurrentActor, service: Service, repository_id: str) -> RecoveryOut:
    """Send every snapshot of the metadata there too. Best one that is not on this machine."""
    return RecoveryOut.of(service.add_home(actor, repository_id))


@router.delete(
    "/system/recovery/homes/{repository_id}", operation_id="metadata_home_remove", responses=answers(403, 404, 409, 503)
)
def remove_home(actor: CurrentActor, service: Service, repository_id: str) -> RecoveryOut:
    """Send no more of them there; those it has stay."""
    return RecoveryOut.of(service.remove_home(actor, repository_id))
