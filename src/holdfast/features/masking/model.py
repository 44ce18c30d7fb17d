"""Masking profiles: rows and records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from holdfast.features.access.grants import Place
from holdfast.kernel.db import Json, Timestamp, metadata

masking_profiles = sa.Table(
    "masking_profiles",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("project_id", sa.String(40), sa.ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
    sa.Column("name", sa.String(63), nullable=False),
    sa.Column("engine", sa.String(40), nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("statements", Json, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_by", sa.String(80), nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Column("updated_at", Timestamp, nullable=False),
    sa.UniqueConstraint("project_id", "name"),
)


@dataclass(frozen=True)
class MaskingProfile:
    """`statements` are run in order, as the database's owner, on the restored copy before it becomes reachable."""

    id: str
    project_id: str
    name: str
    engine: str
    description: str
    statements: Sequence[str]
    version: int
    created_by: str
    created_at: datetime
    updated_at: datetime

    @property
    def place(self) -> Place:
        return Place(self.project_id)
