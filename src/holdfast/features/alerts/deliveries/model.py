"""Deliveries: what is to be sent where, how often it was tried, and what each holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from holdfast.features.access.grants import Place
from holdfast.kernel.db import Json, Timestamp, metadata

DeliveryState = Literal["queued", "sending", "sent", "dead"]

deliveries = sa.Table(
    "alert_deliveries",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("channel_id", sa.String(40), sa.ForeignKey("alert_channels.id", ondelete="CASCADE"), nullable=False),
    sa.Column("project_id", sa.String(40)),
    sa.Column("source", sa.String(120), nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("payload", Json()),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("tries_left", sa.Integer, nullable=False),
    sa.Column("log", Json(), nullable=False),
    sa.Column("next_at", Timestamp(), nullable=False),
    sa.Column("owner", sa.String(200)),
    sa.Column("lease_until", Timestamp()),
    sa.Column("created_at", Timestamp(), nullable=False),
    sa.Column("sent_at", Timestamp()),
    sa.Column("replays", sa.Integer, nullable=False),
    sa.UniqueConstraint("channel_id", "source"),
    sa.Index("ix_alert_deliveries_state", "state", "next_at"),
    sa.Index("ix_alert_deliveries_project_id", "project_id", "id"),
)

# What a message holds. The key says it once and for all: one row per channel and what is told.
items = sa.Table(
    "alert_items",
    metadata,
    sa.Column("channel_id", sa.String(40), sa.ForeignKey("alert_channels.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("source", sa.String(160), primary_key=True),
    sa.Column("alert_id", sa.String(40)),
    sa.Column("event_id", sa.String(40)),
    sa.Column("phase", sa.String(20), nullable=False),
    sa.Column("severity", sa.String(20), nullable=False),
    sa.Column("delivery_id", sa.String(40), sa.ForeignKey("alert_deliveries.id", ondelete="CASCADE"), nullable=False),
    sa.Index("ix_alert_items_delivery_id", "delivery_id"),
    sa.Index("ix_alert_items_alert_id", "alert_id"),
)


@dataclass(frozen=True)
class Delivery:
    """One message for one channel. Its id is the message's id: a repeated attempt sends the same id and bytes.

    `payload` is fixed when it is first tried. `log`: the newest attempts, oldest first.
    """

    id: str
    channel_id: str
    project_id: str | None
    source: str
    kind: str
    state: DeliveryState
    subject: str
    payload: Mapping[str, Any] | None
    attempts: int
    tries_left: int
    log: Sequence[Mapping[str, Any]]
    next_at: datetime
    owner: str | None
    lease_until: datetime | None
    created_at: datetime
    sent_at: datetime | None
    replays: int

    @property
    def place(self) -> Place | None:
        return Place(self.project_id) if self.project_id else None
