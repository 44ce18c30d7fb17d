"""Saved cases: a request to a worker and what is expected of its answer, kept for all who may call it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from holdfast.features.access.actor import Actor, no_such
from holdfast.features.workers import case_model
from holdfast.features.workers.calling import CallingService, TestAnswer, TestRequest, checked_request
from holdfast.features.workers.case_model import Case
from holdfast.features.workers.guard import found, record
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import HoldfastError, Invalid, LimitExceeded
from holdfast.kernel.ids import new_id

MOST_CASES = 100
MOST_BODY = 256 << 10  # characters of a saved body
RUN_SECONDS = 60.0  # cases that have not begun by then are skipped


@dataclass(frozen=True)
class WantedCase:
    """`status` and `contains` None: anything. `encoded`: the body is base64."""

    name: str
    method: str
    path: str
    headers: Sequence[tuple[str, str]]
    body: str
    encoded: bool
    status: int | None
    contains: str | None


@dataclass(frozen=True)
class Result:
    """What came of one case. `wrong`: what was not as expected, in words; None and no status: it was skipped."""

    name: str
    passed: bool
    skipped: bool
    status: int | None
    milliseconds: float | None
    wrong: Sequence[str]
    request_id: str | None = None


class CasesService:
    """Reading them takes `worker.invoke` as sending them does: a saved request may hold a caller's credentials."""

    def __init__(self, db: Database, calling: CallingService, clock: Clock) -> None:
        self._db = db
        self._calling = calling
        self._clock = clock

    def list(self, actor: Actor, worker_id: str) -> Sequence[Case]:
        with self._db.read() as conn:
            return case_model.of(conn, found(conn, actor, worker_id, "worker.invoke").id)

    def put(self, actor: Actor, worker_id: str, wanted: WantedCase) -> Case:
        """In place of the one of that name. Raises Invalid("request_invalid", "body_invalid"),
        LimitExceeded("too_many_cases", "case_too_large")."""
        request: dict[str, Any] = {"method": wanted.method, "path": wanted.path}
        request["headers"] = [list(each) for each in wanted.headers]
        request |= {"body": wanted.body, "encoded": wanted.encoded}
        with self._db.write() as conn:
            worker = found(conn, actor, worker_id, "worker.update")
            sent = (wanted.method, wanted.path, wanted.headers, wanted.body)
            checked_request(TestRequest.of(*sent, encoded=wanted.encoded))
            if len(wanted.body) > MOST_BODY:
                raise LimitExceeded(f"a saved body has at most {MOST_BODY} characters", code="case_too_large")
            there = case_model.of(conn, worker.id)
            if len(there) >= MOST_CASES and all(each.name != wanted.name for each in there):
                raise LimitExceeded(f"at most {MOST_CASES} cases of a worker", code="too_many_cases")
            expected = {"status": wanted.status, "contains": wanted.contains}
            place = (worker.project_id, worker.environment_id, worker.id)
            made = Case(new_id("wcas"), *place, wanted.name, request, expected, actor.id, self._clock.now())
            case_model.put(conn, made)
            record(conn, actor, made, "worker.case.put", {"name": made.name})
            return made

    def delete(self, actor: Actor, worker_id: str, name: str) -> None:
        with self._db.write() as conn:
            worker = found(conn, actor, worker_id, "worker.update")
            if not case_model.delete(conn, worker.id, name):
                raise no_such("case")
            record(conn, actor, worker, "worker.case.delete", {"name": name})

    def run(
        self, actor: Actor, worker_id: str, names: Sequence[str] | None = None, version_id: str | None = None
    ) -> Sequence[Result]:
        """Those named, else all, one after the other, to the version that takes most requests or to this one, also of
        weight 0. Raises Invalid("case_unknown") before any is sent."""
        cases = self.list(actor, worker_id)
        unknown = sorted(set(names or ()) - {each.name for each in cases})
        if unknown:
            message = f"there is no case {unknown[0]!r}"
            raise Invalid(message, code="case_unknown", details={"fields": [{"field": "names", "message": message}]})
        until = time.monotonic() + RUN_SECONDS
        chosen = [each for each in cases if names is None or each.name in names]
        return [self._one(actor, each, version_id) if time.monotonic() < until else _skipped(each) for each in chosen]

    def _one(self, actor: Actor, case: Case, version_id: str | None) -> Result:
        try:
            answer = self._calling.call(actor, case.worker_id, replace(request_of(case), version_id=version_id))
        except HoldfastError as error:
            return Result(case.name, False, False, None, None, [error.message])
        wrong = differences(case, answer)
        return Result(case.name, not wrong, False, answer.status, answer.milliseconds, wrong, answer.request_id)


def request_of(case: Case) -> TestRequest:
    """As it is sent. Raises Invalid for a body that is no base64."""
    kept = case.request
    return TestRequest.of(kept["method"], kept["path"], kept["headers"], kept["body"], encoded=kept["encoded"])


def differences(case: Case, answer: TestAnswer) -> list[str]:
    """What of `answer` is not as expected, in words."""
    wrong = []
    status, contains = case.expected.get("status"), case.expected.get("contains")
    if status is not None and answer.status != status:
        wrong.append(f"the status is {answer.status}, not {status}")
    if contains and contains.encode() not in answer.body:
        where = "the first megabyte of the body" if answer.truncated else "the body"
        wrong.append(f"{where} does not contain {contains[:200]!r}")
    return wrong


def _skipped(case: Case) -> Result:
    return Result(case.name, False, True, None, None, [f"the cases before it took {RUN_SECONDS:.0f} s"])
