"""Uploads in parts: created, sent by offset, taken up again where they broke off, completed, imported."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, hidden, no_such
from holdfast.features.databases.elsewhere import require_node
from holdfast.features.databases.guard import found as database_for
from holdfast.features.databases.reach import Reach
from holdfast.features.transfers import store
from holdfast.features.transfers.model import Upload
from holdfast.features.transfers.shelf import KEPT, Shelf
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Invalid, LimitExceeded
from holdfast.kernel.ids import new_id
from holdfast.web.idempotency import NEVER, Once

MOST_BYTES = 64 << 30
MOST_OPEN = 20  # per creator
PART_BYTES = 8 << 20  # below what a request's body may hold


@dataclass(frozen=True)
class WantedUpload:
    name: str
    size: int
    sha256: str | None = None


class UploadsService:
    """An upload is its creator's alone: to everyone else there is no such thing, whatever they may do."""

    def __init__(self, db: Database, reach: Reach, shelf: Shelf, clock: Clock) -> None:
        self._db = db
        self._reach = reach
        self._shelf = shelf
        self._clock = clock

    def create(self, actor: Actor, resource_id: str, wanted: WantedUpload, once: Once = NEVER) -> Upload:
        """Raises LimitExceeded for one too large or too many, DiskFull when it would eat into the reserve."""
        now = self._clock.now()
        with self._db.write() as conn:
            resource = database_for(conn, actor, resource_id, "database.import")
            once.check(conn)
            self._reach.require_here(resource)
            if wanted.size > MOST_BYTES:
                raise LimitExceeded(f"an upload holds at most {MOST_BYTES} bytes", code="upload_too_large")
            if store.open_uploads(conn, actor.id) >= MOST_OPEN:
                raise LimitExceeded(
                    f"at most {MOST_OPEN} uploads at a time", code="too_many_uploads", hint="Delete some, or wait."
                )
            self._reach.require_space(wanted.size, "this upload")
            upload = Upload(
                id=new_id("upl"),
                project_id=resource.project_id,
                environment_id=resource.environment_id,
                resource_id=resource.id,
                created_by=actor.id,
                created_at=now,
                expires_at=now + KEPT,
                state="open",
                name=wanted.name,
                size=wanted.size,
                received=0,
                sha256=wanted.sha256,
                node=self._reach.node,
            )
            store.insert(conn, upload)
            _record(conn, actor, upload, "upload.create")
            once.keep(conn, upload)
        self._shelf.write_at(upload.id, 0, b"")
        return upload

    def list(self, actor: Actor, *, after: str | None, limit: int) -> Sequence[Upload]:
        """One's own."""
        actor.require("database.import")
        visible = actor.visible("database.import", store.columns_of(Upload))
        with self._db.read() as conn:
            return store.page(conn, Upload, visible, created_by=actor.id, after=after, limit=limit)

    def get(self, actor: Actor, upload_id: str) -> Upload:
        with self._db.read() as conn:
            return own(conn, actor, upload_id)

    def write(self, actor: Actor, upload_id: str, offset: int, data: bytes) -> Upload:
        """Bytes at the end of what is there. Raises Conflict (code "upload_offset", details: received) for any other
        place: ask where it stands and go on from there."""
        upload = self._here(actor, upload_id)
        if upload.state != "open":
            raise Conflict("this upload is complete", code="upload_complete")
        if offset != upload.received:
            raise _elsewhere(upload.received)
        if offset + len(data) > upload.size:
            raise Invalid(f"this upload holds {upload.size} bytes, not more", code="upload_too_long")
        self._reach.require_space(len(data), "this upload")
        self._shelf.write_at(upload.id, offset, data)
        with self._db.write() as conn:
            now = self._clock.now()
            values = {"now_received": offset + len(data), "expires_at": now + KEPT}
            changed = store.change(conn, Upload, upload.id, states=("open",), received=offset, **values)
            if changed is None:
                raise _elsewhere(own(conn, actor, upload_id).received)
            return changed

    def complete(self, actor: Actor, upload_id: str) -> Upload:
        """All bytes are here and have the digest that was promised, if one was. Idempotent."""
        upload = self._here(actor, upload_id)
        if upload.state == "complete":
            return upload
        if upload.received != upload.size:
            raise _elsewhere(upload.received)
        with self._shelf.path("uploads", upload.id).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if upload.sha256 is not None and upload.sha256 != digest:
            raise Invalid(
                "the bytes that came are not those that were promised",
                code="upload_digest",
                hint="Delete this upload and send the file again.",
                details={"sha256": digest},
            )
        with self._db.write() as conn:
            changed = store.change(conn, Upload, upload.id, states=("open",), state="complete", sha256=digest)
            _record(conn, actor, upload, "upload.complete")
            return changed or own(conn, actor, upload_id)

    def _here(self, actor: Actor, upload_id: str) -> Upload:
        """Raises OtherNode for one whose bytes are on another node's disk."""
        upload = self.get(actor, upload_id)
        require_node(self._reach.node, upload.node, "this upload")
        return upload

    def delete(self, actor: Actor, upload_id: str) -> None:
        with self._db.write() as conn:
            upload = own(conn, actor, upload_id)
            if upload.state == store.TAKEN or store.importing(conn, upload.id):
                raise Conflict("this upload is being imported", code="upload_in_use")
            store.delete(conn, Upload, upload.id)
            _record(conn, actor, upload, "upload.delete")
        self._shelf.remove("uploads", upload.id)


def own(conn: sa.Connection, actor: Actor, upload_id: str) -> Upload:
    upload = store.get(conn, Upload, upload_id)
    actor.require("database.import", upload.place if upload else None, noun="upload")
    if upload is None:
        raise no_such("upload")
    if upload.created_by != actor.id:
        raise hidden("upload")
    return upload


def _elsewhere(received: int) -> Conflict:
    return Conflict(
        f"this upload stands at {received} bytes",
        code="upload_offset",
        hint="Go on from there.",
        details={"received": received},
    )


def _record(conn: sa.Connection, actor: Actor, upload: Upload, action: str) -> None:
    audit.record(
        conn,
        actor=actor.id,
        action=action,
        project_id=upload.project_id,
        environment_id=upload.environment_id,
        resource_id=upload.resource_id,
        details={"upload_id": upload.id, "name": upload.name[:200], "size": upload.size},
    )
