"""Migrations on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from holdfast.features.migrations.model import Migration, Shape, StepRow
from holdfast.features.migrations.planning import Standing
from holdfast.features.migrations.service import MAX_NUMBER, MAX_TEXT, ApplyWish, WantedMigration
from holdfast.features.migrations.shapes import Difference
from holdfast.features.runs.wire import RunOut
from holdfast.web.wire import In

Number = Field(default=None, ge=0, le=MAX_NUMBER)
LockSeconds = Field(
    default=10.0, gt=0, le=3600, allow_inf_nan=False, description="How long a statement waits for locks."
)
ConfirmText = Field(default=None, max_length=200, description="The database's name, typed; asked for in production.")


class MigrationIn(In):
    """Whole scripts in the engine's own SQL. Without `number`: one above the highest."""

    name: str = Field(min_length=1, max_length=100, examples=["add-orders"])
    up: str = Field(max_length=MAX_TEXT, examples=["CREATE TABLE orders (id integer PRIMARY KEY);"])
    down: str | None = Field(default=None, max_length=MAX_TEXT, examples=["DROP TABLE orders;"])
    number: int | None = Field(default=None, ge=0, le=MAX_NUMBER, description="Decides the order.")

    def wanted(self) -> WantedMigration:
        return WantedMigration(**self.model_dump())


class ApplyIn(In):
    """Everything pending, or up to and with `to`."""

    to: int | None = Number
    snapshot: bool = Field(default=True, description="Take and prove a snapshot first.")
    confirm: str | None = ConfirmText
    lock_seconds: float = LockSeconds
    out_of_order: bool = Field(default=False, description="Apply also what is numbered below the last one applied.")

    def wish(self) -> ApplyWish:
        return ApplyWish(**self.model_dump())


class RollbackIn(In):
    """The last `steps`, or everything above `to`."""

    steps: int | None = Field(default=None, ge=1, le=10_000)
    to: int | None = Number
    snapshot: bool = Field(default=True, description="Take and prove a snapshot first.")
    confirm: str = Field(max_length=200, description="The database's name, typed.")
    lock_seconds: float = LockSeconds

    def wish(self) -> ApplyWish:
        return ApplyWish(**self.model_dump())


class RehearseIn(In):
    """In a transaction that is rolled back, or on a clone that is thrown away."""

    to: int | None = Number
    on_clone: bool = Field(default=False, description="Nobody waits for its locks; takes as long as copying does.")
    lock_seconds: float = LockSeconds
    out_of_order: bool = False

    def wish(self) -> ApplyWish:
        return ApplyWish(**self.model_dump())


class BaselineIn(In):
    """Migrations up to and with `to` count as applied, without being run; without `to` only the structure is kept."""

    to: int | None = Number
    confirm: str | None = ConfirmText

    def wish(self) -> ApplyWish:
        return ApplyWish(**self.model_dump())


class MigrationOut(BaseModel):
    """A migration with its texts. `applied_at` is as of the last run; the status asks the database itself."""

    id: str
    resource_id: str
    number: int
    name: str
    up: str
    down: str | None
    checksum: str
    applied_at: datetime | None
    applied_by: str | None
    version: int
    created_by: str
    created_at: datetime

    @classmethod
    def of(cls, migration: Migration) -> MigrationOut:
        values = asdict(migration)
        return cls(**{name: values[name] for name in cls.model_fields})


class StandingOut(BaseModel):
    """One migration as it stands: applied, pending, partial, changed or unknown."""

    number: int
    name: str
    state: str
    migration_id: str | None
    applied_at: str | None
    applied_by: str | None
    run_id: str | None
    done: int | None = Field(
        description="Statements that ran, of a script without a transaction that stopped half way."
    )
    reversible: bool
    out_of_order: bool


class StatusOut(BaseModel):
    """What the database's own ledger says, beside what is stored here."""

    migrations: list[StandingOut]
    pending: int

    @classmethod
    def of(cls, found: Sequence[Standing]) -> StatusOut:
        pending = sum(each.state in ("pending", "partial") for each in found)
        return cls(migrations=[StandingOut(**asdict(each)) for each in found], pending=pending)


class StepOut(BaseModel):
    """One migration applied, rolled back or taken as given."""

    id: str
    number: int
    name: str
    checksum: str
    direction: str
    outcome: str
    actor: str
    run_id: str
    snapshot_id: str | None
    seconds: float
    statements: int
    error: dict[str, Any] | None
    at: datetime

    @classmethod
    def of(cls, step: StepRow) -> StepOut:
        values = asdict(step)
        return cls(**{name: values[name] for name in cls.model_fields})


class DifferenceOut(BaseModel):
    what: str
    name: str
    change: str
    before: str | None
    now: str | None


class DriftOut(BaseModel):
    """How the structure differs from what the last migration left."""

    since: datetime
    number: int | None = Field(description="The last migration applied then.")
    differences: list[DifferenceOut]

    @classmethod
    def of(cls, shape: Shape, found: Sequence[Difference]) -> DriftOut:
        return cls(since=shape.at, number=shape.number, differences=[DifferenceOut(**asdict(each)) for each in found])


class MigrationRunOut(BaseModel):
    """The run that does it."""

    run: RunOut
