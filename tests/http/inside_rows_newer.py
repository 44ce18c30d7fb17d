"""Rows of plans, drills, moves, upgrades, downloads, alerts, limits and nodes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from inside_rows import NOW
from inside_workers import settle_workers

from holdfast.features.alerts import store as alert_store
from holdfast.features.alerts.deliveries import store as delivery_store
from holdfast.features.alerts.model import Alert, Channel, Rule
from holdfast.features.backups.model import Snapshot
from holdfast.features.databases.model import Resource
from holdfast.features.drills import store as drills_store
from holdfast.features.drills.model import Aims, Drill
from holdfast.features.file_keys import store as file_keys_store
from holdfast.features.file_keys.model import FileKey
from holdfast.features.files import store as files_store
from holdfast.features.files.model import Download
from holdfast.features.limits import store as limits_store
from holdfast.features.limits.model import Override
from holdfast.features.masking import store as masking_store
from holdfast.features.masking.model import MaskingProfile
from holdfast.features.moves import store as moves_store
from holdfast.features.moves.model import Move
from holdfast.features.plans import store as plans_store
from holdfast.features.plans.model import Member, Plan, Turn
from holdfast.features.recovery import store as recovery
from holdfast.features.recovery.model import MetadataSnapshot
from holdfast.features.upgrades import store as upgrade_store
from holdfast.features.upgrades.model import Upgrade
from holdfast.http import Services
from holdfast.jobs.schema import nodes
from holdfast.kernel.ids import new_id
from holdfast.vault.plain.wish import FileWish


def settle_newer(
    conn: sa.Connection, resource: Resource, snapshot: Snapshot, run_id: str, number: int
) -> dict[str, str]:
    """One of each that hangs on a database, its snapshot and a run."""
    project = resource.project_id
    drill, move, upgrade = drill_row(snapshot), move_row(resource, number), upgrade_row(resource)
    drills_store.insert(conn, drill)
    drills_store.put_aims(conn, Aims(resource.id, [], None, None, 1, "usr_walk", NOW), 0)
    moves_store.insert(conn, move)
    upgrade_store.insert(conn, upgrade)
    recovery.insert(conn, metadata_row(snapshot.repository_id or ""))
    masking, download = masking_row(project, f"mask{number}"), download_row(snapshot)
    masking_store.insert(conn, masking)
    key = FileKey(new_id("fkey"), project, None, f"filekey{number}", "passphrase", "", None, [], {}, "usr_walk", NOW)
    file_keys_store.insert(conn, key)
    files_store.insert(conn, download)
    plan = plan_row(project, f"plan{number}", resource.id)
    turn = turn_row(plan, run_id)
    plans_store.insert(conn, plan)
    plans_store.insert_turn(conn, turn)
    plans_store.insert_members(conn, [member_row(turn, resource.id)])
    made = {"drill": drill.id, "move": move.id, "upgrade": upgrade.id, "download": download.id}
    made |= {"file_key": key.id, "masking_profile": masking.id, "plan": plan.id, "turn": turn.id}
    return made | alert_rows(conn, resource, number) | settle_workers(conn, resource, number)


def alert_rows(conn: sa.Connection, resource: Resource, number: int) -> dict[str, str]:
    """A channel that is switched off, a rule, an alert, and a dead letter."""
    project = resource.project_id
    made = {"created_by": "usr_walk", "created_at": NOW, "updated_at": NOW, "version": 1}
    values: dict[str, Any] = dict.fromkeys(Channel.__dataclass_fields__)
    values |= {"id": new_id("chn"), "scope": project, "project_id": project, "name": f"channel{number}", **made}
    values |= {"kind": "webhook", "config": {"origin": "https://hooks.example.org:443"}, "enabled": False}
    channel = Channel(
        **values | {"digest_at": "", "tz": "UTC", "gather_seconds": 60, "origin": "api", "digest_from": NOW}
    )
    rule: dict[str, Any] = dict.fromkeys(Rule.__dataclass_fields__)
    rule |= {"id": new_id("alr"), "scope": project, "project_id": project, "name": f"rule{number}", **made}
    rule |= {"events": ["backup_failed"], "channel_ids": [], "labels": {}, "mode": "digest", "enabled": True}
    alert: dict[str, Any] = dict.fromkeys(Alert.__dataclass_fields__)
    alert |= {
        "id": new_id("alt"),
        "key": f"backup_failed:{resource.id}",
        "type": "backup_failed",
        "severity": "warning",
    }
    alert |= {"state": "open", "project_id": project, "environment_id": resource.environment_id, "count": 1}
    alert |= {"resource_id": resource.id, "name": resource.name, "details": {}, "first_at": NOW, "last_at": NOW}
    letter = replace(delivery_store.queued(channel, f"walk:{number}", "digest", NOW, payload={}), state="dead")
    for row in (channel, Rule(**rule), Alert(**alert | {"version": 1})):
        alert_store.insert(conn, row)
    delivery_store.insert(conn, letter)
    return {"channel": channel.id, "rule": rule["id"], "alert": alert["id"], "delivery": letter.id}


def download_row(snapshot: Snapshot) -> Download:
    """A link whose key nobody has."""
    values: dict[str, Any] = dict.fromkeys(Download.__dataclass_fields__)
    values |= {"id": new_id("dl"), "project_id": snapshot.project_id, "environment_id": snapshot.environment_id}
    values |= {"resource_id": snapshot.resource_id, "snapshot_id": snapshot.id, "created_by": "usr_walk"}
    values |= {"state": "open", "once": False, "wish": FileWish().as_json(), "name": "walk.gz", "uses": 0}
    return Download(**{**values, "created_at": NOW, "expires_at": datetime.now(UTC) + timedelta(7)})


def plan_row(project_id: str, name: str, resource_id: str) -> Plan:
    """Of the whole project, production among it."""
    lists: dict[str, Any] = {"environment_ids": [], "repository_ids": [], "schedules": []}
    selection = {"all": False, "resources": [resource_id], "names": [], "labels": ["walk"]}
    values: dict[str, Any] = dict.fromkeys(Plan.__dataclass_fields__)
    values |= {"id": new_id("plan"), "project_id": project_id, "name": name, "description": "", **lists}
    values |= {"selection": selection, "options": {}, "concurrency": 2, "enabled": True, "version": 1}
    return Plan(**{**values, "created_by": "usr_walk", "armed_at": NOW, "created_at": NOW, "updated_at": NOW})


def turn_row(plan: Plan, run_id: str) -> Turn:
    values: dict[str, Any] = dict.fromkeys(Turn.__dataclass_fields__)
    values |= {"id": new_id("turn"), "plan_id": plan.id, "project_id": plan.project_id, "schedule": "daily"}
    values |= {"trigger": "schedule", "actor": "usr_walk", "run_id": run_id, "state": "pending", "requested_at": NOW}
    return Turn(**{**values, "due_at": NOW, "total": 1, "succeeded": 0, "failed": 0})


def member_row(turn: Turn, resource_id: str) -> Member:
    values: dict[str, Any] = dict.fromkeys(Member.__dataclass_fields__)
    values |= {"turn_id": turn.id, "resource_id": resource_id, "repository_id": "", "plan_id": turn.plan_id}
    return Member(**{**values, "resource_name": "db", "state": "waiting", "due_at": NOW, "not_before": NOW})


def node_row(services: Services) -> str:
    """A node that was never there, and beats for a hundred years."""
    values = {"name": new_id("node"), "data_id": new_id("node"), "machine": "m", "version": "1", "addresses": []}
    with services.db.write() as conn:
        conn.execute(nodes.insert().values(**values, joined_at=NOW, beat_at=NOW + timedelta(days=36500)))
    return values["name"]  # type: ignore[return-value]


def limit_row(services: Services, project_id: str, key_id: str) -> str:
    """One limit that is none: the project's, or of one of its keys."""
    kind: Any = "key" if key_id else "project"
    row = Override(new_id("lim"), kind, key_id or project_id, "downloads", None, 3600, project_id, "usr_walk", NOW)
    with services.db.write() as conn:
        limits_store.insert(conn, row)
    return row.id


