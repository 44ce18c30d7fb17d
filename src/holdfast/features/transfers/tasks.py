"""The runner's side: an export into a file, an import out of one."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from holdfast.contract.bulk import CanBulk, ScriptResult
from holdfast.contract.catalog import JSON
from holdfast.contract.engine import Session
from holdfast.contract.spec import Access
from holdfast.features.databases import store as databases
from holdfast.features.databases.gate import Gate
from holdfast.features.databases.interruption import only_interrupted
from holdfast.features.databases.model import Resource
from holdfast.features.databases.reach import Reach
from holdfast.features.databases.tasks import reason_of, scratch_of
from holdfast.features.transfers import store
from holdfast.features.transfers.importing import Importer, Report
from holdfast.features.transfers.imports import record, target
from holdfast.features.transfers.mapping import ImportWish, mapped
from holdfast.features.transfers.model import Export, Import, Upload
from holdfast.features.transfers.reading import look, open_table, unpacked
from holdfast.features.transfers.shelf import KEPT, Shelf
from holdfast.features.transfers.writing import ExportWish, resolve, written
from holdfast.jobs import TaskRegistry
from holdfast.jobs.model import TaskContext
from holdfast.kernel.clock import Clock
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, HoldfastError, NotFound

_LOOK_BYTES = 64 << 20  # how much may be written before the disk is looked at again


class TransferTasks:
    def __init__(self, db: Database, reach: Reach, gate: Gate, shelf: Shelf, clock: Clock) -> None:
        self._db = db
        self._reach = reach
        self._gate = gate
        self._shelf = shelf
        self._clock = clock

    def register(self, tasks: TaskRegistry) -> None:
        """Not both at once, nor beside a swap or a stop of the same database: those wait for their turn."""
        tasks.add("database.export", self.export, resource_exclusive=True)
        tasks.add("database.import", self.import_, resource_exclusive=True)

    def export(self, ctx: TaskContext) -> Mapping[str, JSON]:
        """The file is whole, on disk and named by its digest, or it is not there."""
        with self._db.read() as conn:
            export = store.get(conn, Export, str(ctx.run.input["export_id"]))
        if export is None:
            raise NotFound("the export of this run is gone")
        try:
            size, digest = self._write(ctx, export)
            with ctx.commit() as conn:
                now = self._clock.now()
                values: dict[str, Any] = {"bytes": size, "sha256": digest, "finished_at": now, "expires_at": now + KEPT}
                store.change(conn, Export, export.id, states=("running",), state="ready", **values)
        except Exception as error:
            if only_interrupted(ctx, error):
                raise
            self._shelf.remove("exports", export.id)
            with ctx.commit() as conn:
                values = {"error": reason_of(error), "finished_at": self._clock.now()}
                store.change(conn, Export, export.id, states=("running",), state=_ended(ctx), **values)
            raise
        return {"export_id": export.id, "bytes": size, "sha256": digest}

    def _write(self, ctx: TaskContext, export: Export) -> tuple[int, str]:
        wish = ExportWish.of(dict(export.wish))
        path = self._shelf.path("exports", export.id)
        digest, size, looked = hashlib.sha256(), 0, 0
        with self._session(ctx, export.resource_id, "ro") as session, path.open("wb") as file:
            os.chmod(path, 0o600)
            relation = resolve(asyncio.run(session.inspect("shallow")), wish.table) if wish.table is not None else None
            for piece in written(session, wish, relation, ctx.stop):
                ctx.stop.check()
                file.write(piece)
                digest.update(piece)
                size += len(piece)
                if size - looked > _LOOK_BYTES:
                    looked = size
                    self._reach.require_space(_LOOK_BYTES, "this export")
                ctx.progress("exporting", size, None, "bytes")
                crash_point("export.piece")
            file.flush()
            os.fsync(file.fileno())
        return size, digest.hexdigest()

    def import_(self, ctx: TaskContext) -> Mapping[str, JSON]:
        """All of it or nothing. After a crash the database itself says whether the transaction was committed."""
        with self._db.read() as conn:
            row = store.get(conn, Import, str(ctx.run.input["import_id"]))
            upload = store.get(conn, Upload, row.upload_id) if row else None
        if row is None or upload is None:
            raise NotFound("the import of this run, or its upload, is gone")
        try:
            result = self._bring_in(ctx, row, upload)
        except Exception as error:
            if only_interrupted(ctx, error):
                raise
            with ctx.commit() as conn:
                values: dict[str, Any] = {
                    "error": reason_of(error),
                    "finished_at": self._clock.now(),
                    "token": None,
                    "result": None,
                }
                store.change(conn, Import, row.id, states=("running",), state=_ended(ctx), **values)
                details = {"import_id": row.id, "run_id": ctx.run.id, "code": getattr(error, "code", "internal")}
                record(conn, ctx.run.actor, row, "database.import.failed", details, "failed")
            raise
        with ctx.commit() as conn:
            store.change(
                conn, Import, row.id, states=("running",), state="done", finished_at=self._clock.now(), result=result
            )
            details = {"import_id": row.id, "run_id": ctx.run.id, **result}
            record(conn, ctx.run.actor, row, "database.import.done", details)
        self._tidy(ctx, row)
        return {"import_id": row.id, **result}

    def _bring_in(self, ctx: TaskContext, row: Import, upload: Upload) -> Mapping[str, JSON]:
        done: dict[str, JSON] = {}

        def note(token: str, result: Mapping[str, JSON]) -> None:
            done.update(result)
            with ctx.commit() as conn:
                store.change(conn, Import, row.id, states=("running",), token=token, result=dict(result))

        with self._session(ctx, row.resource_id, "owner") as session:
            if not isinstance(session, CanBulk):
                raise Conflict("this engine imports no rows", code="cannot_transfer")
            if row.token is not None and session.bulk_committed(row.token):
                ctx.log("the transaction had been committed before the runner ended")
                return dict(row.result or {})
            wish = ImportWish.of(row.wish)
            path = self._shelf.path("uploads", upload.id)
            form, squeeze, _ = look(path, upload.name, wish.file.form)
            if form == "sql":
                seen = lambda count: ctx.progress("importing", count, upload.size, "bytes")  # noqa: E731

                def noted(token: str, made: ScriptResult) -> None:
                    note(token, {"statements": made.statements, "rows": made.rows, "notes": list(made.notes)})

                session.bulk_script(unpacked(path, squeeze, seen), noted, ctx.stop)
                return done
            table = open_table(path, upload.name, wish.file)
            catalog = asyncio.run(session.inspect("shallow"))
            relation, there = target(session, catalog, wish.table or "")
            report = Report(self._shelf.path("reports", row.id), wish.errors)
            importer = Importer(
                table,
                mapped(table, wish, relation, there),
                report,
                lambda count, rows: ctx.progress(f"importing ({rows:,} rows)", count, upload.size, "bytes"),
            )
            importer.run(session, note, ctx.stop)
        return done

    def _tidy(self, ctx: TaskContext, row: Import) -> None:
        """What the transaction left as its mark; the upload has served. Nothing depends on either."""
        with self._db.read() as conn:
            now = store.get(conn, Import, row.id)
        with suppress(HoldfastError), self._session(ctx, row.resource_id, "owner") as session:
            if isinstance(session, CanBulk) and now is not None and now.token is not None:
                session.bulk_forget(now.token)
        with ctx.commit() as conn:
            store.delete(conn, Upload, row.upload_id)
        self._shelf.remove("uploads", row.upload_id)

    @contextmanager
    def _session(self, ctx: TaskContext, resource_id: str, access: Access) -> Iterator[Session]:
        with self._gate.shared(resource_id):
            resource = self._ready(resource_id)
            tools = self._reach.tools(resource, scratch_of(ctx))
            session = self._reach.engine(resource).connect(self._reach.endpoint(resource), tools, access)
            try:
                yield session
            finally:
                asyncio.run(session.close())

    def _ready(self, resource_id: str) -> Resource:
        with self._db.read() as conn:
            resource = databases.get(conn, resource_id)
        if resource is None or resource.state != "ready":
            raise Conflict(f"the database is {resource.state if resource else 'gone'}", code="database_not_ready")
        return resource


def _ended(ctx: TaskContext) -> str:
    return "cancelled" if ctx.stop.stopped else "failed"
