"""One statement per change of a run, each guarded by the state (and epoch) it expects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.contract.catalog import JSON
from holdfast.jobs import lanes
from holdfast.jobs.giving_up import SUSPECT_AFTER
from holdfast.jobs.model import ENDED, Progress, Run
from holdfast.jobs.schema import run_logs, run_steps, runs
from holdfast.kernel.errors import Conflict

_HIDDEN = ("exclusive", "lane_limit", "lane_node_limit")
FIELDS = [column for column in runs.c if column.name not in _HIDDEN]


@dataclass(frozen=True)
class LogLine:
    """One line of a run's own log; `seq` rises by one from 1."""

    seq: int
    at: datetime
    level: str
    message: str
    fields: Mapping[str, JSON]


def to_run(row: Mapping[Any, Any]) -> Run:
    """The row as everyone reads it."""
    values = {column.name: row[column.name] for column in FIELDS}
    progress = values.pop("progress")
    return Run(**values, progress=Progress(**progress) if progress else None)


def get(conn: sa.Connection, run_id: str) -> Run | None:
    row = conn.execute(sa.select(*FIELDS).where(runs.c.id == run_id)).mappings().first()
    return to_run(row) if row else None


def claimable_at(node: str | None) -> sa.ColumnElement[bool]:
    """Queued, bound to this node or to none, and carried by no other run."""
    here = sa.or_(runs.c.node.is_(None), runs.c.node == node)
    return sa.and_(runs.c.state == "queued", here, runs.c.carrier.is_(None))


