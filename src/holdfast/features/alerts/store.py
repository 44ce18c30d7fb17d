"""Channels, rules, alerts and positions: one statement each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa

from holdfast.features.alerts.model import Alert, Channel, Rule, alerts, channels, cursors, events, rules
from holdfast.kernel.db import embedded

Record = TypeVar("Record", Channel, Rule, Alert)
_TABLES: Mapping[type[Any], sa.Table] = {Channel: channels, Rule: rules, Alert: alerts}
_AT_ONCE = 500
AUDIT, RUNS, JUDGED = "audit", "runs", "judged"  # positions


def get(conn: sa.Connection, kind: type[Record], record_id: str) -> Record | None:
    table = _TABLES[kind]
    return _record(kind, conn.execute(sa.select(table).where(table.c.id == record_id)).first())


def insert(conn: sa.Connection, made: Channel | Rule | Alert) -> None:
    conn.execute(_TABLES[type(made)].insert().values(**asdict(made)))


def change(
    conn: sa.Connection, kind: type[Record], record_id: str, version: int, values: Mapping[str, Any]
) -> Record | None:
    """None when `version` is no longer current."""
    table = _TABLES[kind]
    query = table.update().where(table.c.id == record_id, table.c.version == version)
    return _record(kind, conn.execute(query.values(**values, version=version + 1).returning(*table.c)).first())


def delete(conn: sa.Connection, kind: type[Channel] | type[Rule], record_id: str) -> None:
    table = _TABLES[kind]
    conn.execute(table.delete().where(table.c.id == record_id))


def page(
    conn: sa.Connection,
    kind: type[Record],
    visible: sa.ColumnElement[bool],
    *,
    after: str | None,
    limit: int,
    newest_first: bool = False,
    **equal: Any,
) -> Sequence[Record]:
    """By id. `equal`: columns that have that value, or one of a list; None = whatever it is."""
    table = _TABLES[kind]
    query = sa.select(table).where(visible).limit(limit)
    query = query.order_by(table.c.id.desc() if newest_first else table.c.id)
    if after is not None:
        query = query.where(table.c.id < after if newest_first else table.c.id > after)
    for name, value in equal.items():
        if isinstance(value, list | tuple):
            query = query.where(table.c[name].in_(value)) if value else query
        elif value is not None:
            query = query.where(table.c[name] == value)
    return [kind(**row._mapping) for row in conn.execute(query)]


def all_channels(conn: sa.Connection) -> Sequence[Channel]:
    return [Channel(**row._mapping) for row in conn.execute(sa.select(channels).order_by(channels.c.id))]


def all_rules(conn: sa.Connection) -> Sequence[Rule]:
    return [Rule(**row._mapping) for row in conn.execute(sa.select(rules).order_by(rules.c.id))]


def change_channel(conn: sa.Connection, channel_id: str, **values: Any) -> None:
    """What Holdfast itself notes; nobody's version changes by it."""
    conn.execute(channels.update().where(channels.c.id == channel_id).values(**values))


def open_by_keys(conn: sa.Connection, keys: Iterable[str]) -> list[Alert]:
    wanted, found = sorted(keys), []
    for start in range(0, len(wanted), _AT_ONCE):
        some = alerts.c.key.in_(wanted[start : start + _AT_ONCE])
        rows = conn.execute(sa.select(alerts).where(some, alerts.c.state != "resolved"))
        found += [Alert(**row._mapping) for row in rows]
    return found


def open_alerts(conn: sa.Connection, *more: sa.ColumnElement[bool]) -> list[Alert]:
    query = sa.select(alerts).where(alerts.c.state != "resolved", *more).order_by(alerts.c.id)
    return [Alert(**row._mapping) for row in conn.execute(query)]


_KEPT = ("state", "severity", "details", "count", "last_at", "told_at", "resolved_by", "resolved_at", "version")


def update_alerts(conn: sa.Connection, changed: Iterable[Alert]) -> None:
    rows = [{"its_id": each.id, **{f"new_{name}": getattr(each, name) for name in _KEPT}} for each in changed]
    if rows:
        values = {name: sa.bindparam(f"new_{name}", type_=alerts.c[name].type) for name in _KEPT}
        conn.execute(alerts.update().where(alerts.c.id == sa.bindparam("its_id")).values(**values), rows)


def position(conn: sa.Connection, name: str) -> tuple[str, datetime] | None:
    """In a write transaction: the row is held until its end, so that one node at a time goes on from there."""
    query = sa.select(cursors.c.position, cursors.c.at).where(cursors.c.name == name)
    row = conn.execute(query if embedded(conn) else query.with_for_update()).first()
    return None if row is None else (row.position, row.at)


def look(conn: sa.Connection, name: str) -> str | None:
    """A position without holding it."""
    found = conn.execute(sa.select(cursors.c.position).where(cursors.c.name == name)).scalar()
    return None if found is None else str(found)


def last(conn: sa.Connection, name: str) -> datetime | None:
    """When it was last gone on from."""
    query = sa.select(cursors.c.at).where(cursors.c.name == name)
    return conn.execute(query).scalar()


def hold(conn: sa.Connection) -> None:
    """Whoever makes alerts takes turns: two at once would open the same condition twice."""
    position(conn, AUDIT)


def begin(conn: sa.Connection, name: str, position: str, now: datetime) -> None:
    """The first position, unless another node has begun meanwhile."""
    conn.execute(sa.insert(cursors).values(name=name, position=position, at=now))


def go_on(conn: sa.Connection, name: str, position: str, now: datetime) -> None:
    conn.execute(cursors.update().where(cursors.c.name == name).values(position=position, at=now))


def forget_events(conn: sa.Connection, before: datetime, floor: str) -> None:
    """Old ones that cannot be read again: runs from `floor` on are told apart by their events."""
    old = sa.and_(
        events.c.seen_at < before, sa.or_(~events.c.source.startswith("run:"), events.c.source < f"run:{floor}")
    )
    conn.execute(events.delete().where(old))
    conn.execute(alerts.delete().where(alerts.c.state == "resolved", alerts.c.resolved_at < before))


def _record(kind: type[Record], row: sa.Row[Any] | None) -> Record | None:
    return None if row is None else kind(**row._mapping)
