"""/api/v1/databases/{database_id}/migrations and /api/v1/migrations."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends

from holdfast.features.access.http import CurrentActor, IdempotencyKey
from holdfast.features.migrations.model import Migration
from holdfast.features.migrations.service import MigrationsService
from holdfast.features.migrations.wire import (
    ApplyIn,
    BaselineIn,
    DriftOut,
    MigrationIn,
    MigrationOut,
    MigrationRunOut,
    RehearseIn,
    RollbackIn,
    StatusOut,
    StepOut,
)
from holdfast.features.runs.wire import RunOut
from holdfast.jobs import Run
from holdfast.web.errors import answers
from holdfast.web.paging import Cursor, Limit, Page, after_id, decode_cursor, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes

router = Routes(tags=["migrations"])
Service = Annotated[MigrationsService, Depends(part(MigrationsService))]
_BASE = "/databases/{database_id}/migrations"


def _wire(migration: Migration) -> dict[str, Any]:
    return MigrationOut.of(migration).model_dump(mode="json")


def _started(run: Run) -> MigrationRunOut:
    return MigrationRunOut(run=RunOut.of(run))


@router.post(_BASE, operation_id="migration_create", status_code=201, responses=answers(403, 404, 409))
def create(
    database_id: str, body: MigrationIn, actor: CurrentActor, service: Service, once: IdempotencyKey
) -> MigrationOut:
    """Store a migration. The same text again is the same one; another text replaces one that is not applied."""
    return MigrationOut.of(service.create(actor, database_id, body.wanted(), once.answering(_wire)))


@router.get(_BASE, operation_id="migration_list", responses=answers(403, 404))
def list_(
    database_id: str, actor: CurrentActor, service: Service, limit: Limit = 50, cursor: Cursor = None
) -> Page[MigrationOut]:
    """A database's migrations with their texts, by number."""
    key = decode_cursor(cursor, int)
    rows = service.list(actor, database_id, after=int(key[0]) if key else None, limit=limit + 1)
    return page(rows, limit, MigrationOut.of, lambda migration: (migration.number,))


@router.get(f"{_BASE}/status", operation_id="migration_status", responses=answers(403, 404, 409))
def status(database_id: str, actor: CurrentActor, service: Service) -> StatusOut:
    """What is applied and what is pending, by the database's own ledger."""
    return StatusOut.of(service.status(actor, database_id))


@router.get(f"{_BASE}/history", operation_id="migration_history", responses=answers(403, 404))
def history(
    database_id: str, actor: CurrentActor, service: Service, limit: Limit = 50, cursor: Cursor = None
) -> Page[StepOut]:
    """What was applied and rolled back by whom, how long it took and how it ended; newest first."""
    rows = service.history(actor, database_id, after=after_id(cursor), limit=limit + 1)
    return page(rows, limit, StepOut.of, lambda step: step.id)


@router.get(f"{_BASE}/drift", operation_id="migration_drift", responses=answers(403, 404, 409))
def drift(database_id: str, actor: CurrentActor, service: Service) -> DriftOut:
    """How the structure differs from what the last migration left."""
    return DriftOut.of(*service.drift(actor, database_id))


@router.post(f"{_BASE}/apply", operation_id="migration_apply", status_code=202, responses=answers(403, 404, 409))
def apply(database_id: str, body: ApplyIn, actor: CurrentActor, service: Service) -> MigrationRunOut:
    """Apply what is pending, each migration in a transaction of its own, after a snapshot."""
    return _started(service.apply(actor, database_id, body.wish()))


@router.post(f"{_BASE}/rollback", operation_id="migration_rollback", status_code=202, responses=answers(403, 404, 409))
def rollback(database_id: str, body: RollbackIn, actor: CurrentActor, service: Service) -> MigrationRunOut:
    """Take migrations back by their own way down, newest first, after a snapshot."""
    return _started(service.rollback(actor, database_id, body.wish()))


@router.post(f"{_BASE}/rehearse", operation_id="migration_rehearse", status_code=202, responses=answers(403, 404, 409))
def rehearse(database_id: str, body: RehearseIn, actor: CurrentActor, service: Service) -> MigrationRunOut:
    """Try what is pending and keep nothing: the run's result has timings, and locks where it ran in place."""
    return _started(service.rehearse(actor, database_id, body.wish()))


@router.post(f"{_BASE}/baseline", operation_id="migration_baseline", status_code=202, responses=answers(403, 404, 409))
def baseline(database_id: str, body: BaselineIn, actor: CurrentActor, service: Service) -> MigrationRunOut:
    """Take a database as it is: migrations up to a number count as applied, and drift is measured from now."""
    return _started(service.baseline(actor, database_id, body.wish()))


@router.get("/migrations/{migration_id}", operation_id="migration_read", responses=answers(403, 404))
def read(migration_id: str, actor: CurrentActor, service: Service) -> MigrationOut:
    """One migration with its texts."""
    return MigrationOut.of(service.get(actor, migration_id))


@router.delete(
    "/migrations/{migration_id}", operation_id="migration_delete", status_code=204, responses=answers(403, 404, 409)
)
def delete(migration_id: str, actor: CurrentActor, service: Service) -> None:
    """Delete a migration that was never applied."""
    service.delete(actor, migration_id)
