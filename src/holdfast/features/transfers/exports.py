"""Exports: streamed to whoever asks, or as a run into a file that is kept for a day."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from holdfast.features.access.actor import Actor, no_such
from holdfast.features.databases.elsewhere import require_node
from holdfast.features.databases.fingerprint import fingerprint
from holdfast.features.databases.guard import found as database_for
from holdfast.features.databases.model import Resource
from holdfast.features.databases.reach import Reach
from holdfast.features.limits.quota import Quotas
from holdfast.features.transfers import store
from holdfast.features.transfers.line import Lines
from holdfast.features.transfers.model import Export
from holdfast.features.transfers.shelf import KEPT, Shelf
from holdfast.features.transfers.writing import ExportWish, resolve, written
from holdfast.jobs import Jobs, Run
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Retryable
from holdfast.kernel.ids import new_id
from holdfast.kernel.stop import Stop
from holdfast.web.idempotency import NEVER, Once

STREAMS = 8  # at once in this process: each holds a thread while its database works


class ExportsService:
    """Rows leave only with `database.export`; a statement needs `database.query.read` as well. Each is audited before
    its first byte, and counts as a download."""

    def __init__(
        self, db: Database, jobs: Jobs, reach: Reach, lines: Lines, shelf: Shelf, quotas: Quotas, clock: Clock
    ) -> None:
        self._db = db
        self._jobs = jobs
        self._reach = reach
        self._lines = lines
        self._shelf = shelf
        self._quotas = quotas
        self._clock = clock
        self._threads = ThreadPoolExecutor(STREAMS, thread_name_prefix="export")
        self._going = 0

    async def stream(self, actor: Actor, resource_id: str, wish: ExportWish) -> tuple[str, AsyncIterator[bytes]]:
        """(file name, the file as it comes). What is wrong from the start raises here; what breaks later breaks the
        stream, so that a part never looks whole. Leaving the iterator ends the statement."""
        resource = await asyncio.to_thread(self._allowed, actor, resource_id, wish)
        if self._going >= STREAMS:
            raise Retryable(f"{STREAMS} exports are already streaming", code="too_many_exports")
        self._going += 1
        stop, stack = Stop(), AsyncExitStack()
        try:
            session = await stack.enter_async_context(self._lines.open(resource.id, stop))
            relation = resolve(await session.inspect("shallow"), wish.table) if wish.table is not None else None
            await asyncio.to_thread(self._record, actor, resource, wish)
            pieces = written(session, wish, relation, stop)
            first = await self._in_thread(next, pieces, b"")
        except BaseException:
            await self._leave(stop, stack)
            raise
        return wish.file_name(resource.name), self._rest(first, pieces, stop, stack)

    async def _rest(
        self, first: bytes, pieces: Iterator[bytes], stop: Stop, stack: AsyncExitStack
    ) -> AsyncIterator[bytes]:
        try:
            piece = first
            while piece:
                yield piece
                piece = await self._in_thread(next, pieces, b"")
        finally:
            stop.stop("the client went away")
            await asyncio.shield(self._end(pieces, stop, stack))

    async def _end(self, pieces: Iterator[bytes], stop: Stop, stack: AsyncExitStack) -> None:
        close = getattr(pieces, "close", None)
        if close is not None:
            try:
                await self._in_thread(close)
            except ValueError:  # its thread is still inside: the stop ends it, and closing waits for that
                await asyncio.sleep(0.1)
        await self._leave(stop, stack)

    async def _leave(self, stop: Stop, stack: AsyncExitStack) -> None:
        self._going -= 1
        stop.stop("over")
        await stack.aclose()

    async def _in_thread(self, work: Any, *given: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *given)

    def start(self, actor: Actor, resource_id: str, wish: ExportWish, once: Once = NEVER) -> tuple[Export, Run]:
        """A run that writes the file. Raises Conflict unless the database is ready."""
        wish.check()
        now = self._clock.now()
        with self._db.write() as conn:
            resource = _authorised(conn, actor, resource_id, wish)
            once.check(conn)
            if resource.state != "ready":
                raise Conflict(f"this database is {resource.state}, not ready", code="database_not_ready")
            self._quotas.require_storage(conn, resource.project_id)
            self._reach.require_space(0, "an export")
            made, node = new_id("exp"), resource.node or self._reach.node
            run = self._jobs.submit(
                conn,
                kind="database.export",
                actor=actor.id,
                project_id=resource.project_id,
                environment_id=resource.environment_id,
                resource_id=resource.id,
                input={"export_id": made},
                node=node,
            )
            export = Export(
                id=made,
                project_id=resource.project_id,
                environment_id=resource.environment_id,
                resource_id=resource.id,
                created_by=actor.id,
                created_at=now,
                expires_at=now + KEPT,
                state="running",
                run_id=run.id,
                name=wish.file_name(resource.name),
                wish=wish.as_json(),
                bytes=None,
                sha256=None,
                error=None,
                finished_at=None,
                node=node,
            )
            store.insert(conn, export)
            self._note(conn, actor, resource, wish, {"export_id": made, "run_id": run.id})
            once.keep(conn, (export, run))
            return export, run

    def list(
        self, actor: Actor, *, project_id: str | None, resource_id: str | None, after: str | None, limit: int
    ) -> Sequence[Export]:
        actor.require_within("database.export", project_id)
        visible = actor.visible("database.export", store.columns_of(Export))
        with self._db.read() as conn:
            return store.page(
                conn, Export, visible, project_id=project_id, resource_id=resource_id, after=after, limit=limit
            )

    def get(self, actor: Actor, export_id: str) -> Export:
        with self._db.read() as conn:
            return _found(conn, actor, export_id)

    def content(self, actor: Actor, export_id: str) -> tuple[Export, Path]:
        """The file; a download, audited."""
        with self._db.write() as conn:
            export = _found(conn, actor, export_id)
            require_node(self._reach.node, export.node, "this export")
            if export.state != "ready":
                raise Conflict(f"this export is {export.state}", code="export_not_ready")
            self._quotas.spend_download(conn, actor, export.project_id)
            _audit(conn, actor, export, "export.download", {"bytes": export.bytes})
        return export, self._shelf.path("exports", export.id)

    def delete(self, actor: Actor, export_id: str) -> None:
        """The file goes too. One that is being written is refused: cancel its run."""
        with self._db.write() as conn:
            export = _found(conn, actor, export_id)
            if export.state == "running":
                raise Conflict("this export is still running", code="export_running", hint="Cancel its run first.")
            store.delete(conn, Export, export.id)
            _audit(conn, actor, export, "export.delete", {})
        self._shelf.remove("exports", export.id)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _allowed(self, actor: Actor, resource_id: str, wish: ExportWish) -> Resource:
        with self._db.read() as conn:
            resource = _authorised(conn, actor, resource_id, wish)
        wish.check()
        self._reach.require_here(resource)
        return resource

    def _record(self, actor: Actor, resource: Resource, wish: ExportWish) -> None:
        with self._db.write() as conn:
            self._quotas.spend_download(conn, actor, resource.project_id)
            self._note(conn, actor, resource, wish, {})

    def _note(
        self, conn: sa.Connection, actor: Actor, resource: Resource, wish: ExportWish, more: Mapping[str, Any]
    ) -> None:
        """What left, never what is in it: a statement by its shape."""
        details: dict[str, Any] = {"format": wish.form, "name": resource.name, **more}
        if wish.table is not None:
            details["table"] = wish.table
        if wish.statement is not None:
            dialect = self._reach.engine(resource).capabilities.dialect
            details["statement"] = fingerprint(wish.statement, dialect)
        _audit(conn, actor, resource, "database.export", details)


def _authorised(conn: sa.Connection, actor: Actor, resource_id: str, wish: ExportWish) -> Resource:
    resource = database_for(conn, actor, resource_id, "database.export")
    if wish.statement is not None:
        actor.require("database.query.read", resource.place, noun="database")
    return resource


def _found(conn: sa.Connection, actor: Actor, export_id: str) -> Export:
    export = store.get(conn, Export, export_id)
    actor.require("database.export", export.place if export else None, noun="export")
    if export is None:
        raise no_such("export")
    if export.wish.get("statement") is not None:
        actor.require("database.query.read", export.place, noun="export")
    return export


def _audit(
    conn: sa.Connection, actor: Actor, thing: Export | Resource, action: str, details: Mapping[str, Any]
) -> None:
    audit.record(
        conn,
        actor=actor.id,
        action=action,
        project_id=thing.project_id,
        environment_id=thing.environment_id,
        resource_id=thing.resource_id if isinstance(thing, Export) else thing.id,
        details=details if not isinstance(thing, Export) else {"export_id": thing.id, **details},
    )
