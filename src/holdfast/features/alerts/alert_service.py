"""What people ask of alerts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, no_such
from holdfast.features.access.grants import Columns
from holdfast.features.alerts import places, store
from holdfast.features.alerts.collecting import Collector
from holdfast.features.alerts.model import Alert, alerts
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock, timestamp
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict

LONGEST_MUTE = timedelta(days=30)


class AlertService:
    """Every verb takes the actor first; an alert of a place the actor does not see is not there."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def list(
        self, actor: Actor, *, project_id: str | None = None, after: str | None = None, limit: int = 50, **equal: Any
    ) -> Sequence[Alert]:
        """Newest first."""
        actor.require_within(places.READ, project_id)
        visible = actor.visible(places.READ, Columns.of(alerts))
        with self._db.read() as conn:
            return store.page(
                conn, Alert, visible, after=after, limit=limit, newest_first=True, project_id=project_id, **equal
            )

    def get(self, actor: Actor, alert_id: str) -> Alert:
        with self._db.read() as conn:
            return self._found(conn, actor, alert_id, places.READ)

    def acknowledge(self, actor: Actor, alert_id: str) -> Alert:
        """Someone is at it: nothing more is told until it is over or gets worse. Once more changes nothing."""
        with self._db.write() as conn:
            found = self._open(conn, actor, alert_id)
            if found.state == "acknowledged":
                return found
            values = {"acknowledged_by": actor.id, "acknowledged_at": self._clock.now()}
            return self._changed(conn, actor, found, "alert.acknowledge", state="acknowledged", **values)

    def mute(self, actor: Actor, alert_id: str, lasting: timedelta) -> Alert:
        """Nothing of it is told for so long, but for getting worse and its end; zero ends a mute."""
        with self._db.write() as conn:
            found = self._open(conn, actor, alert_id)
            until = self._clock.now() + lasting if lasting else None
            return self._changed(conn, actor, found, "alert.mute", muted_until=until)

    def resolve(self, actor: Actor, alert_id: str) -> Alert:
        """Over, says a person. When it happens again that is a new alert."""
        with self._db.write() as conn:
            store.hold(conn)
            found = self._open(conn, actor, alert_id)
            Collector(conn, self._clock.now()).end([found], actor.id)
            self._record(conn, actor, found, "alert.resolve", {})
            return self._found(conn, actor, alert_id, places.ACKNOWLEDGE)

    def _changed(self, conn: sa.Connection, actor: Actor, found: Alert, action: str, **values: Any) -> Alert:
        changed = store.change(conn, Alert, found.id, found.version, values)
        if changed is None:
            raise Conflict("the alert was changed meanwhile", code="alert_changed", hint="Ask again.")
        until = timestamp(changed.muted_until) if action == "alert.mute" and changed.muted_until else None
        self._record(conn, actor, changed, action, {"until": until} if until else {})
        return changed

    def _open(self, conn: sa.Connection, actor: Actor, alert_id: str) -> Alert:
        found = self._found(conn, actor, alert_id, places.ACKNOWLEDGE)
        if found.state == "resolved":
            raise Conflict("the alert is resolved already", code="alert_resolved")
        return found

    def _found(self, conn: sa.Connection, actor: Actor, alert_id: str, permission: str) -> Alert:
        found = store.get(conn, Alert, alert_id)
        places.require(actor, permission, found, "alert")
        if found is None:
            raise no_such("alert")
        return found

    @staticmethod
    def _record(conn: sa.Connection, actor: Actor, alert: Alert, action: str, details: dict[str, Any]) -> None:
        audit.record(
            conn,
            actor=actor.id,
            action=action,
            project_id=alert.project_id,
            environment_id=alert.environment_id,
            resource_id=alert.resource_id,
            details={"alert_id": alert.id, "type": alert.type, **details},
        )
