"""From what happened to what is to be sent, in one transaction: position, alerts and queued messages or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from holdfast.features.alerts import policy, store
from holdfast.features.alerts.deliveries import store as delivery_store
from holdfast.features.alerts.deliveries.model import items
from holdfast.features.alerts.model import Alert, Channel, Happened, Rule, alerts, events
from holdfast.features.alerts.words import EVENT_TYPES, SEVERITIES
from holdfast.features.databases.model import resources
from holdfast.kernel.ids import new_id

AGAIN = timedelta(hours=20)  # a condition that goes on is told again, once a night at most
FACT_LASTS = timedelta(hours=24)


class Collector:
    """One batch. Everything is read at the start, worked out in memory, and written at the end: a thousand failures
    cost as many statements as one."""

    def __init__(self, conn: sa.Connection, now: datetime) -> None:
        self._conn = conn
        self._now = now
        self.channels: Sequence[Channel] = store.all_channels(conn)
        self.rules: Sequence[Rule] = store.all_rules(conn)
        self._open: dict[str, Alert] = {}
        self._changed: dict[str, Alert] = {}
        self._new: dict[str, Alert] = {}
        self._events: list[dict[str, Any]] = []
        self._items: dict[tuple[str, str], dict[str, Any]] = {}
        self._labels: Mapping[str, Mapping[str, str]] = {}
        self._heard: dict[str, set[str]] = {}
        self.touched = False  # whether any alert is now otherwise than it was

    def take(self, happened: Sequence[Happened]) -> int:
        """Returns how many were new."""
        happened = self._unseen(happened)
        if not happened:
            return 0
        keys = {event.key for event in happened if event.key} | {key for each in happened for key in each.clears}
        self._open |= {alert.key: alert for alert in store.open_by_keys(self._conn, keys)}
        self._heard |= delivery_store.who_heard(self._conn, [alert.id for alert in self._open.values()])
        self._labels = _labels(self._conn, {each.resource_id for each in happened if each.resource_id})
        for event in happened:
            self._one(event)
        self._write()
        return len(happened)

    def end(self, ended: Iterable[Alert], by: str = "holdfast") -> None:
        """Conditions that are over: their end is told to whoever heard of the beginning."""
        over = list(ended)
        self._heard |= delivery_store.who_heard(self._conn, [alert.id for alert in over])
        for alert in over:
            self._resolve(alert, by)
        self._write()

    def _unseen(self, happened: Sequence[Happened]) -> list[Happened]:
        sources = [event.source for event in happened]
        seen = set(self._conn.execute(sa.select(events.c.source).where(events.c.source.in_(sources))).scalars())
        return [event for event in happened if event.source not in seen]

    def _one(self, event: Happened) -> None:
        event_id = new_id("aev")
        kind = EVENT_TYPES[event.type]
        row = {name: getattr(event, name) for name in ("source", "type", "project_id", "environment_id")}
        row |= {"resource_id": event.resource_id, "name": event.name, "details": dict(event.details or {})}
        self._events.append(
            {"id": event_id, **row, "at": event.at, "severity": event.severity or kind.severity, "seen_at": self._now}
        )
        for key in event.clears:
            if (over := self._open.get(key)) is not None:
                self._resolve(over, "holdfast")
        if event.key and kind.opens:
            self._alert(event, event_id)
        else:
            self._tell(event, event_id, None, f"event:{event.source}", "happened")

    def _alert(self, event: Happened, event_id: str) -> None:
        before = self._open.get(event.key)
        if before is None:
            alert = _alert_of(event)
            self._new[alert.id] = self._open[alert.key] = alert
            self._tell(event, event_id, alert, f"{alert.id}:opened", "opened")
            return
        severity = event.severity or EVENT_TYPES[event.type].severity
        worse = SEVERITIES.index(severity) > SEVERITIES.index(before.severity)
        alert = replace(
            before,
            count=before.count + 1,
            last_at=max(event.at, before.last_at),
            severity=severity if worse else before.severity,
            details=dict(event.details or before.details),
            version=before.version + 1,
        )
        self._keep(alert)
        if worse:
            self._tell(event, event_id, alert, f"{alert.id}:{severity}", "worse")
        elif alert.told_at is not None and self._now - alert.told_at >= AGAIN:
            self._tell(event, event_id, alert, f"{alert.id}:again:{alert.count}", "again")

    def _keep(self, alert: Alert) -> None:
        self._open[alert.key] = alert
        (self._new if alert.id in self._new else self._changed)[alert.id] = alert

    def _resolve(self, alert: Alert, by: str) -> None:
        over = replace(alert, state="resolved", resolved_by=by, resolved_at=self._now, version=alert.version + 1)
        (self._new if alert.id in self._new else self._changed)[alert.id] = over
        self._open.pop(alert.key, None)
        heard = {item["channel_id"] for item in self._items.values() if item["alert_id"] == alert.id}
        heard |= self._heard.get(alert.id, set())
        for channel in self.channels:
            if channel.id in heard and channel.enabled:
                self._add(channel, f"{alert.id}:resolved", alert.id, None, "resolved", "info")

    def _tell(self, event: Happened, event_id: str, alert: Alert | None, source: str, phase: str) -> None:
        """Nobody hears of what is muted or acknowledged; getting worse is told all the same."""
        if alert is not None and phase != "worse":
            muted = alert.muted_until is not None and self._now < alert.muted_until
            if muted or alert.state == "acknowledged":
                return
        labels = self._labels.get(event.resource_id or "", {})
        for channel in self.channels:
            how = policy.told(event, labels, channel, self.rules, self._now)
            if how.mode == "immediate":
                self._add(channel, source, alert.id if alert else None, event_id, phase, how.severity)
        if alert is not None:
            self._keep(replace(alert, told_at=self._now))

    def _add(
        self, channel: Channel, source: str, alert_id: str | None, event_id: str | None, phase: str, severity: str
    ) -> None:
        row = {"alert_id": alert_id, "event_id": event_id, "phase": phase, "severity": severity}
        self._items[channel.id, source] = {"channel_id": channel.id, "source": source, **row}

    def _write(self) -> None:
        """Every list is empty afterwards."""
        conn = self._conn
        self.touched = self.touched or bool(self._changed or self._new)
        # What ended makes room for its key before the next of that key is put in.
        store.update_alerts(conn, self._changed.values())
        if self._new:
            ordered = sorted(self._new.values(), key=lambda alert: (alert.state != "resolved", alert.id))
            conn.execute(alerts.insert(), [asdict(alert) for alert in ordered])
        if self._events:
            conn.execute(events.insert(), self._events)
        if self._items:
            bundles = delivery_store.bundles(conn, self.channels, {key[0] for key in self._items}, self._now)
            rows = [{**row, "delivery_id": bundles[row["channel_id"]]} for row in self._items.values()]
            conn.execute(items.insert(), rows)
        self._changed, self._new, self._events, self._items = {}, {}, [], {}


def _alert_of(event: Happened) -> Alert:
    return Alert(
        id=new_id("alt"),
        key=event.key,
        type=event.type,
        severity=event.severity or EVENT_TYPES[event.type].severity,
        state="open",
        project_id=event.project_id,
        environment_id=event.environment_id,
        resource_id=event.resource_id,
        name=event.name,
        details=dict(event.details or {}),
        count=1,
        first_at=event.at,
        last_at=event.at,
        told_at=None,
        muted_until=None,
        acknowledged_by=None,
        acknowledged_at=None,
        resolved_by=None,
        resolved_at=None,
        version=1,
    )


def _labels(conn: sa.Connection, ids: set[str]) -> dict[str, dict[str, str]]:
    if not ids:
        return {}
    query = sa.select(resources.c.id, resources.c.labels).where(resources.c.id.in_(sorted(ids)))
    return {row.id: dict(row.labels or {}) for row in conn.execute(query)}
