"""Links that expired a week ago are forgotten, their keys with them."""

from __future__ import annotations

from datetime import timedelta

from holdfast.features.files import store
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.secrets import Secrets

KEPT = timedelta(days=7)


class FilesSweep:
    """Called by the runner every few seconds. Cheap when there is nothing to do."""

    def __init__(self, db: Database, secrets: Secrets, clock: Clock) -> None:
        self._db = db
        self._secrets = secrets
        self._clock = clock

    def sweep(self) -> None:
        before = self._clock.now() - KEPT
        with self._db.read() as conn:
            found = store.expired(conn, before)
        if not found:
            return
        with self._db.write() as conn:
            for download in found:
                self._secrets.delete_resource(conn, download.project_id, download.id)
                store.delete(conn, download.id)
