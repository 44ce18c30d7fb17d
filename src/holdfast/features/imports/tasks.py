"""The run of an import: the file into a scratch database, a snapshot of that, its proof, and nothing left over."""

from __future__ import annotations

import asyncio
import secrets as tokens
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from holdfast.contract.catalog import JSON
from holdfast.contract.dumps import CanTakeIn
from holdfast.contract.engine import Session
from holdfast.contract.snapshot import Level
from holdfast.contract.tools import Tools
from holdfast.features.backups import store as backups
from holdfast.features.backups.model import ORIGIN, Snapshot
from holdfast.features.backups.taking import Elsewhere, Taker
from holdfast.features.backups.verifying import Verifier
from holdfast.features.databases.interruption import only_interrupted
from holdfast.features.databases.model import Resource
from holdfast.features.databases.reach import Reach
from holdfast.features.databases.tasks import scratch_of
from holdfast.features.imports.opening import Keys, Opened
from holdfast.features.imports.uploads import Uploads
from holdfast.features.imports.watching import watched
from holdfast.features.transfers.model import Upload
from holdfast.jobs import TaskRegistry
from holdfast.jobs.model import TaskContext
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, NotFound, Retryable

KIND = "snapshot.import"
_LOOK_BYTES = 64 << 20  # how much may be loaded before the disk is looked at again
_STARTING = 1 << 20


@dataclass(frozen=True)
class _Wanted:
    snapshot: Snapshot
    upload: Upload | None


class ImportTasks:
    """The runner's side of the slice. Run again after a crash an import starts over, unless it is stored already. The
    living database is not touched, so that its own runs need not wait."""

    def __init__(self, db: Database, reach: Reach, taker: Taker, verifier: Verifier, uploads: Uploads) -> None:
        self._db = db
        self._reach = reach
        self._taker = taker
        self._verifier = verifier
        self._uploads = uploads

    def register(self, tasks: TaskRegistry) -> None:
        tasks.add(KIND, self.run)

    def run(self, ctx: TaskContext) -> Mapping[str, JSON]:
        """Success means loaded, stored, read back and proven. Otherwise the file, the scratch database and what was
        stored are gone, and the snapshot's row says why."""
        wanted = self._load(ctx)
        notes: list[str] = []
        try:
            snapshot, repository = self._taker.take(ctx, wanted.snapshot.id, elsewhere=self._elsewhere(wanted, notes))
            crash_point("snapshot_import.stored")
            snapshot = self._verifier.prove(ctx, snapshot, repository, Level(snapshot.wanted_level))
        except Exception as error:
            if not only_interrupted(ctx, error) and not isinstance(error, Retryable):  # the sweep, when it was the last
                self._tidy(ctx, wanted)
            raise
        self._tidy(ctx, wanted)
        return {
            "snapshot_id": snapshot.id,
            "verified_level": snapshot.verified_level,
            "source_bytes": snapshot.source_bytes,
            "stored_bytes": snapshot.stored_bytes,
            "notes": list(notes),
        }

    def _load(self, ctx: TaskContext) -> _Wanted:
        with self._db.read() as conn:
            snapshot = backups.get(conn, Snapshot, str(ctx.run.input["snapshot_id"]))
            upload = self._uploads.taken(conn, str(ctx.run.input["upload_id"]))
        if snapshot is None:
            raise NotFound("the snapshot of this run is gone")
        return _Wanted(snapshot, upload)

    def _elsewhere(self, wanted: _Wanted, notes: list[str]) -> Elsewhere:
        @contextmanager
        def opened(ctx: TaskContext, resource: Resource) -> Iterator[Session]:
            if wanted.upload is None:
                raise NotFound("the file of this import is gone", code="upload_not_found", hint="Send it again.")
            with self._loaded(ctx, wanted.snapshot, resource, wanted.upload, notes) as session:
                yield session

        return Elsewhere(opened, {ORIGIN: wanted.snapshot.summary[ORIGIN]})

    @contextmanager
    def _loaded(
        self, ctx: TaskContext, snapshot: Snapshot, resource: Resource, upload: Upload, notes: list[str]
    ) -> Iterator[Session]:
        """A session of a scratch database that holds the file's data and is gone afterwards."""
        engine, spec = self._reach.engine(resource), self._verifier.spec(snapshot)
        if not isinstance(engine, CanTakeIn):
            raise Conflict("this engine takes in no dumps", code="dump_unsupported")
        self._reach.require_space(upload.size, "this import")
        scratch = scratch_of(ctx)
        tools = self._reach.hosts.tools(None, engine.software(spec), scratch)
        secrets = {name: tokens.token_urlsafe(24) for name in engine.needs(spec)[1]}
        ctx.progress("loading", 0, upload.size, "bytes")
        with self._reach.hosts.scratch(engine, spec, snapshot.resource_name, secrets, scratch) as at:
            asyncio.run(engine.prepare(at, spec, tools))
            file = self._opened(ctx, upload, tools)
            dump = file.look(engine, spec, self._reach.engines).dump
            with watched(lambda: self._reach.require_space(0, "this import"), ctx.stop) as stop:
                receipt = engine.take_in(at, tools, dump, self._bounded(file.pieces()), stop)
            notes[:] = receipt.notes
            for note in receipt.notes:
                ctx.log(note)
            crash_point("snapshot_import.loaded")
            session = engine.connect(at, tools, "admin")
            try:
                yield session
            finally:
                asyncio.run(session.close())

    def _opened(self, ctx: TaskContext, upload: Upload, tools: Tools) -> Opened:
        def seen(done: int) -> None:
            ctx.progress("loading", done, upload.size, "bytes")
            if done >= min(upload.size // 2, _STARTING):
                crash_point("snapshot_import.half")

        with self._db.read() as conn:
            keys: Keys = self._uploads.keys(conn, upload)
        return Opened(self._uploads.path(upload.id), keys, lambda: tools, ctx.stop, seen)

    def _bounded(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """A small file may unpack to more than the disk holds: the reserve stays."""
        passed = looked = 0
        for piece in pieces:
            passed += len(piece)
            if passed - looked > _LOOK_BYTES:
                looked = passed
                self._reach.require_space(_LOOK_BYTES, "this import")
            yield piece

    def _tidy(self, ctx: TaskContext, wanted: _Wanted) -> None:
        if wanted.upload is not None:
            with ctx.commit() as conn:
                self._uploads.forget(conn, wanted.upload)
            self._uploads.remove(wanted.upload.id)


def details_of(upload: Upload, more: Mapping[str, Any]) -> dict[str, Any]:
    """What the snapshot says of the file it came out of."""
    return {"file": upload.name[:255], "sha256": upload.sha256, "bytes": upload.size, "upload_id": upload.id, **more}
