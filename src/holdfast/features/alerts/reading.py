"""What happened, read from runs, from the rows they left behind and from the audit log: each thing once.

A run has no place in a row of ends, so those that ended are found by what was not seen yet: ended, not older than
`floor`, and without an event. `floor` follows behind the oldest run that has not ended, and an hour behind the clock:
neither a node whose clock is behind nor a commit that came late is missed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from holdfast.features.alerts.model import Happened, events
from holdfast.features.backups.colouring import METHOD
from holdfast.features.backups.model import restores, snapshots, verifications
from holdfast.features.databases.model import resources
from holdfast.jobs import ENDED
from holdfast.jobs.schema import runs
from holdfast.kernel.audit import audit_events

AT_ONCE = 500
BEHIND = timedelta(hours=1)
_LOOKS = ("repository.check", "repository.repair")
_TOLD = ("snapshot.create", "snapshot.verify", "snapshot.restore", *_LOOKS)
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_r = runs.c


def floor_id(prefix: str, moment: datetime) -> str:
    """The smallest id that is made at `moment` (see kernel/ids)."""
    number = int(moment.timestamp() * 1000) << 80
    return f"{prefix}_" + "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))


def new_floor(conn: sa.Connection, now: datetime) -> str:
    """From where to look next time, once everything before was seen."""
    waiting = conn.execute(sa.select(sa.func.min(_r.id)).where(_r.state.not_in(sorted(ENDED)))).scalar()
    behind = floor_id("run", now - BEHIND)
    return min(behind, waiting) if waiting else behind


def _unseen(floor: str, now: datetime) -> list[sa.ColumnElement[bool]]:
    source = sa.literal("run:") + _r.id
    return [
        _r.id >= min(floor, floor_id("run", now - BEHIND)),
        _r.state.in_(sorted(ENDED)),
        sa.or_(_r.state == "failed", _r.kind.in_(_TOLD)),
        ~sa.exists().where(events.c.source == source),
    ]


def any_ended(conn: sa.Connection, floor: str, now: datetime) -> bool:
    return conn.execute(sa.select(_r.id).where(*_unseen(floor, now)).limit(1)).first() is not None


def ended_runs(conn: sa.Connection, floor: str, now: datetime) -> list[Happened]:
    """Up to `AT_ONCE` runs that ended and were not seen yet, oldest first."""
    query = sa.select(runs).where(*_unseen(floor, now)).order_by(_r.id).limit(AT_ONCE)
    rows = conn.execute(query).mappings().all()
    about = _About(conn, rows)
    return [*(about.event(row) for row in rows), *_coloured(conn, rows)]


def _coloured(conn: sa.Connection, rows: Sequence[sa.RowMapping]) -> list[Happened]:
    """Snapshots that a look at their repository turned red, or not red any more: each an event of its own."""
    looks = {row["id"]: row for row in rows if row["kind"] in _LOOKS}
    if not looks:
        return []
    v, s = verifications.c, snapshots.c
    query = sa.select(v.run_id, v.ok, v.error, v.at, snapshots).join(snapshots, s.id == v.snapshot_id)
    query = query.where(v.run_id.in_(sorted(looks)), v.method == METHOD).order_by(v.id)
    found = []
    for row in conn.execute(query).mappings():
        key = f"verification_failed:{row['id']}"
        facts: dict[str, Any] = {"run_id": row[v.run_id], "kind": looks[row[v.run_id]]["kind"], **_sizes(row)}
        happened = Happened(
            source=f"run:{row[v.run_id]}:{row['id']}",
            type="verification_done" if row[v.ok] else "verification_failed",
            at=row[v.at],
            name=row["resource_name"],
            key="" if row[v.ok] else key,
            clears=(key,) if row[v.ok] else (),
            project_id=row["project_id"],
            environment_id=row["environment_id"],
            resource_id=row["resource_id"],
            details=facts | ({} if row[v.ok] else {"error": _error(row[v.error])}),
        )
        found.append(happened)
    return found


class _About:
    """The rows that runs are about, three statements whatever their number."""

    def __init__(self, conn: sa.Connection, rows: Sequence[sa.RowMapping]) -> None:
        self._snapshots = _by_id(conn, snapshots, rows, "snapshot_id")
        self._restores = _by_id(conn, restores, rows, "restore_id")
        wanted = sorted({row["resource_id"] for row in rows if row["resource_id"]})
        named = sa.select(resources.c.id, resources.c.name).where(resources.c.id.in_(wanted))
        self._names = {row.id: row.name for row in conn.execute(named)} if wanted else {}

    def event(self, row: sa.RowMapping) -> Happened:
        make = {
            "snapshot.create": self._taken,
            "snapshot.verify": self._verified,
            "snapshot.restore": self._restored,
            "repository.check": self._checked,
            "repository.repair": self._repaired,
        }.get(row["kind"], self._other)
        return make(row)

    def _taken(self, row: sa.RowMapping) -> Happened:
        """Done is what the snapshot's own row proves: stored, and proven to the level that was asked for."""
        found = self._snapshots.get(str(row["input"].get("snapshot_id")))
        repository = found["repository_id"] if found else ""
        key = f"backup_failed:{row['resource_id']}:{repository}"
        facts = _sizes(found) | {"repository_id": repository} if found else {}
        if found is not None and found["state"] == "ready" and found["verification"] == "red":
            return self._made(row, "verification_failed", key=f"verification_failed:{found['id']}", details=facts)
        if row["state"] == "cancelled":
            return self._made(row, "backup_cancelled", details=facts)
        proven = found is not None and found["state"] == "ready" and found["verification"] == "green"
        if row["state"] == "succeeded" and proven:
            return self._made(row, "backup_done", details=facts, clears=(key,))
        if row["state"] == "succeeded" and not row["error"]:
            facts["error"] = {
                "code": "not_proven",
                "message": "the run ended well, but its snapshot is not both stored and proven",
                "hint": "Look at the snapshot, and take another.",
            }
        return self._made(row, "backup_failed", key=key, details=facts)

    def _verified(self, row: sa.RowMapping) -> Happened:
        found = self._snapshots.get(str(row["input"].get("snapshot_id")))
        key = f"verification_failed:{row['input'].get('snapshot_id')}"
        facts = _sizes(found)
        if row["state"] == "succeeded" and found is not None and found["verification"] != "red":
            return self._made(row, "verification_done", details=facts, clears=(key,))
        if row["state"] == "cancelled":
            return self._made(row, "backup_cancelled", details=facts)
        red = found is not None and found["verification"] == "red"
        return self._made(row, "verification_failed", key=key, details=facts, severity=None if red else "warning")

    def _restored(self, row: sa.RowMapping) -> Happened:
        found = self._restores.get(str(row["input"].get("restore_id")))
        facts = {"restore_id": found["id"], "mode": found["mode"]} if found else {}
        if row["state"] == "succeeded" and (found is None or found["state"] != "failed"):
            return self._made(row, "restore_done", details=facts)
        if row["state"] == "cancelled":
            return self._made(row, "backup_cancelled", details=facts)
        return self._made(row, "restore_failed", key=f"restore_failed:{row['resource_id']}", details=facts)

    def _checked(self, row: sa.RowMapping) -> Happened:
        repository = str(row["input"].get("repository_id", ""))
        key = f"repository_check_failed:{repository}"
        facts: dict[str, Any] = {"repository_id": repository}
        if row["state"] == "succeeded":
            return self._made(row, "repository_check_done", details=facts, clears=(key,))
        damaged = (row["error"] or {}).get("code") in ("repository_damaged", "corrupt")
        kind = "backup_cancelled" if row["state"] == "cancelled" else "repository_check_failed"
        return self._made(row, kind, key=key, details=facts, severity=None if damaged else "warning")

    def _repaired(self, row: sa.RowMapping) -> Happened:
        if row["state"] != "succeeded":
            return self._other(row)
        repository = str(row["input"].get("repository_id", ""))
        return self._made(row, "repository_check_done", details={"repository_id": repository})

    def _other(self, row: sa.RowMapping) -> Happened:
        return self._made(row, "run_failed", key=f"run_failed:{row['kind']}:{row['resource_id'] or row['project_id']}")

    def _made(
        self, row: sa.RowMapping, kind: str, *, details: Mapping[str, Any] | None = None, **more: Any
    ) -> Happened:
        found = self._snapshots.get(str(row["input"].get("snapshot_id")))
        name = self._names.get(row["resource_id"]) or (found["resource_name"] if found else "")
        error = row["error"] if row["state"] != "succeeded" else None
        began, ended = row["started_at"], row["finished_at"]
        return Happened(
            source=f"run:{row['id']}",
            type=kind,
            at=ended or row["requested_at"],
            name=name or str(row["input"].get("repository_id") or row["kind"]),
            project_id=row["project_id"],
            environment_id=row["environment_id"],
            resource_id=row["resource_id"],
            details={
                "run_id": row["id"],
                "kind": row["kind"],
                **({"error": _error(error)} if error else {}),
                **({"seconds": round((ended - began).total_seconds(), 1)} if began and ended else {}),
                **(details or {}),
            },
            **more,
        )


