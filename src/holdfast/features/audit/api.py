"""/api/v1/audit, /api/v1/activity and /api/v1/events."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Annotated, Literal

from fastapi import Depends, Query, Request
from fastapi.responses import StreamingResponse

from holdfast.features.access.actor import Actor
from holdfast.features.access.http import CurrentActor
from holdfast.features.audit.activity import Activity, actor_names, told
from holdfast.features.audit.events import events
from holdfast.features.audit.export import written
from holdfast.features.audit.service import AuditService
from holdfast.features.audit.store import AuditEvent
from holdfast.features.audit.wire import ActivityOut, AuditEventOut, ErasedOut, EraseIn, Filters, VerifiedOut, VerifyIn
from holdfast.kernel.db import Database
from holdfast.kernel.errors import HoldfastError, Invalid
from holdfast.web.errors import answers
from holdfast.web.hub import Hub
from holdfast.web.paging import Cursor, Limit, Page, decode_cursor, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes
from holdfast.web.sheets import MEDIA
from holdfast.web.sse import LastEventId, event_stream

router = Routes(tags=["audit"])
Service = Annotated[AuditService, Depends(part(AuditService))]
Ear = Annotated[Hub, Depends(part(Hub))]
Names = Annotated[Database, Depends(part(Database))]


def _before(cursor: str | None) -> int | None:
    key = decode_cursor(cursor, int)
    return None if key is None else int(key[0])


def _names(db: Database, rows: Sequence[AuditEvent]) -> dict[str, str]:
    with db.read() as conn:
        return actor_names(conn, [row.actor for row in rows])


@router.get("/audit", operation_id="audit_list", responses=answers(403, 404))
def list_(
    actor: CurrentActor, service: Service, db: Names, wanted: Filters, limit: Limit = 50, cursor: Cursor = None
) -> Page[AuditEventOut]:
    """The audit log, newest first: every change, every sign-in, every refusal and every read that matters."""
    rows = service.list(actor, wanted, before=_before(cursor), limit=limit + 1)
    names = _names(db, rows)
    return page(rows, limit, lambda event: AuditEventOut.of(event, names), lambda event: (event.seq,))


@router.get("/audit/export", operation_id="audit_export", responses=answers(403, 404), response_class=StreamingResponse)
def export(
    actor: CurrentActor,
    service: Service,
    wanted: Filters,
    kind: Annotated[Literal["csv", "json", "ndjson"], Query(alias="format")] = "json",
) -> StreamingResponse:
    """The log as a file, oldest first. The export is itself recorded."""
    headers = {"content-disposition": f'attachment; filename="audit.{kind}"'}
    return StreamingResponse(
        written(service.export(actor, wanted, kind), kind), media_type=MEDIA[kind], headers=headers
    )


@router.post(
    "/audit/verify", operation_id="audit_verify", responses=answers(403, 404), response_class=StreamingResponse
)
def verify(body: VerifyIn, actor: CurrentActor, service: Service) -> StreamingResponse:
    """Read the whole log again and say what is not as it was written. Answers NDJSON: `{"done", "of"}` while it reads,
    then `{"result"}`, or `{"error"}`."""
    actor.require_everywhere("audit.verify")
    return StreamingResponse(_verifying(service, actor, body.snapshot_id), media_type="application/x-ndjson")


def _verifying(service: AuditService, actor: Actor, snapshot_id: str | None) -> Iterator[bytes]:
    told_so_far: queue.Queue[dict[str, object] | None] = queue.Queue()

    def work() -> None:
        try:
            found = service.verify(actor, snapshot_id, lambda done, of: told_so_far.put({"done": done, "of": of}))
            told_so_far.put({"result": VerifiedOut.of(found).model_dump(mode="json")})
        except HoldfastError as error:
            told_so_far.put({"error": error.as_dict()})
        finally:
            told_so_far.put(None)

    threading.Thread(target=work, name="audit-verify", daemon=True).start()
    while (line := told_so_far.get()) is not None:
        yield json.dumps(line).encode() + b"\n"


@router.post("/audit/erase", operation_id="audit_erase", responses=answers(403))
def erase(body: EraseIn, actor: CurrentActor, service: Service) -> ErasedOut:
    """Erase addresses and details of rows by an actor, or of single rows. That something was done, by whom and when,
    stays; the chain still verifies."""
    return ErasedOut(rows=service.erase(actor, subject=body.actor, ids=body.ids, reason=body.reason))


@router.get("/audit/{event_id}", operation_id="audit_read", responses=answers(403, 404))
def read(event_id: str, actor: CurrentActor, service: Service, db: Names) -> AuditEventOut:
    """One row of the log, by its id or its `seq`."""
    found = service.get(actor, event_id)
    return AuditEventOut.of(found, _names(db, [found]))


@router.get("/activity", operation_id="activity_list", responses=answers(403, 404))
def activity(
    actor: CurrentActor,
    service: Service,
    db: Names,
    wanted: Filters,
    kind: Annotated[str | None, Query(max_length=40, description="The verb: create, restore, denied ...")] = None,
    mine: Annotated[bool, Query(description="Only what the caller did: needs no permission.")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ActivityOut]:
    """Who did what, as sentences, newest first: of a user (`actor`), of a resource (`resource_id`), or of everyone."""
    asked = replace(wanted, verb=kind)
    before = _before(cursor)
    rows = (
        service.own(actor, asked, before=before, limit=limit + 1)
        if mine
        else service.list(actor, asked, before=before, limit=limit + 1)
    )
    found: list[Activity] = told(rows, _names(db, rows))
    return page(found, limit, ActivityOut.of, lambda each: (each.event.seq,))


@router.get("/events", operation_id="event_stream", responses=answers(403, 404), response_class=StreamingResponse)
def stream(
    request: Request,
    actor: CurrentActor,
    service: Service,
    hub: Ear,
    wanted: Filters,
    last_event_id: LastEventId = None,
    after: Annotated[int | None, Query(ge=0, description="Begin after this place; by default with what comes.")] = None,
) -> StreamingResponse:
    """Server-sent events: each row of the audit log as it gets its place. Resumes by Last-Event-ID, a row's `seq`."""
    actor.require_within("audit.read", wanted.project_id)
    try:
        begin = int(last_event_id) if last_event_id is not None else after
    except ValueError:
        raise Invalid("Last-Event-ID was not given here", code="event_id_invalid") from None
    start = service.last_place() if begin is None else begin
    return event_stream(request, events(service, hub, actor, wanted, start))
