"""/api/v1/snapshots/{id}/entries and /tables: looking inside without restoring."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Query
from fastapi.responses import StreamingResponse

from holdfast.features.access.http import CurrentActor
from holdfast.features.backups.browse import MAX_ROWS, BrowseService
from holdfast.features.backups.wire import EntryOut, PreviewOut, TableOut
from holdfast.features.databases.encoding import encode_row
from holdfast.web.errors import answers
from holdfast.web.paging import Cursor, Limit, Page, after_id, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes

router = Routes(tags=["snapshots"])
Browse = Annotated[BrowseService, Depends(part(BrowseService))]


@router.get("/snapshots/{snapshot_id}/entries", operation_id="entry_list", responses=answers(403, 404, 409))
def list_entries(
    actor: CurrentActor, browse: Browse, snapshot_id: str, limit: Limit = 50, cursor: Cursor = None
) -> Page[EntryOut]:
    """The entries of a snapshot by path; a stock restic shows them as files."""
    rows = browse.entries(actor, snapshot_id, after=after_id(cursor), limit=limit + 1)
    return page(rows, limit, lambda entry: EntryOut(**vars(entry)), lambda entry: entry.path)


@router.get(
    "/snapshots/{snapshot_id}/entries/{path:path}/content",
    operation_id="entry_download",
    response_class=StreamingResponse,
    responses=answers(403, 404, 409),
)
def download_entry(actor: CurrentActor, browse: Browse, snapshot_id: str, path: str) -> StreamingResponse:
    """An entry's bytes, verified as they are read."""
    size, pieces = browse.content(actor, snapshot_id, path)
    name = quote(path.rsplit("/", 1)[-1], safe="")
    headers = {"content-length": str(size), "content-disposition": f"attachment; filename*=UTF-8''{name}"}
    return StreamingResponse(pieces, media_type="application/octet-stream", headers=headers)


@router.get("/snapshots/{snapshot_id}/tables", operation_id="snapshot_tables", responses=answers(403, 404, 409))
def list_tables(actor: CurrentActor, browse: Browse, snapshot_id: str) -> Page[TableOut]:
    """Every table with its rows and columns, from the manifest."""
    return Page[TableOut](items=[TableOut.of(look) for look in browse.tables(actor, snapshot_id)])


@router.get(
    "/snapshots/{snapshot_id}/tables/{table:path}/rows", operation_id="snapshot_rows", responses=answers(403, 404, 409)
)
def preview_rows(
    actor: CurrentActor,
    browse: Browse,
    snapshot_id: str,
    table: str,
    limit: Annotated[int, Query(ge=1, le=MAX_ROWS)] = 20,
) -> PreviewOut:
    """The first rows of a table ("schema.table" or "table"); audited."""
    batch = browse.rows(actor, snapshot_id, table, limit)
    return PreviewOut(
        columns=[{"name": column.name, "type": column.type} for column in batch.columns],
        rows=[encode_row(row) for row in batch.rows],
        truncated=batch.truncated,
    )
