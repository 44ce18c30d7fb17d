"""Repositories, snapshots, verifications and restores as recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

import sqlalchemy as sa

from holdfast.features.access.grants import Place
from holdfast.kernel.db import Json, Timestamp, metadata

SnapshotState = Literal["creating", "ready", "failed", "forgotten", "forgetting", "deleted"]
Verification = Literal["green", "yellow", "red"]
ProofWord = Literal["verified", "pending", "skipped", "stale", "failed"]
PROOF_WORDS: tuple[ProofWord, ...] = get_args(ProofWord)
IMPORTED = "import"  # the trigger of a snapshot that was loaded from a file: it never was the living database
ORIGIN = "imported"  # in a manifest and a summary: which file that was
STORED = ("ready", "forgotten", "forgetting")  # states in which it is in its repository

repositories = sa.Table(
    "repositories",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("project_id", sa.String(40), nullable=False),
    sa.Column("name", sa.String(63), nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("is_default", sa.Boolean, nullable=False, default=False),
    sa.Column("restic_id", sa.String(64)),
    sa.Column("last_check", Json()),
    sa.Column("created_by", sa.String(80), nullable=False),
    sa.Column("created_at", Timestamp(), nullable=False),
    sa.Column("node", sa.String(63)),
    sa.Column("serves", sa.String(40)),
    sa.Column("lies", Json()),
    sa.Column("location", sa.String(700)),
    sa.Column("last_test", Json()),
    sa.Column("trouble", Json()),
    sa.Column("last_gc", Json()),
    sa.Column("password_since", Timestamp()),
    sa.Column("format", sa.String(20), nullable=False, server_default="restic", default="restic"),
    sa.Column("settings", Json()),
    sa.Column("deletes_apart", sa.Boolean, nullable=False, server_default=sa.false(), default=False),
    sa.UniqueConstraint("project_id", "name"),
    sa.Index("ix_repositories_location", "location", unique=True),
)

snapshots = sa.Table(
    "snapshots",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("project_id", sa.String(40), nullable=False),
    sa.Column("environment_id", sa.String(40), nullable=False),
    sa.Column("resource_id", sa.String(40), nullable=False),
    sa.Column("resource_name", sa.String(63), nullable=False),
    sa.Column("engine", sa.String(40), nullable=False),
    sa.Column("spec", Json(), nullable=False),
    sa.Column("repository_id", sa.String(40), sa.ForeignKey("repositories.id"), nullable=False),
    sa.Column("restic_id", sa.String(64)),
    sa.Column("run_id", sa.String(40)),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("trigger", sa.String(20), nullable=False),
    sa.Column("summary", Json(), nullable=False),
    sa.Column("source_bytes", sa.BigInteger),
    sa.Column("stored_bytes", sa.BigInteger),
    sa.Column("entries", sa.Integer),
    sa.Column("tables", sa.Integer),
    sa.Column("rows", sa.BigInteger),
    sa.Column("seconds", sa.Float),
    sa.Column("position", Json()),
    sa.Column("wanted_level", sa.Integer, nullable=False),
    sa.Column("verified_level", sa.Integer),
    sa.Column("verification", sa.String(10), nullable=False),
    sa.Column("tags", Json(), nullable=False),
    sa.Column("hold", sa.Boolean, nullable=False, default=False),
    sa.Column("error", Json()),
    sa.Column("options", Json()),
    sa.Column("version", sa.Integer, nullable=False, default=1),
    sa.Column("created_by", sa.String(80), nullable=False),
    sa.Column("created_at", Timestamp(), nullable=False),
    sa.Column("taken_at", Timestamp()),
    sa.Column("deleted_at", Timestamp()),
    sa.Column("forgotten", Json()),
    sa.Column("forget_due", Timestamp()),
    sa.Column("plan_id", sa.String(40)),
    sa.Column("forget_run_id", sa.String(40)),
    sa.Column("proof_due", Timestamp()),
    sa.Column("unproven", sa.String(10)),
    sa.Index("ix_snapshots_resource_id", "resource_id", "id"),
    sa.Index("ix_snapshots_project_id", "project_id", "id"),
    sa.Index("ix_snapshots_created_by", "created_by", "created_at"),
    sa.Index("ix_snapshots_created_at", "project_id", "created_at"),
    sa.Index("ix_snapshots_forget_due", "state", "forget_due"),
)

verifications = sa.Table(
    "verifications",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("snapshot_id", sa.String(40), sa.ForeignKey("snapshots.id"), nullable=False),
    sa.Column("run_id", sa.String(40)),
    sa.Column("level", sa.Integer, nullable=False),
    sa.Column("method", sa.String(60), nullable=False),
    sa.Column("ok", sa.Boolean),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("bytes", sa.BigInteger),
    sa.Column("checks", Json(), nullable=False),
    sa.Column("error", Json()),
    sa.Column("at", Timestamp(), nullable=False),
    sa.Index("ix_verifications_snapshot_id", "snapshot_id", "id"),
    sa.Index("ix_verifications_run_id", "run_id"),
)

repository_checks = sa.Table(
    "repository_checks",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("repository_id", sa.String(40), sa.ForeignKey("repositories.id"), nullable=False),
    sa.Column("run_id", sa.String(40)),
    sa.Column("method", sa.String(40), nullable=False),
    sa.Column("ok", sa.Boolean, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("packs", sa.Integer, nullable=False),
    sa.Column("packs_read", sa.Integer, nullable=False),
    sa.Column("blobs", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("bytes_total", sa.BigInteger, nullable=False),
    sa.Column("errors", Json(), nullable=False),
    sa.Column("errors_total", sa.Integer, nullable=False),
    sa.Column("at", Timestamp(), nullable=False),
    sa.Index("ix_repository_checks_repository_id", "repository_id", "id"),
)

pack_proofs = sa.Table(
    "pack_proofs",
    metadata,
    sa.Column("repository_id", sa.String(40), primary_key=True),
    sa.Column("pack", sa.String(64), primary_key=True),
    sa.Column("proven_at", Timestamp(), nullable=False),
)

restores = sa.Table(
    "restores",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("project_id", sa.String(40), nullable=False),
    sa.Column("environment_id", sa.String(40), nullable=False),
    sa.Column("snapshot_id", sa.String(40), nullable=False),
    sa.Column("resource_id", sa.String(40), nullable=False),
    sa.Column("mode", sa.String(20), nullable=False),
    sa.Column("actor", sa.String(80), nullable=False),
    sa.Column("run_id", sa.String(40)),
    sa.Column("select", Json(), nullable=False),
    sa.Column("safety_snapshot_id", sa.String(40)),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("candidate", sa.String(24)),
    sa.Column("kept", sa.String(24)),
    sa.Column("kept_until", Timestamp()),
    sa.Column("masking", Json()),
    sa.Column("receipt", Json()),
    sa.Column("verdict", Json()),
    sa.Column("error", Json()),
    sa.Column("at", Timestamp(), nullable=False),
    sa.Column("finished_at", Timestamp()),
    sa.Index("ix_restores_resource_id", "resource_id", "id"),
    sa.Index("ix_restores_project_id", "project_id", "id"),
)


@dataclass(frozen=True)
class RepositoryRow:
    """Where snapshots of a project live. `state` "new" until the first use has made it.

    `node` is the one whose disk it is on; None = reached from every node. `serves`: the one environment it is for;
    None = all. `lies`: where, in the words of its `kind`, never a credential; `location` is the same as one text, which
    no two repositories share. `last_test`: what its credential may do. `trouble`: why it does not answer.
    `password_since`: when its password was last changed. `deletes_apart`: its credential may not delete, another may.
    `format`: a name of `format_registry`; `settings`: what that keeps of how its snapshots are written.
    State "detached": Holdfast lets it alone.
    """

    id: str
    project_id: str
    name: str
    kind: str
    state: str
    is_default: bool
    restic_id: str | None
    last_check: Mapping[str, Any] | None
    created_by: str
    created_at: datetime
    node: str | None = None
    serves: str | None = None
    lies: Mapping[str, Any] | None = None
    location: str | None = None
    last_test: Mapping[str, Any] | None = None
    trouble: Mapping[str, Any] | None = None
    last_gc: Mapping[str, Any] | None = None
    password_since: datetime | None = None
    deletes_apart: bool = False
    format: str = "restic"
    settings: Mapping[str, Any] | None = None

    @property
    def on_disk(self) -> bool:
        """Of a machine, in the directory `lies["path"]`, else in the data directory."""
        return self.kind == "local"

    @property
    def place(self) -> Place:
        return Place(self.project_id)


@dataclass(frozen=True)
class Snapshot:
    """One backup as recorded. `verification`: green = proven to `wanted_level`, yellow = not yet or not any more,
    red = failed. `unproven`: why it is yellow; None = it was not tried yet. `proof_due`: until when its proof counts.

    `forgotten`: by whom and why retention let it go; until `forget_due` it can be brought back. `plan_id`: the plan
    that took it.
    `options`: what was chosen for it, and once it is ready what it was taken with (see `vault.options`)."""

    id: str
    project_id: str
    environment_id: str
    resource_id: str
    resource_name: str
    engine: str
    spec: Mapping[str, Any]
    repository_id: str
    restic_id: str | None
    run_id: str | None
    state: SnapshotState
    trigger: str
    summary: Mapping[str, Any]
    source_bytes: int | None
    stored_bytes: int | None
    entries: int | None
    tables: int | None
    rows: int | None
    seconds: float | None
    position: Mapping[str, Any] | None
    wanted_level: int
    verified_level: int | None
    verification: Verification
    tags: Sequence[str]
    hold: bool
    error: Mapping[str, Any] | None
    version: int
    created_by: str
    created_at: datetime
    taken_at: datetime | None
    deleted_at: datetime | None
    forgotten: Mapping[str, Any] | None = None
    forget_due: datetime | None = None
    plan_id: str | None = None
    options: Mapping[str, Any] | None = None
    forget_run_id: str | None = None
    proof_due: datetime | None = None
    unproven: Literal["skipped", "stale"] | None = None

    @property
    def proof(self) -> ProofWord:
        """Skipped: it could not be judged. Stale: its newest proof is older than it may be."""
        if self.verification == "yellow":
            return self.unproven or "pending"
        return "verified" if self.verification == "green" else "failed"

    @property
    def place(self) -> Place:
        return Place(self.project_id, self.environment_id, self.resource_id)


@dataclass(frozen=True)
class VerificationRow:
    """One proof of one snapshot, to one level. `ok` None = could not be judged, and `error` says why."""

    id: str
    snapshot_id: str
    run_id: str | None
    level: int
    method: str
    ok: bool | None
    seconds: float
    bytes: int | None
    checks: Sequence[Mapping[str, Any]]
    error: Mapping[str, Any] | None
    at: datetime


@dataclass(frozen=True)
class Restore:
    """Who brought what back where. `candidate` and `kept` are labels of databases beside the live one; `masking` are
    the statements a new copy is masked with."""

    id: str
    project_id: str
    environment_id: str
    snapshot_id: str
    resource_id: str
    mode: str
    actor: str
    run_id: str | None
    select: Sequence[str]
    safety_snapshot_id: str | None
    state: str
    candidate: str | None
    kept: str | None
    kept_until: datetime | None
    masking: Mapping[str, Any] | None
    receipt: Mapping[str, Any] | None
    verdict: Mapping[str, Any] | None
    error: Mapping[str, Any] | None
    at: datetime
    finished_at: datetime | None


@dataclass(frozen=True)
class CheckRow:
    """One check of one repository. `packs_read` of `packs` were read whole, `bytes` of `bytes_total`; `errors` are the
    first of `errors_total`."""

    id: str
    repository_id: str
    run_id: str | None
    method: str
    ok: bool
    seconds: float
    packs: int
    packs_read: int
    blobs: int
    bytes: int
    bytes_total: int
    errors: Sequence[str]
    errors_total: int
    at: datetime
