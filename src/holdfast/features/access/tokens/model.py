"""Token families, their refresh tokens and the signing keys: rows and records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from holdfast.kernel.db import Json, Timestamp, metadata

token_families = sa.Table(
    "token_families",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("user_id", sa.String(40), sa.ForeignKey("users.id"), index=True),
    sa.Column("key_id", sa.String(40), index=True),
    sa.Column("name", sa.String(120), nullable=False),
    sa.Column("address", sa.Text),
    sa.Column("user_agent", sa.Text),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Column("refreshed_at", Timestamp, nullable=False),
    sa.Column("expires_at", Timestamp, nullable=False),
    sa.Column("revoked_at", Timestamp),
    sa.Column("revoked_why", sa.String(20)),
)
refresh_tokens = sa.Table(
    "refresh_tokens",
    metadata,
    sa.Column("token_hash", sa.String(64), primary_key=True),
    sa.Column("family_id", sa.String(40), sa.ForeignKey("token_families.id"), nullable=False, index=True),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Column("expires_at", Timestamp, nullable=False),
    sa.Column("spent_at", Timestamp),
)
token_keys = sa.Table(
    "token_keys",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("slot", sa.String(10), unique=True),  # "current", "next", NULL once it signs no more
    sa.Column("public_jwk", Json, nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Column("retired_at", Timestamp),
    sa.Column("expires_at", Timestamp),  # from then on its signatures count for nothing
)


@dataclass(frozen=True)
class Family:
    """All tokens that came from one sign-in, of a user or of an API key. `revoked_why`: revoked, reuse, reset."""

    id: str
    user_id: str | None
    key_id: str | None
    name: str
    address: str | None
    user_agent: str | None
    created_at: datetime
    refreshed_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    revoked_why: str | None


@dataclass(frozen=True)
class SigningKey:
    """A key's public half. `slot` None: it signs no more, its tokens count until `expires_at`."""

    id: str
    slot: str | None
    public_jwk: dict[str, str]
    created_at: datetime
    retired_at: datetime | None
    expires_at: datetime | None
