"""Taking a snapshot of the metadata, on a runner thread: one moment, stored and read back in every home."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from holdfast import __version__
from holdfast.contract.catalog import JSON
from holdfast.features.backups import store as backups
from holdfast.features.backups.keys import Keys
from holdfast.features.backups.model import RepositoryRow
from holdfast.features.backups.taking import find_stored
from holdfast.features.databases.interruption import only_interrupted
from holdfast.features.databases.tasks import reason_of, scratch_of
from holdfast.features.recovery import store
from holdfast.features.recovery.capture import MetadataCapture, about_installation
from holdfast.features.recovery.keeping import to_forget
from holdfast.features.recovery.model import MetadataSnapshot
from holdfast.features.secrets.store import ensure_installation, installation_epoch
from holdfast.features.workers.shelf import Shelf
from holdfast.jobs import TaskRegistry
from holdfast.jobs.model import TaskContext
from holdfast.kernel.clock import Clock, timestamp
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Corrupt, NotFound
from holdfast.kernel.ids import new_id
from holdfast.kernel.settings import Settings
from holdfast.vault.pipeline import write_snapshot
from holdfast.vault.repository import Repository

KIND = "metadata.snapshot"
TAG = "holdfast:metadata"
_SETTINGS = (
    *("host", "control_port", "apps_port", "node", "log_level", "delete_grace_seconds", "disk_reserve_bytes"),
    *("allowed_hosts", "outbound_allow", "sqlite_roots", "master_key_source"),
)


class MetadataTaker:
    """One row from "creating" to "ready" or "failed". Running it again after a crash finds what is stored."""

    def __init__(self, db: Database, keys: Keys, settings: Settings, clock: Clock) -> None:
        self._db = db
        self._keys = keys
        self._settings = settings
        self._clock = clock

    def register(self, tasks: TaskRegistry) -> None:
        tasks.add(KIND, self.run)

    def run(self, ctx: TaskContext) -> Mapping[str, JSON]:
        """Success means stored and every byte read back. A failure leaves the row failed, and says why."""
        row, home = self._load(str(ctx.run.input["snapshot_id"]))
        if row.state == "failed" and row.run_id == ctx.run.id:
            with ctx.commit() as conn:
                row = store.change(conn, row.id, state="creating", error=None) or row
        if row.state == "ready":
            return {"snapshot_id": row.id}
        if row.state != "creating":
            raise Conflict(f"the snapshot {row.id} is {row.state}", code="snapshot_state")
        try:
            repository = self._keys.restic(home, ctx.stop)
            facts = self._stored(ctx, row, repository)
            with ctx.commit() as conn:
                if store.change(conn, row.id, states=("creating",), state="ready", **facts) is None:
                    raise Conflict("the snapshot's row changed meanwhile", code="snapshot_state")
        except Exception as error:
            if not only_interrupted(ctx, error):
                with ctx.commit() as conn:
                    store.change(conn, row.id, states=("creating",), state="failed", error=reason_of(error))
            raise
        self._forget_old(ctx, home, repository)
        return {"snapshot_id": row.id, "restic_id": str(facts["restic_id"])}

    def _load(self, snapshot_id: str) -> tuple[MetadataSnapshot, RepositoryRow]:
        with self._db.read() as conn:
            row = store.get(conn, snapshot_id)
            home = backups.get(conn, RepositoryRow, row.repository_id) if row else None
        if row is None or home is None:
            raise NotFound("the snapshot is gone")
        return row, home

    def _stored(self, ctx: TaskContext, row: MetadataSnapshot, repository: Repository) -> dict[str, Any]:
        found = find_stored(repository, row.id)
        if found is None:
            ctx.progress("writing the file")
            shelf = Shelf(self._settings.data)
            with MetadataCapture(self._db, scratch_of(ctx), self.about(row), shelf) as capture:
                written = write_snapshot(
                    repository,
                    capture,
                    hostname="holdfast",
                    paths=["/holdfast"],
                    tags=[TAG, f"holdfast:{row.id}"],
                    stop=ctx.stop,
                    progress=lambda stats: ctx.progress("storing", stats.bytes_read, None, "bytes"),
                )
            found, stored = written.id, written.stats.bytes_stored
            if capture.without_code:
                ctx.log("versions of workers whose code is not on this node", versions=len(capture.without_code))
        else:
            ctx.log("an earlier attempt had stored it already", restic_id=found)
            stored = None
        report = repository.verify_snapshot(
            found, ctx.stop, lambda done, total: ctx.progress("reading back", done, total, "bytes")
        )
        if report.errors:
            repository.forget(found)
            raise Corrupt(f"what was stored does not read back: {report.errors[0]}", code="verification_failed")
        manifest = repository.manifest(found)
        return {
            "restic_id": found,
            "taken_at": self._clock.now(),
            "bytes": manifest.catalog.bytes,
            "stored_bytes": stored,
            "rows": sum(table.rows for table in manifest.tables),
            "audit_seq": manifest.position.get("seq"),
        }

    def about(self, row: MetadataSnapshot) -> dict[str, JSON]:
        """What a new server has to know, and no secret."""
        with self._db.write() as conn:
            ensure_installation(conn, new_id("ins"), self._clock.now())
            installation, epoch = installation_epoch(conn) or ("", 0)
        settings = {name: value for name, value in asdict(self._settings).items() if name in _SETTINGS}
        return about_installation(
            {
                "snapshot_id": row.id,
                "installation": installation,
                "epoch": epoch,
                "node": self._keys.node,
                "holdfast_version": __version__,
                "metadata": self._db.url.get_backend_name(),
                "at": timestamp(self._clock.now()),
                "settings": settings,
            }
        )

    def _forget_old(self, ctx: TaskContext, home: RepositoryRow, repository: Repository) -> None:
        """Their space comes back with the repository's next prune."""
        with self._db.read() as conn:
            rows = store.page(conn, repository_id=home.id, states=("ready",), limit=1000)
        old = to_forget(rows, self._clock.now())
        if old and home.deletes_apart:
            ctx.log("old ones stay: this repository's deletes are done apart", snapshots=len(old))
            return
        for row in old:
            repository.forget(row.restic_id or "")
            with ctx.commit() as conn:
                store.change(conn, row.id, states=("ready",), state="deleted")