def _by_id(conn: sa.Connection, table: sa.Table, rows: Sequence[sa.RowMapping], name: str) -> dict[str, sa.RowMapping]:
    wanted = sorted({str(row["input"][name]) for row in rows if row["input"].get(name)})
    if not wanted:
        return {}
    return {row["id"]: row for row in conn.execute(sa.select(table).where(table.c.id.in_(wanted))).mappings()}


def _sizes(found: sa.RowMapping | None) -> dict[str, Any]:
    if found is None:
        return {}
    names = ("source_bytes", "stored_bytes", "verified_level")
    return {"snapshot_id": found["id"], **{name: found[name] for name in names if found[name] is not None}}


def _error(error: Mapping[str, Any]) -> dict[str, Any]:
    return {name: str(error[name])[:2000] for name in ("code", "message", "hint") if error.get(name)}


_REVEALED = frozenset({"secret.reveal", "repository.key.reveal", "database.url.reveal", "recovery_kit.create"})
_RIGHTS = ("role.", "grant.", "user.create", "user.invite", "user.update", "user.delete", "sso.", "second_factor.")
_POWERS = {"role", "disabled", "before", "after"}  # a changed name is no news
_ROTATED = frozenset({"master_key.rotate", "token.rotate_keys", "secret.rotate"})
_a = audit_events.c


