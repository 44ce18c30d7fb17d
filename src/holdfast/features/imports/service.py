"""What people ask: a file that was sent becomes a snapshot of a database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from holdfast.contract.tools import Tools
from holdfast.features.access.actor import Actor, no_such
from holdfast.features.backups import store as backups
from holdfast.features.backups.model import IMPORTED, ORIGIN, Snapshot
from holdfast.features.backups.service import SnapshotsService, record
from holdfast.features.databases.elsewhere import require_node
from holdfast.features.databases.guard import found as database_for
from holdfast.features.databases.model import Resource
from holdfast.features.databases.reach import Reach
from holdfast.features.imports.opening import Keys, Look, Opened
from holdfast.features.imports.tasks import KIND, details_of
from holdfast.features.imports.uploads import Uploads
from holdfast.features.limits.quota import Quotas
from holdfast.features.transfers.model import Upload
from holdfast.features.transfers.uploads import own
from holdfast.jobs import Jobs, Run
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Invalid, NotFound
from holdfast.kernel.stop import Stop
from holdfast.web.idempotency import NEVER, Once

PERMISSION = "snapshot.import"


@dataclass(frozen=True)
class ImportWish:
    """`level` None = as for a snapshot of the database itself."""

    upload_id: str
    repository_id: str | None = None
    tags: Sequence[str] = ()
    level: int | None = None
    keys: Keys = field(default_factory=Keys)


class SnapshotImportsService:
    """An imported snapshot can be restored over the living database one day: who imports needs a right of its own."""

    def __init__(
        self,
        db: Database,
        jobs: Jobs,
        reach: Reach,
        snapshots: SnapshotsService,
        uploads: Uploads,
        quotas: Quotas,
        scratch: Path,
    ) -> None:
        self._db = db
        self._jobs = jobs
        self._reach = reach
        self._snapshots = snapshots
        self._uploads = uploads
        self._quotas = quotas
        self._scratch = scratch

    def start(self, actor: Actor, resource_id: str, wish: ImportWish, once: Once = NEVER) -> tuple[Snapshot, Run]:
        """The run that imports a complete upload. What the file is, is looked at before: raises Invalid (codes of
        `Opened.look`) with the upload left as it was."""
        with self._db.read() as conn:
            resource, upload = self._asked(conn, actor, resource_id, wish)
        with self._db.write() as conn:
            once.check(conn)
        _require_complete(upload)
        if not self._uploads.path(upload.id).exists():
            raise NotFound("the bytes of this upload are gone", code="upload_not_found", hint="Send the file again.")
        look = self._look(resource, upload, wish.keys)
        with self._db.write() as conn:
            resource, upload = self._asked(conn, actor, resource_id, wish)
            once.check(conn)
            _require_complete(upload)
            self._quotas.require(conn, actor, resource.project_id, "backups")
            self._quotas.require_storage(conn, resource.project_id)
            snapshot = self._snapshots.insert(
                conn,
                actor,
                resource,
                level=wish.level,
                trigger=IMPORTED,
                repository_id=wish.repository_id,
                tags=wish.tags,
            )
            about = details_of(upload, {**_told(look), "by": actor.id})
            backups.change(conn, Snapshot, snapshot.id, summary={ORIGIN: about})
            run = self._jobs.submit(
                conn,
                kind=KIND,
                actor=actor.id,
                project_id=resource.project_id,
                environment_id=resource.environment_id,
                resource_id=resource.id,
                input={"snapshot_id": snapshot.id, "upload_id": upload.id},
                node=self._snapshots.node_of(conn, snapshot, upload.node),
            )
            self._uploads.take(conn, upload, wish.keys)
            record(conn, actor, snapshot, KIND, {"run_id": run.id, **about})
            made = (self._snapshots.own(conn, snapshot, run), run)
            once.keep(conn, made)
            return made

    def _asked(self, conn: sa.Connection, actor: Actor, resource_id: str, wish: ImportWish) -> tuple[Resource, Upload]:
        """An upload of another database is none here."""
        resource = database_for(conn, actor, resource_id, PERMISSION)
        upload = own(conn, actor, wish.upload_id)
        if upload.resource_id != resource.id:
            raise no_such("upload")
        require_node(self._reach.node, upload.node, "this upload")
        return resource, upload

    def _look(self, resource: Resource, upload: Upload, keys: Keys) -> Look:
        if keys.passphrase is not None and keys.identities is not None:
            raise Invalid("a passphrase or identities, not both", code="dump_sealed")
        stop = Stop()
        engine, spec = self._reach.engine(resource), self._reach.spec(resource)
        try:
            opened = Opened(self._uploads.path(upload.id), keys, self._tools, stop)
            return opened.look(engine, spec, self._reach.engines)
        finally:
            stop.stop("looked at")

    def _tools(self) -> Tools:
        self._scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._reach.hosts.tools(None, None, self._scratch)


def _require_complete(upload: Upload) -> None:
    if upload.state == "open":
        raise Conflict("this upload is not complete", code="upload_incomplete", hint="Send the rest first.")
    if upload.state != "complete":
        raise Conflict("this upload is being imported", code="upload_in_use")


def _told(look: Look) -> dict[str, Any]:
    return {
        "format": look.dump.form,
        "version": look.dump.version,
        "compression": look.packing,
        "encryption": look.sealing,
    }
