"""What a project's overview is made of: whether everything could be brought back, and how it grows."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from holdfast.features.access.http import CurrentActor
from holdfast.features.metrics.growth import GrowthPoint, GrowthService
from holdfast.features.metrics.protection import Level, Protected, Protection, ProtectionService, Why
from holdfast.web.errors import answers
from holdfast.web.parts import part
from holdfast.web.routes import Routes

router = Routes(tags=["metrics"])
Protecting = Annotated[ProtectionService, Depends(part(ProtectionService))]
Growing = Annotated[GrowthService, Depends(part(GrowthService))]
Id = Annotated[str | None, Query(max_length=40)]


class ProtectedOut(BaseModel):
    """One database. `why` is the worst that is to be said of it."""

    id: str
    name: str
    environment: str
    level: Level
    why: Why
    at: datetime | None = Field(description="Of its newest snapshot; when one was due, where it is late.")
    source_bytes: int | None

    @classmethod
    def of(cls, each: Protected) -> ProtectedOut:
        return cls(**{name: getattr(each, name) for name in cls.model_fields})


class DueOut(BaseModel):
    plan_id: str
    plan_name: str
    at: datetime


class ProtectionOut(BaseModel):
    """All databases counted, and the worst of them. bad: never backed up, its newest snapshot damaged, or a plan's turn
    overdue; warn: the last try failed, the newest snapshot not proven, or no plan; good: none of it."""

    good: int
    warn: int
    bad: int
    worst: list[ProtectedOut]
    source_bytes: int = Field(description="In the newest snapshot of each.")
    stored_bytes: int = Field(description="What those added to their repositories.")
    due: list[DueOut] = Field(description="The next turns of plans, soonest first.")
    restored: bool = Field(description="Something of the project was brought back once.")

    @classmethod
    def of(cls, found: Protection) -> ProtectionOut:
        return cls(
            good=found.counts["good"],
            warn=found.counts["warn"],
            bad=found.counts["bad"],
            worst=[ProtectedOut.of(each) for each in found.worst],
            source_bytes=found.source_bytes,
            stored_bytes=found.stored_bytes,
            due=[DueOut(**vars(each)) for each in found.due],
            restored=found.restored,
        )


class GrowthPointOut(BaseModel):
    day: date
    source_bytes: int = Field(description="Of each living database its newest snapshot then.")
    stored_bytes: int = Field(description="What the snapshots kept then had added to their repositories.")

    @classmethod
    def of(cls, point: GrowthPoint) -> GrowthPointOut:
        return cls(day=point.day, source_bytes=point.source_bytes, stored_bytes=point.stored_bytes)


class GrowthOut(BaseModel):
    """A point a day, oldest first, in UTC; none before the first snapshot."""

    items: list[GrowthPointOut]


@router.get("/projects/{project_id}/protection", operation_id="project_protection", responses=answers(403, 404))
def protection(
    project_id: str,
    actor: CurrentActor,
    service: Protecting,
    environment_id: Id = None,
    limit: Annotated[int, Query(ge=1, le=200, description="So many of the worst.")] = 12,
) -> ProtectionOut:
    """Whether each database could be brought back, folded over all of them."""
    return ProtectionOut.of(service.of(actor, project_id, environment_id=environment_id, limit=limit))


@router.get("/projects/{project_id}/growth", operation_id="project_growth", responses=answers(403, 404))
def growth(
    project_id: str,
    actor: CurrentActor,
    service: Growing,
    environment_id: Id = None,
    days: Annotated[int, Query(ge=2, le=366)] = 90,
) -> GrowthOut:
    """Bytes to bring back and bytes stored for it, day by day."""
    points = service.of(actor, project_id, environment_id=environment_id, days=days)
    return GrowthOut(items=[GrowthPointOut.of(each) for each in points])
