"""What hosts, keys, variables, schedules and what a worker did look like over HTTP."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, SecretStr

from holdfast.features.secrets.model import Secret
from holdfast.features.workers.calling import TestAnswer, TestRequest, Turn
from holdfast.features.workers.model import OwnHost, Variable, WorkerKey
from holdfast.features.workers.reading import Schedule, Window
from holdfast.features.workers.variables import Effective
from holdfast.runtime.telemetry import CronRun, Invocation, LogLine
from holdfast.web.wire import In, Moment


class HostIn(In):
    host: str = Field(min_length=1, max_length=260, examples=["api.example.org"])


class HostOut(BaseModel):
    """A claimed host. Publish `record_name` TXT `proof`, then verify."""

    id: str
    worker_id: str
    host: str
    record_name: str
    proof: str
    verified_at: datetime | None
    checked_at: datetime | None
    error: str | None
    created_by: str
    created_at: datetime

    @classmethod
    def of(cls, host: OwnHost) -> HostOut:
        return cls(**vars(host), record_name=f"_holdfast.{host.host}")


class KeyIn(In):
    name: str = Field(min_length=1, max_length=63)
    expires_at: Moment | None = None


class KeyRotateIn(In):
    overlap_seconds: int = Field(default=86400, ge=0, le=30 * 86400, description="So long the text before counts too.")
    expires_at: Moment | None = Field(default=None, description="Without: as it was.")


class KeyOut(BaseModel):
    """A key that callers show; never the key itself."""

    id: str
    worker_id: str
    name: str
    shown: str = Field(description="How it begins.")
    expires_at: datetime | None
    rotated_at: datetime | None
    previous_until: datetime | None = Field(description="Until then the text before the last rotation counts too.")
    last_used_at: datetime | None = Field(description="As the edge saw it, some seconds late.")
    created_by: str
    created_at: datetime

    @classmethod
    def of(cls, key: WorkerKey) -> KeyOut:
        return cls.model_validate(vars(key))


class KeyMadeOut(KeyOut):
    key: str = Field(description="Shown this once.")


class VariableIn(In):
    value: Any = Field(description="Any JSON value.")


class VariableOut(BaseModel):
    """A variable of one level: what lies nearer to the code wins."""

    name: str
    level: Literal["project", "environment", "worker"]
    value: Any
    updated_by: str
    updated_at: datetime

    @classmethod
    def of(cls, each: Variable) -> VariableOut:
        return cls(**vars(each), level=each.level)


class EffectiveOut(BaseModel):
    """What the code finds under a name, and where that comes from. Secrets have no value here."""

    name: str
    kind: Literal["var", "secret"]
    level: Literal["project", "environment", "worker", "code"]
    value: Any

    @classmethod
    def of(cls, each: Effective) -> EffectiveOut:
        return cls(**vars(each))


class SecretIn(In):
    value: SecretStr = Field(min_length=1, max_length=32768)


class SecretOut(BaseModel):
    """A worker's own secret: never its value."""

    name: str
    version: int
    updated_by: str
    updated_at: datetime

    @classmethod
    def of(cls, name: str, secret: Secret) -> SecretOut:
        return cls(name=name, version=secret.version, updated_by=secret.updated_by, updated_at=secret.updated_at)


class ScheduleOut(BaseModel):
    cron: str
    version_id: str
    next: list[datetime]

    @classmethod
    def of(cls, each: Schedule) -> ScheduleOut:
        return cls(**vars(each))


class CronIn(In):
    cron: str = Field(max_length=300, description="As `crons` lists it.")


class TurnOut(BaseModel):
    cron: str
    version_id: str
    outcome: str
    error: Any

    @classmethod
    def of(cls, turn: Turn) -> TurnOut:
        return cls(**vars(turn))


