"""Statements on the `moves` table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from holdfast.features.moves.model import RUNNING, Move, State, moves

_NAMES = [column.name for column in moves.columns]


def _move(row: sa.Row[Any]) -> Move:
    return Move(**{name: getattr(row, name) for name in _NAMES})


def insert(conn: sa.Connection, move: Move) -> None:
    conn.execute(sa.insert(moves).values(**{name: getattr(move, name) for name in _NAMES}))


def get(conn: sa.Connection, move_id: str) -> Move | None:
    row = conn.execute(sa.select(moves).where(moves.c.id == move_id)).first()
    return _move(row) if row else None


def page(
    conn: sa.Connection,
    visible: sa.ColumnElement[bool],
    *,
    project_id: str | None = None,
    resource_id: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> list[Move]:
    """Newest first."""
    query = sa.select(moves).where(visible)
    for column, value in ((moves.c.project_id, project_id), (moves.c.resource_id, resource_id)):
        if value is not None:
            query = query.where(column == value)
    if after is not None:
        query = query.where(moves.c.id < after)
    return [_move(row) for row in conn.execute(query.order_by(moves.c.id.desc()).limit(limit))]


def running(conn: sa.Connection) -> list[Move]:
    return [_move(row) for row in conn.execute(sa.select(moves).where(moves.c.state.in_(RUNNING)).limit(500))]


def change(conn: sa.Connection, move_id: str, *, states: Sequence[State], **values: Any) -> Move | None:
    """None when it is in another state; nothing changes then."""
    query = sa.update(moves).where(moves.c.id == move_id, moves.c.state.in_(states))
    row = conn.execute(query.values(**values).returning(*moves.c)).first()
    return _move(row) if row else None


def delete(conn: sa.Connection, move_id: str) -> bool:
    """Not while it runs."""
    query = sa.delete(moves).where(moves.c.id == move_id, moves.c.state.not_in(RUNNING))
    return conn.execute(query).rowcount == 1
