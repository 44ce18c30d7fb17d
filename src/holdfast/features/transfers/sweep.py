"""What no run looks after any more: rows whose run ended without them, and files whose time is over."""

from __future__ import annotations

from typing import Any

from holdfast.features.transfers import store
from holdfast.features.transfers.model import Export, Import, Upload
from holdfast.features.transfers.shelf import Kind, Shelf
from holdfast.jobs import ENDED
from holdfast.jobs import store as runs
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database

KINDS: dict[type[Upload] | type[Export] | type[Import], Kind] = {
    Upload: "uploads",
    Export: "exports",
    Import: "reports",
}


class TransferSweep:
    """Called by the runner every few seconds. Cheap when there is nothing to do."""

    def __init__(self, db: Database, shelf: Shelf, clock: Clock) -> None:
        self._db = db
        self._shelf = shelf
        self._clock = clock

    def sweep(self) -> None:
        self._orphans()
        self._strays()
        now = self._clock.now()
        with self._db.read() as conn:
            old: list[Upload | Export | Import] = [
                *(upload for upload in store.expired(conn, Upload, now) if not store.importing(conn, upload.id)),
                *store.expired(conn, Export, now),
                *store.expired(conn, Import, now),
            ]
        for thing in old:
            self._forget(thing)

    def _forget(self, thing: Upload | Export | Import) -> None:
        kind = KINDS[type(thing)]
        with self._db.write() as conn:
            conn.execute(store.TABLES[type(thing)].delete().where(store.TABLES[type(thing)].c.id == thing.id))
            audit.record(
                conn,
                actor="system:sweep",
                action=f"{type(thing).__name__.lower()}.expire",
                project_id=thing.project_id,
                environment_id=thing.environment_id,
                resource_id=thing.resource_id,
                details={"id": thing.id},
            )
        self._shelf.remove(kind, thing.id)

    def _strays(self) -> None:
        """Files whose row is gone: forgotten by the sweep of another node, or written by a part that came late."""
        for kind, shelved in KINDS.items():
            names = self._shelf.names(shelved)
            if not names:
                continue
            with self._db.read() as conn:
                known = store.known(conn, kind, names)
            for name in names:
                if name not in known:
                    self._shelf.remove(shelved, name)

    def _orphans(self) -> None:
        """A run cancelled before it began leaves nobody to write the end."""
        with self._db.read() as conn:
            going: list[Export | Import] = [
                *store.in_state(conn, Export, "running"),
                *store.in_state(conn, Import, "running"),
            ]
            ended = [(thing, runs.get(conn, thing.run_id or "")) for thing in going]
        for thing, run in ended:
            if run is not None and run.state not in ENDED:
                continue
            error = dict(run.error) if run is not None and run.error else _GONE
            state = "cancelled" if run is not None and run.state == "cancelled" else "failed"
            values: dict[str, Any] = {"state": state, "error": error, "finished_at": self._clock.now()}
            with self._db.write() as conn:
                if isinstance(thing, Export):
                    store.change(conn, Export, thing.id, states=("running",), **values)
                else:
                    store.change(conn, Import, thing.id, states=("running",), **values)


_GONE: dict[str, Any] = {
    "code": "run_ended",
    "message": "its run ended",
    "hint": None,
    "details": {},
    "retryable": False,
}
