"""Upgrades of databases: asked for, rehearsed, switched, taken back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from holdfast.features.access.grants import Place
from holdfast.kernel.db import Json, Timestamp, metadata

State = Literal["running", "switching", "rehearsed", "switched", "taken back", "failed"]

upgrades = sa.Table(
    "upgrades",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("project_id", sa.String(40), nullable=False),
    sa.Column("environment_id", sa.String(40), nullable=False),
    sa.Column("resource_id", sa.String(40), nullable=False),
    sa.Column("actor", sa.String(80), nullable=False),
    sa.Column("from_version", sa.String(20), nullable=False),
    sa.Column("to_version", sa.String(20), nullable=False),
    sa.Column("rehearse", sa.Boolean, nullable=False),
    sa.Column("snapshot_id", sa.String(40), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("report", Json(), nullable=False),
    sa.Column("error", Json()),
    sa.Column("kept", sa.String(40)),
    sa.Column("kept_until", Timestamp()),
    sa.Column("created_at", Timestamp(), nullable=False),
    sa.Column("finished_at", Timestamp()),
)
sa.Index("ix_upgrades_resource_id", upgrades.c.resource_id, upgrades.c.id)


@dataclass(frozen=True)
class Upgrade:
    """`report`: seconds of each part, what differed, what is not taken along. `kept`: the directory that holds the old
    state until `kept_until`."""

    id: str
    project_id: str
    environment_id: str
    resource_id: str
    actor: str
    from_version: str
    to_version: str
    rehearse: bool
    snapshot_id: str
    state: State
    report: Mapping[str, Any]
    error: Mapping[str, Any] | None
    kept: str | None
    kept_until: datetime | None
    created_at: datetime
    finished_at: datetime | None

    @property
    def place(self) -> Place:
        return Place(self.project_id, self.environment_id, self.resource_id)


def is_minor(upgrade: Upgrade) -> bool:
    """To a newer build of the same version: the state stays where it is, and `kept` names the old copy of the software.
    No run ends its grace: nothing is removed then."""
    return upgrade.from_version == upgrade.to_version