def audited(conn: sa.Connection, after: int) -> tuple[list[Happened], int]:
    """What the log tells after that place, and the place it was read to. Places have no gaps."""
    query = sa.select(audit_events).where(_a.seq > after).order_by(_a.seq).limit(AT_ONCE)
    rows = conn.execute(query).mappings().all()
    found = [event for row in rows if (event := security_event(row)) is not None]
    return found, int(rows[-1]["seq"]) if rows else after


def last_place(conn: sa.Connection) -> int:
    return int(conn.execute(sa.select(sa.func.max(_a.seq))).scalar() or 0)


def security_event(row: Mapping[Any, Any]) -> Happened | None:
    """What an audit row means for those who guard the server; None = nothing."""
    kind = _security(str(row["action"]), str(row["outcome"]))
    if kind is None or (row["action"] == "user.update" and not _POWERS & set(row["details"] or ())):
        return None
    return Happened(
        source=f"audit:{row['seq']}",
        type=kind,
        at=row["at"],
        name=str(row["actor"]),
        key=f"{kind}:{row['actor']}",
        project_id=row["project_id"],
        environment_id=row["environment_id"],
        resource_id=row["resource_id"],
        details={"action": row["action"], "actor": row["actor"], "audit_id": row["id"]},
    )


def _security(action: str, outcome: str) -> str | None:
    if outcome == "failed":
        return {
            "session.step_up": "security_step_up_failed",
            "session.create": "security_sign_in_failed",
        }.get(action)
    if action in ("token.reuse", "passkey.cloned"):
        return "security_credential_misused"
    if action == "limit.reached":
        return "limit_reached"
    if outcome != "ok":
        return None
    if action in _REVEALED:
        return "security_secret_revealed"
    if action in _ROTATED:
        return "security_keys_rotated"
    return "security_role_changed" if action.startswith(_RIGHTS) else None
