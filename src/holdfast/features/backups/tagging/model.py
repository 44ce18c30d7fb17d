"""Tags that were given a look, and rules, as recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.kernel.db import Json, Timestamp, metadata

snapshot_tags = sa.Table(
    "snapshot_tags",
    metadata,
    sa.Column("project_id", sa.String(40), sa.ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("colour", sa.String(20)),
    sa.Column("description", sa.String(500), nullable=False),
    sa.Column("changed_by", sa.String(80), nullable=False),
    sa.Column("changed_at", Timestamp(), nullable=False),
)

tag_rules = sa.Table(
    "tag_rules",
    metadata,
    sa.Column("project_id", sa.String(40), sa.ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("name", sa.String(63), primary_key=True),
    sa.Column("tags", Json(), nullable=False),
    sa.Column("conditions", Json(), nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("changed_by", sa.String(80), nullable=False),
    sa.Column("changed_at", Timestamp(), nullable=False),
)


@dataclass(frozen=True)
class Tag:
    """How a tag of a project is shown. Snapshots have tags by name, whether or not one of these says how they look."""

    project_id: str
    name: str
    colour: str | None
    description: str
    changed_by: str
    changed_at: datetime


@dataclass(frozen=True)
class Conditions:
    """Those that are said must all hold; none said: every snapshot. A list holds by any of its items, `labels` by all
    of them, as the database has them now; `pattern` is a glob of its whole name, letters as they are. A size that is
    not known is neither small nor large."""

    engines: Sequence[str] = ()
    labels: Mapping[str, str] | None = None
    plan_ids: Sequence[str] = ()
    triggers: Sequence[str] = ()
    pattern: str | None = None
    least_bytes: int | None = None
    most_bytes: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Without what is not said."""
        return {name: value for name, value in asdict(self).items() if value or value == 0}


@dataclass(frozen=True)
class Rule:
    """Adds `tags` to what its conditions hold of. It takes none away."""

    project_id: str
    name: str
    tags: Sequence[str]
    conditions: Conditions
    enabled: bool
    changed_by: str
    changed_at: datetime
