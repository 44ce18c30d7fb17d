"""TOTP, recovery codes, passkeys, open challenges and the rule who needs a factor: rows and records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.kernel.db import Json, Timestamp, metadata

totp_factors = sa.Table(
    "totp_factors",
    metadata,
    sa.Column("user_id", sa.String(40), sa.ForeignKey("users.id"), primary_key=True),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Column("confirmed_at", Timestamp),
    sa.Column("last_step", sa.BigInteger, nullable=False),
)
recovery_codes = sa.Table(
    "recovery_codes",
    metadata,
    sa.Column("user_id", sa.String(40), sa.ForeignKey("users.id"), primary_key=True),
    sa.Column("code_hash", sa.String(64), primary_key=True),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Column("used_at", Timestamp),
)
passkeys = sa.Table(
    "passkeys",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("user_id", sa.String(40), sa.ForeignKey("users.id"), nullable=False, index=True),
    sa.Column("credential_id", sa.String(1400), nullable=False, unique=True),
    sa.Column("public_key", sa.Text, nullable=False),
    sa.Column("sign_count", sa.BigInteger, nullable=False),
    sa.Column("rp_id", sa.String(253), nullable=False),
    sa.Column("name", sa.String(63), nullable=False),
    sa.Column("transports", Json, nullable=False),
    sa.Column("backed_up", sa.Boolean, nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Column("last_used_at", Timestamp),
)
factor_challenges = sa.Table(
    "factor_challenges",
    metadata,
    sa.Column("flow_hash", sa.String(64), primary_key=True),
    sa.Column("purpose", sa.String(16), nullable=False),
    sa.Column("subject", sa.String(80), nullable=False, index=True),
    sa.Column("challenge", sa.String(128), nullable=False),
    sa.Column("expires_at", Timestamp, nullable=False),
)
factor_policy = sa.Table(
    "factor_policy",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("everyone", sa.Boolean, nullable=False),
    sa.Column("roles", Json, nullable=False),
    sa.Column("updated_by", sa.String(80), nullable=False),
    sa.Column("updated_at", Timestamp, nullable=False),
)


@dataclass(frozen=True)
class Site:
    """Where the browser is: `rp_id` is the host's name, `origin` scheme, host and port. The Host was checked before."""

    rp_id: str
    origin: str


@dataclass(frozen=True)
class Assertion:
    """A browser's PublicKeyCredential as JSON, the flow whose challenge it answers, and where it says it is."""

    flow: str = field(repr=False)
    credential: Mapping[str, Any] = field(repr=False)
    site: Site | None


@dataclass(frozen=True)
class Second:
    """What is given besides the password: a TOTP or recovery code, or a passkey. `site`: where a passkey could be."""

    code: str | None = field(default=None, repr=False)
    passkey: Assertion | None = None
    site: Site | None = None

    @property
    def given(self) -> bool:
        return bool(self.code) or self.passkey is not None


@dataclass(frozen=True)
class Passkey:
    """A registered credential. `public_key` is the COSE key, base64url."""

    id: str
    user_id: str
    credential_id: str
    public_key: str
    sign_count: int
    rp_id: str
    name: str
    transports: list[str]
    backed_up: bool
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True)
class Policy:
    """Who must have a second factor: everyone, or those whose role in the installation is one of `roles`."""

    everyone: bool = False
    roles: tuple[str, ...] = ()

    def covers(self, role: str) -> bool:
        return self.everyone or role in self.roles


@dataclass(frozen=True)
class Held:
    """What someone has. `required`: the rule asks them for a factor."""

    totp: bool
    totp_pending: bool
    recovery_codes_left: int
    passkeys: int
    required: bool
