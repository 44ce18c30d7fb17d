"""Projects and their environments: rows and records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

import sqlalchemy as sa

from holdfast.features.access.grants import Place
from holdfast.kernel.db import Timestamp, metadata

EnvironmentKind = Literal["development", "staging", "production"]
KINDS: tuple[EnvironmentKind, ...] = get_args(EnvironmentKind)
COLOURS: dict[str, str] = {"development": "green", "staging": "yellow", "production": "red"}

projects = sa.Table(
    "projects",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("name", sa.String(63), nullable=False, unique=True),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_by", sa.String(80), nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Column("updated_at", Timestamp, nullable=False),
)
environments = sa.Table(
    "environments",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("project_id", sa.String(40), sa.ForeignKey("projects.id"), nullable=False),
    sa.Column("name", sa.String(63), nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("colour", sa.String(20), nullable=False),
    sa.Column("restore_allowed", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("masking_required", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_by", sa.String(80), nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Column("updated_at", Timestamp, nullable=False),
    sa.UniqueConstraint("project_id", "name"),
)


@dataclass(frozen=True)
class Project:
    """A tenant: everything belongs to exactly one."""

    id: str
    name: str
    description: str
    version: int
    created_by: str
    created_at: datetime
    updated_at: datetime

    @property
    def place(self) -> Place:
        return Place(self.id)


@dataclass(frozen=True)
class Environment:
    """A part of a project with its own data key.

    Two switches count in production: `restore_allowed`, off until it is set, and `masking_required`: copies into lower
    environments only with a masking profile.
    """

    id: str
    project_id: str
    name: str
    kind: EnvironmentKind
    colour: str
    version: int
    created_by: str
    created_at: datetime
    updated_at: datetime
    restore_allowed: bool = False
    masking_required: bool = False

    @property
    def place(self) -> Place:
        return Place(self.project_id, self.id)
