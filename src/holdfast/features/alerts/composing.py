"""What a message says, as plain data: fixed when it is first tried, so that every attempt sends the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.features.alerts.deliveries import store as delivery_store
from holdfast.features.alerts.deliveries.model import Delivery
from holdfast.features.alerts.model import Channel, alerts, events
from holdfast.features.alerts.text import line, lines
from holdfast.features.alerts.words import EVENT_TYPES, SEVERITIES
from holdfast.features.projects.model import environments, projects
from holdfast.kernel.clock import timestamp
from holdfast.kernel.log import redact

SHOWN = 20
_STANDS = {"opened": "", "worse": "worse: ", "again": "still: ", "resolved": "over: ", "happened": ""}


def composed(conn: sa.Connection, delivery: Delivery, channel: Channel, now: datetime) -> dict[str, Any]:
    """The payload of a message that gathered until now. At most `SHOWN` things in full, the others as counts."""
    held = delivery_store.contents(conn, [delivery.id])
    shown = sorted(held, key=_order)[:SHOWN]
    told = _Told(conn, shown)
    parts = [told.part(item) for item in shown]
    counts = Counter((part["type"], part["phase"]) for part in _types(conn, held))
    return {
        "id": delivery.id,
        "type": "alert",
        "sent_by": "holdfast",
        "channel": channel.name,
        "created_at": timestamp(delivery.created_at),
        "severity": max((str(item["severity"]) for item in held), key=_rank, default="info"),
        "count": len(held),
        "subject": _subject(parts, len(held)),
        "summary": [
            {"type": kind, "title": EVENT_TYPES[kind].title, "phase": phase, "count": number}
            for (kind, phase), number in sorted(counts.items())
        ],
        "alerts": parts,
        "more": len(held) - len(parts),
        "as_of": timestamp(now),
    }


def test_payload(delivery_id: str, channel: Channel, actor: str, now: datetime) -> dict[str, Any]:
    return {
        "id": delivery_id,
        "type": "test",
        "sent_by": "holdfast",
        "channel": channel.name,
        "created_at": timestamp(now),
        "severity": "info",
        "count": 0,
        "subject": f"Holdfast: a test of {line(channel.name, 63)}",
        "asked_by": line(actor),
    }


def _rank(severity: str) -> int:
    return [*SEVERITIES].index(severity) if severity in SEVERITIES else 0


def _order(item: Mapping[str, Any]) -> tuple[bool, int, str]:
    """What goes on before what is over, the worst first."""
    return (item["phase"] == "resolved", -_rank(item["severity"]), item["source"])


def _types(conn: sa.Connection, held: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """The type of each, without reading them whole."""
    found: dict[str, str] = {}
    for table, name in ((alerts, "alert_id"), (events, "event_id")):
        wanted = sorted({item[name] for item in held if item[name]})
        for start in range(0, len(wanted), 500):
            some = table.c.id.in_(wanted[start : start + 500])
            found |= {row.id: row.type for row in conn.execute(sa.select(table.c.id, table.c.type).where(some))}
    known = [(item, found.get(item["alert_id"]) or found.get(item["event_id"])) for item in held]
    return [{"type": kind, "phase": item["phase"]} for item, kind in known if kind]


class _Told:
    """The rows behind what is shown; four statements."""

    def __init__(self, conn: sa.Connection, held: Sequence[Mapping[str, Any]]) -> None:
        self._alerts = _rows(conn, alerts, [item["alert_id"] for item in held])
        self._events = _rows(conn, events, [item["event_id"] for item in held])
        there = [*self._alerts.values(), *self._events.values()]
        self._places = _names(conn, projects, [row["project_id"] for row in there])
        self._places |= _names(conn, environments, [row["environment_id"] for row in there])

    def part(self, item: Mapping[str, Any]) -> dict[str, Any]:
        alert, event = self._alerts.get(item["alert_id"]), self._events.get(item["event_id"])
        row: Mapping[str, Any] = alert or event or {}
        kind = str(row.get("type", "run_failed"))
        details = redact(dict((event or row).get("details") or {}))
        error = details.get("error") or {}
        return {
            "alert_id": item["alert_id"],
            "event_id": item["event_id"],
            "type": kind,
            "title": EVENT_TYPES[kind].title,
            "phase": item["phase"],
            "severity": item["severity"],
            "name": line(row.get("name", "")),
            "project": self._places.get(row.get("project_id")),
            "environment": self._places.get(row.get("environment_id")),
            "project_id": row.get("project_id"),
            "environment_id": row.get("environment_id"),
            "resource_id": row.get("resource_id"),
            "at": _moment(row.get("resolved_at") if item["phase"] == "resolved" else row.get("last_at", row.get("at"))),
            "since": _moment(row.get("first_at", row.get("at"))),
            "count": row.get("count", 1),
            "error": line(error.get("message", ""), 500) or None,
            "error_code": line(error.get("code", ""), 80) or None,
            "hint": lines(error.get("hint", ""), 500) or None,
            "run_id": details.get("run_id"),
            "facts": {key: value for key, value in details.items() if key not in ("error", "run_id", "kind")},
        }


def _subject(parts: Sequence[Mapping[str, Any]], count: int) -> str:
    if not parts:
        return "Holdfast: nothing is left to tell"
    first = parts[0]
    where = f" ({first['environment']})" if first["environment"] else ""
    said = f"{_STANDS[first['phase']]}{first['title']}: {first['name']}{where}"
    more = f" and {count - 1} more" if count > 1 else ""
    sign = "CRITICAL " if first["severity"] == "critical" and first["phase"] != "resolved" else ""
    return line(f"[Holdfast] {sign}{said}{more}", 150)


def _rows(conn: sa.Connection, table: sa.Table, ids: Sequence[str | None]) -> dict[str | None, dict[str, Any]]:
    wanted = sorted({each for each in ids if each})
    if not wanted:
        return {}
    return {row["id"]: dict(row) for row in conn.execute(sa.select(table).where(table.c.id.in_(wanted))).mappings()}


def _names(conn: sa.Connection, table: sa.Table, ids: Sequence[str | None]) -> dict[str | None, str]:
    wanted = sorted({each for each in ids if each})
    if not wanted:
        return {}
    query = sa.select(table.c.id, table.c.name).where(table.c.id.in_(wanted))
    return {row.id: line(row.name, 63) for row in conn.execute(query)}


def _moment(value: datetime | None) -> str | None:
    return None if value is None else timestamp(value)
