"""Keys of plain files: rows and records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.grants import Place
from holdfast.kernel.db import Json, Timestamp, metadata

file_keys = sa.Table(
    "file_keys",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("project_id", sa.String(40), nullable=False),  # no foreign key: files outlive a project
    sa.Column("environment_id", sa.String(40)),
    sa.Column("name", sa.String(63), nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.Text),
    sa.Column("recipients", Json, nullable=False),
    sa.Column("place", Json, nullable=False),
    sa.Column("created_by", sa.String(80), nullable=False),
    sa.Column("created_at", Timestamp, nullable=False),
    sa.Column("credential_at", Timestamp),
    sa.UniqueConstraint("project_id", "name"),
)


@dataclass(frozen=True)
class FileKey:
    """`environment_id`: the only one whose snapshots it seals; None = all. `fingerprint`: of its public half.
    `recipients`: age's, or one armored OpenPGP key. `place`: where a service has it. Its secrets lie with the project's
    under its id. All but the credential stays as it was made: files that were sealed with it rely on that."""

    id: str
    project_id: str
    environment_id: str | None
    name: str
    kind: str
    description: str
    fingerprint: str | None
    recipients: Sequence[str]
    place: Mapping[str, Any] = field(repr=False)
    created_by: str
    created_at: datetime
    credential_at: datetime | None = None

    @property
    def scope(self) -> Place:
        return Place(self.project_id, self.environment_id)
