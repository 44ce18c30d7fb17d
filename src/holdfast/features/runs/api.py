"""Routes of runs."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Depends, Query, Request
from fastapi.responses import StreamingResponse

from holdfast.features.access.http import CurrentActor
from holdfast.features.runs.events import events
from holdfast.features.runs.export import MEDIA, written
from holdfast.features.runs.service import RunsService
from holdfast.features.runs.store import Filter
from holdfast.features.runs.wire import LogLineOut, RunOut
from holdfast.kernel.errors import Invalid
from holdfast.web.downloads import disposition
from holdfast.web.errors import answers
from holdfast.web.hub import Hub
from holdfast.web.paging import Cursor, Limit, Page, after_id, decode_cursor, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes
from holdfast.web.sse import LastEventId, event_stream
from holdfast.web.wire import Moment

router = Routes(tags=["runs"])
Service = Annotated[RunsService, Depends(part(RunsService))]
Ear = Annotated[Hub, Depends(part(Hub))]


def filter_of(
    project_id: str | None = None,
    environment_id: str | None = None,
    resource_id: str | None = None,
    state: Annotated[
        list[str] | None, Query(description="queued, running, succeeded, failed, cancelled; repeatable.")
    ] = None,
    kind: Annotated[list[str] | None, Query(description="Such as snapshot.create; repeatable.")] = None,
    by: Annotated[str | None, Query(description="Who asked: an actor's id.")] = None,
    trigger: Annotated[list[str] | None, Query(description="Such as manual or schedule; repeatable.")] = None,
    since: Annotated[Moment | None, Query(description="Asked for then or later.")] = None,
    until: Annotated[Moment | None, Query(description="Asked for before.")] = None,
) -> Filter:
    states, kinds, triggers = state or (), kind or (), trigger or ()
    return Filter(project_id, environment_id, resource_id, states, kinds, by, triggers, since, until)


Filters = Annotated[Filter, Depends(filter_of)]


@router.get("/runs", responses=answers(403, 404))
def list_runs(
    actor: CurrentActor, service: Service, wanted: Filters, limit: Limit = 50, cursor: Cursor = None
) -> Page[RunOut]:
    """Runs, newest first."""
    rows = service.list(actor, wanted, after=after_id(cursor), limit=limit + 1)
    return page(rows, limit, RunOut.of, lambda run: run.id)


@router.get(
    "/runs/export",
    operation_id="run_export",
    response_class=StreamingResponse,
    responses={200: {"content": {media: {} for media in MEDIA.values()}}, **answers(403, 404)},
)
def export_runs(
    actor: CurrentActor, service: Service, wanted: Filters, format: Literal["csv", "json"] = "csv"
) -> StreamingResponse:
    """The same as a file: who asked for what with which parameters, when it was to begin, began and ended."""
    headers = {"content-disposition": disposition(f"runs.{format}")}
    return StreamingResponse(written(service.every(actor, wanted), format), media_type=MEDIA[format], headers=headers)


@router.get("/runs/{run_id}", responses=answers(403, 404))
def get_run(actor: CurrentActor, service: Service, run_id: str) -> RunOut:
    """One run: state, progress, result or error."""
    return RunOut.of(service.get(actor, run_id))


@router.get("/runs/{run_id}/logs", responses=answers(403, 404))
def get_logs(
    actor: CurrentActor, service: Service, run_id: str, limit: Limit = 200, cursor: Cursor = None
) -> Page[LogLineOut]:
    """The run's own log, oldest line first."""
    key = decode_cursor(cursor, int)
    rows = service.logs(actor, run_id, after=int(key[0]) if key else 0, limit=limit + 1)
    return page(rows, limit, LogLineOut.of, lambda line: (line.seq,))


@router.get("/runs/{run_id}/events", responses=answers(403, 404), response_class=StreamingResponse)
def stream_events(
    request: Request,
    actor: CurrentActor,
    service: Service,
    hub: Ear,
    run_id: str,
    last_event_id: LastEventId = None,
) -> StreamingResponse:
    """Server-sent events `log`, `progress` and `state` until the run has ended; resumes by Last-Event-ID."""
    service.get(actor, run_id)
    try:
        after = int(last_event_id or 0)
    except ValueError:
        raise Invalid("Last-Event-ID was not given here", code="event_id_invalid") from None
    return event_stream(request, events(service, hub, actor, run_id, after))


@router.post("/runs/{run_id}/cancel", status_code=202, responses=answers(403, 404))
def cancel_run(actor: CurrentActor, service: Service, run_id: str) -> RunOut:
    """Ask a run to stop. It undoes what it began; one that has ended stays as it is."""
    return RunOut.of(service.cancel(actor, run_id))


@router.post("/runs/{run_id}/retry", operation_id="run_retry", status_code=202, responses=answers(403, 404, 409))
def retry_run(actor: CurrentActor, service: Service, run_id: str) -> RunOut:
    """Ask for the same again, with the same parameters, as the caller: a new run. Takes the permission of the act
    itself; refused while the run is not over, and for work that must not be done twice unseen (`retry_permission`)."""
    return RunOut.of(service.retry(actor, run_id))
