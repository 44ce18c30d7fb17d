"""/api/v1/workers/{worker_id}/tail"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from holdfast.features.access.http import CurrentActor
from holdfast.features.workers.tailing import Event, Sought, Tail, TailingService
from holdfast.features.workers.wire_more import InvocationOut, InvocationWholeOut, WorkerLogOut
from holdfast.web.errors import answers
from holdfast.web.paging import decode_cursor, encode_cursor
from holdfast.web.parts import part
from holdfast.web.routes import Routes

router = Routes(tags=["workers"])
Tailing = Annotated[TailingService, Depends(part(TailingService))]
Word = Annotated[str | None, Query(max_length=40)]


class TailEventOut(BaseModel):
    """Either a line or an invocation that ended. Lines come by themselves, unless what is asked for is said of
    invocations (outcome, status, errors, method, trigger): then each comes with its `logs`."""

    log: WorkerLogOut | None
    invocation: InvocationWholeOut | None

    @classmethod
    def of(cls, event: Event) -> TailEventOut:
        one = event.invocation
        logs = [WorkerLogOut.of(each) for each in event.logs]
        return cls(
            log=None if event.line is None else WorkerLogOut.of(event.line),
            invocation=None if one is None else InvocationWholeOut(**InvocationOut.of(one).model_dump(), logs=logs),
        )


class TailOut(BaseModel):
    """What came, oldest first."""

    events: list[TailEventOut]
    cursor: str = Field(description="Ask again with `?after=` this.")
    more: bool = Field(description="There is more already: ask again at once.")

    @classmethod
    def of(cls, tail: Tail) -> TailOut:
        return cls(
            events=[TailEventOut.of(each) for each in tail.events], cursor=encode_cursor(*tail.place), more=tail.more
        )


@router.get("/workers/{worker_id}/tail", operation_id="worker_tail", responses=answers(403, 404))
def tail(
    actor: CurrentActor,
    tailing: Tailing,
    worker_id: str,
    *,
    after: Annotated[str | None, Query(max_length=200, description="`cursor` of the answer before; none: now.")] = None,
    version_id: Word = None,
    outcome: Word = None,
    status: Annotated[str | None, Query(pattern=r"^[1-5]([0-9]{2}|xx)$", description="404, or 5xx.")] = None,
    errors: Annotated[bool, Query(description="Only what failed.")] = False,
    method: Word = None,
    trigger: Word = None,
    level: Word = None,
    text: Annotated[str | None, Query(max_length=200, description="In a line, a path or an error.")] = None,
) -> TailOut:
    """What the worker did and logged since a place. The live line says `worker-log` when there is something new."""
    key = decode_cursor(after, int, int)
    place = None if key is None else (int(key[0]), int(key[1]))
    sought = Sought(version_id, outcome, status, errors, method, trigger, level, text)
    return TailOut.of(tailing.read(actor, worker_id, place, sought))
