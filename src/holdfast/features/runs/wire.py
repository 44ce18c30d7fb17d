"""Runs on the wire."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from holdfast.features.runs.repeating import REPEATABLE
from holdfast.jobs import LogLine, Run


class PhaseOut(BaseModel):
    """A part of the work, and when it began; it lasts until the next one, or until the run ends."""

    phase: str
    at: datetime


class ProgressOut(BaseModel):
    """`done` of `total` in `unit`; `rate` per second."""

    phase: str
    done: int
    total: int | None
    unit: str
    rate: float | None
    eta_seconds: float | None
    phases: list[PhaseOut] = Field(default_factory=list, description="Every phase so far, oldest first.")


class RunOut(BaseModel):
    """One durable execution. `error` is set when it failed or was cancelled, `result` when it succeeded."""

    id: str
    kind: str
    state: str
    project_id: str
    environment_id: str | None
    resource_id: str | None
    actor: str
    trigger: str
    input: dict[str, Any]
    result: dict[str, Any] | None
    error: dict[str, Any] | None
    progress: ProgressOut | None
    correlation_id: str | None
    requested_at: datetime
    scheduled_at: datetime | None = Field(description="When it was to begin, where that was later than at once.")
    started_at: datetime | None
    finished_at: datetime | None
    cancel_requested_at: datetime | None
    retry_permission: str | None = Field(
        default=None, description="What it takes to begin the same again; null = it is not begun from its run."
    )
    carrier: str | None = Field(default=None, description="The run that takes this one along, of a batch.")

    @classmethod
    def of(cls, run: Run) -> RunOut:
        values = asdict(run) | {"scheduled_at": run.not_before, "retry_permission": REPEATABLE.get(run.kind)}
        return cls(**{name: values[name] for name in cls.model_fields})


class LogLineOut(BaseModel):
    """A line of a run's log; `seq` rises by one."""

    seq: int
    at: datetime
    level: str
    message: str
    fields: dict[str, Any]

    @classmethod
    def of(cls, line: LogLine) -> LogLineOut:
        return cls(**asdict(line))
