"""Users, sessions, API keys, the first-run token and failed sign-ins: rows and records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from holdfast.features.access.grants import Place
from holdfast.kernel.db import Json, Timestamp, metadata

users = sa.Table(
    "users",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("email", sa.String(254), nullable=False, unique=True),
    sa.Column("password_hash", sa.Text, nullable=False),
    sa.Column("role", sa.String(40), nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Column("disabled_at", Timestamp),
    sa.Column("name", sa.String(120), nullable=False, server_default=""),
    sa.Column("version", sa.Integer, nullable=False, server_default="1"),
    sa.Column("deleted_at", Timestamp),
)
sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("user_id", sa.String(40), sa.ForeignKey("users.id"), nullable=False, index=True),
    sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
    sa.Column("address", sa.Text),
    sa.Column("user_agent", sa.Text),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Column("seen_at", Timestamp, nullable=False),
    sa.Column("stepped_up_at", Timestamp),
    sa.Column("revoked_at", Timestamp),
    sa.Column("factor", sa.String(16)),
)
api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("name", sa.String(63), nullable=False),
    sa.Column("prefix", sa.String(16), nullable=False, unique=True),
    sa.Column("secret_hash", sa.String(64), nullable=False),
    sa.Column("role", sa.String(40)),
    sa.Column("permissions", Json),
    sa.Column("projects", Json),
    sa.Column("created_by", sa.String(80), nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Column("expires_at", Timestamp),
    sa.Column("last_used_at", Timestamp),
    sa.Column("revoked_at", Timestamp),
    sa.Column("places", Json),
    sa.Column("owner_id", sa.String(40), index=True),
    sa.Column("rotated_at", Timestamp),
    sa.Column("secret_used_at", Timestamp),
)
key_secrets = sa.Table(
    "key_secrets",
    metadata,
    sa.Column("prefix", sa.String(16), primary_key=True),
    sa.Column("key_id", sa.String(40), sa.ForeignKey("api_keys.id"), nullable=False, index=True),
    sa.Column("secret_hash", sa.String(64), nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Column("valid_until", Timestamp, nullable=False),
    sa.Column("last_used_at", Timestamp),
)
roles = sa.Table(
    "roles",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("name", sa.String(40), nullable=False, unique=True),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("permissions", Json, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_by", sa.String(80), nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Column("updated_at", Timestamp, nullable=False),
)
role_grants = sa.Table(
    "role_grants",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("user_id", sa.String(40), sa.ForeignKey("users.id"), nullable=False, index=True),
    sa.Column("role", sa.String(40), nullable=False),
    sa.Column("project_id", sa.String(40)),
    sa.Column("environment_id", sa.String(40)),
    sa.Column("created_by", sa.String(80), nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.UniqueConstraint("user_id", "role", "project_id", "environment_id"),
)
first_run = sa.Table(
    "first_run",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("token_hash", sa.String(64), nullable=False),
    sa.Column("expires_at", Timestamp, nullable=False),
)
sign_in_failures = sa.Table(
    "sign_in_failures",
    metadata,
    sa.Column("subject", sa.String(320), primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("last_at", Timestamp, nullable=False),
)


@dataclass(frozen=True)
class User:
    """Someone with an account. `password_hash` "" = no password works: it was reset, or never set.

    A deleted account's row stays without its e-mail and name, so that what it did can still be told by its id;
    `disabled_at` is set with `deleted_at`.
    """

    id: str
    email: str
    password_hash: str
    role: str
    created_at: datetime
    disabled_at: datetime | None
    name: str = ""
    version: int = 1
    deleted_at: datetime | None = None


@dataclass(frozen=True)
class Session:
    """One browser, signed in. `factor`: the second one that was shown at sign-in; "sso" = its provider vouches."""

    id: str
    user_id: str
    created_at: datetime
    seen_at: datetime
    stepped_up_at: datetime | None
    factor: str | None = None


@dataclass(frozen=True)
class KeySecret:
    """One of a key's secrets, by its prefix. `valid_until` None = the newest one, which works as long as the key."""

    prefix: str
    created_at: datetime
    valid_until: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True)
class ApiKey:
    """A script's credential: `role` or `permissions`, everywhere or in `places` only. Never the secret itself.

    With an `owner_id` it never does more than that person may do at the moment, and nothing while they are disabled.
    """

    id: str
    name: str
    prefix: str
    role: str | None
    permissions: frozenset[str]
    places: tuple[Place, ...] | None
    owner_id: str | None
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    secrets: tuple[KeySecret, ...] = ()

    @property
    def projects(self) -> frozenset[str] | None:
        """The projects it is let into wholly; None = it is not limited."""
        if self.places is None:
            return None
        return frozenset(place.project_id for place in self.places if place.environment_id is None)
