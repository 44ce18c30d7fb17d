"""What people and plans ask of retention: which snapshots stay, and letting go of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import sqlalchemy as sa

from holdfast.features.access.actor import Actor
from holdfast.features.backups.model import Snapshot
from holdfast.features.backups.service import found as found_snapshot
from holdfast.features.databases.guard import found as found_database
from holdfast.features.projects.scope import environment_of, project_of
from holdfast.features.retention import store
from holdfast.features.retention.model import RetentionRow, Scope, Subject
from holdfast.features.retention.policy import Decision, Item, Policy, decide
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock, timestamp
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Invalid

GRACE = timedelta(days=7)
_DEFAULT = Policy()


@dataclass(frozen=True)
class InForce:
    """The policy that counts for a subject, and whose it is."""

    subject: Subject
    policy: Policy
    tz: str
    scope: Scope
    subject_id: str | None


@dataclass(frozen=True)
class Verdict:
    """A snapshot and what becomes of it."""

    snapshot: Snapshot
    keep: bool
    reasons: Sequence[str]


@dataclass(frozen=True)
class Outcome:
    """`forgotten`: ids of those marked now; `free_bytes`: what the snapshots that go added when they were taken."""

    verdicts: Sequence[Verdict]
    forgotten: Sequence[str]
    free_bytes: int
    due: datetime | None


class RetentionService:
    """Every verb takes the actor first and raises Denied or NotFound before it reads or writes anything else."""

    def __init__(self, db: Database, clock: Clock, grace: timedelta = GRACE) -> None:
        self._db = db
        self._clock = clock
        self._grace = grace

    def show(self, actor: Actor, scope: Scope, subject_id: str) -> InForce:
        with self._db.read() as conn:
            return in_force(conn, _subject(conn, actor, scope, subject_id, "snapshot.read"))

    def set(self, actor: Actor, scope: Scope, subject_id: str, policy: Policy | None, tz: str = "UTC") -> InForce:
        """None: inherit again. Nothing is deleted until the policy is applied."""
        _zone(tz)
        with self._db.write() as conn:
            subject = _subject(conn, actor, scope, subject_id, "retention.write")
            before = store.policies(conn, [subject.id]).get(subject.id)
            if policy is None:
                store.drop(conn, subject.id)
            else:
                now, values = self._clock.now(), policy.as_json()
                row = RetentionRow(subject.id, scope, subject.place.project_id or "", values, tz, actor.id, now)
                store.put(conn, row)
            after = {"policy": policy.as_json(), "tz": tz} if policy else None
            old = {"policy": dict(before.policy), "tz": before.tz} if before else None
            _record(conn, actor.id, subject.place, "retention.set", {"scope": scope, "before": old, "after": after})
            return in_force(conn, subject)

    def preview(
        self, actor: Actor, resource_id: str, policy: Policy | None = None, repository_id: str | None = None
    ) -> Outcome:
        """What `apply` would do. Whoever may read may ask."""
        with self._db.read() as conn:
            rule = in_force(conn, _subject(conn, actor, "database", resource_id, "snapshot.read"))
            verdicts = self._verdicts(conn, resource_id, repository_id, policy or rule.policy, rule.tz, trust=True)
            return _outcome(verdicts, (), None)

    def apply(
        self,
        actor: Actor,
        resource_id: str,
        repository_id: str | None = None,
        policy: Policy | None = None,
        *,
        confirm: str,
        trust_clock: bool = False,
    ) -> Outcome:
        """Mark what the policy does not keep; it can be brought back until its grace is over. `confirm` is the
        database's name. Raises Conflict (code "clock_implausible")."""
        with self._db.write() as conn:
            subject = _subject(conn, actor, "database", resource_id, "retention.apply")
            if confirm != subject.name:
                fields = [{"field": "confirm", "message": "is not the name"}]
                raise Invalid(
                    "confirm must be the database's name", code="confirm_mismatch", details={"fields": fields}
                )
            rule = in_force(conn, subject)
            return apply(
                conn,
                actor.id,
                resource_id,
                repository_id,
                policy or rule.policy,
                dry_run=False,
                now=self._clock.now(),
                tz=rule.tz,
                trust_clock=trust_clock,
                grace=self._grace,
            )

    def undelete(self, actor: Actor, snapshot_id: str) -> Snapshot:
        """Within its grace. Raises Conflict (code "snapshot_state") when it is too late or was never forgotten."""
        with self._db.write() as conn:
            snapshot = found_snapshot(conn, actor, snapshot_id, "retention.apply")
            back = store.remember(conn, snapshot.id)
            if back is None:
                raise Conflict(
                    f"the snapshot is {snapshot.state}, not forgotten",
                    code="snapshot_state",
                    hint="Only a forgotten snapshot can be brought back, until its grace is over.",
                )
            _record(conn, actor.id, back.place, "snapshot.undelete", {"snapshot_id": back.id})
            return back

    def _verdicts(
        self, conn: sa.Connection, resource_id: str, repository_id: str | None, policy: Policy, tz: str, *, trust: bool
    ) -> list[Verdict]:
        return verdicts(conn, resource_id, repository_id, policy, self._clock.now(), tz, trust_clock=trust)


