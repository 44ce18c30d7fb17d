"""/api/v1/databases/{database_id}/drills, .../drill-aims and /api/v1/drills."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, Query, Response
from pydantic import BaseModel, Field

from holdfast.features.access.http import CurrentActor, IdempotencyKey
from holdfast.features.drills.checks import MAX_CHECKS, MAX_NAME, MAX_STATEMENT, MAX_VALUE
from holdfast.features.drills.model import Aims, Drill
from holdfast.features.drills.service import MAX_SECONDS, DrillsService, WantedAims
from holdfast.features.runs.wire import RunOut
from holdfast.jobs import Run
from holdfast.web.errors import answers
from holdfast.web.etag import IfMatch, set_etag
from holdfast.web.paging import Cursor, Limit, Page, after_id, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes
from holdfast.web.wire import In

router = Routes(tags=["drills"])
Service = Annotated[DrillsService, Depends(part(DrillsService))]
Seconds = Annotated[int | None, Field(ge=1, le=MAX_SECONDS)]
Value = Annotated[str | None, Field(max_length=MAX_VALUE)]


class QuestionIn(In):
    """A reading statement, asked on the restored copy, and what its first value must be: exactly one of `equals`,
    `at_least`, `at_most`."""

    name: str = Field(min_length=1, max_length=MAX_NAME, examples=["orders are there"])
    statement: str = Field(min_length=1, max_length=MAX_STATEMENT, examples=["select count(*) from orders"])
    equals: Value = None
    at_least: Value = Field(default=None, examples=["1"])
    at_most: Value = None


class AimsIn(In):
    checks: list[QuestionIn] = Field(default_factory=list, max_length=MAX_CHECKS)
    rto_seconds: Seconds = Field(default=None, description="How long bringing the data back may take.")
    rpo_seconds: Seconds = Field(default=None, description="How old what comes back may be.")


class AimsOut(BaseModel):
    """What drills of a database ask and aim at. Version 0: nothing was set, drills measure and compare only."""

    checks: Sequence[Mapping[str, Any]]
    rto_seconds: int | None
    rpo_seconds: int | None
    version: int
    changed_by: str | None
    changed_at: datetime | None

    @classmethod
    def of(cls, aims: Aims) -> AimsOut:
        return cls(**{name: getattr(aims, name) for name in cls.model_fields})


class DrillIn(In):
    snapshot_id: str | None = Field(default=None, max_length=64, description="Without it: the newest good one.")


class DrillOut(BaseModel):
    """A drill. `rto_seconds` and `rpo_seconds` are measured; `checks` has what was expected and what came back."""

    id: str
    project_id: str
    environment_id: str
    resource_id: str
    resource_name: str
    snapshot_id: str
    run_id: str | None
    state: Literal["running", "passed", "failed", "cancelled"]
    aims: Mapping[str, Any]
    rto_seconds: float | None
    rpo_seconds: float | None
    checks: Sequence[Mapping[str, Any]]
    error: Mapping[str, Any] | None
    requested_by: str
    requested_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, drill: Drill) -> DrillOut:
        return cls(**vars(drill))


class DrillRunOut(BaseModel):
    drill: DrillOut
    run: RunOut


def _pair(made: tuple[Drill, Run]) -> DrillRunOut:
    return DrillRunOut(drill=DrillOut.of(made[0]), run=RunOut.of(made[1]))


def _pair_wire(made: tuple[Drill, Run]) -> dict[str, Any]:
    return _pair(made).model_dump(mode="json")


@router.get("/databases/{database_id}/drill-aims", operation_id="drill_aims_read", responses=answers(403, 404))
def read_aims(actor: CurrentActor, service: Service, database_id: str, response: Response) -> AimsOut:
    """What drills of this database ask and aim at."""
    aims = service.aims(actor, database_id)
    set_etag(response, aims.version)
    return AimsOut.of(aims)


@router.put("/databases/{database_id}/drill-aims", operation_id="drill_aims_set", responses=answers(403, 404, 412, 428))
def set_aims(
    body: AimsIn, actor: CurrentActor, service: Service, database_id: str, version: IfMatch, response: Response
) -> AimsOut:
    """Replace them. `If-Match: "v0"` sets the first ones."""
    wanted = WantedAims(
        [question.model_dump(exclude_none=True) for question in body.checks], body.rto_seconds, body.rpo_seconds
    )
    aims = service.set_aims(actor, database_id, version, wanted)
    set_etag(response, aims.version)
    return AimsOut.of(aims)


@router.post(
    "/databases/{database_id}/drills", operation_id="drill_start", status_code=202, responses=answers(403, 404, 409)
)
def start(body: DrillIn, actor: CurrentActor, service: Service, once: IdempotencyKey, database_id: str) -> DrillRunOut:
    """Restore a snapshot on a scratch server, compare, ask, and time it. The run succeeds when the drill passed."""
    return _pair(service.start(actor, database_id, body.snapshot_id, once.answering(_pair_wire, 202)))


@router.get("/drills", operation_id="drill_list", responses=answers(403, 404))
def list_(
    actor: CurrentActor,
    service: Service,
    *,
    project_id: str | None = None,
    resource_id: str | None = None,
    state: Annotated[str | None, Query(description="running, passed, failed or cancelled.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[DrillOut]:
    """Drills, newest first."""
    rows = service.list(
        actor, project_id=project_id, resource_id=resource_id, state=state, after=after_id(cursor), limit=limit + 1
    )
    return page(rows, limit, DrillOut.of, lambda drill: drill.id)


@router.get("/drills/{drill_id}", operation_id="drill_read", responses=answers(403, 404))
def read(actor: CurrentActor, service: Service, drill_id: str) -> DrillOut:
    """One drill with everything that was compared and asked."""
    return DrillOut.of(service.get(actor, drill_id))
