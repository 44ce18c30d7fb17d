"""Schedules of a worker, what it did, and calling it from here."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any

from fastapi import Depends, Query
from starlette.concurrency import run_in_threadpool

from holdfast.features.access.http import CurrentActor
from holdfast.features.workers.calling import CallingService
from holdfast.features.workers.reading import ReadingService
from holdfast.features.workers.wire_more import (
    CronIn,
    CronTurnOut,
    InvocationOut,
    InvocationWholeOut,
    ScheduleOut,
    TestAnswerOut,
    TestRequestIn,
    TurnOut,
    WindowOut,
    WorkerLogOut,
)
from holdfast.web.errors import answers
from holdfast.web.paging import Cursor, Limit, Page, decode_cursor, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes

router = Routes(tags=["workers"])
Reading = Annotated[ReadingService, Depends(part(ReadingService))]
Calling = Annotated[CallingService, Depends(part(CallingService))]
Milliseconds = Annotated[int | None, Query(ge=0, description="Milliseconds since 1970.")]
_LOOK_SECONDS = 0.5


def _before(cursor: str | None) -> int | None:
    key = decode_cursor(cursor, int)
    return None if key is None else int(key[0])


@router.get("/workers/{worker_id}/crons", operation_id="worker_cron_list", responses=answers(403, 404))
def list_crons(actor: CurrentActor, reading: Reading, worker_id: str) -> list[ScheduleOut]:
    """The crons of what is deployed, with their next turns."""
    return [ScheduleOut.of(each) for each in reading.schedules(actor, worker_id)]


@router.post("/workers/{worker_id}/crons/run", operation_id="worker_cron_run", responses=answers(403, 404, 409, 503))
def run_cron(body: CronIn, actor: CurrentActor, calling: Calling, worker_id: str) -> TurnOut:
    """Take a turn of a cron now, and wait for its end."""
    return TurnOut.of(calling.turn(actor, worker_id, body.cron))


@router.get("/workers/{worker_id}/cron-turns", operation_id="worker_cron_turns", responses=answers(403, 404))
def list_turns(
    actor: CurrentActor,
    reading: Reading,
    worker_id: str,
    cron: Annotated[str | None, Query(max_length=300)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[CronTurnOut]:
    """Turns that were taken or missed, newest first."""
    rows = reading.turns(actor, worker_id, cron=cron, before=_before(cursor), limit=limit + 1)
    return page(rows, limit, CronTurnOut.of, lambda each: (each.seq,))


@router.post("/workers/{worker_id}/invoke", operation_id="worker_invoke", responses=answers(403, 404, 409, 503))
def invoke(body: TestRequestIn, actor: CurrentActor, calling: Calling, worker_id: str) -> TestAnswerOut:
    """Send a request to the worker and give its answer back."""
    calling.require(actor, worker_id)
    return TestAnswerOut.of(calling.call(actor, worker_id, body.wanted()))


@router.get("/workers/{worker_id}/invocations", operation_id="worker_invocation_list", responses=answers(403, 404))
def list_invocations(
    actor: CurrentActor,
    reading: Reading,
    worker_id: str,
    *,
    version_id: Annotated[str | None, Query(max_length=40)] = None,
    outcome: Annotated[str | None, Query(max_length=40)] = None,
    trigger: Annotated[str | None, Query(max_length=40)] = None,
    errors: Annotated[bool, Query(description="Only what failed.")] = False,
    ray: Annotated[str | None, Query(max_length=80, description="The one of this request id.")] = None,
    since: Milliseconds = None,
    until: Milliseconds = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[InvocationOut]:
    """What the worker did, newest first."""
    filters: dict[str, Any] = {"version_id": version_id, "outcome": outcome, "trigger": trigger, "errors": errors}
    filters["ray"] = ray
    filters |= {"since": since, "until": until, "before": _before(cursor), "limit": limit + 1}
    rows = reading.invocations(actor, worker_id, **filters)
    return page(rows, limit, InvocationOut.of, lambda each: (each.seq,))


@router.get("/workers/{worker_id}/invocations/{id}", operation_id="worker_invocation_get", responses=answers(403, 404))
def get_invocation(actor: CurrentActor, reading: Reading, worker_id: str, id: str) -> InvocationWholeOut:
    """One invocation with what it logged."""
    one, lines = reading.invocation(actor, worker_id, id)
    logs = [WorkerLogOut.of(each) for each in lines]
    return InvocationWholeOut(**InvocationOut.of(one).model_dump(), logs=logs)


@router.get("/workers/{worker_id}/logs", operation_id="worker_log_list", responses=answers(403, 404))
async def list_logs(
    actor: CurrentActor,
    reading: Reading,
    worker_id: str,
    *,
    version_id: Annotated[str | None, Query(max_length=40)] = None,
    level: Annotated[str | None, Query(max_length=20)] = None,
    text: Annotated[str | None, Query(max_length=200, description="Lines that contain it.")] = None,
    since: Milliseconds = None,
    until: Milliseconds = None,
    after: Annotated[int | None, Query(ge=0, description="Oldest first from after this `seq`: a tail.")] = None,
    wait: Annotated[float, Query(ge=0, le=25, description="With `after`: seconds to wait for a line.")] = 0,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[WorkerLogOut]:
    """What the worker logged, newest first; a tail with `after`."""
    filters: dict[str, Any] = {"version_id": version_id, "level": level, "text": text, "since": since, "until": until}
    filters |= {"before": _before(cursor), "after": after, "limit": limit + 1}
    ends = time.monotonic() + (wait if after is not None else 0)
    while True:
        rows = await run_in_threadpool(reading.logs, actor, worker_id, **filters)
        if rows or time.monotonic() >= ends:
            return page(rows, limit, WorkerLogOut.of, lambda each: (each.seq,))
        await asyncio.sleep(_LOOK_SECONDS)


@router.get("/workers/{worker_id}/summary", operation_id="worker_summary", responses=answers(403, 404))
def summary(
    actor: CurrentActor,
    reading: Reading,
    worker_id: str,
    minutes: Annotated[int, Query(ge=1, le=129_600, description="So far back.")] = 60,
    version_id: Annotated[str | None, Query(max_length=40, description="`points` of this one alone.")] = None,
) -> WindowOut:
    """How the worker fared, by version and over time."""
    return WindowOut.of(reading.window(actor, worker_id, minutes, version_id))
