"""Channels, rules, alerts and what was seen: rows and records. Deliveries are in `delivery_model`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from holdfast.features.access.grants import Place
from holdfast.features.alerts.words import ChannelKind, Mode, Severity
from holdfast.kernel.db import Json, Timestamp, metadata

AlertState = Literal["open", "acknowledged", "resolved"]

channels = sa.Table(
    "alert_channels",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("scope", sa.String(40), nullable=False),
    sa.Column("project_id", sa.String(40), sa.ForeignKey("projects.id", ondelete="CASCADE")),
    sa.Column("name", sa.String(63), nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("config", Json(), nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("digest_at", sa.String(5), nullable=False),
    sa.Column("tz", sa.String(64), nullable=False),
    sa.Column("gather_seconds", sa.Integer, nullable=False),
    sa.Column("origin", sa.String(20), nullable=False),
    sa.Column("digest_from", Timestamp(), nullable=False),
    sa.Column("next_digest_at", Timestamp()),
    sa.Column("last_sent_at", Timestamp()),
    sa.Column("trouble", Json()),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_by", sa.String(80), nullable=False),
    sa.Column("created_at", Timestamp(), nullable=False),
    sa.Column("updated_at", Timestamp(), nullable=False),
    sa.UniqueConstraint("scope", "name"),
    sa.Index("ix_alert_channels_next_digest_at", "next_digest_at"),
)

rules = sa.Table(
    "alert_rules",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("scope", sa.String(40), nullable=False),
    sa.Column("project_id", sa.String(40), sa.ForeignKey("projects.id", ondelete="CASCADE")),
    sa.Column("name", sa.String(63), nullable=False),
    sa.Column("events", Json(), nullable=False),
    sa.Column("channel_ids", Json(), nullable=False),
    sa.Column("environment_id", sa.String(40)),
    sa.Column("resource_id", sa.String(40)),
    sa.Column("labels", Json(), nullable=False),
    sa.Column("mode", sa.String(20), nullable=False),
    sa.Column("severity", sa.String(20)),
    sa.Column("threshold", sa.Integer),
    sa.Column("until", Timestamp()),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_by", sa.String(80), nullable=False),
    sa.Column("created_at", Timestamp(), nullable=False),
    sa.Column("updated_at", Timestamp(), nullable=False),
    sa.UniqueConstraint("scope", "name"),
)

alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("key", sa.String(250), nullable=False),
    sa.Column("type", sa.String(40), nullable=False),
    sa.Column("severity", sa.String(20), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("project_id", sa.String(40)),
    sa.Column("environment_id", sa.String(40)),
    sa.Column("resource_id", sa.String(40)),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("details", Json(), nullable=False),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("first_at", Timestamp(), nullable=False),
    sa.Column("last_at", Timestamp(), nullable=False),
    sa.Column("told_at", Timestamp()),
    sa.Column("muted_until", Timestamp()),
    sa.Column("acknowledged_by", sa.String(80)),
    sa.Column("acknowledged_at", Timestamp()),
    sa.Column("resolved_by", sa.String(80)),
    sa.Column("resolved_at", Timestamp()),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Index("ix_alerts_project_id", "project_id", "id"),
    sa.Index("ix_alerts_state", "state", "type", "id"),
)
# Whatever the code does: a condition has one alert while it lasts.
sa.Index(
    "uq_alerts_key",
    alerts.c.key,
    unique=True,
    sqlite_where=alerts.c.state != "resolved",
    postgresql_where=alerts.c.state != "resolved",
)

# Each thing that happened, once: `source` is what it was read from ("run:…", "audit:…").
events = sa.Table(
    "alert_events",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("source", sa.String(120), nullable=False, unique=True),
    sa.Column("type", sa.String(40), nullable=False),
    sa.Column("severity", sa.String(20), nullable=False),
    sa.Column("project_id", sa.String(40)),
    sa.Column("environment_id", sa.String(40)),
    sa.Column("resource_id", sa.String(40)),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("details", Json(), nullable=False),
    sa.Column("at", Timestamp(), nullable=False),
    sa.Column("seen_at", Timestamp(), nullable=False),
    sa.Index("ix_alert_events_seen_at", "seen_at"),
)

# How far was read, and when was last looked. The row is what two nodes wait for each other by.
cursors = sa.Table(
    "alert_cursors",
    metadata,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("position", sa.String(80), nullable=False),
    sa.Column("at", Timestamp(), nullable=False),
)


def scope_of(project_id: str | None) -> str:
    """NULLs are never equal, so names would not be unique among what is the whole server's."""
    return project_id or "server"


@dataclass(frozen=True)
class Channel:
    """Where messages go. `project_id` None: the operator's, for the whole server. `config` holds no secret.

    `gather_seconds`: what happens within that time is one message. `origin` "environment": made from variables.
    """

    id: str
    scope: str
    project_id: str | None
    name: str
    kind: ChannelKind
    config: Mapping[str, Any]
    enabled: bool
    digest_at: str
    tz: str
    gather_seconds: int
    origin: str
    digest_from: datetime
    next_digest_at: datetime | None
    last_sent_at: datetime | None
    trouble: Mapping[str, Any] | None
    version: int
    created_by: str
    created_at: datetime
    updated_at: datetime

    @property
    def place(self) -> Place | None:
        return Place(self.project_id) if self.project_id else None


@dataclass(frozen=True)
class Rule:
    """How events are told where it matches. An empty list matches everything; `until`: it ends by itself.

    A project's rule counts for the project's own channels only; the server's counts for every channel.
    """

    id: str
    scope: str
    project_id: str | None
    name: str
    events: Sequence[str]
    channel_ids: Sequence[str]
    environment_id: str | None
    resource_id: str | None
    labels: Mapping[str, str]
    mode: Mode
    severity: Severity | None
    threshold: int | None
    until: datetime | None
    enabled: bool
    version: int
    created_by: str
    created_at: datetime
    updated_at: datetime

    @property
    def place(self) -> Place | None:
        return Place(self.project_id) if self.project_id else None


@dataclass(frozen=True)
class Alert:
    """A condition, or a fact, that somebody should know of. `count`: how often it happened while it was open."""

    id: str
    key: str
    type: str
    severity: Severity
    state: AlertState
    project_id: str | None
    environment_id: str | None
    resource_id: str | None
    name: str
    details: Mapping[str, Any]
    count: int
    first_at: datetime
    last_at: datetime
    told_at: datetime | None
    muted_until: datetime | None
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    resolved_by: str | None
    resolved_at: datetime | None
    version: int

    @property
    def place(self) -> Place | None:
        return Place(self.project_id, self.environment_id, self.resource_id) if self.project_id else None


@dataclass(frozen=True)
class Happened:
    """One thing that happened. `key`: the condition it belongs to; `clears`: conditions that it ends."""

    source: str
    type: str
    at: datetime
    name: str
    key: str = ""
    severity: Severity | None = None
    project_id: str | None = None
    environment_id: str | None = None
    resource_id: str | None = None
    details: Mapping[str, Any] | None = None
    clears: tuple[str, ...] = ()
    not_to: str = ""  # a channel that need not be told: it is the one that fails
