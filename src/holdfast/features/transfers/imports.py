"""Imports: what would happen (preview), and the run that does it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from holdfast.contract.bulk import BulkColumn, CanBulk
from holdfast.contract.catalog import Catalog
from holdfast.contract.engine import Session
from holdfast.features.access.actor import Actor, no_such
from holdfast.features.databases.elsewhere import require_node
from holdfast.features.databases.guard import found as database_for
from holdfast.features.databases.model import Resource
from holdfast.features.transfers import store
from holdfast.features.transfers.line import Lines
from holdfast.features.transfers.mapping import ImportWish, Mapped, mapped
from holdfast.features.transfers.model import Import, Upload
from holdfast.features.transfers.reading import Table, look, open_table
from holdfast.features.transfers.shelf import KEPT, Shelf
from holdfast.features.transfers.uploads import own
from holdfast.features.transfers.writing import find
from holdfast.jobs import Jobs, Run
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Invalid, NotFound
from holdfast.kernel.ids import new_id
from holdfast.kernel.stop import Stop
from holdfast.web.idempotency import NEVER, Once

SHOWN = 20


@dataclass(frozen=True)
class Preview:
    """`table` None for an SQL dump, whose `sample` is its first lines. `mapping` None: no table was named."""

    form: str
    squeeze: str
    table: Table | None
    mapping: Mapped | None
    relation: str | None
    new: bool
    sample: Sequence[Sequence[Any]]


class ImportsService:
    """`database.import` writes rows; an SQL dump may do anything its owner may, so it needs `database.query.write`."""

    def __init__(self, db: Database, jobs: Jobs, lines: Lines, shelf: Shelf, clock: Clock, node: str) -> None:
        self._db = db
        self._node = node
        self._jobs = jobs
        self._lines = lines
        self._shelf = shelf
        self._clock = clock

    async def preview(self, actor: Actor, resource_id: str, upload_id: str, wish: ImportWish) -> Preview:
        """Nothing is written. Raises what the import itself would raise before its first row."""
        upload = await asyncio.to_thread(self._ready, actor, resource_id, upload_id)
        path = self._shelf.path("uploads", upload.id)
        form, squeeze, head = await asyncio.to_thread(look, path, upload.name, wish.file.form)
        if form == "sql":
            lines = head[:4000].decode("utf-8", "replace").splitlines()[:SHOWN]
            return Preview(form, squeeze, None, None, None, False, [[line] for line in lines])
        table = await asyncio.to_thread(open_table, path, upload.name, wish.file)
        if wish.table is None:
            return Preview(form, squeeze, table, None, None, False, table.sample[:SHOWN])
        stop = Stop()
        async with self._lines.open(resource_id, stop) as session:
            catalog = await session.inspect("shallow")
            relation, there = await asyncio.to_thread(target, session, catalog, wish.table)
        plan = mapped(table, wish, relation, there)
        return Preview(form, squeeze, table, plan, ".".join(relation), there is None, table.sample[:SHOWN])

    def start(
        self, actor: Actor, resource_id: str, upload_id: str, wish: ImportWish, once: Once = NEVER
    ) -> tuple[Import, Run]:
        """The run that imports. Raises Conflict unless the database is ready and the upload complete."""
        now = self._clock.now()
        with self._db.write() as conn:
            resource = database_for(conn, actor, resource_id, "database.import")
            upload = self._upload(conn, actor, resource, upload_id)
            sql = self._is_script(upload, wish)
            if sql:
                actor.require("database.query.write", resource.place, noun="database")
            once.check(conn)
            if resource.state != "ready":
                raise Conflict(f"this database is {resource.state}, not ready", code="database_not_ready")
            if not sql and not wish.table:
                raise Invalid("say into which table", code="table_wanted")
            made = new_id("imp")
            run = self._jobs.submit(
                conn,
                kind="database.import",
                actor=actor.id,
                project_id=resource.project_id,
                environment_id=resource.environment_id,
                resource_id=resource.id,
                input={"import_id": made},
                node=resource.node or upload.node,  # a database that every node reaches is filled where the file is
            )
            row = Import(
                id=made,
                project_id=resource.project_id,
                environment_id=resource.environment_id,
                resource_id=resource.id,
                created_by=actor.id,
                created_at=now,
                expires_at=now + KEPT * 7,
                state="running",
                run_id=run.id,
                upload_id=upload.id,
                wish=wish.as_json(),
                token=None,
                result=None,
                error=None,
                finished_at=None,
                node=resource.node or upload.node,
            )
            store.insert(conn, row)
            details: dict[str, Any] = {
                "import_id": made,
                "run_id": run.id,
                "upload_id": upload.id,
                "file": upload.name[:200],
            }
            details |= {"table": wish.table, "conflict": wish.conflict, "errors": wish.errors, "sha256": upload.sha256}
            record(conn, actor.id, row, "database.import", details)
            once.keep(conn, (row, run))
            return row, run

    def list(
        self, actor: Actor, *, project_id: str | None, resource_id: str | None, after: str | None, limit: int
    ) -> Sequence[Import]:
        actor.require_within("database.import", project_id)
        visible = actor.visible("database.import", store.columns_of(Import))
        with self._db.read() as conn:
            return store.page(
                conn, Import, visible, project_id=project_id, resource_id=resource_id, after=after, limit=limit
            )

    def get(self, actor: Actor, import_id: str) -> Import:
        with self._db.read() as conn:
            row = store.get(conn, Import, import_id)
            actor.require("database.import", row.place if row else None, noun="import")
            if row is None:
                raise no_such("import")
            return row

    def report(self, actor: Actor, import_id: str) -> Path:
        """The bad rows as NDJSON. Raises NotFound when there are none."""
        row = self.get(actor, import_id)
        require_node(self._node, row.node, "the report of this import")
        path = self._shelf.path("reports", row.id)
        if row.state == "running" or not path.exists():
            raise NotFound("this import has no report of bad rows", code="report_not_found")
        return path

    def _ready(self, actor: Actor, resource_id: str, upload_id: str) -> Upload:
        with self._db.read() as conn:
            resource = database_for(conn, actor, resource_id, "database.import")
            return self._upload(conn, actor, resource, upload_id)

    def _upload(self, conn: sa.Connection, actor: Actor, resource: Resource, upload_id: str) -> Upload:
        """An upload of another project is none here."""
        upload = own(conn, actor, upload_id)
        if upload.project_id != resource.project_id:
            raise no_such("upload")
        require_node(self._node, upload.node, "this upload")
        if upload.state != "complete":
            raise Conflict("this upload is not complete", code="upload_incomplete", hint="Send the rest first.")
        return upload

    def _is_script(self, upload: Upload, wish: ImportWish) -> bool:
        path = self._shelf.path("uploads", upload.id)
        return path.exists() and look(path, upload.name, wish.file.form)[0] == "sql"


def target(session: Session, catalog: Catalog, table: str) -> tuple[tuple[str, str], Sequence[BulkColumn] | None]:
    """The relation and its columns; a table that is not there (None) is made, where new tables go by default."""
    if not isinstance(session, CanBulk):
        raise Conflict("this engine imports no rows", code="cannot_transfer")
    relation = find(catalog, table)
    if relation is not None:
        return relation, session.bulk_columns(relation)
    schema, dot, name = table.partition(".")
    if dot and schema in catalog.schemas:
        return (schema, name), None
    default = "public" if "public" in catalog.schemas else (*catalog.schemas, "")[0]
    return (default, table), None


def record(
    conn: sa.Connection, actor: str, row: Import, action: str, details: Mapping[str, Any], outcome: Any = "ok"
) -> None:
    audit.record(
        conn,
        actor=actor,
        action=action,
        project_id=row.project_id,
        environment_id=row.environment_id,
        resource_id=row.resource_id,
        outcome=outcome,
        details=details,
    )
