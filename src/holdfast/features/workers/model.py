"""Workers, their versions and what is deployed: rows and records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from holdfast.features.access.grants import Place
from holdfast.kernel.db import Json, Timestamp, metadata

VersionState = Literal["building", "ready", "failed"]
Trigger = Literal["deploy", "rollback"]


def _owned() -> tuple[sa.Column[Any], ...]:
    """Where a row of a worker is, and its worker."""
    return (
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("project_id", sa.String(40), nullable=False),
        sa.Column("environment_id", sa.String(40), nullable=False),
        sa.Column("worker_id", sa.String(40), sa.ForeignKey("workers.id", ondelete="CASCADE"), nullable=False),
    )


workers = sa.Table(
    "workers",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("project_id", sa.String(40), nullable=False),
    sa.Column("environment_id", sa.String(40), sa.ForeignKey("environments.id"), nullable=False),
    sa.Column("name", sa.String(63), nullable=False),
    sa.Column("slug", sa.String(63), nullable=False, unique=True),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("colour", sa.String(20)),
    sa.Column("labels", Json, nullable=False),
    sa.Column("settings", Json, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_by", sa.String(80), nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Column("updated_at", Timestamp, nullable=False),
    sa.Column("deleted_at", Timestamp),
    sa.Column("purge_after", Timestamp),
    sa.UniqueConstraint("environment_id", "name"),
)
worker_versions = sa.Table(
    "worker_versions",
    metadata,
    *_owned(),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("tag", sa.String(63)),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("config", Json, nullable=False),
    sa.Column("files", Json, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("error", Json),
    sa.Column("packages", sa.Text),
    sa.Column("run_id", sa.String(40)),
    sa.Column("token", sa.String(40), nullable=False, unique=True),
    sa.Column("created_by", sa.String(80), nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.UniqueConstraint("worker_id", "number"),
)
worker_deployments = sa.Table(
    "worker_deployments",
    metadata,
    *_owned(),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("trigger", sa.String(20), nullable=False),
    sa.Column("versions", Json, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("created_by", sa.String(80), nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.UniqueConstraint("worker_id", "number"),
)


@dataclass(frozen=True)
class Worker:
    """`slug` is its host below the apps domain, and nobody else's. `settings` reads as `settings.Settings`."""

    id: str
    project_id: str
    environment_id: str
    name: str
    slug: str
    description: str
    colour: str | None
    labels: Mapping[str, str]
    settings: Mapping[str, Any]
    enabled: bool
    version: int
    created_by: str
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = None
    purge_after: datetime | None = None

    @property
    def place(self) -> Place:
        """A worker is to grants what a database is: a key can be bound to one."""
        return Place(self.project_id, self.environment_id, self.id)


class _OfWorker:
    """A row of a worker: who may touch it is asked of the worker's place."""

    project_id: str
    environment_id: str
    worker_id: str

    @property
    def place(self) -> Place:
        return Place(self.project_id, self.environment_id, self.worker_id)


@dataclass(frozen=True)
class Version(_OfWorker):
    """Code that nobody changes. `files`: {path, size, sha256} each; `token` names its sockets and stays secret."""

    id: str
    project_id: str
    environment_id: str
    worker_id: str
    number: int
    tag: str | None
    message: str
    config: Mapping[str, Any]
    files: Sequence[Mapping[str, Any]]
    digest: str
    size: int
    state: VersionState
    error: Mapping[str, Any] | None
    packages: str | None
    run_id: str | None
    token: str
    created_by: str
    created_at: datetime


@dataclass(frozen=True)
class Deployment(_OfWorker):
    """What takes requests since `created_at`. `versions`: {version_id, number, weight, bindings} each."""

    id: str
    project_id: str
    environment_id: str
    worker_id: str
    number: int
    trigger: Trigger
    versions: Sequence[Mapping[str, Any]]
    message: str
    created_by: str
    created_at: datetime


@dataclass(frozen=True)
class Share:
    """One version's part of a deployment, in per cent."""

    version_id: str
    weight: int


@dataclass(frozen=True)
class WantedWorker:
    environment_id: str
    name: str
    slug: str | None = None
    description: str = ""
    colour: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    enabled: bool = True


worker_variables = sa.Table(
    "worker_variables",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("project_id", sa.String(40), sa.ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
    sa.Column("environment_id", sa.String(40), sa.ForeignKey("environments.id", ondelete="CASCADE")),
    sa.Column("worker_id", sa.String(40), sa.ForeignKey("workers.id", ondelete="CASCADE")),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("value", Json, nullable=False),
    sa.Column("updated_by", sa.String(80), nullable=False),
    sa.Column("updated_at", Timestamp, nullable=False),
    sa.Index("ix_worker_variables_project_id", "project_id", "name"),
)
worker_hosts = sa.Table(
    "worker_hosts",
    metadata,
    *_owned(),
    sa.Column("host", sa.String(253), nullable=False),
    sa.Column("proof", sa.String(80), nullable=False),
    sa.Column("verified_at", Timestamp),
    sa.Column("checked_at", Timestamp),
    sa.Column("error", sa.Text),
    sa.Column("created_by", sa.String(80), nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.UniqueConstraint("worker_id", "host"),
)
sa.Index(
    "uq_worker_hosts_host",
    worker_hosts.c.host,
    unique=True,
    sqlite_where=worker_hosts.c.verified_at.is_not(None),
    postgresql_where=worker_hosts.c.verified_at.is_not(None),
)
worker_keys = sa.Table(
    "worker_keys",
    metadata,
    *_owned(),
    sa.Column("name", sa.String(63), nullable=False),
    sa.Column("shown", sa.String(20), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("expires_at", Timestamp),
    sa.Column("created_by", sa.String(80), nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Column("rotated_at", Timestamp),
    sa.Column("previous_hash", sa.String(64)),
    sa.Column("previous_until", Timestamp),
    sa.Column("last_used_at", Timestamp),
    sa.UniqueConstraint("worker_id", "name"),
)
worker_turns = sa.Table(  # the last turn of each cron that a node took
    "worker_turns",
    metadata,
    sa.Column("worker_id", sa.String(40), sa.ForeignKey("workers.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("cron", sa.String(200), primary_key=True),
    sa.Column("at", Timestamp, nullable=False),
    sa.Column("node", sa.String(63), nullable=False),
)


@dataclass(frozen=True)
class Variable:
    """Its level is the narrowest place that is said."""

    id: str
    project_id: str
    environment_id: str | None
    worker_id: str | None
    name: str
    value: Any
    updated_by: str
    updated_at: datetime

    @property
    def level(self) -> Literal["project", "environment", "worker"]:
        if self.worker_id is not None:
            return "worker"
        return "project" if self.environment_id is None else "environment"


@dataclass(frozen=True)
class OwnHost(_OfWorker):
    """A host that somebody claims for a worker; it counts from `verified_at` on."""

    id: str
    project_id: str
    environment_id: str
    worker_id: str
    host: str
    proof: str
    verified_at: datetime | None
    checked_at: datetime | None
    error: str | None
    created_by: str
    created_at: datetime


@dataclass(frozen=True)
class WorkerKey(_OfWorker):
    """Whoever shows it may call the worker. `shown` is its beginning; only its digest is kept. After a rotation the
    text before counts until `previous_until`."""

    id: str
    project_id: str
    environment_id: str
    worker_id: str
    name: str
    shown: str
    hash: str
    expires_at: datetime | None
    created_by: str
    created_at: datetime
    rotated_at: datetime | None = None
    previous_hash: str | None = None
    previous_until: datetime | None = None
    last_used_at: datetime | None = None
