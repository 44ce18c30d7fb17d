"""What people ask of rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, no_such
from holdfast.features.access.grants import Columns
from holdfast.features.alerts import checking, places, store
from holdfast.features.alerts.model import Channel, Rule, rules, scope_of
from holdfast.features.alerts.words import EVENT_TYPES, Mode, Severity
from holdfast.features.databases import store as databases
from holdfast.features.projects import store as projects
from holdfast.features.projects.names import checked_name
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Invalid
from holdfast.kernel.ids import new_id
from holdfast.web.changed import changed_meanwhile
from holdfast.web.idempotency import NEVER, Once

_FIELDS = ("name", "events", "channel_ids", "labels", "mode", "severity", "threshold", "until", "enabled")
_MAY_BE_NULL = ("severity", "threshold", "until")


@dataclass(frozen=True)
class WantedRule:
    project_id: str | None
    name: str
    mode: Mode
    events: Sequence[str] = ()
    channel_ids: Sequence[str] = ()
    environment_id: str | None = None
    resource_id: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    severity: Severity | None = None
    threshold: int | None = None
    until: datetime | None = None
    enabled: bool = True


class RuleService:
    """Every verb takes the actor first and raises Denied or NotFound before it reads or writes anything else."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def create(self, actor: Actor, wanted: WantedRule, once: Once = NEVER) -> Rule:
        """Raises NotFound for places and channels that are not there, Conflict("name_taken"), Invalid."""
        now = self._clock.now()
        with self._db.write() as conn:
            places.require_new(conn, actor, places.RULES, wanted.project_id)
            self._check(conn, actor, wanted.project_id, vars(wanted))
            once.check(conn)
            made = Rule(
                **{**vars(wanted), "name": checked_name(wanted.name), "events": checking.event_types(wanted.events)},
                id=new_id("alr"),
                scope=scope_of(wanted.project_id),
                version=1,
                created_by=actor.id,
                created_at=now,
                updated_at=now,
            )
            try:
                store.insert(conn, made)
            except sa.exc.IntegrityError:
                raise _taken(made.name) from None
            _record(conn, actor, made, "alert_rule.create", {"mode": made.mode, "events": list(made.events)})
            once.keep(conn, made)
            return made

    def list(
        self, actor: Actor, *, project_id: str | None = None, after: str | None = None, limit: int = 50
    ) -> Sequence[Rule]:
        actor.require_within(places.READ, project_id)
        visible = actor.visible(places.READ, Columns(rules.c.project_id))
        with self._db.read() as conn:
            return store.page(conn, Rule, visible, after=after, limit=limit, project_id=project_id)

    def get(self, actor: Actor, rule_id: str) -> Rule:
        with self._db.read() as conn:
            return self._found(conn, actor, rule_id, places.READ)

    def update(self, actor: Actor, rule_id: str, version: int, changes: Mapping[str, Any]) -> Rule:
        """Never where it counts: that is another rule."""
        values = {
            name: changes[name]
            for name in _FIELDS
            if name in changes and (changes[name] is not None or name in _MAY_BE_NULL)
        }
        with self._db.write() as conn:
            before = self._found(conn, actor, rule_id, places.RULES)
            self._check(conn, actor, before.project_id, {**vars(before), **values})
            if "name" in values:
                values["name"] = checked_name(values["name"])
            if "events" in values:
                values["events"] = checking.event_types(values["events"])
            try:
                changed = store.change(conn, Rule, rule_id, version, {**values, "updated_at": self._clock.now()})
            except sa.exc.IntegrityError:
                raise _taken(str(values["name"])) from None
            if changed is None:
                raise changed_meanwhile("rule")
            _record(conn, actor, changed, "alert_rule.update", {"changed": sorted(values)})
            return changed

    def delete(self, actor: Actor, rule_id: str, confirm: str) -> None:
        with self._db.write() as conn:
            found = self._found(conn, actor, rule_id, places.RULES)
            if confirm != found.name:
                raise Invalid("confirm must be the name, exactly", code="confirm_mismatch")
            store.delete(conn, Rule, rule_id)
            _record(conn, actor, found, "alert_rule.delete", {})

    def _check(self, conn: sa.Connection, actor: Actor, project_id: str | None, given: Mapping[str, Any]) -> None:
        checking.event_types(given["events"])
        if given["threshold"] is not None:
            units = [EVENT_TYPES[each].unit for each in given["events"]]
            if not units or not all(units):
                known = ", ".join(name for name, kind in EVENT_TYPES.items() if kind.unit)
                raise Invalid(f"a threshold is for rules about {known}", code="threshold_invalid")
        if given["environment_id"] is not None:
            environment = projects.environment(conn, given["environment_id"])
            places.require(actor, places.RULES, environment, "environment")
            if environment is None or project_id not in (None, environment.project_id):
                raise no_such("environment")
        if given["resource_id"] is not None:
            resource = databases.get(conn, given["resource_id"])
            places.require(actor, places.RULES, resource, "database")
            if resource is None or project_id not in (None, resource.project_id):
                raise no_such("database")
        for channel_id in given["channel_ids"]:
            channel = store.get(conn, Channel, channel_id)
            places.require(actor, places.READ, channel, "channel")
            if channel is None or project_id not in (None, channel.project_id):
                raise no_such("channel")

    def _found(self, conn: sa.Connection, actor: Actor, rule_id: str, permission: str) -> Rule:
        found = store.get(conn, Rule, rule_id)
        places.require(actor, permission, found, "rule")
        if found is None:
            raise no_such("rule")
        return found


def _taken(name: str) -> Conflict:
    return Conflict(f"there is a rule {name!r} already", code="name_taken", hint="Choose another name.")


def _record(conn: sa.Connection, actor: Actor, rule: Rule, action: str, details: Mapping[str, Any]) -> None:
    told = {"name": rule.name, **details}
    audit.record(conn, actor=actor.id, action=action, project_id=rule.project_id, resource_id=rule.id, details=told)