def apply(
    conn: sa.Connection,
    actor_id: str,
    resource_id: str,
    repository_id: str | None,
    policy: Policy,
    *,
    dry_run: bool,
    now: datetime,
    tz: str = "UTC",
    trust_clock: bool = False,
    grace: timedelta = GRACE,
) -> Outcome:
    """In the caller's transaction, who has authorised it (a plan after its snapshot). One database's snapshots in one
    repository; None = each of its repositories by itself. Raises Conflict (code "clock_implausible"), and then nothing
    is marked."""
    found = verdicts(conn, resource_id, repository_id, policy, now, tz, trust_clock=trust_clock)
    if dry_run:
        return _outcome(found, (), None)
    due, marked = now + grace, list[str]()
    by_reason: dict[tuple[str, ...], list[Verdict]] = {}
    for verdict in found:
        if not verdict.keep:
            by_reason.setdefault(tuple(verdict.reasons), []).append(verdict)
    for reasons, group in by_reason.items():
        why = {"reasons": list(reasons), "by": actor_id, "at": timestamp(now), "policy": policy.as_json()}
        ids = store.forget(conn, [verdict.snapshot.id for verdict in group], why, due)
        if ids:
            details = {"snapshots": sorted(ids), "reasons": list(reasons), "due": timestamp(due)}
            _record(conn, actor_id, group[0].snapshot.place, "snapshot.forget", details)
        marked += ids
    return _outcome(found, marked, due if marked else None)


def verdicts(
    conn: sa.Connection,
    resource_id: str,
    repository_id: str | None,
    policy: Policy,
    now: datetime,
    tz: str,
    *,
    trust_clock: bool,
) -> list[Verdict]:
    """Newest first within each repository: a copy elsewhere is no reason to let the only one here go."""
    groups: dict[str, list[Snapshot]] = {}
    for snapshot in store.ready(conn, resource_id, repository_id):
        groups.setdefault(snapshot.repository_id, []).append(snapshot)
    found = []
    for group in groups.values():
        by_id = {snapshot.id: snapshot for snapshot in group}
        decisions = decide(map(_item, group), policy, now, _zone(tz), trust_clock=trust_clock)
        found += [_verdict(by_id[decision.id], decision) for decision in decisions]
    return found


def _verdict(snapshot: Snapshot, decision: Decision) -> Verdict:
    return Verdict(snapshot, decision.keep, decision.reasons)


def _item(snapshot: Snapshot) -> Item:
    return Item(
        snapshot.id,
        snapshot.taken_at or snapshot.created_at,
        good=snapshot.verification != "red",
        proven=snapshot.verification == "green",
        hold=snapshot.hold,
        tags=tuple(snapshot.tags),
    )


def _outcome(found: Sequence[Verdict], marked: Sequence[str], due: datetime | None) -> Outcome:
    free = sum(verdict.snapshot.stored_bytes or 0 for verdict in found if not verdict.keep)
    return Outcome(found, tuple(marked), free, due)


def in_force(conn: sa.Connection, subject: Subject) -> InForce:
    """Its own policy, else its environment's, else its project's, else the default one."""
    place = subject.place
    chain = [subject.id, *(found for found in (place.environment_id, place.project_id) if found)]
    rows = store.policies(conn, chain)
    for owner in chain:
        if row := rows.get(owner):
            return InForce(subject, Policy.from_json(row.policy), row.tz, row.scope, row.subject_id)
    return InForce(subject, _DEFAULT, "UTC", "default", None)


def _subject(conn: sa.Connection, actor: Actor, scope: Scope, subject_id: str, permission: str) -> Subject:
    if scope == "project":
        project = project_of(conn, actor, subject_id, permission)
        return Subject(scope, project.id, project.place, project.name)
    if scope == "environment":
        environment = environment_of(conn, actor, subject_id, permission)
        return Subject(scope, environment.id, environment.place, environment.name)
    resource = found_database(conn, actor, subject_id, permission)
    return Subject(scope, resource.id, resource.place, resource.name)


def _zone(name: str) -> ZoneInfo:
    """Raises Invalid."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid(
            f"{name!r} is no time zone",
            code="retention_invalid",
            hint="One such as Europe/Zurich, or UTC.",
            details={"fields": [{"field": "tz", "message": "is no time zone"}]},
        ) from None


def _record(conn: sa.Connection, actor_id: str, place: Any, action: str, details: Mapping[str, Any]) -> None:
    audit.record(
        conn,
        actor=actor_id,
        action=action,
        project_id=place.project_id,
        environment_id=place.environment_id,
        resource_id=place.resource_id,
        details=dict(details),
    )
