"""Uploads that a run of an import reads: taken from their sender, gone with their keys when it has ended."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from holdfast.features.backups.model import IMPORTED, ORIGIN, snapshots
from holdfast.features.imports.opening import Keys
from holdfast.features.transfers import store
from holdfast.features.transfers.model import Upload
from holdfast.features.transfers.shelf import Shelf
from holdfast.jobs import ENDED
from holdfast.jobs.schema import runs
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict
from holdfast.kernel.secrets import Secrets

_PASSPHRASE, _IDENTITIES = "passphrase", "identities"  # names of secrets, not their values


class Uploads:
    """One statement or one file act each."""

    def __init__(self, secrets: Secrets, shelf: Shelf) -> None:
        self._secrets = secrets
        self._shelf = shelf

    def path(self, upload_id: str) -> Path:
        return self._shelf.path("uploads", upload_id)

    def take(self, conn: sa.Connection, upload: Upload, keys: Keys) -> None:
        """In the transaction that submits the run. Raises Conflict (code "upload_in_use")."""
        later = upload.expires_at + timedelta(days=7)
        if store.change(conn, Upload, upload.id, states=("complete",), state=store.TAKEN, expires_at=later) is None:
            raise Conflict("this upload is being imported", code="upload_in_use")
        for name, value in ((_PASSPHRASE, keys.passphrase), (_IDENTITIES, keys.identities)):
            if value is not None:
                self._secrets.put(conn, upload.environment_id, upload.id, name, value)

    def taken(self, conn: sa.Connection, upload_id: str) -> Upload | None:
        found = store.get(conn, Upload, upload_id)
        return found if found is not None and found.state == store.TAKEN else None

    def keys(self, conn: sa.Connection, upload: Upload) -> Keys:
        found = self._secrets.all(conn, upload.environment_id, upload.id)
        return Keys(found.get(_PASSPHRASE), found.get(_IDENTITIES))

    def forget(self, conn: sa.Connection, upload: Upload) -> None:
        """The file goes after the transaction: `remove`, or the sweep of transfers, which removes strays."""
        self._secrets.delete_resource(conn, upload.environment_id, upload.id)
        store.delete(conn, Upload, upload.id)

    def remove(self, upload_id: str) -> None:
        self._shelf.remove("uploads", upload_id)


class ImportSweep:
    """Files whose run ended without them: cancelled before it began, given up, or gone."""

    def __init__(self, db: Database, uploads: Uploads, node: str) -> None:
        self._db = db
        self._uploads = uploads
        self._node = node

    def sweep(self) -> None:
        """Cheap when there is nothing to do."""
        with self._db.read() as conn:
            taken = store.in_state(conn, Upload, store.TAKEN)
            if not taken:
                return
            c = snapshots.c
            query = sa.select(c.summary).join(runs, runs.c.id == c.run_id)
            query = query.where(c.trigger == IMPORTED, runs.c.state.not_in(tuple(ENDED)))
            needed = {(summary.get(ORIGIN) or {}).get("upload_id") for summary in conn.execute(query).scalars()}
        for upload in taken:
            if upload.id not in needed and upload.node in (None, self._node):
                with self._db.write() as conn:
                    self._uploads.forget(conn, upload)
                self._uploads.remove(upload.id)
