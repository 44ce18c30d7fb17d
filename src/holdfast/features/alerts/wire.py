"""Alerts, rules and deliveries on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, Field

from holdfast.features.alerts.deliveries.model import Delivery
from holdfast.features.alerts.model import Alert, Rule
from holdfast.features.alerts.words import EventType
from holdfast.web.wire import In

Name = Annotated[str, Field(min_length=1, max_length=63, examples=["on-call"])]
Id = Annotated[str, Field(max_length=40)]
SeverityWord = Literal["info", "warning", "critical"]
ModeWord = Literal["immediate", "digest", "off"]


class MuteIn(In):
    """How long nothing of it is told."""

    seconds: int = Field(default=3600, ge=0, le=30 * 24 * 3600, description="0 ends a mute.")


class AlertOut(BaseModel):
    """A condition, or a fact. `count`: how often it happened while it was open; `details` are of the last time."""

    id: str
    type: str
    severity: str
    state: str = Field(description="open, acknowledged, resolved.")
    project_id: str | None = Field(description="null = the whole server's.")
    environment_id: str | None
    resource_id: str | None
    name: str = Field(description="What it is about: a database, a repository, someone.")
    details: dict[str, Any]
    count: int
    first_at: datetime
    last_at: datetime
    told_at: datetime | None
    muted_until: datetime | None
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    resolved_by: str | None = Field(description="`holdfast` = it was found to be over.")
    resolved_at: datetime | None

    @classmethod
    def of(cls, alert: Alert) -> AlertOut:
        return cls(**{name: getattr(alert, name) for name in cls.model_fields})


class RuleIn(In):
    """How events are told where it matches. An empty list matches everything; the most particular rule counts."""

    project_id: Id | None = Field(default=None, description="null = every project: the operator's.")
    name: Name
    mode: ModeWord
    events: list[str] = Field(default_factory=list, max_length=40, examples=[["backup_failed"]])
    channel_ids: list[Id] = Field(default_factory=list, max_length=50)
    environment_id: Id | None = None
    resource_id: Id | None = None
    labels: dict[str, str] = Field(default_factory=dict, max_length=20, examples=[{"team": "shop"}])
    severity: SeverityWord | None = Field(default=None, description="null = as shipped.")
    threshold: int | None = Field(default=None, ge=1, le=100_000, description="Days or percent, by the event.")
    until: AwareDatetime | None = Field(
        default=None, description="It ends by itself; a mute is a rule `off` until then."
    )
    enabled: bool = True


class RulePatch(In):
    name: Name | None = None
    mode: ModeWord | None = None
    events: list[str] | None = Field(default=None, max_length=40)
    channel_ids: list[Id] | None = Field(default=None, max_length=50)
    labels: dict[str, str] | None = Field(default=None, max_length=20)
    severity: SeverityWord | None = None
    threshold: int | None = Field(default=None, ge=1, le=100_000)
    until: AwareDatetime | None = None
    enabled: bool | None = None


class RuleOut(BaseModel):
    """A rule."""

    id: str
    project_id: str | None
    name: str
    mode: str
    events: list[str]
    channel_ids: list[str]
    environment_id: str | None
    resource_id: str | None
    labels: dict[str, str]
    severity: str | None
    threshold: int | None
    until: datetime | None
    enabled: bool
    version: int
    created_by: str
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, rule: Rule) -> RuleOut:
        return cls(**{name: getattr(rule, name) for name in cls.model_fields})


class EventTypeOut(BaseModel):
    """An event there is, and how it is told unless a rule says otherwise."""

    type: str
    title: str
    severity: str
    mode: str
    condition: bool = Field(description="It lasts, and its end is told.")
    threshold: int | None
    unit: str

    @classmethod
    def of(cls, pair: tuple[str, EventType]) -> EventTypeOut:
        name, kind = pair
        return cls(type=name, **{each: getattr(kind, each) for each in cls.model_fields if each != "type"})


class EventTypesOut(BaseModel):
    """All of them."""

    items: list[EventTypeOut]


class DeliveryOut(BaseModel):
    """One message for one channel. Its id is the message's id on every attempt."""

    id: str
    channel_id: str
    project_id: str | None
    kind: str = Field(description="alert, digest, test.")
    state: str = Field(description="queued, sending, sent, dead.")
    subject: str
    attempts: int
    replays: int
    log: list[dict[str, Any]] = Field(description="The newest 20 attempts: when, how long, what was answered.")
    next_at: datetime | None = Field(description="When it is tried next; null = not by itself.")
    created_at: datetime
    sent_at: datetime | None

    @classmethod
    def of(cls, delivery: Delivery) -> DeliveryOut:
        values = {name: getattr(delivery, name) for name in cls.model_fields}
        return cls(**{**values, "next_at": delivery.next_at if delivery.state == "queued" else None})


class FullDeliveryOut(DeliveryOut):
    """With what is sent."""

    payload: dict[str, Any] | None
