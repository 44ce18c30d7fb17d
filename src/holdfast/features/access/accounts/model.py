"""Invites and password resets: rows and records. Of their links only hashes are kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from holdfast.kernel.db import Json, Timestamp, metadata

invites = sa.Table(
    "invites",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("email", sa.String(254), nullable=False, index=True),
    sa.Column("role", sa.String(40), nullable=False),
    sa.Column("grants", Json, nullable=False),
    sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
    sa.Column("created_by", sa.String(80), nullable=False, index=True),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Column("expires_at", Timestamp, nullable=False),
    sa.Column("accepted_at", Timestamp),
    sa.Column("accepted_by", sa.String(40)),
    sa.Column("revoked_at", Timestamp),
)
password_resets = sa.Table(
    "password_resets",
    metadata,
    sa.Column("user_id", sa.String(40), sa.ForeignKey("users.id"), primary_key=True),
    sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
    sa.Column("created_by", sa.String(80), nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Column("expires_at", Timestamp, nullable=False),
)


@dataclass(frozen=True)
class RoleGrant:
    """A role in one project, or in one of its environments."""

    role: str
    project_id: str
    environment_id: str | None = None


@dataclass(frozen=True)
class Invite:
    """Someone asked to join. Open until accepted, revoked or `expires_at`."""

    id: str
    email: str
    role: str
    grants: tuple[RoleGrant, ...]
    created_by: str
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None
    accepted_by: str | None
    revoked_at: datetime | None
