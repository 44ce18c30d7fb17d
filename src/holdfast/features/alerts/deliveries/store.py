"""Deliveries and what they hold: one statement each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from holdfast.features.alerts import policy
from holdfast.features.alerts.deliveries.model import Delivery, deliveries, items
from holdfast.features.alerts.model import Channel, alerts, channels
from holdfast.kernel.ids import new_id

_c = deliveries.c
_GATHERING = sa.and_(_c.kind == "alert", _c.state == "queued", _c.attempts == 0, _c.payload.is_(None))


def queued(
    channel: Channel, source: str, kind: str, now: datetime, *, subject: str = "", payload: Any = None, due: Any = None
) -> Delivery:
    return Delivery(
        id=new_id("adl"),
        channel_id=channel.id,
        project_id=channel.project_id,
        source=source,
        kind=kind,
        state="queued",
        subject=subject,
        payload=payload,
        attempts=0,
        tries_left=policy.TRIES,
        log=[],
        next_at=due or now,
        owner=None,
        lease_until=None,
        created_at=now,
        sent_at=None,
        replays=0,
    )


def insert(conn: sa.Connection, made: Delivery) -> None:
    conn.execute(deliveries.insert().values(**asdict(made)))


def get(conn: sa.Connection, delivery_id: str) -> Delivery | None:
    row = conn.execute(sa.select(deliveries).where(_c.id == delivery_id)).first()
    return None if row is None else Delivery(**row._mapping)


def exists(conn: sa.Connection, channel_id: str, source: str) -> bool:
    query = sa.select(_c.id).where(_c.channel_id == channel_id, _c.source == source)
    return conn.execute(query).first() is not None


def page(
    conn: sa.Connection, visible: sa.ColumnElement[bool], *, after: str | None, limit: int, **equal: Any
) -> Sequence[Delivery]:
    """Newest first."""
    query = sa.select(deliveries).where(visible).order_by(_c.id.desc()).limit(limit)
    if after is not None:
        query = query.where(_c.id < after)
    for name, value in equal.items():
        if value:
            query = query.where(_c[name].in_(value) if isinstance(value, list) else _c[name] == value)
    return [Delivery(**row._mapping) for row in conn.execute(query)]


def bundles(conn: sa.Connection, there: Sequence[Channel], wanted: Collection[str], now: datetime) -> dict[str, str]:
    """Channel -> the message that gathers for it; a new one where none does. It leaves later, since more came."""
    query = sa.select(_c.id, _c.channel_id, _c.created_at).where(_GATHERING, _c.channel_id.in_(sorted(wanted)))
    gathering = {row.channel_id: row for row in conn.execute(query)}
    found: dict[str, str] = {}
    for channel in there:
        if channel.id not in wanted:
            continue
        gather = timedelta(seconds=channel.gather_seconds)
        if (row := gathering.get(channel.id)) is not None:
            due = policy.leaves_at(row.created_at, now, gather, channel.last_sent_at)
            conn.execute(deliveries.update().where(_c.id == row.id, _GATHERING).values(next_at=due))
            found[channel.id] = row.id
        else:
            due = policy.leaves_at(now, now, gather, channel.last_sent_at)
            made = queued(channel, f"alert:{new_id('adl')}", "alert", now, due=due)
            insert(conn, made)
            found[channel.id] = made.id
    return found


def who_heard(conn: sa.Connection, alert_ids: Sequence[str]) -> dict[str, set[str]]:
    """Alert -> the channels that were told of it, or are about to be."""
    found: dict[str, set[str]] = {}
    if alert_ids:
        query = sa.select(items.c.alert_id, items.c.channel_id).where(items.c.alert_id.in_(alert_ids)).distinct()
        for row in conn.execute(query):
            found.setdefault(row.alert_id, set()).add(row.channel_id)
    return found


def due(conn: sa.Connection, now: datetime, busy: Collection[str], limit: int) -> list[Delivery]:
    """The longest waiting of each enabled channel that is not `busy`."""
    living = channels.c.enabled.is_(True)
    first = sa.func.row_number().over(partition_by=_c.channel_id, order_by=(_c.next_at, _c.id)).label("place")
    waiting = (
        sa.select(_c.id, _c.next_at, first)
        .join(channels, channels.c.id == _c.channel_id)
        .where(_c.state == "queued", _c.next_at <= now, living)
    )
    if busy:
        waiting = waiting.where(_c.channel_id.not_in(sorted(busy)))
    firsts = waiting.subquery()
    ids = sa.select(firsts.c.id).where(firsts.c.place == 1).order_by(firsts.c.next_at).limit(limit)
    return [Delivery(**row._mapping) for row in conn.execute(sa.select(deliveries).where(_c.id.in_(ids)))]


def busy_channels(conn: sa.Connection) -> set[str]:
    return set(conn.execute(sa.select(_c.channel_id).where(_c.state == "sending").distinct()).scalars())


def anything_due(conn: sa.Connection, now: datetime) -> bool:
    return conn.execute(sa.select(_c.id).where(_c.state == "queued", _c.next_at <= now).limit(1)).first() is not None


def claim(conn: sa.Connection, delivery: Delivery, owner: str, until: datetime, **values: Any) -> Delivery | None:
    """Ours to send until then; None when another node was faster."""
    still = sa.and_(_c.id == delivery.id, _c.state == "queued", _c.attempts == delivery.attempts)
    query = deliveries.update().where(still)
    taken = query.values(
        state="sending", owner=owner, lease_until=until, attempts=delivery.attempts + 1, **values
    ).returning(*_c)
    row = conn.execute(taken).first()
    return None if row is None else Delivery(**row._mapping)


def settle(conn: sa.Connection, delivery: Delivery, **values: Any) -> bool:
    """What became of the attempt; False when the claim was lost meanwhile: then nothing is written."""
    ours = sa.and_(_c.id == delivery.id, _c.state == "sending", _c.attempts == delivery.attempts)
    done = conn.execute(deliveries.update().where(ours).values(owner=None, lease_until=None, **values).returning(_c.id))
    return done.first() is not None


def sending(conn: sa.Connection) -> list[Delivery]:
    return [Delivery(**row._mapping) for row in conn.execute(sa.select(deliveries).where(_c.state == "sending"))]


def replay(conn: sa.Connection, delivery_id: str, now: datetime) -> Delivery | None:
    """A dead letter once more, with as many tries as a new one."""
    dead = sa.and_(_c.id == delivery_id, _c.state == "dead")
    again = (
        deliveries.update()
        .where(dead)
        .values(state="queued", next_at=now, tries_left=policy.TRIES, replays=_c.replays + 1)
    )
    row = conn.execute(again.returning(*_c)).first()
    return None if row is None else Delivery(**row._mapping)


def contents(conn: sa.Connection, delivery_ids: Iterable[str]) -> list[Mapping[str, Any]]:
    query = sa.select(items).where(items.c.delivery_id.in_(list(delivery_ids))).order_by(items.c.source)
    return [dict(row) for row in conn.execute(query).mappings()]


def forget(conn: sa.Connection, before: datetime) -> None:
    """Old ones that were sent or given up, but for those of alerts that stand: who heard of them hears of the end."""
    standing = sa.exists().where(
        items.c.delivery_id == _c.id, items.c.alert_id == alerts.c.id, alerts.c.state != "resolved"
    )
    old = sa.and_(_c.state.in_(("sent", "dead")), _c.created_at < before, ~standing)
    conn.execute(deliveries.delete().where(old))
