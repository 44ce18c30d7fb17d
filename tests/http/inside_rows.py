"""Rows of databases, their snapshots and what is done with their data, each as its slice would write it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from holdfast.features.backups.model import CheckRow, RepositoryRow, Restore, Snapshot, VerificationRow
from holdfast.features.connections.model import NamedLogin, Tunnel
from holdfast.features.databases.model import Resource
from holdfast.features.migrations.model import Migration, StepRow
from holdfast.features.saved.model import SavedQuery
from holdfast.features.transfers import store as transfers
from holdfast.features.transfers.model import Export, Import, Upload
from holdfast.kernel.ids import new_id

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def resource_row(project_id: str, environment_id: str, name: str, **changes: Any) -> Resource:
    values: dict[str, Any] = dict.fromkeys(Resource.__dataclass_fields__)
    values |= {"project_id": project_id, "environment_id": environment_id, "kind": "database", "engine": "sqlite"}
    values |= {"id": new_id("db"), "name": name, "spec": {}, "labels": {}, "notes": "", "state": "ready"}
    values |= {"deletion_protection": False, "generation": 1, "version": 1, "created_by": "usr_walk"}
    return Resource(**{**values, "created_at": NOW, "updated_at": NOW, **changes})


def repository_row(project_id: str, name: str) -> RepositoryRow:
    return RepositoryRow(new_id("repo"), project_id, name, "local", "new", False, None, None, "usr_walk", NOW)


def check_row(repository_id: str) -> CheckRow:
    return CheckRow(new_id("chk"), repository_id, None, "structure", True, 0.1, 1, 0, 1, 0, 1, [], 0, NOW)


def transfer_rows(conn: sa.Connection, resource: Resource) -> dict[str, str]:
    """A file out, a file in, and what came of it."""
    place = {"project_id": resource.project_id, "environment_id": resource.environment_id, "resource_id": resource.id}
    place |= {"created_by": "usr_walk", "created_at": NOW, "expires_at": datetime.now(UTC) + timedelta(7)}
    upload, export, imported = new_id("upl"), new_id("exp"), new_id("imp")
    transfers.insert(conn, Upload(id=upload, **place, state="open", name="walk.csv", size=5, received=0, sha256=None))
    ended: dict[str, Any] = {"run_id": None, "error": None, "finished_at": NOW}
    wish = {"form": "csv", "table": "t", "statement": None}
    file = {"name": "walk.csv", "wish": wish, "bytes": 5, "sha256": "0" * 64}
    transfers.insert(conn, Export(id=export, **place, state="failed", **file, **ended))
    came = {"upload_id": upload, "wish": {}, "token": None, "result": None}
    transfers.insert(conn, Import(id=imported, **place, state="failed", **came, **ended))
    return {"upload": upload, "export": export, "import": imported}


def saved_row(resource: Resource, name: str) -> SavedQuery:
    values: dict[str, Any] = {"id": new_id("sqy"), "project_id": resource.project_id, "resource_id": resource.id}
    values |= {"environment_id": resource.environment_id, "owner": "", "name": name, "description": ""}
    values |= {"statement": "SELECT 1", "write": False, "parameters": [], "version": 1, "created_by": "usr_walk"}
    return SavedQuery(**values, created_at=NOW, updated_at=NOW)


def snapshot_row(resource: Resource, repository_id: str, **changes: Any) -> Snapshot:
    values: dict[str, Any] = dict.fromkeys(Snapshot.__dataclass_fields__)
    values |= {"id": new_id("snap"), "project_id": resource.project_id, "environment_id": resource.environment_id}
    values |= {"resource_id": resource.id, "resource_name": resource.name, "engine": "sqlite", "spec": {}}
    values |= {"repository_id": repository_id, "restic_id": "0" * 64, "state": "ready", "trigger": "manual"}
    values |= {"summary": {}, "wanted_level": 1, "verification": "yellow", "tags": [], "hold": False, "version": 1}
    return Snapshot(**{**values, "created_by": "usr_walk", "created_at": NOW, **changes})


def verification_row(snapshot_id: str) -> VerificationRow:
    return VerificationRow(new_id("ver"), snapshot_id, None, 1, "hash", True, 0.1, 10, [], None, NOW)


def restore_row(snapshot: Snapshot) -> Restore:
    values: dict[str, Any] = dict.fromkeys(Restore.__dataclass_fields__)
    values |= {"id": new_id("res"), "project_id": snapshot.project_id, "environment_id": snapshot.environment_id}
    values |= {"snapshot_id": snapshot.id, "resource_id": snapshot.resource_id, "mode": "new", "actor": "usr_walk"}
    return Restore(**{**values, "select": [], "state": "done", "at": NOW})


def tunnel_row(resource: Resource) -> Tunnel:
    place = (resource.project_id, resource.environment_id, resource.id)
    later = datetime.now(UTC) + timedelta(days=1)
    return Tunnel(new_id("tun"), *place, 1, "usr_walk", "ro", new_id("hf"), NOW, later, NOW)


def login_row(resource: Resource, name: str) -> NamedLogin:
    place = (resource.project_id, resource.environment_id, resource.id)
    return NamedLogin(new_id("lgn"), *place, name, "ro", "usr_walk", NOW, NOW)


def migration_row(resource: Resource, number: int) -> Migration:
    place = (resource.project_id, resource.environment_id, resource.id)
    return Migration(new_id("mig"), *place, number, "walk", "SELECT 1", None, "0", None, None, 1, "usr_walk", NOW)


def step_row(resource_id: str) -> StepRow:
    what = (1, "walk", "0", "up", "succeeded", "usr_walk", "run_walk", None, 0.1, 1, None)
    return StepRow(new_id("mgs"), resource_id, *what, NOW)


def statement_row(resource_id: str) -> dict[str, Any]:
    values = {"id": new_id("qry"), "resource_id": resource_id, "actor": "usr_walk", "at": NOW, "write": False}
    return {**values, "fingerprint": "SELECT ?", "status": "ok", "duration_ms": 1.0, "rows": 1, "affected": None}
