"""What the dashboard's editor and console ask: saved cases, a start to see whether it imports, the stubs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Depends, Path
from pydantic import BaseModel, Field

from holdfast.features.access.http import CurrentActor
from holdfast.features.workers.case_model import Case
from holdfast.features.workers.cases import CasesService, Result, WantedCase
from holdfast.features.workers.starting import Started, StartingService
from holdfast.runtime import env_stubs
from holdfast.runtime.python import stubs
from holdfast.web.errors import answers
from holdfast.web.parts import part
from holdfast.web.routes import Routes
from holdfast.web.wire import In

router = Routes(tags=["workers"])
Cases = Annotated[CasesService, Depends(part(CasesService))]
Starting = Annotated[StartingService, Depends(part(StartingService))]
_NAME = r"^[A-Za-z0-9][A-Za-z0-9_. \-]*$"
CaseName = Annotated[str, Path(min_length=1, max_length=63, pattern=_NAME, examples=["creates an item"])]


class CaseRequest(In):
    """A request as `invoke` takes it; `body` is text, or base64 with `encoded`."""

    method: Annotated[str, Field(pattern=r"^[A-Z]{1,20}$")] = "GET"
    path: str = Field(default="/", max_length=8000)
    headers: list[tuple[str, str]] = Field(default_factory=list, max_length=100)
    body: str = Field(default="", max_length=1 << 20)
    encoded: bool = False


class CaseExpected(In):
    """What the answer must be; null is anything."""

    status: int | None = Field(default=None, ge=100, le=599)
    contains: str | None = Field(default=None, max_length=10_000, description="A part of the body.")


class CaseIn(In):
    """A request and what is expected of its answer."""

    request: CaseRequest = Field(default_factory=CaseRequest)
    expected: CaseExpected = Field(default_factory=CaseExpected)

    def wanted(self, name: str) -> WantedCase:
        return WantedCase(name, **self.request.model_dump(), **self.expected.model_dump())


class CaseOut(BaseModel):
    name: str
    request: CaseRequest
    expected: CaseExpected
    updated_by: str
    updated_at: datetime

    @classmethod
    def of(cls, case: Case) -> CaseOut:
        return cls.model_validate(case, from_attributes=True)


class CasesRunIn(In):
    names: list[str] | None = Field(default=None, max_length=100, description="Without: all.")
    version_id: str | None = Field(default=None, max_length=40, description="A deployed one, also of weight 0.")


class CaseResultOut(BaseModel):
    """What came of a case. `wrong`: what was not as expected, in words."""

    name: str
    passed: bool
    skipped: bool
    status: int | None
    milliseconds: float | None
    wrong: list[str]
    request_id: str | None

    @classmethod
    def of(cls, result: Result) -> CaseResultOut:
        return cls(**{**vars(result), "wrong": list(result.wrong)})


class StartIn(In):
    version_id: str | None = Field(default=None, max_length=40, description="Without: what takes most requests.")


class StartedOut(BaseModel):
    """Whether a process of it runs. `stack` is a traceback with the paths of the version's files."""

    version_id: str
    state: Literal["running", "failed", "starting"]
    milliseconds: float | None
    error: str | None
    stack: str | None

    @classmethod
    def of(cls, started: Started) -> StartedOut:
        return cls.model_validate(vars(started))


class StubsOut(BaseModel):
    """As type checkers and editors read them."""

    files: dict[str, str] = Field(description="Path -> text of the modules a worker imports.")
    bindings: str = Field(description="The classes behind names of `env`, which no module exports.")


@router.get("/worker-stubs", operation_id="worker_stubs", responses=answers(403))
def get_stubs(actor: CurrentActor) -> StubsOut:
    """The types of the `workers` module and of bindings, for editors."""
    actor.require("worker.read")
    return StubsOut(files=stubs.generate(), bindings=env_stubs.bindings())


@router.post("/workers/{worker_id}/start", operation_id="worker_start", responses=answers(403, 404, 409, 503))
def start(body: StartIn, actor: CurrentActor, starting: Starting, worker_id: str) -> StartedOut:
    """Start a process of it now and wait until its code is imported, or has failed to be."""
    return StartedOut.of(starting.start(actor, worker_id, body.version_id))


@router.get("/workers/{worker_id}/cases", operation_id="worker_case_list", responses=answers(403, 404))
def list_cases(actor: CurrentActor, cases: Cases, worker_id: str) -> list[CaseOut]:
    """Its saved cases by name, at most a hundred."""
    return [CaseOut.of(each) for each in cases.list(actor, worker_id)]


@router.put("/workers/{worker_id}/cases/{name}", operation_id="worker_case_put", responses=answers(403, 404, 413))
def put_case(body: CaseIn, actor: CurrentActor, cases: Cases, worker_id: str, name: CaseName) -> CaseOut:
    """Save a case under a name, in place of the one that has it."""
    return CaseOut.of(cases.put(actor, worker_id, body.wanted(name)))


@router.delete(
    "/workers/{worker_id}/cases/{name}",
    operation_id="worker_case_delete",
    status_code=204,
    responses=answers(403, 404),
)
def delete_case(actor: CurrentActor, cases: Cases, worker_id: str, name: CaseName) -> None:
    """Forget a case."""
    cases.delete(actor, worker_id, name)


@router.post("/workers/{worker_id}/cases/run", operation_id="worker_case_run", responses=answers(403, 404))
def run_cases(body: CasesRunIn, actor: CurrentActor, cases: Cases, worker_id: str) -> list[CaseResultOut]:
    """Send the requests of cases one after the other and compare; what has not begun after a minute is skipped."""
    return [CaseResultOut.of(each) for each in cases.run(actor, worker_id, body.names, body.version_id)]
