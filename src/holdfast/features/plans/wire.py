"""Plans, their turns and how they fare, on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from holdfast.features.backups.wire import OptionsIn
from holdfast.features.databases.model import Resource
from holdfast.features.plans.gaps import Gap
from holdfast.features.plans.model import Member, Plan, Turn
from holdfast.features.plans.service import MAX_DELAY, MIN_DELAY
from holdfast.features.plans.status import Covered, Late
from holdfast.features.plans.timing import MAX_JITTER, MAX_LATE
from holdfast.features.runs.wire import RunOut
from holdfast.web.wire import In

Id = Annotated[str, Field(max_length=64)]
Text = Annotated[str, Field(min_length=1, max_length=320)]


class SelectionIn(In):
    """A database is covered when it is one of `resources` or `names`, or meets every term of `labels`; `all` = every
    one. Databases made later are covered as soon as they meet it."""

    all: bool = False
    resources: list[Id] = Field(default_factory=list, max_length=500, description="Ids of databases.")
    names: list[Text] = Field(default_factory=list, max_length=500)
    labels: list[Text] = Field(
        default_factory=list, max_length=500, description="key=value, key!=value, key or !key", examples=[["tier=gold"]]
    )


class ScheduleIn(In):
    """`cron` or `preset`: hourly, daily at 02:00, weekly on Sunday at 02:00, monthly on the 1st at 02:00."""

    name: str | None = Field(default=None, max_length=63, description="By default the preset or the line.")
    cron: str | None = Field(default=None, max_length=100, examples=["30 2 * * 1-5"])
    preset: Literal["hourly", "daily", "weekly", "monthly"] | None = None
    tz: str = Field(default="UTC", max_length=64, examples=["Europe/Zurich"])
    jitter_seconds: int = Field(
        default=0, ge=0, le=MAX_JITTER, description="Each database starts so much later at most."
    )
    missed: Literal["once", "skip"] = Field(default="once", description="What becomes of a turn that is too late.")
    late_seconds: int = Field(default=3600, ge=0, le=MAX_LATE, description="How late is still fine.")
    mode: Literal["full", "incremental"] | None = Field(default=None, description="A hint: full reads all again.")


class RetentionIn(In):
    """How many are kept: of the last ones, and the newest of so many hours, days, weeks, months, years that have one.
    Null or 0 switches a rule off. `within`: days."""

    last: int | None = None
    hourly: int | None = None
    daily: int | None = 7
    weekly: int | None = 4
    monthly: int | None = 12
    yearly: int | None = None
    within: int | None = None
    minimum: int = Field(default=3, ge=1, description="Good ones that are kept whatever the rules say.")
    tags: list[str] = Field(default_factory=list, description="Snapshots with one of these are kept.")


class PlanFields(In):
    """What a plan says beside its name."""

    description: str = Field(default="", max_length=2000)
    environment_ids: list[Id] = Field(default_factory=list, description="Empty = every environment.")
    repository_ids: list[Id] = Field(default_factory=list, description="Empty = each database's default one.")
    schedules: list[ScheduleIn] = Field(default_factory=list)
    retention: RetentionIn | None = Field(default=None, description="Null = nothing is ever deleted.")
    options: OptionsIn = Field(default_factory=OptionsIn)
    verify_level: int | None = Field(default=None, ge=1, le=3, description="Null = 1, and 3 for a first snapshot.")
    concurrency: int = Field(default=2, ge=1, le=100, description="So many snapshots at once.")
    per_node: int | None = Field(default=None, ge=1, le=100, description="So many at once on one node.")
    deadline_seconds: int | None = Field(default=None, description="A snapshot that takes longer is cancelled.")
    max_gap_seconds: int | None = Field(default=None, description="A longer time without a good snapshot is flagged.")
    enabled: bool = True


class PlanIn(PlanFields):
    """A plan. Whoever writes it may take snapshots there, and forget them when it has a retention."""

    name: str = Field(min_length=1, max_length=63, examples=["shop-nightly"])
    selection: SelectionIn


class PlanPatch(In):
    """Only what is given changes; lists and objects are replaced whole."""

    name: str | None = Field(default=None, min_length=1, max_length=63)
    selection: SelectionIn | None = None
    description: str | None = Field(default=None, max_length=2000)
    environment_ids: list[Id] | None = None
    repository_ids: list[Id] | None = None
    schedules: list[ScheduleIn] | None = None
    retention: RetentionIn | None = None
    options: OptionsIn | None = None
    verify_level: int | None = Field(default=None, ge=1, le=3)
    concurrency: int | None = Field(default=None, ge=1, le=100)
    per_node: int | None = Field(default=None, ge=1, le=100)
    deadline_seconds: int | None = None
    max_gap_seconds: int | None = None
    enabled: bool | None = None
    confirm: str | None = Field(default=None, max_length=63, description="The plan's name, typed; asked in production.")

    def changes(self) -> dict[str, Any]:
        """What was said; null means "none" only where there can be none."""
        given = self.model_dump(exclude_unset=True, exclude={"confirm"})
        return {name: value for name, value in given.items() if value is not None or name in _MAY_BE_NONE}


_MAY_BE_NONE = frozenset({"retention", "verify_level", "per_node", "deadline_seconds", "max_gap_seconds"})


class RunPlanIn(In):
    in_seconds: int | None = Field(
        default=None, ge=MIN_DELAY, le=MAX_DELAY, description="Once, so much later; null = now."
    )


class PlanOut(BaseModel):
    """A plan. `next_at`: its next turn; null when it is switched off or has no schedule."""

    id: str
    project_id: str
    environment_id: str | None
    name: str
    description: str
    environment_ids: list[str]
    repository_ids: list[str]
    selection: dict[str, Any]
    schedules: list[dict[str, Any]]
    retention: dict[str, Any] | None
    options: dict[str, Any]
    verify_level: int | None
    concurrency: int
    per_node: int | None
    deadline_seconds: int | None
    max_gap_seconds: int | None
    enabled: bool
    next_at: datetime | None
    version: int
    created_by: str
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, plan: Plan, next_turns: Mapping[str, datetime]) -> PlanOut:
        values = asdict(plan)
        del values["armed_at"]
        return cls(**values, next_at=next_turns.get(plan.id))


class TurnOut(BaseModel):
    """One time a plan was carried out, or was to be."""

    id: str
    plan_id: str
    project_id: str
    environment_id: str | None
    schedule: str | None
    trigger: str
    actor: str
    run_id: str
    correlation_id: str | None
    state: str
    requested_at: datetime
    due_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    total: int
    succeeded: int
    failed: int
    reason: dict[str, Any] | None

    @classmethod
    def of(cls, turn: Turn) -> TurnOut:
        values = asdict(turn)
        del values["expanded_at"]
        return cls(**{**values, "schedule": turn.schedule or None})


class TurnRunOut(BaseModel):
    turn: TurnOut
    run: RunOut


class MemberOut(BaseModel):
    """One database into one repository, in one turn."""

    resource_id: str
    resource_name: str
    repository_id: str | None
    state: str
    snapshot_id: str | None
    run_id: str | None
    due_at: datetime
    not_before: datetime
    settled_at: datetime | None
    reason: dict[str, Any] | None
    retention: dict[str, Any] | None

    @classmethod
    def of(cls, member: Member) -> MemberOut:
        values = asdict(member)
        del values["turn_id"], values["plan_id"]
        return cls(**{**values, "repository_id": member.repository_id or None})


class LateOut(BaseModel):
    """A database that should have a newer snapshot."""

    plan_id: str
    plan_name: str
    environment_id: str
    resource_id: str
    resource_name: str
    repository_id: str | None
    reason: str
    due_at: datetime
    last_success_at: datetime | None

    @classmethod
    def of(cls, late: Late) -> LateOut:
        values = asdict(late)
        del values["project_id"]
        return cls(**values)


class CoveredOut(BaseModel):
    """A database of a plan, and how it fares."""

    resource_id: str
    resource_name: str
    environment_id: str
    state: str
    repository_id: str | None
    last_success_at: datetime | None
    next_due_at: datetime | None
    late: LateOut | None

    @classmethod
    def of(cls, covered: Covered) -> CoveredOut:
        return cls(
            resource_id=covered.resource.id,
            resource_name=covered.resource.name,
            environment_id=covered.resource.environment_id,
            state=covered.resource.state,
            repository_id=covered.repository_id,
            last_success_at=covered.last_success_at,
            next_due_at=covered.next_due_at,
            late=LateOut.of(covered.late) if covered.late else None,
        )


class UnprotectedOut(BaseModel):
    """A database that no plan covers."""

    id: str
    name: str
    engine: str
    environment_id: str
    labels: dict[str, str]
    created_at: datetime

    @classmethod
    def of(cls, resource: Resource) -> UnprotectedOut:
        return cls(**{name: getattr(resource, name) for name in cls.model_fields})


class UpcomingOut(BaseModel):
    at: datetime
    schedule: str


class UpcomingListOut(BaseModel):
    """The next turns, soonest first; each database starts up to its jitter later."""

    items: list[UpcomingOut]


class GapOut(BaseModel):
    """Two snapshots of a database that lie further apart than the plan allows."""

    plan_id: str
    plan_name: str
    resource_id: str
    resource_name: str
    repository_id: str | None
    began: datetime
    ended: datetime
    seconds: int
    allowed_seconds: int

    @classmethod
    def of(cls, gap: Gap) -> GapOut:
        return cls(**asdict(gap), seconds=gap.seconds)


class ScheduleRowOut(BaseModel):
    """One schedule of one plan; `next` is empty while the plan is switched off."""

    plan_id: str
    plan_name: str
    project_id: str
    enabled: bool
    schedule: str
    cron: str
    tz: str
    jitter_seconds: int
    next: list[datetime]
