"""/api/v1/downloads: signed links, and the files behind them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Annotated, Any

from fastapi import Depends, Header, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from holdfast.features.access.http import CurrentActor, IdempotencyKey
from holdfast.features.files.links import LinksService, Made
from holdfast.features.files.model import Download, Lives
from holdfast.features.files.ranges import Span, Unsatisfiable, asked
from holdfast.features.files.sending import SendingService, Shown
from holdfast.features.files.wire import DownloadIn, DownloadMadeOut, DownloadOut, DownloadsIn, FilePolicy, LinkLife
from holdfast.web.downloads import Ending, disposition
from holdfast.web.errors import ANONYMOUS, answers
from holdfast.web.paging import Cursor, Limit, Page, after_id, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes

router = Routes(tags=["files"])
Links = Annotated[LinksService, Depends(part(LinksService))]
Sending = Annotated[SendingService, Depends(part(SendingService))]
Expires = Annotated[int, Query(description="As the link has it.", ge=0, le=10**12)]
Signature = Annotated[str, Query(description="As the link has it.", max_length=128)]
_BYTES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}},
    206: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}},
    416: {"description": "The range begins after the end of the file."},
}


def _wire(made: Made) -> dict[str, Any]:
    return DownloadMadeOut.of(made, signed=False).model_dump(mode="json")


@router.post(
    "/snapshots/{snapshot_id}/downloads",
    operation_id="download_create",
    status_code=201,
    responses=answers(403, 404, 409),
)
def create(
    body: DownloadIn, actor: CurrentActor, links: Links, once: IdempotencyKey, snapshot_id: str
) -> DownloadMadeOut:
    """A signed link to the snapshot as one file, made while it is read. The link is its own credential."""
    made = links.create(
        actor,
        snapshot_id,
        body.wish(),
        said=body.encryption is not None,
        seconds=body.seconds,
        single=body.once,
        once=once.answering(_wire),
    )
    return DownloadMadeOut.of(made)


@router.post("/downloads", operation_id="download_create_zip", status_code=201, responses=answers(403, 404, 409))
def create_zip(body: DownloadsIn, actor: CurrentActor, links: Links, once: IdempotencyKey) -> DownloadMadeOut:
    """A signed link to several snapshots of one project as one zip, made while it is read; it answers no ranges. With
    one snapshot it is that one's file, and no zip."""
    made = links.create_zip(
        actor,
        body.snapshot_ids,
        body.wish(),
        said=body.encryption is not None,
        seconds=body.seconds,
        single=body.once,
        once=once.answering(_wire),
    )
    return DownloadMadeOut.of(made)


@router.get("/download-life", operation_id="download_life_get", responses=answers(403))
def get_life(actor: CurrentActor, links: Links) -> LinkLife:
    """How long links live."""
    return LinkLife.of(links.lives(actor))


@router.put("/download-life", operation_id="download_life_put", responses=answers(403))
def put_life(body: LinkLife, actor: CurrentActor, links: Links) -> LinkLife:
    """Set how long links live that are made from now on. Links there are end when they say."""
    return LinkLife.of(links.put_lives(actor, Lives(body.default_seconds, body.most_seconds)))