def metadata_row(repository_id: str) -> MetadataSnapshot:
    none: Any = None
    ends = {"bytes": 1, "stored_bytes": 1, "rows": 1, "audit_seq": 1, "error": none, "created_at": NOW, "taken_at": NOW}
    return MetadataSnapshot(new_id("snap"), repository_id, "0" * 64, none, "ready", "manual", **ends)


def drill_row(snapshot: Snapshot) -> Drill:
    values: dict[str, Any] = dict.fromkeys(Drill.__dataclass_fields__)
    values |= {"id": new_id("drl"), "project_id": snapshot.project_id, "environment_id": snapshot.environment_id}
    values |= {"resource_id": snapshot.resource_id, "resource_name": "walk", "snapshot_id": snapshot.id}
    values |= {"state": "passed", "aims": {"checks": []}, "checks": [], "requested_by": "usr_walk"}
    return Drill(**{**values, "requested_at": NOW, "finished_at": NOW})


def move_row(resource: Resource, number: int) -> Move:
    """Planned, and nothing would be lost."""
    values: dict[str, Any] = dict.fromkeys(Move.__dataclass_fields__)
    values |= {"id": new_id("mov"), "project_id": resource.project_id, "environment_id": resource.environment_id}
    values |= {"resource_id": resource.id, "engine": "postgresql", "name": f"moved{number}", "spec": {}}
    values |= {"state": "planned", "fingerprint": "0" * 64, "tables": [], "losses": []}
    return Move(**{**values, "created_by": "usr_walk", "created_at": NOW})


def upgrade_row(resource: Resource) -> Upgrade:
    place = (resource.project_id, resource.environment_id, resource.id)
    later = (None, None, None, NOW, NOW)
    return Upgrade(new_id("upg"), *place, "usr_walk", "16", "18", True, new_id("snap"), "rehearsed", {}, *later)


def masking_row(project_id: str, name: str) -> MaskingProfile:
    return MaskingProfile(new_id("msk"), project_id, name, "sqlite", "", ["SELECT 1"], 1, "usr_walk", NOW, NOW)
