"""Saved queries: rows and records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.grants import Place
from holdfast.kernel.db import Json, Timestamp, metadata

TYPES = ("text", "integer", "number", "boolean", "bytes", "json", "any")

saved_queries = sa.Table(
    "saved_queries",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("project_id", sa.String(40), nullable=False),
    sa.Column("environment_id", sa.String(40), nullable=False),
    sa.Column("resource_id", sa.String(40), sa.ForeignKey("resources.id", ondelete="CASCADE"), nullable=False),
    sa.Column("owner", sa.String(80), nullable=False),  # empty = shared: two people may have a private one of one name
    sa.Column("name", sa.String(63), nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("statement", sa.Text, nullable=False),
    sa.Column("write", sa.Boolean, nullable=False),
    sa.Column("parameters", Json, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_by", sa.String(80), nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Column("updated_at", Timestamp, nullable=False),
    sa.UniqueConstraint("resource_id", "owner", "name"),
)
saved_query_versions = sa.Table(
    "saved_query_versions",
    metadata,
    sa.Column("query_id", sa.String(40), sa.ForeignKey("saved_queries.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("at", Timestamp, nullable=False),
    sa.Column("actor", sa.String(80), nullable=False),
    sa.Column("content", Json, nullable=False),
)


@dataclass(frozen=True)
class SavedQuery:
    """`owner` is who alone sees it, or empty. `parameters`: {name, type, required, default, description} in order."""

    id: str
    project_id: str
    environment_id: str
    resource_id: str
    owner: str
    name: str
    description: str
    statement: str
    write: bool
    parameters: Sequence[Mapping[str, Any]]
    version: int
    created_by: str
    created_at: datetime
    updated_at: datetime

    @property
    def place(self) -> Place:
        return Place(self.project_id, self.environment_id, self.resource_id)

    @property
    def content(self) -> dict[str, Any]:
        """What a version keeps."""
        names = ("name", "description", "statement", "write", "owner")
        return {name: getattr(self, name) for name in names} | {"parameters": [dict(each) for each in self.parameters]}


@dataclass(frozen=True)
class Version:
    """A saved query as it was from `at` on."""

    query_id: str
    version: int
    at: datetime
    actor: str
    content: Mapping[str, Any]
