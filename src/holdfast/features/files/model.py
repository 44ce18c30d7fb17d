"""Links to downloads, and what a project asks of files that leave it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from holdfast.features.access.grants import Place
from holdfast.kernel.db import Json, Timestamp, metadata

LinkState = Literal["open", "used", "revoked"]
Asked = Literal["optional", "asked", "required"]

downloads = sa.Table(
    "downloads",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("project_id", sa.String(40), nullable=False),
    sa.Column("environment_id", sa.String(40), nullable=False),
    sa.Column("resource_id", sa.String(40), nullable=False),
    sa.Column("snapshot_id", sa.String(40), nullable=False),
    sa.Column("created_by", sa.String(80), nullable=False),
    sa.Column("created_at", Timestamp(), nullable=False),
    sa.Column("expires_at", Timestamp(), nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("once", sa.Boolean, nullable=False),
    sa.Column("wish", Json(), nullable=False),
    sa.Column("name", sa.String(300), nullable=False),
    sa.Column("etag", sa.String(64)),
    sa.Column("size", sa.BigInteger),
    sa.Column("uses", sa.Integer, nullable=False),
    sa.Column("used_at", Timestamp()),
    sa.Column("members", Json()),
    sa.Index("ix_downloads_project_id", "project_id", "id"),
    sa.Index("ix_downloads_expires_at", "expires_at"),
)

file_policies = sa.Table(
    "file_policies",
    metadata,
    sa.Column("project_id", sa.String(40), sa.ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("encryption", sa.String(10), nullable=False),
    sa.Column("changed_by", sa.String(80), nullable=False),
    sa.Column("changed_at", Timestamp(), nullable=False),
)


link_lives = sa.Table(
    "link_lives",
    metadata,
    sa.Column("id", sa.String(10), primary_key=True),
    sa.Column("default_seconds", sa.Integer, nullable=False),
    sa.Column("most_seconds", sa.Integer, nullable=False),
    sa.Column("changed_by", sa.String(80), nullable=False),
    sa.Column("changed_at", Timestamp(), nullable=False),
)


@dataclass(frozen=True)
class Lives:
    """Seconds that a link lives: when its maker does not say, and at most."""

    default: int
    most: int


@dataclass(frozen=True)
class Download:
    """A signed link. `members`: the snapshots of a zip, in order; `snapshot_id` is empty then, and environment and
    database are those that all of them have in common, or empty. `size` and `etag` where the file is the same each time
    and its length is known."""

    id: str
    project_id: str
    environment_id: str
    resource_id: str
    snapshot_id: str
    created_by: str
    created_at: datetime
    expires_at: datetime
    state: LinkState
    once: bool
    wish: Mapping[str, Any]
    name: str
    etag: str | None
    size: int | None
    uses: int
    used_at: datetime | None
    members: Sequence[str] | None = None

    @property
    def place(self) -> Place:
        return Place(self.project_id, self.environment_id or None, self.resource_id or None)

    @property
    def snapshot_ids(self) -> Sequence[str]:
        return [self.snapshot_id] if self.members is None else self.members

    @property
    def covers(self) -> str:
        """What its signature is over."""
        return "+".join(self.snapshot_ids)
