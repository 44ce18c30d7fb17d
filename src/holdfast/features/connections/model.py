"""Tunnels: who reached a database from outside through us, with which temporary login, and how much went through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from holdfast.contract.spec import Access
from holdfast.features.access.grants import Place
from holdfast.kernel.db import Json, Timestamp, metadata

tunnels = sa.Table(
    "tunnels",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("project_id", sa.String(40), nullable=False),
    sa.Column("environment_id", sa.String(40), nullable=False),
    sa.Column("resource_id", sa.String(40), nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("actor", sa.String(80), nullable=False),
    sa.Column("access", sa.String(10), nullable=False),
    sa.Column("login", sa.String(63), nullable=False),
    sa.Column("opened_at", Timestamp(), nullable=False),
    sa.Column("expires_at", Timestamp(), nullable=False),
    sa.Column("used_at", Timestamp(), nullable=False),
    sa.Column("closed_at", Timestamp()),
    sa.Column("reason", sa.String(200)),
    sa.Column("dismissed_at", Timestamp()),
    sa.Column("connections", sa.Integer, nullable=False),
    sa.Column("bytes_up", sa.BigInteger, nullable=False),
    sa.Column("bytes_down", sa.BigInteger, nullable=False),
)
sa.Index("ix_tunnels_resource_id", tunnels.c.resource_id, tunnels.c.id)
sa.Index(
    "ix_tunnels_undismissed",
    tunnels.c.id,
    sqlite_where=tunnels.c.dismissed_at.is_(None),
    postgresql_where=tunnels.c.dismissed_at.is_(None),
)


@dataclass(frozen=True)
class Tunnel:
    """`closed_at` None = connections may come. `dismissed_at` None = its login may still be at the server. Bytes are
    those of connections that have ended."""

    id: str
    project_id: str
    environment_id: str
    resource_id: str
    generation: int
    actor: str
    access: Access
    login: str
    opened_at: datetime
    expires_at: datetime
    used_at: datetime
    closed_at: datetime | None = None
    reason: str | None = None
    dismissed_at: datetime | None = None
    connections: int = 0
    bytes_up: int = 0
    bytes_down: int = 0

    @property
    def place(self) -> Place:
        return Place(self.project_id, self.environment_id, self.resource_id)


named_logins = sa.Table(
    "named_logins",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("project_id", sa.String(40), nullable=False),
    sa.Column("environment_id", sa.String(40), nullable=False),
    sa.Column("resource_id", sa.String(40), nullable=False),
    sa.Column("name", sa.String(63), nullable=False),
    sa.Column("access", sa.String(10), nullable=False),
    sa.Column("created_by", sa.String(80), nullable=False),
    sa.Column("created_at", Timestamp(), nullable=False),
    sa.Column("rotated_at", Timestamp(), nullable=False),
    sa.Column("revoked_at", Timestamp()),
    sa.UniqueConstraint("resource_id", "name"),
)


@dataclass(frozen=True)
class NamedLogin:
    """A lasting login of a database. Its password is nowhere but at the server, and there as a verifier."""

    id: str
    project_id: str
    environment_id: str
    resource_id: str
    name: str
    access: Access
    created_by: str
    created_at: datetime
    rotated_at: datetime
    revoked_at: datetime | None = None

    @property
    def place(self) -> Place:
        return Place(self.project_id, self.environment_id, self.resource_id)


exposures = sa.Table(
    "exposures",
    metadata,
    sa.Column("resource_id", sa.String(40), primary_key=True),
    sa.Column("project_id", sa.String(40), nullable=False),
    sa.Column("environment_id", sa.String(40), nullable=False),
    sa.Column("host", sa.String(64), nullable=False),
    sa.Column("port", sa.Integer, nullable=False),
    sa.Column("allow", Json(), nullable=False),
    sa.Column("names", Json(), nullable=False),
    sa.Column("certificate", sa.Text, nullable=False),
    sa.Column("uploaded", sa.Boolean, nullable=False),
    sa.Column("created_by", sa.String(80), nullable=False),
    sa.Column("created_at", Timestamp(), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
)


@dataclass(frozen=True)
class Exposure:
    """An open door of a database: where it listens, whom it lets in, and the certificate it shows. Its private key is a
    secret of the database."""

    resource_id: str
    project_id: str
    environment_id: str
    host: str
    port: int
    allow: Sequence[str]
    names: Sequence[str]
    certificate: str
    uploaded: bool
    created_by: str
    created_at: datetime
    version: int
