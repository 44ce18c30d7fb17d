"""/api/v1/limits and /api/v1/usage."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from holdfast.features.access.http import CurrentActor
from holdfast.features.limits.model import Override
from holdfast.features.limits.service import LimitsService, Used
from holdfast.features.limits.words import LONGEST_WINDOW, MOST, SHIPPED, Subject, SubjectKind, What
from holdfast.kernel.errors import Invalid
from holdfast.web.errors import answers
from holdfast.web.paging import Cursor, Limit, Page, after_id, page
from holdfast.web.parts import part
from holdfast.web.routes import Routes
from holdfast.web.wire import In

router = Routes(tags=["limits"])
Service = Annotated[LimitsService, Depends(part(LimitsService))]
SubjectId = Annotated[str | None, Field(max_length=40, description="Whose; null = the default for all of that kind.")]


class LimitIn(In):
    """One limit. It holds from the next call on."""

    subject: SubjectKind
    subject_id: SubjectId = None
    what: What
    amount: int | None = Field(ge=0, le=MOST, description="null = no limit.")
    window_seconds: int | None = Field(
        default=None, ge=0, le=LONGEST_WINDOW, description="null = as shipped; storage has none."
    )


class LimitOut(BaseModel):
    """A limit that someone set."""

    id: str
    subject: SubjectKind
    subject_id: str | None
    what: What
    amount: int | None
    window_seconds: int
    project_id: str | None
    changed_by: str
    changed_at: datetime

    @classmethod
    def of(cls, row: Override) -> LimitOut:
        values = {key: value for key, value in vars(row).items() if key not in ("window", "subject_id")}
        return cls(**values, subject_id=row.subject_id or None, window_seconds=row.window)


class ShippedOut(BaseModel):
    """A limit that holds where nobody set another."""

    subject: SubjectKind
    what: What
    amount: int | None
    window_seconds: int


class UsedOut(BaseModel):
    """One limit and what is left of it. `near`: four fifths or more are used."""

    what: What
    limit: int | None
    window_seconds: int
    used: int
    remaining: int | None
    reset_at: datetime | None
    percent: float | None
    near: bool

    @classmethod
    def of(cls, used: Used) -> UsedOut:
        values = {key: value for key, value in vars(used).items() if key != "window"}
        return cls(**values, window_seconds=used.window, percent=used.percent, near=used.near)


class UsageOut(BaseModel):
    """`subject` null: the caller has no limits (admin.sock). `near`: some limit is nearly reached."""

    subject: SubjectKind | None
    subject_id: str | None
    near: bool
    items: list[UsedOut]


@router.get("/limits", operation_id="limit_list", responses=answers(403))
def list_limits(actor: CurrentActor, service: Service, limit: Limit = 50, cursor: Cursor = None) -> Page[LimitOut]:
    """The limits that were set; `GET /limits/shipped` has those that hold otherwise."""
    rows = service.list(actor, after=after_id(cursor), limit=limit + 1)
    return page(rows, limit, LimitOut.of, lambda row: row.id)


@router.get("/limits/shipped", operation_id="limit_shipped", responses=answers())
def shipped_limits(_actor: CurrentActor) -> list[ShippedOut]:
    """What holds where nobody set another limit. The same for everyone, so anyone may see it."""
    return [
        ShippedOut(subject=kind, what=what, amount=limit.amount, window_seconds=limit.window)
        for kind, limits in SHIPPED.items()
        for what, limit in limits.items()
    ]


@router.put("/limits", operation_id="limit_set", responses=answers(403, 404))
def set_limit(body: LimitIn, actor: CurrentActor, service: Service) -> LimitOut:
    """Set a limit, for one subject or as the default of its kind. The same again changes nothing."""
    made = service.put(actor, Subject(body.subject, body.subject_id or ""), body.what, body.amount, body.window_seconds)
    return LimitOut.of(made)


@router.delete("/limits/{limit_id}", operation_id="limit_clear", status_code=204, responses=answers(403, 404))
def clear_limit(limit_id: str, actor: CurrentActor, service: Service) -> None:
    """Back to the default."""
    service.clear(actor, limit_id)


@router.get("/usage", operation_id="usage_read", responses=answers(403, 404))
def read_usage(
    actor: CurrentActor,
    service: Service,
    subject: Annotated[SubjectKind | None, Query(description="Whose; the caller's when nothing is given.")] = None,
    subject_id: Annotated[str | None, Query(min_length=1, max_length=80)] = None,
) -> UsageOut:
    """What is used and left of each limit: one's own always, a project's or another's with `limit.read`."""
    if (subject is None) != (subject_id is None):
        raise Invalid("give both subject and subject_id, or neither", code="subject_incomplete")
    wanted = Subject(subject, subject_id) if subject is not None and subject_id is not None else None
    whose, lines = service.usage(actor, wanted)
    return UsageOut(
        subject=whose.kind if whose else None,
        subject_id=whose.id if whose else None,
        near=any(line.near for line in lines),
        items=[UsedOut.of(line) for line in lines],
    )
