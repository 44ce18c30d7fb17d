"""Statements on the tables of plans; each is one round trip."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.features.databases.model import KIND, Resource, resources
from holdfast.features.databases.store import resource_from
from holdfast.features.plans.model import Member, Plan, Turn, TurnFilter, plan_members, plan_turns, plans
from holdfast.jobs.schema import runs, schedules
from holdfast.kernel.errors import Conflict

_p, _t, _m = plans.c, plan_turns.c, plan_members.c
UNSETTLED = ("waiting", "asked")


def insert(conn: sa.Connection, plan: Plan) -> None:
    """Raises Conflict("name_taken")."""
    try:
        conn.execute(plans.insert().values(**asdict(plan)))
    except sa.exc.IntegrityError:
        raise name_taken(plan.name) from None


def name_taken(name: str) -> Conflict:
    return Conflict(f"there is a plan {name!r} already", code="name_taken", hint="Choose another name.")


def get(conn: sa.Connection, plan_id: str) -> Plan | None:
    row = conn.execute(sa.select(plans).where(_p.id == plan_id)).mappings().first()
    return Plan(**row) if row else None


def page(
    conn: sa.Connection,
    visible: sa.ColumnElement[bool],
    *,
    project_id: str | None = None,
    name: str | None = None,
    enabled: bool | None = None,
    after: str | None = None,
    limit: int = 50,
) -> list[Plan]:
    """Newest first."""
    query = sa.select(plans).where(visible).order_by(_p.id.desc()).limit(limit)
    if project_id is not None:
        query = query.where(_p.project_id == project_id)
    if name is not None:
        query = query.where(_p.name.contains(name, autoescape=True))
    if enabled is not None:
        query = query.where(_p.enabled.is_(enabled))
    if after is not None:
        query = query.where(_p.id < after)
    return [Plan(**row) for row in conn.execute(query).mappings()]


def pages(conn: sa.Connection, visible: sa.ColumnElement[bool], *, after: str | None, **only: Any) -> Iterator[Plan]:
    """All that `page` would give, a hundred in memory at a time."""
    while some := page(conn, visible, after=after, limit=100, **only):
        yield from some
        after = some[-1].id


def enabled(conn: sa.Connection, project_id: str | None = None) -> list[Plan]:
    """Those that run by themselves."""
    query = sa.select(plans).where(_p.enabled.is_(True)).order_by(_p.id)
    if project_id is not None:
        query = query.where(_p.project_id == project_id)
    return [plan for row in conn.execute(query).mappings() if (plan := Plan(**row)).schedules]


def bounded(conn: sa.Connection, project_id: str) -> list[Plan]:
    """Those of a project that say how long without a snapshot is too long."""
    query = sa.select(plans).where(_p.project_id == project_id, _p.max_gap_seconds.is_not(None))
    return [Plan(**row) for row in conn.execute(query).mappings()]


def successes(conn: sa.Connection, plan_ids: Sequence[str], since: datetime) -> Iterator[Any]:
    """Whatever succeeded, by plan, database and repository, oldest first; a piece of it in memory at a time."""
    query = (
        sa.select(_m.plan_id, _m.resource_id, _m.repository_id, _m.resource_name, _m.settled_at)
        .where(_m.plan_id.in_(plan_ids), _m.state == "succeeded", _m.settled_at >= since)
        .order_by(_m.plan_id, _m.resource_id, _m.repository_id, _m.settled_at)
    )
    yield from conn.execute(query.execution_options(yield_per=5000))


def change(conn: sa.Connection, plan_id: str, version: int, now: datetime, values: Mapping[str, Any]) -> Plan | None:
    """None when `version` is no longer current. Raises Conflict("name_taken")."""
    query = plans.update().where(_p.id == plan_id, _p.version == version)
    try:
        changed = conn.execute(query.values(**values, version=version + 1, updated_at=now).returning(*_p))
        row = changed.mappings().first()
    except sa.exc.IntegrityError:
        raise name_taken(str(values.get("name"))) from None
    return Plan(**row) if row else None


def delete(conn: sa.Connection, plan_id: str) -> None:
    """Its turns go with it; its snapshots stay."""
    mine = sa.select(_t.id).where(_t.plan_id == plan_id)
    conn.execute(plan_members.delete().where(_m.turn_id.in_(mine)))
    conn.execute(plan_turns.delete().where(_t.plan_id == plan_id))
    conn.execute(plans.delete().where(_p.id == plan_id))


def databases_of(
    conn: sa.Connection, project_ids: Sequence[str], visible: sa.ColumnElement[bool] | None = None
) -> list[Resource]:
    """The living databases of projects, oldest first."""
    c = resources.c
    query = sa.select(resources).where(c.project_id.in_(project_ids), c.kind == KIND, c.deleted_at.is_(None))
    if visible is not None:
        query = query.where(visible)
    return [resource_from(row) for row in conn.execute(query.order_by(c.id))]


def insert_turn(conn: sa.Connection, turn: Turn) -> None:
    """Raises IntegrityError when it is said to run and another of its schedule does."""
    conn.execute(plan_turns.insert().values(**asdict(turn)))


def turn(conn: sa.Connection, turn_id: str) -> Turn | None:
    row = conn.execute(sa.select(plan_turns).where(_t.id == turn_id)).mappings().first()
    return Turn(**row) if row else None


def turn_of_run(conn: sa.Connection, run_id: str) -> Turn | None:
    row = conn.execute(sa.select(plan_turns).where(_t.run_id == run_id)).mappings().first()
    return Turn(**row) if row else None


def at_work(conn: sa.Connection, plan_id: str, schedule: str | None = None) -> Turn | None:
    """The running turn of a plan, or of one of its schedules."""
    query = sa.select(plan_turns).where(_t.plan_id == plan_id, _t.state == "running")
    if schedule is not None:
        query = query.where(_t.schedule == schedule)
    row = conn.execute(query.limit(1)).mappings().first()
    return Turn(**row) if row else None


def change_turn(conn: sa.Connection, turn_id: str, *, states: Sequence[str], **values: Any) -> Turn | None:
    """The new row; None when it is in none of `states`."""
    query = plan_turns.update().where(_t.id == turn_id, _t.state.in_(states))
    row = conn.execute(query.values(**values).returning(*_t)).mappings().first()
    return Turn(**row) if row else None


def turns(
    conn: sa.Connection,
    wanted: TurnFilter,
    *,
    limit: int,
    visible: sa.ColumnElement[bool] | None = None,
    after: str | None = None,
) -> list[Turn]:
    """Newest first, those before the id `after`. `visible`: see `Actor.visible`."""
    query = sa.select(plan_turns).where(*wanted.conditions()).order_by(_t.id.desc()).limit(limit)
    if visible is not None:
        query = query.where(visible)
    if after is not None:
        query = query.where(_t.id < after)
    return [Turn(**row) for row in conn.execute(query).mappings()]


def settled_turns(conn: sa.Connection, limit: int) -> list[Turn]:
    """Those at work that asked for everything and have all of it, oldest first."""
    unsettled = sa.exists().where(_m.turn_id == _t.id, _m.state.in_(UNSETTLED))
    query = sa.select(plan_turns).where(_t.state == "running", _t.expanded_at.is_not(None), ~unsettled)
    return [Turn(**row) for row in conn.execute(query.order_by(_t.id).limit(limit)).mappings()]


def abandoned_turns(conn: sa.Connection, ended: Sequence[str], limit: int) -> list[tuple[Turn, str | None, Any]]:
    """Those whose run is over, or gone, without having asked for everything, oldest first; with its state and error."""
    over = sa.or_(runs.c.id.is_(None), runs.c.state.in_(ended))
    query = (
        sa.select(plan_turns, runs.c.state.label("run_state"), runs.c.error.label("run_error"))
        .join(runs, runs.c.id == _t.run_id, isouter=True)
        .where(_t.state.in_(("pending", "running")), _t.expanded_at.is_(None), over)
        .order_by(_t.id)
        .limit(limit)
    )
    found = []
    for row in conn.execute(query).mappings():
        values = dict(row)
        state, error = values.pop("run_state"), values.pop("run_error")
        found.append((Turn(**values), state, error))
    return found


def insert_members(conn: sa.Connection, members: Sequence[Member]) -> None:
    if members:
        conn.execute(plan_members.insert(), [asdict(member) for member in members])


def members(
    conn: sa.Connection, turn_id: str, *, states: Sequence[str] = (), after: str | None = None, limit: int = 500
) -> list[Member]:
    """In order of the databases' ids, then the repositories'."""
    query = sa.select(plan_members).where(_m.turn_id == turn_id).order_by(_m.resource_id, _m.repository_id)
    if states:
        query = query.where(_m.state.in_(states))
    if after is not None:
        query = query.where(_m.resource_id + "/" + _m.repository_id > after)
    return [Member(**row) for row in conn.execute(query.limit(limit)).mappings()]


def change_member(conn: sa.Connection, member: Member, *, states: Sequence[str], **values: Any) -> bool:
    """False when it is in none of `states`: somebody else did it."""
    mine = sa.and_(
        _m.turn_id == member.turn_id,
        _m.resource_id == member.resource_id,
        _m.repository_id == member.repository_id,
        _m.state.in_(states),
    )
    return conn.execute(plan_members.update().where(mine).values(**values)).rowcount == 1


def settle_waiting(conn: sa.Connection, turn_id: str, values: Mapping[str, Any]) -> None:
    """The same for all of a turn that still wait."""
    waiting = sa.and_(_m.turn_id == turn_id, _m.state == "waiting")
    conn.execute(plan_members.update().where(waiting).values(**values))


def settle_members(conn: sa.Connection, members: Sequence[Member], values: Sequence[Mapping[str, Any]]) -> None:
    """What each of the waiting says next (the same columns for all), in one statement."""
    if not members:
        return
    mine = sa.and_(
        _m.turn_id == sa.bindparam("of_turn"),
        _m.resource_id == sa.bindparam("of_resource"),
        _m.repository_id == sa.bindparam("of_repository"),
        _m.state == "waiting",
    )
    columns = {name: sa.bindparam(f"new_{name}", type_=_m[name].type) for name in values[0]}
    rows = [
        {"of_turn": each.turn_id, "of_resource": each.resource_id, "of_repository": each.repository_id}
        | {f"new_{name}": value for name, value in new.items()}
        for each, new in zip(members, values, strict=True)
    ]
    conn.execute(plan_members.update().where(mine).values(**columns), rows)


def ended_members(conn: sa.Connection, ended: Sequence[str], limit: int) -> list[tuple[Member, str, Any]]:
    """Those whose run has ended, with what it became and its error."""
    query = (
        sa.select(plan_members, runs.c.state.label("run_state"), runs.c.error.label("run_error"))
        .join(runs, runs.c.id == _m.run_id)
        .where(_m.state == "asked", runs.c.state.in_(ended))
        .order_by(_m.turn_id, _m.resource_id)
        .limit(limit)
    )
    found = []
    for row in conn.execute(query).mappings():
        values = dict(row)
        state, error = values.pop("run_state"), values.pop("run_error")
        found.append((Member(**values), state, error))
    return found


def counts(conn: sa.Connection, turn_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """Turn -> state -> how many of its members."""
    found: dict[str, dict[str, int]] = {each: {} for each in turn_ids}
    query = sa.select(_m.turn_id, _m.state, sa.func.count()).where(_m.turn_id.in_(turn_ids))
    for turn_id, state, count in conn.execute(query.group_by(_m.turn_id, _m.state)):
        found[turn_id][state] = count
    return found


def last_successes(
    conn: sa.Connection, plan_ids: Sequence[str]
) -> dict[tuple[str, str, str], tuple[datetime, datetime]]:
    """(plan, database, repository) -> the newest turn it succeeded in: when that was due, and when it was done."""
    query = (
        sa.select(_m.plan_id, _m.resource_id, _m.repository_id, sa.func.max(_m.due_at), sa.func.max(_m.settled_at))
        .where(_m.plan_id.in_(plan_ids), _m.state == "succeeded")
        .group_by(_m.plan_id, _m.resource_id, _m.repository_id)
    )
    return {(row[0], row[1], row[2]): (row[3], row[4]) for row in conn.execute(query)}


def next_turns(conn: sa.Connection, plan_ids: Sequence[str]) -> dict[str, datetime]:
    """Plan -> its next turn, of those that are switched on."""
    c = schedules.c
    query = sa.select(c.name, c.next_at).where(
        c.kind == "plan.run",
        c.enabled,
        sa.or_(sa.false(), *(c.name.startswith(prefix(each), autoescape=True) for each in plan_ids)),
    )
    found: dict[str, datetime] = {}
    for name, at in conn.execute(query):
        plan_id = name.split(":", 2)[1]
        found[plan_id] = min(at, found.get(plan_id, at))
    return found


def prefix(plan_id: str) -> str:
    """What the names of a plan's rows in `schedules` begin with."""
    return f"plan:{plan_id}:"
