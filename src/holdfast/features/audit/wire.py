"""What the audit log looks like over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, Query
from pydantic import AwareDatetime, BaseModel, Field

from holdfast.features.audit.activity import Activity
from holdfast.features.audit.store import AuditEvent, Filter
from holdfast.kernel.audit_verify import Verified
from holdfast.web.wire import In


class AuditEventOut(BaseModel):
    """One row of the log. `seq` is its place: rising by one, never given again."""

    seq: int
    id: str
    at: datetime
    actor: str
    actor_name: str | None = Field(default=None, description="As known now; null in streams, and when nobody has it.")
    action: str
    project_id: str | None
    environment_id: str | None
    resource_id: str | None
    request_id: str | None
    address: str | None
    outcome: str
    details: dict[str, Any]
    erased_at: datetime | None = Field(description="When address and details were erased.")

    @classmethod
    def of(cls, event: AuditEvent, names: Mapping[str, str] | None = None) -> AuditEventOut:
        return cls(**vars(event), actor_name=(names or {}).get(event.actor))


class ActivityOut(BaseModel):
    """One thing that somebody did, as a sentence."""

    seq: int
    at: datetime
    actor: str
    actor_name: str
    kind: str
    action: str
    outcome: str
    sentence: str
    project_id: str | None
    resource_id: str | None

    @classmethod
    def of(cls, each: Activity) -> ActivityOut:
        event = each.event
        return cls(
            seq=event.seq,
            at=event.at,
            actor=event.actor,
            actor_name=each.actor_name,
            kind=each.kind,
            action=event.action,
            outcome=event.outcome,
            sentence=each.sentence,
            project_id=event.project_id,
            resource_id=event.resource_id,
        )


class FindingOut(BaseModel):
    kind: str
    seq: int | None
    id: str | None
    message: str


class VerifiedOut(BaseModel):
    """`ok` when the log is what was written. `found` counts everything; `findings` are the first thousand."""

    ok: bool
    rows: int
    waiting: int = Field(description="Rows that have no place yet: normal for a moment.")
    erased: int
    anchors: int = Field(description="Ends of the log remembered elsewhere that it was compared with.")
    head_seq: int | None
    found: int
    findings: list[FindingOut]

    @classmethod
    def of(cls, found: Verified) -> VerifiedOut:
        return cls(
            ok=found.ok,
            rows=found.rows,
            waiting=found.waiting,
            erased=found.erased,
            anchors=found.anchors,
            head_seq=found.head.seq if found.head else None,
            found=found.found,
            findings=[FindingOut(**vars(each)) for each in found.findings],
        )


class VerifyIn(In):
    snapshot_id: str | None = Field(
        default=None, max_length=64, description="Compare with the head in this snapshot's manifest too."
    )


class EraseIn(In):
    """Either `actor` or `ids`."""

    actor: str | None = Field(default=None, min_length=1, max_length=80)
    ids: list[Annotated[str, Field(max_length=64)]] = Field(default_factory=list, max_length=500)
    reason: str = Field(min_length=1, max_length=500)
    confirm: Literal["erase"] = Field(description="The word erase, typed.")


class ErasedOut(BaseModel):
    rows: int


Word = Annotated[str | None, Query(max_length=200)]


def filter_of(
    actor: Annotated[str | None, Query(max_length=80, description="Who: an actor's id.")] = None,
    action: Annotated[str | None, Query(max_length=100, description="Such as snapshot or snapshot.restore.")] = None,
    resource_id: Word = None,
    project_id: Word = None,
    environment_id: Word = None,
    outcome: Annotated[Literal["ok", "denied", "failed"] | None, Query()] = None,
    since: Annotated[AwareDatetime | None, Query()] = None,
    until: Annotated[AwareDatetime | None, Query()] = None,
    text: Annotated[str | None, Query(max_length=200, description="Looked for in ids, actions and details.")] = None,
) -> Filter:
    return Filter(actor, action, resource_id, project_id, environment_id, outcome, since, until, text)


Filters = Annotated[Filter, Depends(filter_of)]
