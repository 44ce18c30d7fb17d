"""The day on one page: what was backed up, what failed, how it grew, what is unprotected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from holdfast.features.alerts.model import Channel, Rule, alerts, events
from holdfast.features.alerts.text import line
from holdfast.features.alerts.words import EVENT_TYPES
from holdfast.features.backups.model import IMPORTED, snapshots, verifications
from holdfast.features.databases.model import resources
from holdfast.kernel.clock import timestamp
from holdfast.kernel.log import redact

LISTED = 20
UNPROTECTED = timedelta(hours=48)


def payload(
    conn: sa.Connection, delivery_id: str, channel: Channel, rules: Sequence[Rule], now: datetime
) -> dict[str, Any] | None:
    """None when there is nothing to tell: no database, nothing that happened, nothing open. Eight statements."""
    since = channel.digest_from
    counts = _counts(conn, channel, since, now)
    databases = _databases(conn, channel)
    standing = _standing(conn, channel)
    if not counts and not databases and not standing:
        return None
    backups = _backups(conn, channel, since, now)
    before = _backups(conn, channel, since - (now - since), since)
    bare, count = _unprotected(databases, now)
    failed = sum(number for kind, number in counts.items() if kind.endswith("_failed"))
    done = counts.get("backup_done", 0)
    said = f"{done} backups done" + (f", {failed} failures" if failed else ", no failure")
    said += f", {count} unprotected" if count else ""
    return {
        "id": delivery_id,
        "type": "digest",
        "sent_by": "holdfast",
        "channel": channel.name,
        "created_at": timestamp(now),
        "severity": "warning" if failed or count or standing else "info",
        "subject": line(f"[Holdfast] Daily digest: {said}", 150),
        "since": timestamp(since),
        "until": timestamp(now),
        "counts": [
            {"type": kind, "title": EVENT_TYPES[kind].title, "count": number}
            for kind, number in sorted(counts.items())
            if not _is_off(kind, channel, rules, now)
        ],
        "backups": sorted(backups.values(), key=lambda each: -int(each["stored_bytes"]))[:LISTED],
        "stored_bytes": _stored(backups),
        "stored_bytes_before": _stored(before),
        "failures": _failures(conn, channel, since, now),
        "open": standing,
        "unprotected": bare,
        "unprotected_count": count,
        "databases": len(databases),
        "oldest_verification": _oldest(databases),
    }


def _is_off(kind: str, channel: Channel, rules: Sequence[Rule], now: datetime) -> bool:
    """A rule that is about nothing but this kind of event, and says off."""
    found = [
        rule
        for rule in rules
        if rule.enabled
        and kind in rule.events
        and not (rule.resource_id or rule.environment_id or rule.labels)
        and rule.project_id in (None, channel.project_id)
        and (not rule.channel_ids or channel.id in rule.channel_ids)
        and (rule.until is None or now < rule.until)
    ]
    best = max(found, key=lambda rule: (bool(rule.channel_ids), rule.project_id is not None, rule.id), default=None)
    return best is not None and best.mode == "off"


def _mine(channel: Channel, column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    return sa.true() if channel.project_id is None else column == channel.project_id


def _counts(conn: sa.Connection, channel: Channel, since: datetime, now: datetime) -> dict[str, int]:
    c = events.c
    query = sa.select(c.type, sa.func.count()).where(*_within(channel, since, now)).group_by(c.type)
    return {str(kind): int(number) for kind, number in conn.execute(query) if kind in EVENT_TYPES}


def _backups(conn: sa.Connection, channel: Channel, since: datetime, until: datetime) -> dict[str, dict[str, Any]]:
    """Per database what was stored and proven within that time."""
    c = events.c
    query = (
        sa.select(c.resource_id, c.name, c.details)
        .where(c.type == "backup_done", *_within(channel, since, until))
        .order_by(c.seen_at, c.id)
    )
    found: dict[str, dict[str, Any]] = {}
    for row in conn.execute(query):
        each = found.setdefault(
            row.resource_id or row.name, {"name": line(row.name, 63), "proven": 0, "stored_bytes": 0}
        )
        each["proven"] += 1
        each["stored_bytes"] += int(row.details.get("stored_bytes") or 0)
        each["source_bytes"] = row.details.get("source_bytes")
    return found


def _stored(backups: Mapping[str, Mapping[str, Any]]) -> int:
    return sum(int(each["stored_bytes"]) for each in backups.values())


def _within(channel: Channel, since: datetime, until: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    """By when it was seen: what ended while nobody looked is in the next digest, not in none."""
    c = events.c
    return c.seen_at >= since, c.seen_at < until, _mine(channel, c.project_id)


def _failures(conn: sa.Connection, channel: Channel, since: datetime, now: datetime) -> list[dict[str, Any]]:
    c = events.c
    query = (
        sa.select(c.type, c.name, c.at, c.details)
        .where(c.type.endswith("_failed", autoescape=True), *_within(channel, since, now))
        .order_by(c.at.desc(), c.id)
        .limit(LISTED)
    )
    found = []
    for row in conn.execute(query):
        error = redact(dict(row.details)).get("error") or {}
        told = {"title": EVENT_TYPES[row.type].title, "name": line(row.name), "at": timestamp(row.at)}
        found.append({**told, "error": line(error.get("message", ""), 300)})
    return found


def _standing(conn: sa.Connection, channel: Channel) -> list[dict[str, Any]]:
    c = alerts.c
    query = (
        sa.select(alerts)
        .where(c.state != "resolved", _mine(channel, c.project_id))
        .order_by(c.severity, c.id)
        .limit(LISTED)
    )
    return [
        {
            "alert_id": row["id"],
            "title": EVENT_TYPES[row["type"]].title,
            "name": line(row["name"]),
            "severity": row["severity"],
            "state": row["state"],
            "since": timestamp(row["first_at"]),
            "count": row["count"],
        }
        for row in conn.execute(query).mappings()
    ]


def _databases(conn: sa.Connection, channel: Channel) -> list[Mapping[str, Any]]:
    """Every living database with its newest good snapshot and its newest proof."""
    r, s, v = resources.c, snapshots.c, verifications.c
    good = sa.and_(s.resource_id == r.id, s.state == "ready", s.verification != "red", s.trigger != IMPORTED)
    newest = sa.select(sa.func.max(s.created_at)).where(good).correlate(resources).scalar_subquery()
    proven = (
        sa.select(sa.func.max(v.at))
        .join(snapshots, s.id == v.snapshot_id)
        .where(s.resource_id == r.id, s.state == "ready", v.ok.is_(True), s.trigger != IMPORTED)
        .correlate(resources)
        .scalar_subquery()
    )
    query = (
        sa.select(r.name, r.created_at, newest.label("newest"), proven.label("proven"))
        .where(r.deleted_at.is_(None), r.state != "creating", _mine(channel, r.project_id))
        .order_by(r.id)
    )
    return [dict(row) for row in conn.execute(query).mappings()]


def _unprotected(databases: Sequence[Mapping[str, Any]], now: datetime) -> tuple[list[dict[str, Any]], int]:
    """Those without a good snapshot of the last two days; those without any come first."""
    bare = [each for each in databases if each["newest"] is None or now - each["newest"] > UNPROTECTED]
    bare.sort(key=lambda each: (each["newest"] is not None, each["newest"] or now, each["name"]))
    return [
        {"name": line(each["name"], 63), "newest": timestamp(each["newest"]) if each["newest"] else None}
        for each in bare[:LISTED]
    ], len(bare)


def _oldest(databases: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The database whose newest proof is the oldest; one that was never proven before all."""
    kept = [each for each in databases if each["newest"] is not None]
    if not kept:
        return None
    found = min(kept, key=lambda each: (each["proven"] is not None, each["proven"] or each["newest"]))
    return {"name": line(found["name"], 63), "at": timestamp(found["proven"]) if found["proven"] else None}
