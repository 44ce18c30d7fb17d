"""Retention policies: rows and records. Whole project, one environment or one database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from holdfast.features.access.grants import Place
from holdfast.kernel.db import Json, Timestamp, metadata

Scope = Literal["project", "environment", "database", "default"]

retention_policies = sa.Table(
    "retention_policies",
    metadata,
    sa.Column("subject_id", sa.String(40), primary_key=True),
    sa.Column("scope", sa.String(20), nullable=False),
    sa.Column("project_id", sa.String(40), sa.ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
    sa.Column("policy", Json(), nullable=False),
    sa.Column("tz", sa.String(64), nullable=False),
    sa.Column("updated_by", sa.String(80), nullable=False),
    sa.Column("updated_at", Timestamp(), nullable=False),
    sa.Index("ix_retention_policies_project_id", "project_id"),
)


@dataclass(frozen=True)
class Subject:
    """What a policy is for: `id` of a project, an environment or a database, and where that is."""

    scope: Scope
    id: str
    place: Place
    name: str


@dataclass(frozen=True)
class RetentionRow:
    """`subject_id` is the project's, the environment's or the database's. `policy` as `Policy.as_json`."""

    subject_id: str
    scope: Scope
    project_id: str
    policy: Mapping[str, Any]
    tz: str
    updated_by: str
    updated_at: datetime
