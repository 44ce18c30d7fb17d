"""Identity providers, identities, sign-ins under way, and the grants that came from groups: rows and records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from holdfast.features.access.grants import Place
from holdfast.kernel.db import Json, Timestamp, metadata

Purpose = Literal["sign_in", "link", "step_up"]

sso_providers = sa.Table(
    "sso_providers",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("name", sa.String(63), nullable=False, unique=True),
    sa.Column("issuer", sa.String(500), nullable=False, unique=True),
    sa.Column("client_id", sa.String(300), nullable=False),
    sa.Column("has_secret", sa.Boolean, nullable=False),
    sa.Column("scopes", Json, nullable=False),
    sa.Column("allowed_domains", Json, nullable=False),
    sa.Column("group_claim", sa.String(120), nullable=False),
    sa.Column("mapping", Json, nullable=False),
    sa.Column("create_accounts", sa.Boolean, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("trust_factors", sa.Boolean, nullable=False),
    sa.Column("allow_private", sa.Boolean, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_by", sa.String(80), nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Column("updated_at", Timestamp, nullable=False),
)
sso_identities = sa.Table(
    "sso_identities",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("provider_id", sa.String(40), sa.ForeignKey("sso_providers.id"), nullable=False, index=True),
    sa.Column("user_id", sa.String(40), sa.ForeignKey("users.id"), nullable=False, index=True),
    sa.Column("issuer", sa.String(500), nullable=False),
    sa.Column("subject", sa.String(255), nullable=False),
    sa.Column("email", sa.String(254), nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Column("signed_in_at", Timestamp),
    sa.UniqueConstraint("issuer", "subject"),
)
sso_states = sa.Table(
    "sso_states",
    metadata,
    sa.Column("state_hash", sa.String(64), primary_key=True),
    sa.Column("browser_hash", sa.String(64), nullable=False),
    sa.Column("provider_id", sa.String(40), nullable=False),
    sa.Column("purpose", sa.String(10), nullable=False),
    sa.Column("user_id", sa.String(40)),
    sa.Column("session_id", sa.String(40)),
    sa.Column("redirect_uri", sa.String(500), nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Column("expires_at", Timestamp, nullable=False, index=True),
)
# Which role grants came from groups, and so go with them. Grants that people gave are never listed here.
sso_grants = sa.Table(
    "sso_grants",
    metadata,
    sa.Column("grant_id", sa.String(40), primary_key=True),
    sa.Column("identity_id", sa.String(40), sa.ForeignKey("sso_identities.id"), nullable=False, index=True),
)


@dataclass(frozen=True)
class Rule:
    """Who is in `group` has `role` in the installation, in a project, or in one of its environments.

    `role_id` is a custom role's: another role made later by the same name is not meant.
    """

    group: str
    role: str
    project_id: str | None = None
    environment_id: str | None = None
    role_id: str | None = None

    @property
    def place(self) -> Place | None:
        return None if self.project_id is None else Place(self.project_id, self.environment_id)


@dataclass(frozen=True)
class Provider:
    """An issuer we send people to. The client secret is in the sealed secrets. `trust_factors`: who comes from there
    needs no second factor here. `allow_private`: its address may be in a private network."""

    id: str
    name: str
    issuer: str
    client_id: str
    has_secret: bool
    scopes: tuple[str, ...]
    allowed_domains: tuple[str, ...]
    group_claim: str
    mapping: tuple[Rule, ...]
    create_accounts: bool
    enabled: bool
    trust_factors: bool
    allow_private: bool
    version: int
    created_by: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class Identity:
    """One person at one issuer; `email` is what the issuer said last."""

    id: str
    provider_id: str
    user_id: str
    issuer: str
    subject: str
    email: str
    created_at: datetime
    signed_in_at: datetime | None


@dataclass(frozen=True)
class State:
    """A way to a provider that someone set out on. Works once, in the browser that began it, for ten minutes."""

    state_hash: str
    browser_hash: str
    provider_id: str
    purpose: Purpose
    user_id: str | None
    session_id: str | None
    redirect_uri: str
    created_at: datetime
    expires_at: datetime


def rules_of(stored: list[dict[str, Any]]) -> tuple[Rule, ...]:
    return tuple(Rule(**each) for each in stored)