@router.get("/downloads", operation_id="download_list", responses=answers(403, 404))
def list_(
    actor: CurrentActor,
    links: Links,
    project_id: str | None = None,
    snapshot_id: str | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[DownloadOut]:
    """Links, newest first, never their signatures."""
    rows = links.list(actor, project_id=project_id, snapshot_id=snapshot_id, after=after_id(cursor), limit=limit + 1)
    return page(rows, limit, DownloadOut.of, lambda download: download.id)


@router.get("/downloads/{download_id}", operation_id="download_get", responses=answers(403, 404))
def get(actor: CurrentActor, links: Links, download_id: str) -> DownloadOut:
    """One link and what became of it."""
    return DownloadOut.of(links.get(actor, download_id))


@router.delete("/downloads/{download_id}", operation_id="download_revoke", responses=answers(403, 404))
def revoke(actor: CurrentActor, links: Links, download_id: str) -> DownloadOut:
    """The link opens nothing any more."""
    return DownloadOut.of(links.revoke(actor, download_id))


@router.get("/projects/{project_id}/file-policy", operation_id="file_policy_get", responses=answers(403, 404))
def get_policy(actor: CurrentActor, links: Links, project_id: str) -> FilePolicy:
    """What the project asks of files that leave it."""
    return FilePolicy(encryption=links.policy(actor, project_id))


@router.put("/projects/{project_id}/file-policy", operation_id="file_policy_put", responses=answers(403, 404))
def put_policy(body: FilePolicy, actor: CurrentActor, links: Links, project_id: str) -> FilePolicy:
    """Whether files may leave the project in plain text: optional, asked (it must be said) or required (never)."""
    return FilePolicy(encryption=links.put_policy(actor, project_id, body.encryption))


@router.head(
    "/downloads/{download_id}/content",
    operation_id="download_head",
    response_class=Response,
    responses={**_BYTES, **answers(404)},
    openapi_extra=ANONYMOUS,
)
def head(sending: Sending, download_id: str, expires: Expires, signature: Signature) -> Response:
    """What a download would answer. Uses nothing up."""
    download = sending.look(Shown(download_id, expires, signature, "HEAD"))
    return Response(headers=_headers(download, None, download.size))


@router.get(
    "/downloads/{download_id}/content",
    operation_id="download_content",
    response_class=StreamingResponse,
    responses={**_BYTES, **answers(404, 409)},
    openapi_extra=ANONYMOUS,
)
async def content(
    request: Request,
    sending: Sending,
    download_id: str,
    expires: Expires,
    signature: Signature,
    range_: Annotated[str | None, Header(alias="range", max_length=200)] = None,
    if_range: Annotated[str | None, Header(max_length=200)] = None,
) -> Response:
    """The file. Neither compressed nor encrypted, it answers a range; everything else comes whole, from its start."""
    shown = Shown(download_id, expires, signature, request.method)
    download = await run_in_threadpool(sending.look, shown)
    try:
        span = asked(range_, if_range, download.etag, download.size)
    except Unsatisfiable:
        return Response(status_code=416, headers={"content-range": f"bytes */{download.size}"})
    pieces = await run_in_threadpool(_begun, sending, shown, span)
    length = span.length if span else download.size
    return Ending(pieces, 206 if span else 200, _headers(download, span, length), "application/octet-stream")


def _begun(sending: SendingService, shown: Shown, span: Span | None) -> Iterator[bytes]:
    """With its first piece made: what goes wrong until then has its own status."""
    pieces = sending.open(shown, span)
    first = next(pieces, b"")
    return _Chained(first, pieces)


class _Chained:
    """An iterator that can be closed."""

    def __init__(self, first: bytes, rest: Iterator[bytes]) -> None:
        self._all, self._rest = chain((first,), rest), rest

    def __iter__(self) -> _Chained:
        return self

    def __next__(self) -> bytes:
        return next(self._all)

    def close(self) -> None:
        close = getattr(self._rest, "close", None)
        if close is not None:
            close()


def _headers(download: Download, span: Span | None, length: int | None) -> dict[str, str]:
    ranged = download.size is not None and download.etag is not None
    found = {
        "content-disposition": disposition(download.name),
        "accept-ranges": "bytes" if ranged else "none",
        "cache-control": "private, no-store",
        "content-type": "application/octet-stream",
        "x-content-type-options": "nosniff",
    }
    if download.etag is not None:
        found["etag"] = f'"{download.etag}"'
    if length is not None:
        found["content-length"] = str(length)
    if span is not None:
        found["content-range"] = f"bytes {span.first}-{span.last}/{download.size}"
    return found
