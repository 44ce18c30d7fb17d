"""/api/v1/databases/{id}/export (streamed) and /exports (as a run, into a file)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from fastapi.responses import FileResponse, StreamingResponse

from holdfast.features.access.http import CurrentActor, IdempotencyKey
from holdfast.features.runs.wire import RunOut
from holdfast.features.transfers.exports import ExportsService
from holdfast.features.transfers.model import Export
from holdfast.features.transfers.wire import CsvOutIn, ExportIn, ExportOut, ExportRunOut
from holdfast.features.transfers.writing import ExportWish
from holdfast.formats.sniffing import Form
from holdfast.formats.squeezing import Squeeze
from holdfast.jobs import Run
from holdfast.web.downloads import Ending, disposition
from holdfast.web.errors import answers
from holdfast.web.paging import Cursor, Limit, Page, after_id, page
from holdfast.web.parts import part
from holdfast.web.presence import until_gone
from holdfast.web.routes import Routes

router = Routes(tags=["transfers"])
Exports = Annotated[ExportsService, Depends(part(ExportsService))]
_BYTES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
}


async def _streamed(request: Request, actor: Any, exports: ExportsService, where: str, wish: ExportWish) -> Ending:
    name, pieces = await until_gone(request, exports.stream(actor, where, wish))
    made: AsyncIterator[bytes] = pieces
    return Ending(made, media_type=wish.media, headers={"content-disposition": disposition(name)})


@router.get(
    "/databases/{database_id}/export",
    operation_id="export_read",
    response_class=StreamingResponse,
    responses={**_BYTES, **answers(403, 404, 409)},
)
async def stream_table(
    request: Request,
    actor: CurrentActor,
    exports: Exports,
    database_id: str,
    *,
    format: Form = "csv",
    table: Annotated[str | None, Query(max_length=200)] = None,
    compression: Squeeze = "none",
    delimiter: Annotated[str, Query(min_length=1, max_length=1)] = ",",
    header: bool = True,
    null: Annotated[str, Query(max_length=32)] = "",
    formula_safe: bool = False,
) -> StreamingResponse:
    """A table, or the whole database as SQL, streamed; for a link. Going away ends the statement."""
    csv = CsvOutIn(delimiter=delimiter, header=header, null=null, formula_safe=formula_safe)
    body = ExportIn(format=format, table=table, compression=compression, csv=csv)
    return await _streamed(request, actor, exports, database_id, body.wish())


@router.post(
    "/databases/{database_id}/export",
    operation_id="export_stream",
    response_class=StreamingResponse,
    responses={**_BYTES, **answers(403, 404, 409)},
)
async def stream_any(
    request: Request, body: ExportIn, actor: CurrentActor, exports: Exports, database_id: str
) -> StreamingResponse:
    """A table, the rows of a statement, or the whole database as SQL, streamed as they come."""
    return await _streamed(request, actor, exports, database_id, body.wish())


def _wire(made: tuple[Export, Run]) -> dict[str, Any]:
    answer = ExportRunOut(export=ExportOut.of(made[0]), run=RunOut.of(made[1]))
    return answer.model_dump(mode="json")


@router.post(
    "/databases/{database_id}/exports",
    operation_id="export_create",
    status_code=202,
    responses=answers(403, 404, 409),
)
def create(
    body: ExportIn, actor: CurrentActor, exports: Exports, database_id: str, once: IdempotencyKey
) -> ExportRunOut:
    """Write an export into a file, as a run; it is kept for a day."""
    export, run = exports.start(actor, database_id, body.wish(), once.answering(_wire, 202))
    return ExportRunOut(export=ExportOut.of(export), run=RunOut.of(run))


@router.get("/exports", operation_id="export_list", responses=answers(403, 404))
def list_(
    actor: CurrentActor,
    exports: Exports,
    project_id: str | None = None,
    resource_id: str | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ExportOut]:
    """Exports into files, newest first."""
    rows = exports.list(actor, project_id=project_id, resource_id=resource_id, after=after_id(cursor), limit=limit + 1)
    return page(rows, limit, ExportOut.of, lambda export: export.id)


@router.get("/exports/{export_id}", operation_id="export_show", responses=answers(403, 404))
def read(actor: CurrentActor, exports: Exports, export_id: str) -> ExportOut:
    """One export."""
    return ExportOut.of(exports.get(actor, export_id))


@router.get(
    "/exports/{export_id}/content",
    operation_id="export_download",
    response_class=FileResponse,
    responses={**_BYTES, **answers(403, 404, 409)},
)
def content(actor: CurrentActor, exports: Exports, export_id: str) -> FileResponse:
    """The file; ranges are answered, so that a download that broke off goes on."""
    export, path = exports.content(actor, export_id)
    headers = {"content-disposition": disposition(export.name), "x-content-sha256": export.sha256 or ""}
    return FileResponse(path, media_type=ExportWish.of(dict(export.wish)).media, headers=headers)


@router.delete("/exports/{export_id}", operation_id="export_delete", status_code=204, responses=answers(403, 404, 409))
def delete(actor: CurrentActor, exports: Exports, export_id: str) -> None:
    """Delete an export and its file."""
    exports.delete(actor, export_id)