class TestRequestIn(In):
    """A request to the worker, as its visitors would send it."""

    method: Annotated[str, Field(pattern=r"^[A-Z]{1,20}$")] = "GET"
    path: str = Field(default="/", max_length=8000)
    headers: list[tuple[str, str]] = Field(default_factory=list, max_length=100)
    body: str = Field(default="", max_length=4 << 20, description="Text, or base64 with `encoded`.")
    encoded: bool = False
    version_id: str | None = Field(default=None, max_length=40)

    def wanted(self) -> TestRequest:
        given = (self.method, self.path, self.headers, self.body)
        return TestRequest.of(*given, encoded=self.encoded, version_id=self.version_id)


class TestAnswerOut(BaseModel):
    """`body` is text, or base64 when `encoded`; at most a megabyte of it. `request_id` is its invocation's `ray`; `at`
    in milliseconds since 1970."""

    version_id: str
    request_id: str
    at: int
    status: int
    headers: list[tuple[str, str]]
    body: str
    encoded: bool
    truncated: bool
    milliseconds: float

    @classmethod
    def of(cls, answer: TestAnswer) -> TestAnswerOut:
        try:
            body, encoded = answer.body.decode(), False
        except UnicodeDecodeError:
            body, encoded = base64.b64encode(answer.body).decode(), True
        return cls(**{**vars(answer), "body": body, "encoded": encoded})


class InvocationOut(BaseModel):
    """One request, call, turn or socket. `at` in milliseconds since 1970."""

    id: str
    version_id: str
    at: int
    trigger: str
    outcome: str
    wall_ms: float
    cpu_ms: float | None
    memory_bytes: int | None
    method: str | None
    path: str | None
    status: int | None
    error: dict[str, str] | None
    ray: str | None
    seq: int

    @classmethod
    def of(cls, one: Invocation) -> InvocationOut:
        return cls(**vars(one))


class WorkerLogOut(BaseModel):
    """One line. `at` in milliseconds since 1970; `seq` rises in the order of writing."""

    seq: int
    at: int
    version_id: str
    level: str
    text: str
    invocation: str | None

    @classmethod
    def of(cls, line: LogLine) -> WorkerLogOut:
        return cls(**vars(line))


class InvocationWholeOut(InvocationOut):
    logs: list[WorkerLogOut]


class CronTurnOut(BaseModel):
    """A turn that was taken, or missed. Moments in milliseconds since 1970."""

    id: str
    version_id: str
    cron: str
    scheduled_at: int
    started_at: int
    attempt: int
    outcome: str | None
    wall_ms: float | None
    error: str | None

    @classmethod
    def of(cls, turn: CronRun) -> CronTurnOut:
        return cls(**vars(turn))


class SummaryOut(BaseModel):
    """`errors`: what did not end "ok", and answers of 500 and above. `statuses`: `2xx` and so on. The percentiles are
    exact where each invocation is kept, else read from a histogram."""

    version_id: str | None
    count: int
    errors: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    cpu_ms: float
    memory_peak_bytes: int | None
    outcomes: dict[str, int]
    statuses: dict[str, int]
    unfit: int = Field(description="Answers that were not what their declared schemas say.")


class PointOut(BaseModel):
    """One step. `wall_ms`, `cpu_ms`: of all together; the percentiles are read from a histogram."""

    at: int
    count: int
    errors: int
    wall_ms: float
    cpu_ms: float
    memory_peak_bytes: int | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    outcomes: dict[str, int]
    statuses: dict[str, int]


class StateOut(BaseModel):
    version_id: str
    state: str
    since: int
    processes: int
    memory_bytes: int | None
    cpu_seconds: float | None
    starts: int
    crashes: int
    oom_kills: int
    error: str | None
    retry_at: int | None
    start_ms: float | None


class WindowOut(BaseModel):
    """How a worker fared over some time, and how its versions fare now."""

    since: datetime
    until: datetime
    step_minutes: int
    whole: SummaryOut | None
    versions: list[SummaryOut]
    points: list[PointOut]
    states: list[StateOut]

    @classmethod
    def of(cls, found: Window) -> WindowOut:
        return cls.model_validate(found, from_attributes=True)
