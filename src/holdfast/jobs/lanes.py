"""Work that waits its turn: so many runs of one lane at once, and projects take turns.

A lane is what a plan's runs share. Runs without one are somebody's who waits: they go first.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from holdfast.jobs.schema import runners, runs
from holdfast.kernel.db.types import embedded

_KEY = 0x68665F6C616E65  # "hf_lane": the advisory lock under which PostgreSQL counts


@dataclass(frozen=True)
class Lane:
    """`limit` runs of `name` at once anywhere, `node_limit` on one node; None = as many as there is room for."""

    name: str
    limit: int | None = None
    node_limit: int | None = None


def serialise(conn: sa.Connection) -> None:
    """Until the transaction ends nobody else claims from a lane: two runners that count at once would both find room.
    On SQLite the one writer does so already."""
    if not embedded(conn):
        conn.execute(sa.select(sa.func.pg_advisory_xact_lock(_KEY)))


def laned_at_work(conn: sa.Connection) -> list[sa.Row[Any]]:
    """Running runs of lanes: lane, project and the node of their runner. A handful."""
    query = sa.select(runs.c.lane, runs.c.project_id, runners.c.node).select_from(
        runs.outerjoin(runners, runners.c.id == runs.c.claimed_by)
    )
    return list(conn.execute(query.where(runs.c.state == "running", runs.c.lane.is_not(None))))


def has_room(at_work: list[sa.Row[Any]], node: str | None) -> sa.ColumnElement[bool]:
    """Whether a queued run's lane takes one more now, on `node`."""
    anywhere = Counter(row.lane for row in at_work)
    here = Counter(row.lane for row in at_work if row.node == node)
    full = [
        sa.and_(
            runs.c.lane == lane,
            sa.or_(
                sa.func.coalesce(runs.c.lane_limit, count + 1) <= count,
                sa.func.coalesce(runs.c.lane_node_limit, here[lane] + 1) <= here[lane],
            ),
        )
        for lane, count in anywhere.items()
    ]
    return sa.or_(runs.c.lane.is_(None), sa.not_(sa.or_(sa.false(), *full)))


def turn(at_work: list[sa.Row[Any]]) -> list[sa.ColumnElement[Any]]:
    """In which order queued runs are taken: first those somebody waits for, then those of the project that has the
    fewest at work, then the oldest."""
    share = Counter(row.project_id for row in at_work)
    busy: sa.ColumnElement[Any] = sa.literal(0)
    if share:
        busy = sa.case(
            (runs.c.lane.is_(None), 0), *((runs.c.project_id == project, n) for project, n in share.items()), else_=0
        )
    return [sa.case((runs.c.lane.is_(None), 0), else_=1), busy, runs.c.id]
