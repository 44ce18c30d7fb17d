"""/api/v1/uploads: files sent in parts, taken up again where the line broke."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from holdfast.features.access.http import CurrentActor, IdempotencyKey
from holdfast.features.transfers.model import Upload
from holdfast.features.transfers.uploads import PART_BYTES, UploadsService
from holdfast.features.transfers.wire import UploadIn, UploadOut
from holdfast.kernel.errors import Invalid, LimitExceeded
from holdfast.web.errors import answers
from holdfast.web.paging import Cursor, Limit, Page, after_id, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes

router = Routes(tags=["transfers"])
Uploads = Annotated[UploadsService, Depends(part(UploadsService))]
_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15}|\*)")


def _wire(upload: Upload) -> dict[str, Any]:
    return UploadOut.of(upload).model_dump(mode="json")


@router.post(
    "/databases/{database_id}/uploads",
    operation_id="upload_create",
    status_code=201,
    responses=answers(403, 404, 409, 413),
)
def create(body: UploadIn, actor: CurrentActor, uploads: Uploads, database_id: str, once: IdempotencyKey) -> UploadOut:
    """Announce a file. Send its bytes to /uploads/{id}/content, then complete it."""
    return UploadOut.of(uploads.create(actor, database_id, body.wanted(), once.answering(_wire)))


@router.get("/uploads", operation_id="upload_list", responses=answers(403))
def list_(actor: CurrentActor, uploads: Uploads, limit: Limit = 50, cursor: Cursor = None) -> Page[UploadOut]:
    """One's own uploads, newest first."""
    rows = uploads.list(actor, after=after_id(cursor), limit=limit + 1)
    return page(rows, limit, UploadOut.of, lambda upload: upload.id)


@router.get("/uploads/{upload_id}", operation_id="upload_read", responses=answers(403, 404))
def read(actor: CurrentActor, uploads: Uploads, upload_id: str) -> UploadOut:
    """One upload: `received` says where to go on."""
    return UploadOut.of(uploads.get(actor, upload_id))


@router.head("/uploads/{upload_id}/content", operation_id="upload_offset", responses=answers(403, 404))
def offset(actor: CurrentActor, uploads: Uploads, upload_id: str) -> Response:
    """`Upload-Offset` and `Upload-Length`, as headers."""
    found = uploads.get(actor, upload_id)
    return Response(headers={"upload-offset": str(found.received), "upload-length": str(found.size)})


@router.put(
    "/uploads/{upload_id}/content",
    operation_id="upload_write",
    responses=answers(403, 404, 409, 413),
    openapi_extra={
        "requestBody": {
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
            "required": True,
        }
    },
)
async def write(
    request: Request,
    actor: CurrentActor,
    uploads: Uploads,
    upload_id: str,
    content_range: Annotated[str, Header(description="`bytes FIRST-LAST/SIZE` (RFC 9110, 14.4).", max_length=60)],
) -> UploadOut:
    """One part, of at most 8 MiB, at the end of what is there. What arrived of a part that broke off is kept."""
    await run_in_threadpool(uploads.get, actor, upload_id)
    first, length = _range(content_range)
    held = bytearray()
    try:
        async for piece in request.stream():
            held += piece
            if len(held) > length:
                raise Invalid("there is more than Content-Range says", code="range_invalid")
    except ClientDisconnect:
        if held:
            await run_in_threadpool(uploads.write, actor, upload_id, first, bytes(held))
        raise
    if len(held) != length:
        raise Invalid("there is less than Content-Range says", code="range_invalid")
    return UploadOut.of(await run_in_threadpool(uploads.write, actor, upload_id, first, bytes(held)))


def _range(text: str) -> tuple[int, int]:
    match = _RANGE.fullmatch(text)
    if match is None or int(match[2]) < int(match[1]):
        raise Invalid("Content-Range reads: bytes FIRST-LAST/SIZE", code="range_invalid")
    length = int(match[2]) - int(match[1]) + 1
    if length > PART_BYTES:
        raise LimitExceeded(f"a part holds at most {PART_BYTES} bytes", code="part_too_large")
    return int(match[1]), length


@router.post("/uploads/{upload_id}/complete", operation_id="upload_complete", responses=answers(403, 404, 409))
def complete(actor: CurrentActor, uploads: Uploads, upload_id: str) -> UploadOut:
    """All bytes were sent: compares size and digest. Asked again, answers again."""
    return UploadOut.of(uploads.complete(actor, upload_id))


@router.delete("/uploads/{upload_id}", operation_id="upload_delete", status_code=204, responses=answers(403, 404, 409))
def delete(actor: CurrentActor, uploads: Uploads, upload_id: str) -> None:
    """Forget an upload and its bytes."""
    uploads.delete(actor, upload_id)
