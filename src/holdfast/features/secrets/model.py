"""Secrets as people store them. Holdfast's own (database passwords, signing keys) are in another table and unreachable
from here: nothing in this slice reads `kernel.secrets.secrets` but the rotation, which does not look inside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from holdfast.features.access.grants import Place
from holdfast.kernel.db import Json, Timestamp, metadata
from holdfast.kernel.secrets import Sealed

user_secrets = sa.Table(
    "user_secrets",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("project_id", sa.String(40), nullable=False),
    sa.Column("environment_id", sa.String(40), sa.ForeignKey("environments.id"), nullable=False),
    sa.Column("resource_id", sa.String(40)),
    sa.Column("name", sa.String(128), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_by", sa.String(80), nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Column("updated_by", sa.String(80), nullable=False),
    sa.Column("updated_at", Timestamp, nullable=False),
    sa.Column("deleted_at", Timestamp),
    sa.UniqueConstraint("environment_id", "name"),
)
user_secret_versions = sa.Table(
    "user_secret_versions",
    metadata,
    sa.Column("environment_id", sa.String(40), primary_key=True),
    sa.Column("secret_id", sa.String(40), sa.ForeignKey("user_secrets.id"), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(128), nullable=False),
    sa.Column("resource_id", sa.String(40), nullable=False),  # "" = the environment's
    sa.Column("data_key_id", sa.Text, sa.ForeignKey("data_keys.id"), nullable=False),
    sa.Column("sealed", sa.Text, nullable=False),
    sa.Column("restored_from", sa.Integer),
    sa.Column("created_by", sa.String(80), nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Index("ix_user_secret_versions_data_key_id", "data_key_id"),
)
recovery_kits = sa.Table(
    "recovery_kits",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("made_at", Timestamp, nullable=False),
    sa.Column("made_by", sa.String(80), nullable=False),
    sa.Column("master_key_id", sa.Text, nullable=False),
    sa.Column("repositories", Json, nullable=False),
    sa.Column("recipients", Json, nullable=False),
)
installation = sa.Table(
    "installation",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("since", Timestamp, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False, server_default="0"),  # rises when a lost server is recovered
)

USER = Sealed("user secret", user_secret_versions, ("secret_id", "resource_id", "name", "version"))


@dataclass(frozen=True)
class Secret:
    """A name with versions. Never a value: those leave only through `SecretsService.reveal`."""

    id: str
    project_id: str
    environment_id: str
    resource_id: str | None
    name: str
    version: int
    created_by: str
    created_at: datetime
    updated_by: str
    updated_at: datetime
    deleted_at: datetime | None = None

    @property
    def place(self) -> Place:
        return Place(self.project_id, self.environment_id, self.resource_id)


@dataclass(frozen=True)
class Version:
    """`restored_from`: the older version whose value it has again."""

    version: int
    created_by: str
    created_at: datetime
    restored_from: int | None


@dataclass(frozen=True)
class KitRecord:
    """That a kit was made, never what is in it."""

    id: str
    made_at: datetime
    made_by: str
    master_key_id: str
    repositories: Sequence[str]
    recipients: Sequence[str]
