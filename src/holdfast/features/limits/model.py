"""Limits that differ from the shipped ones, and what was spent of those that outlive a restart."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from holdfast.features.limits.words import SubjectKind, What
from holdfast.kernel.db import Timestamp, metadata

limit_overrides = sa.Table(
    "limit_overrides",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("subject", sa.String(10), nullable=False),
    sa.Column("subject_id", sa.String(40), nullable=False),
    sa.Column("what", sa.String(20), nullable=False),
    sa.Column("amount", sa.BigInteger),
    sa.Column("window", sa.Integer, nullable=False),
    sa.Column("project_id", sa.String(40), sa.ForeignKey("projects.id", ondelete="CASCADE")),
    sa.Column("changed_by", sa.String(80), nullable=False),
    sa.Column("changed_at", Timestamp, nullable=False),
    sa.UniqueConstraint("subject", "subject_id", "what"),
)
# One row that changes with every change: who keeps limits in memory compares it.
limit_versions = sa.Table(
    "limit_versions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("version", sa.BigInteger, nullable=False),
)
limit_spent = sa.Table(
    "limit_spent",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("what", sa.String(20), nullable=False),
    sa.Column("actor", sa.String(80), nullable=False),
    sa.Column("project_id", sa.String(40), nullable=False),
    sa.Column("at", Timestamp, nullable=False),
    sa.Index("ix_limit_spent_actor", "what", "actor", "at"),
    sa.Index("ix_limit_spent_project_id", "what", "project_id", "at"),
    sa.Index("ix_limit_spent_at", "at"),
)


@dataclass(frozen=True)
class Override:
    """A limit someone set. `subject_id` "" = for all of that kind; `amount` None = no limit; `window` in seconds."""

    id: str
    subject: SubjectKind
    subject_id: str
    what: What
    amount: int | None
    window: int
    project_id: str | None
    changed_by: str
    changed_at: datetime
