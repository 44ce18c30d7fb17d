"""/api/v1/databases/{id}/imports: preview, the run, and the bad rows it found."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.responses import FileResponse

from holdfast.features.access.http import CurrentActor, IdempotencyKey
from holdfast.features.runs.wire import RunOut
from holdfast.features.transfers.imports import ImportsService
from holdfast.features.transfers.model import Import
from holdfast.features.transfers.wire import ImportIn, ImportOut, ImportRunOut, PreviewOut
from holdfast.jobs import Run
from holdfast.web.downloads import disposition
from holdfast.web.errors import answers
from holdfast.web.paging import Cursor, Limit, Page, after_id, page
from holdfast.web.parts import part
from holdfast.web.presence import until_gone
from holdfast.web.routes import Routes

router = Routes(tags=["transfers"])
Imports = Annotated[ImportsService, Depends(part(ImportsService))]


@router.post(
    "/databases/{database_id}/imports/preview",
    operation_id="import_preview",
    responses=answers(403, 404, 409, 413),
)
async def preview(
    request: Request, body: ImportIn, actor: CurrentActor, imports: Imports, database_id: str
) -> PreviewOut:
    """What the file is, its first rows, and where its columns would go. Nothing is written."""
    made = await until_gone(request, imports.preview(actor, database_id, body.upload_id, body.wish()))
    return PreviewOut.of(made)


def _wire(made: tuple[Import, Run]) -> dict[str, Any]:
    answer = ImportRunOut(import_=ImportOut.of(made[0]), run=RunOut.of(made[1]))
    return answer.model_dump(mode="json", by_alias=True)


@router.post(
    "/databases/{database_id}/imports",
    operation_id="import_create",
    status_code=202,
    responses=answers(403, 404, 409),
)
def create(
    body: ImportIn, actor: CurrentActor, imports: Imports, database_id: str, once: IdempotencyKey
) -> ImportRunOut:
    """Import a complete upload, as a run and one transaction. An SQL dump also needs `database.query.write`."""
    row, run = imports.start(actor, database_id, body.upload_id, body.wish(), once.answering(_wire, 202))
    return ImportRunOut(import_=ImportOut.of(row), run=RunOut.of(run))


@router.get("/imports", operation_id="import_list", responses=answers(403, 404))
def list_(
    actor: CurrentActor,
    imports: Imports,
    project_id: str | None = None,
    resource_id: str | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ImportOut]:
    """Imports, newest first; forgotten after a week."""
    rows = imports.list(actor, project_id=project_id, resource_id=resource_id, after=after_id(cursor), limit=limit + 1)
    return page(rows, limit, ImportOut.of, lambda row: row.id)


@router.get("/imports/{import_id}", operation_id="import_read", responses=answers(403, 404))
def read(actor: CurrentActor, imports: Imports, import_id: str) -> ImportOut:
    """One import and what came of it."""
    return ImportOut.of(imports.get(actor, import_id))


@router.get(
    "/imports/{import_id}/bad-rows",
    operation_id="import_bad_rows",
    response_class=FileResponse,
    responses={200: {"content": {"application/x-ndjson": {"schema": {"type": "string"}}}}, **answers(403, 404)},
)
def bad_rows(actor: CurrentActor, imports: Imports, import_id: str) -> FileResponse:
    """The rows that were refused, as NDJSON: line, column, value, reason."""
    path = imports.report(actor, import_id)
    headers = {"content-disposition": disposition(f"{import_id}-bad-rows.ndjson")}
    return FileResponse(path, media_type="application/x-ndjson", headers=headers)
