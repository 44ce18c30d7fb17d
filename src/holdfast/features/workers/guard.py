"""Finding a worker for someone: existence and permission are one question."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, no_such
from holdfast.features.access.grants import Columns
from holdfast.features.workers import store
from holdfast.features.workers.model import Version, Worker, workers
from holdfast.kernel import audit
from holdfast.kernel.errors import Invalid

AT = Columns(workers.c.project_id, workers.c.environment_id, workers.c.id)


def found(conn: sa.Connection, actor: Actor, worker_id: str, permission: str, *, deleted: bool = False) -> Worker:
    """The worker, if `actor` may do `permission` with it. `deleted`: also one within its grace period."""
    worker = store.get(conn, worker_id)
    if worker is not None and worker.deleted_at is not None and not deleted:
        worker = None
    actor.require(permission, worker.place if worker else None, noun="worker")
    if worker is None:
        raise no_such("worker")
    return worker


def found_version(conn: sa.Connection, actor: Actor, version_id: str, permission: str) -> Version:
    version = store.version(conn, version_id)
    actor.require(permission, version.place if version else None, noun="worker_version")
    if version is None:
        raise no_such("worker_version")
    return version


def check_confirm(name: str, confirm: str) -> None:
    """Raises Invalid unless the name was typed exactly."""
    if confirm != name:
        raise Invalid(
            "confirm must be the name, exactly",
            code="confirm_mismatch",
            details={"fields": [{"field": "confirm", "message": "is not the name"}]},
        )


def record(conn: sa.Connection, actor: Actor | str, of: Any, action: str, details: Mapping[str, Any]) -> None:
    """`of` is the worker, or anything of it: then its name is told too, unless the thing has one."""
    worker_id, said = getattr(of, "worker_id", None) or of.id, dict(details)
    if "name" not in said and (worker := store.get(conn, worker_id)) is not None:
        said["target"] = worker.name
    audit.record(
        conn,
        actor=actor if isinstance(actor, str) else actor.id,
        action=action,
        project_id=of.project_id,
        environment_id=of.environment_id,
        resource_id=worker_id,
        details=said,
    )
