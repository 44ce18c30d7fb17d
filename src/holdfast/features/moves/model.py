"""Moves: rows and records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from holdfast.features.access.grants import Place
from holdfast.kernel.db import Json, Timestamp, metadata

State = Literal["planning", "planned", "moving", "succeeded", "failed", "cancelled"]
RUNNING: tuple[State, ...] = ("planning", "moving")

moves = sa.Table(
    "moves",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("project_id", sa.String(40), nullable=False),
    sa.Column("environment_id", sa.String(40), nullable=False),
    sa.Column("resource_id", sa.String(40), nullable=False),
    sa.Column("engine", sa.String(40), nullable=False),
    sa.Column("name", sa.String(63), nullable=False),
    sa.Column("spec", Json(), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("tables", Json(), nullable=False),
    sa.Column("losses", Json(), nullable=False),
    sa.Column("fingerprint", sa.String(64)),
    sa.Column("target_id", sa.String(40)),
    sa.Column("run_id", sa.String(40)),
    sa.Column("receipt", Json()),
    sa.Column("error", Json()),
    sa.Column("created_by", sa.String(80), nullable=False),
    sa.Column("created_at", Timestamp(), nullable=False),
    sa.Column("finished_at", Timestamp()),
    sa.Index("ix_moves_project_id", "project_id", "id"),
    sa.Index("ix_moves_resource_id", "resource_id", "id"),
    sa.Index("ix_moves_state", "state"),
)


@dataclass(frozen=True)
class Move:
    """`tables`: {name, becomes, rows} each; `losses` as `contract.neutral.Loss.as_dict`. `fingerprint` names the plan:
    accepting it accepts every loss. `target_id` is the new database once the move was started."""

    id: str
    project_id: str
    environment_id: str
    resource_id: str
    engine: str
    name: str
    spec: Mapping[str, Any]
    state: State
    tables: Sequence[Mapping[str, Any]]
    losses: Sequence[Mapping[str, Any]]
    fingerprint: str | None
    target_id: str | None
    run_id: str | None
    receipt: Mapping[str, Any] | None
    error: Mapping[str, Any] | None
    created_by: str
    created_at: datetime
    finished_at: datetime | None

    @property
    def place(self) -> Place:
        return Place(self.project_id, self.environment_id, self.resource_id)
