"""What moves look like over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from holdfast.features.moves.model import Move
from holdfast.features.runs.wire import RunOut
from holdfast.jobs import Run
from holdfast.web.wire import In


class MoveIn(In):
    """Where to: a database of another engine, made by the move in the same environment."""

    engine: str = Field(max_length=40, examples=["postgresql"])
    name: Annotated[str, Field(min_length=1, max_length=63, examples=["shop-pg"])]
    spec: dict[str, Any] = Field(default_factory=dict, description="The new database's settings.")


class MoveStartIn(In):
    accept: str = Field(
        min_length=64, max_length=64, description="The plan's `fingerprint`: every loss it lists is accepted."
    )


class LossOut(BaseModel):
    """One thing that will not be as it was."""

    what: str = Field(description="dropped, changed or renamed")
    where: str
    text: str


class MovedTableOut(BaseModel):
    name: str
    becomes: str
    rows: int | None
    columns: int | None = None
    digest: str | None = Field(default=None, description="Of its rows in neutral words, the same on both sides.")


class MoveReceiptOut(BaseModel):
    method: str
    rows: int
    tables: list[MovedTableOut]
    losses: list[LossOut]


class MoveOut(BaseModel):
    """A move: planning, planned, moving, succeeded, failed or cancelled."""

    id: str
    project_id: str
    environment_id: str
    resource_id: str
    engine: str
    name: str
    spec: dict[str, Any]
    state: str
    tables: list[MovedTableOut]
    losses: list[LossOut]
    fingerprint: str | None
    target_id: str | None
    run_id: str | None
    receipt: MoveReceiptOut | None
    error: dict[str, Any] | None
    created_by: str
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, move: Move) -> MoveOut:
        return cls.model_validate(vars(move))


class MoveRunOut(BaseModel):
    """A move and the run that works on it."""

    move: MoveOut
    run: RunOut

    @classmethod
    def of(cls, made: tuple[Move, Run]) -> MoveRunOut:
        return cls(move=MoveOut.of(made[0]), run=RunOut.of(made[1]))
