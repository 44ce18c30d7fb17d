"""/api/v1/databases/{id}/snapshot-imports: an uploaded dump becomes a snapshot."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from holdfast.features.access.http import CurrentActor, IdempotencyKey
from holdfast.features.backups.wire import SnapshotRunOut
from holdfast.features.imports.service import SnapshotImportsService
from holdfast.features.imports.wire import SnapshotImportIn
from holdfast.web.errors import answers
from holdfast.web.parts import part
from holdfast.web.routes import Routes

router = Routes(tags=["snapshots"])
Service = Annotated[SnapshotImportsService, Depends(part(SnapshotImportsService))]


@router.post(
    "/databases/{database_id}/snapshot-imports",
    operation_id="snapshot_import",
    status_code=202,
    responses=answers(403, 404, 409),
)
def import_snapshot(
    body: SnapshotImportIn, actor: CurrentActor, service: Service, once: IdempotencyKey, database_id: str
) -> SnapshotRunOut:
    """Load an uploaded dump into a scratch database and take a snapshot of that. The database itself is not touched."""
    return SnapshotRunOut.of(service.start(actor, database_id, body.wish(), once.answering(SnapshotRunOut.body, 202)))