def claim(
    conn: sa.Connection,
    *,
    runner: str,
    kinds: Sequence[str],
    exclusive_kinds: Sequence[str],
    now: datetime,
    node: str | None = None,
    laned: bool = True,
) -> Run | None:
    """Give the next runnable queued run of the runner's node to `runner` and raise its epoch; None without one.

    Which is next: see `lanes.turn`; without `laned` only those of no lane. A run of an exclusive kind waits while
    another exclusive run of its resource is running; one whose runner died with it before waits while another such
    runs.
    """
    other = runs.alias("other")
    busy = (
        sa.select(sa.literal(1))
        .where(other.c.resource_id == runs.c.resource_id, other.c.state == "running", other.c.exclusive)
        .exists()
    )
    suspect = sa.select(sa.literal(1)).where(other.c.state == "running", other.c.deaths >= SUSPECT_AFTER).exists()
    exclusive = sa.and_(runs.c.kind.in_(exclusive_kinds), runs.c.resource_id.is_not(None))
    if laned:
        lanes.serialise(conn)
    at_work = lanes.laned_at_work(conn) if laned else []
    following = (
        sa.select(runs.c.id)
        .where(
            claimable_at(node),
            runs.c.kind.in_(kinds),
            sa.or_(runs.c.not_before.is_(None), runs.c.not_before <= now),
            sa.or_(sa.not_(exclusive), sa.not_(busy)),
            sa.or_(runs.c.deaths < SUSPECT_AFTER, sa.not_(suspect)),
            lanes.has_room(at_work, node) if laned else runs.c.lane.is_(None),
        )
        .order_by(*lanes.turn(at_work))
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    run_id = conn.execute(following).scalar()
    if run_id is None:
        return None
    taken = (
        sa.update(runs)
        .where(runs.c.id == run_id, runs.c.state == "queued")
        .values(
            state="running",
            epoch=runs.c.epoch + 1,
            claimed_by=runner,
            started_at=sa.func.coalesce(runs.c.started_at, sa.bindparam("now", now, runs.c.started_at.type)),
            exclusive=exclusive,
        )
        .returning(*FIELDS)
    )
    row = conn.execute(taken).mappings().first()
    return to_run(row) if row else None


def held(run: Run) -> sa.ColumnElement[bool]:
    return sa.and_(runs.c.id == run.id, runs.c.state == "running", runs.c.epoch == run.epoch)


def holds(conn: sa.Connection, run: Run) -> bool:
    """Whether the claim `run` was read under is still the current one; on PostgreSQL the row stays locked."""
    return conn.execute(sa.select(runs.c.id).where(held(run)).with_for_update()).first() is not None


def require(conn: sa.Connection, run: Run) -> None:
    """Raise `Conflict("claim_lost")` unless `holds`."""
    if not holds(conn, run):
        raise Conflict(
            "another runner has taken this run over",
            code="claim_lost",
            details={"run_id": run.id, "epoch": run.epoch},
        )


def finish(
    conn: sa.Connection,
    run: Run,
    *,
    state: str,
    now: datetime,
    result: Mapping[str, Any] | None = None,
    error: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> bool:
    """The one end of a run; False when the claim is not ours any more, and then nothing changed.

    What it carries and did not take along is cancelled with it when somebody cancelled it, else set free."""
    values: dict[str, Any] = {"state": state, "finished_at": now, "result": result, "error": error}
    if progress is not None:
        values["progress"] = asdict(progress)
    if conn.execute(sa.update(runs).where(held(run)).values(**values)).rowcount != 1:
        return False
    if state == "cancelled":
        cancel_carried(conn, run.id, now)
    else:
        set_free(conn, run.id)
    return True


def set_free(conn: sa.Connection, carrier: str) -> int:
    """What the run `carrier` carries and did not take along waits for a runner by itself now. How many."""
    waiting = sa.and_(runs.c.carrier == carrier, runs.c.state == "queued")
    return conn.execute(sa.update(runs).where(waiting).values(carrier=None)).rowcount


def cancel_carried(conn: sa.Connection, carrier: str, now: datetime) -> None:
    """All that waits to be taken along. One that was begun by a claim before waits for a runner now: only its task
    knows what to undo."""
    waiting = sa.and_(runs.c.carrier == carrier, runs.c.state == "queued")
    fresh = sa.update(runs).where(waiting, runs.c.epoch == 0)
    conn.execute(fresh.values(state="cancelled", cancel_requested_at=now, finished_at=now))
    conn.execute(sa.update(runs).where(waiting).values(cancel_requested_at=now, carrier=None))


def release(conn: sa.Connection, run: Run) -> bool:
    """Back to the queue with its recorded steps: the runner is going away. False when the claim is not ours."""
    values = {"state": "queued", "claimed_by": None, "exclusive": False}
    return conn.execute(sa.update(runs).where(held(run)).values(**values)).rowcount == 1


def release_all_of(conn: sa.Connection, runner: str) -> list[str]:
    """Back to the queue: every run of a dead runner. Its epoch stays; the next claim raises it. One more death each."""
    statement = (
        sa.update(runs)
        .where(runs.c.claimed_by == runner, runs.c.state == "running")
        .values(state="queued", claimed_by=None, exclusive=False, deaths=runs.c.deaths + 1)
        .returning(runs.c.id)
    )
    return list(conn.execute(statement).scalars())


def cancel(conn: sa.Connection, run_id: str, now: datetime) -> None:
    """A run never begun ends at once; one that was begun is asked to stop; one that has ended stays as it is.

    A run that was taken over and waits again is begun: only its task knows what to undo.
    """
    ended = (
        sa.update(runs)
        .where(runs.c.id == run_id, runs.c.state == "queued", runs.c.epoch == 0)
        .values(state="cancelled", cancel_requested_at=now, finished_at=now)
    )
    asked = (
        sa.update(runs)
        .where(runs.c.id == run_id, runs.c.state.in_(("queued", "running")), runs.c.cancel_requested_at.is_(None))
        .values(cancel_requested_at=now)
    )
    if conn.execute(ended).rowcount == 0:
        conn.execute(asked)
    else:
        cancel_carried(conn, run_id, now)


def write_progress(conn: sa.Connection, run: Run, progress: Progress) -> bool:
    """False when the claim is not ours any more."""
    return conn.execute(sa.update(runs).where(held(run)).values(progress=asdict(progress))).rowcount == 1


def step_result(conn: sa.Connection, run: Run, name: str) -> tuple[bool, Any]:
    """(recorded?, its JSON result)."""
    found = conn.execute(
        sa.select(run_steps.c.result).where(run_steps.c.run_id == run.id, run_steps.c.name == name)
    ).first()
    return (True, found[0]["value"]) if found else (False, None)


def record_step(conn: sa.Connection, run: Run, name: str, value: Any, now: datetime) -> None:
    """Raises `Conflict("claim_lost")`."""
    require(conn, run)
    conn.execute(
        sa.insert(run_steps).values(run_id=run.id, name=name, result={"value": value}, epoch=run.epoch, finished_at=now)
    )


def append_log(
    conn: sa.Connection, run_id: str, *, level: str, message: str, fields: Mapping[str, Any], now: datetime
) -> int:
    """The new line's `seq`."""
    last = conn.execute(sa.select(sa.func.max(run_logs.c.seq)).where(run_logs.c.run_id == run_id)).scalar() or 0
    conn.execute(
        sa.insert(run_logs).values(
            run_id=run_id, seq=last + 1, at=now, level=level, message=message, fields=dict(fields)
        )
    )
    return int(last) + 1


def logs(conn: sa.Connection, run_id: str, after: int, limit: int) -> list[LogLine]:
    found = conn.execute(
        sa.select(run_logs)
        .where(run_logs.c.run_id == run_id, run_logs.c.seq > after)
        .order_by(run_logs.c.seq)
        .limit(limit)
    )
    return [LogLine(row.seq, row.at, row.level, row.message, row.fields) for row in found]


def prune(conn: sa.Connection, before: datetime) -> int:
    """Forget steps and log lines of runs that ended before `before`; the runs themselves stay. Rows removed."""
    old = sa.select(runs.c.id).where(runs.c.state.in_(sorted(ENDED)), runs.c.finished_at < before)
    return sum(conn.execute(sa.delete(t).where(t.c.run_id.in_(old))).rowcount for t in (run_steps, run_logs))
