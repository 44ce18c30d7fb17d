"""Saved cases of a worker: the table, the record, one statement each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.kernel.db import Json, Timestamp, metadata

worker_cases = sa.Table(
    "worker_cases",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("project_id", sa.String(40), nullable=False),
    sa.Column("environment_id", sa.String(40), nullable=False),
    sa.Column("worker_id", sa.String(40), sa.ForeignKey("workers.id", ondelete="CASCADE"), nullable=False),
    sa.Column("name", sa.String(63), nullable=False),
    sa.Column("request", Json, nullable=False),
    sa.Column("expected", Json, nullable=False),
    sa.Column("updated_by", sa.String(80), nullable=False),
    sa.Column("updated_at", Timestamp, nullable=False),
    sa.UniqueConstraint("worker_id", "name"),
)
_c = worker_cases.c


@dataclass(frozen=True)
class Case:
    """`request`: {method, path, headers, body, encoded}; `expected`: {status, contains}, each None or what is
    expected."""

    id: str
    project_id: str
    environment_id: str
    worker_id: str
    name: str
    request: Mapping[str, Any]
    expected: Mapping[str, Any]
    updated_by: str
    updated_at: datetime


def of(conn: sa.Connection, worker_id: str) -> Sequence[Case]:
    """All of them, by name."""
    query = sa.select(worker_cases).where(_c.worker_id == worker_id).order_by(_c.name)
    return [Case(**row._mapping) for row in conn.execute(query)]


def put(conn: sa.Connection, made: Case) -> None:
    """In place of the one of that name."""
    delete(conn, made.worker_id, made.name)
    conn.execute(worker_cases.insert().values(**vars(made)))


def delete(conn: sa.Connection, worker_id: str, name: str) -> bool:
    """Whether it was there."""
    done = conn.execute(worker_cases.delete().where(_c.worker_id == worker_id, _c.name == name))
    return done.rowcount > 0
