"""Many runs taken along by one: each keeps its own row, claim, epoch and end, and one task does the work of all.

A carried run waits for its carrier, not for a runner. The carrier claims some at a time under the same guards as a
runner would: two exclusive runs of one resource are never at work at once. When a runner dies the claims of both go
back to the queue. When the carrier ends, whatever it did not take along waits for a runner by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.jobs import store
from holdfast.jobs.model import End, Run
from holdfast.jobs.schema import runs
from holdfast.kernel.errors import Retryable


def claim(conn: sa.Connection, carrier: Run, limit: int, now: datetime) -> list[Run]:
    """The next of those `carrier` carries, oldest first. One whose resource has another exclusive run at work is left
    for later. One that was begun before, by a claim that died, is set free: what ended that runner ends no other run's
    with it.

    Raises `Conflict("claim_lost")` when the carrier's claim is not ours, Retryable when another runner was faster."""
    store.require(conn, carrier)
    mine = sa.and_(runs.c.carrier == carrier.id, runs.c.state == "queued")
    conn.execute(sa.update(runs).where(mine, runs.c.epoch > 0).values(carrier=None))
    other = runs.alias("other")
    busy = (
        sa.select(sa.literal(1))
        .where(other.c.resource_id == runs.c.resource_id, other.c.state == "running", other.c.exclusive)
        .exists()
    )
    following = sa.select(sa.func.min(runs.c.id)).where(mine, sa.not_(busy)).group_by(runs.c.resource_id)
    following = following.order_by(sa.func.min(runs.c.id)).limit(limit)
    taken = (
        sa.update(runs)
        .where(runs.c.id.in_(following.scalar_subquery()), runs.c.state == "queued")
        .values(
            state="running",
            epoch=runs.c.epoch + 1,
            claimed_by=carrier.claimed_by,
            started_at=sa.func.coalesce(runs.c.started_at, sa.bindparam("now", now, runs.c.started_at.type)),
            exclusive=True,
        )
        .returning(*store.FIELDS)
    )
    try:
        rows = conn.execute(taken).mappings().all()
    except sa.exc.IntegrityError as error:  # the index refuses what the look above could not see yet
        raise Retryable("another run of one of these resources began this moment", code="resource_busy") from error
    return sorted((store.to_run(row) for row in rows), key=lambda run: run.id)


def end(conn: sa.Connection, ends: Sequence[End], now: datetime) -> frozenset[str]:
    """The ids of those that ended now: one statement each, guarded by its epoch."""
    done = set()
    for each in ends:
        values: dict[str, Any] = {"state": each.state, "finished_at": now, "result": each.result, "error": each.error}
        if each.progress is not None:
            values["progress"] = asdict(each.progress)
        if conn.execute(sa.update(runs).where(store.held(each.run)).values(**values)).rowcount == 1:
            done.add(each.run.id)
    return frozenset(done)


def unwanted(conn: sa.Connection, carrier: str) -> frozenset[str]:
    """Those at work that somebody wants stopped."""
    at_work = sa.and_(runs.c.carrier == carrier, runs.c.state == "running")
    return frozenset(conn.scalars(sa.select(runs.c.id).where(at_work, runs.c.cancel_requested_at.is_not(None))))


def release(
    conn: sa.Connection, carrier: Run, *, cancel: datetime | None = None, only: Sequence[str] | None = None
) -> int:
    """Back to the queue, from now on for a runner: those of this claim that did not end, or of them those with an id
    in `only`. How many. `cancel`: it finds them asked to stop, and undoes what was begun."""
    mine = sa.and_(runs.c.carrier == carrier.id, runs.c.state == "running", runs.c.claimed_by == carrier.claimed_by)
    if only is not None:
        mine = sa.and_(mine, runs.c.id.in_(only))
    values: dict[str, Any] = {"state": "queued", "claimed_by": None, "exclusive": False, "carrier": None}
    if cancel is not None:
        values["cancel_requested_at"] = cancel
    return conn.execute(sa.update(runs).where(mine).values(**values)).rowcount
