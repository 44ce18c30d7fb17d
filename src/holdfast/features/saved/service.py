"""Saving, finding, changing and running queries; rendering templates."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from holdfast.contract.query import Batch
from holdfast.contract.registry import Registry
from holdfast.contract.rows import TableName
from holdfast.contract.templates import CanQuote, render
from holdfast.features.access.actor import Actor, no_such
from holdfast.features.databases.guard import found
from holdfast.features.databases.query import MAX_STATEMENT_BYTES, QueryService, Question
from holdfast.features.projects.names import checked_name
from holdfast.features.saved import store
from holdfast.features.saved.model import SavedQuery, Version
from holdfast.features.saved.parameters import checked, filled
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict, Invalid
from holdfast.kernel.ids import new_id
from holdfast.web.changed import changed_meanwhile
from holdfast.web.idempotency import NEVER, Once

READ, SAVE = "database.query.read", "database.saved.write"
_CHANGING = ("name", "description", "statement", "write", "parameters")


@dataclass(frozen=True)
class WantedQuery:
    name: str
    statement: str
    description: str = ""
    write: bool = False
    parameters: Sequence[Mapping[str, Any]] = ()
    shared: bool = True


class SavedService:
    """A private query exists only for who made it: everyone else gets NotFound, whatever their rights."""

    def __init__(self, db: Database, queries: QueryService, engines: Registry, clock: Clock) -> None:
        self._db = db
        self._queries = queries
        self._engines = engines
        self._clock = clock

    def create(self, actor: Actor, resource_id: str, wanted: WantedQuery, once: Once = NEVER) -> SavedQuery:
        """Raises Conflict("name_taken") or Invalid. The statement is tried when it is run, not here."""
        now = self._clock.now()
        with self._db.write() as conn:
            resource = found(conn, actor, resource_id, SAVE)
            once.check(conn)
            made = SavedQuery(
                id=new_id("sqy"),
                project_id=resource.project_id,
                environment_id=resource.environment_id,
                resource_id=resource.id,
                owner="" if wanted.shared else actor.id,
                name=checked_name(wanted.name),
                description=wanted.description,
                statement=_statement(wanted.statement),
                write=wanted.write,
                parameters=checked(wanted.parameters),
                version=1,
                created_by=actor.id,
                created_at=now,
                updated_at=now,
            )
            try:
                store.insert(conn, made)
            except sa.exc.IntegrityError:
                raise _taken(made.name) from None
            self._note(conn, actor, made, "saved_query.create")
            once.keep(conn, made)
            return made

    def list(
        self, actor: Actor, resource_id: str, *, name: str | None = None, after: str | None = None, limit: int = 50
    ) -> Sequence[SavedQuery]:
        with self._db.read() as conn:
            resource = found(conn, actor, resource_id, READ)
            return store.page(conn, resource.id, actor.id, name=name, after=after, limit=limit)

    def get(self, actor: Actor, query_id: str) -> SavedQuery:
        with self._db.read() as conn:
            return _found(conn, actor, query_id, READ)

    def versions(self, actor: Actor, query_id: str, *, before: int | None = None, limit: int = 50) -> Sequence[Version]:
        with self._db.read() as conn:
            return store.versions(conn, _found(conn, actor, query_id, READ).id, before=before, limit=limit)

    def update(self, actor: Actor, query_id: str, version: int, changes: Mapping[str, Any]) -> SavedQuery:
        """`shared` too: a query one made oneself may become private again. A change that changes nothing is none."""
        values = {name: changes[name] for name in _CHANGING if changes.get(name) is not None}
        if "name" in values:
            values["name"] = checked_name(values["name"])
        if "statement" in values:
            values["statement"] = _statement(values["statement"])
        if "parameters" in values:
            values["parameters"] = checked(values["parameters"])
        with self._db.write() as conn:
            before = _found(conn, actor, query_id, SAVE)
            if changes.get("shared") is not None:
                values["owner"] = "" if changes["shared"] else actor.id
                if values["owner"] and before.created_by != actor.id:
                    raise Conflict("only who made a query may make it private", code="not_yours")
            if before.version != version:
                raise changed_meanwhile("saved query")
            if replace(before, **values) == before:
                return before
            try:
                changed = store.change(conn, query_id, version, self._clock.now(), values)
            except sa.exc.IntegrityError:
                raise _taken(values.get("name", before.name)) from None
            if changed is None:
                raise changed_meanwhile("saved query")
            self._note(conn, actor, changed, "saved_query.update", sorted(values))
            return changed

    def delete(self, actor: Actor, query_id: str, version: int) -> None:
        with self._db.write() as conn:
            gone = _found(conn, actor, query_id, SAVE)
            if gone.version != version:
                raise changed_meanwhile("saved query")
            store.forget_versions(conn, query_id)
            if not store.delete(conn, query_id, version):
                raise changed_meanwhile("saved query")
            self._note(conn, actor, gone, "saved_query.delete", keep=False)

    async def run(
        self, actor: Actor, query_id: str, params: Mapping[str, Any], limits: Mapping[str, Any]
    ) -> AsyncIterator[Batch]:
        """As `QueryService.query`; a query that writes needs the right to write."""
        query = await asyncio.to_thread(self.get, actor, query_id)
        bound: Any = filled(query.parameters, params)
        question = Question(query.statement, bound or (), query.write, **limits)
        async with aclosing(self._queries.query(actor, query.resource_id, question)) as batches:  # type: ignore[type-var]
            async for batch in batches:
                yield batch

    def templates(self, actor: Actor, resource_id: str, table: TableName | None) -> Sequence[tuple[str, str]]:
        """(title, statement) of the engine's templates; for a table only those about one, its name filled in."""
        with self._db.read() as conn:
            resource = found(conn, actor, resource_id, "database.read")
        engine = self._engines.get(resource.engine)
        given = engine.capabilities.templates
        if table is None or not isinstance(engine, CanQuote):
            return given
        return [(title, render(engine, text, table)) for title, text in given if "table_name" in text]

    def _note(
        self,
        conn: sa.Connection,
        actor: Actor,
        query: SavedQuery,
        action: str,
        changed: Sequence[str] = (),
        *,
        keep: bool = True,
    ) -> None:
        if keep:
            store.keep(conn, Version(query.id, query.version, query.updated_at, actor.id, query.content))
        details: dict[str, Any] = {"id": query.id, "name": query.name, "shared": not query.owner}
        audit.record(
            conn,
            actor=actor.id,
            action=action,
            project_id=query.project_id,
            environment_id=query.environment_id,
            resource_id=query.resource_id,
            details=details | ({"changed": list(changed)} if changed else {}),
        )


def _found(conn: sa.Connection, actor: Actor, query_id: str, permission: str) -> SavedQuery:
    query = store.get(conn, query_id)
    if query is not None and query.owner not in ("", actor.id):
        query = None
    actor.require(permission, query.place if query else None, noun="saved_query")
    if query is None:
        raise no_such("saved_query")
    return query


def _statement(text: str) -> str:
    if not text.strip() or "\0" in text:
        raise Invalid("the statement is empty", code="statement_invalid")
    if len(text.encode()) > MAX_STATEMENT_BYTES:
        raise Invalid(f"a statement takes at most {MAX_STATEMENT_BYTES} bytes", code="statement_too_long")
    return text


def _taken(name: str) -> Conflict:
    return Conflict(f"there is a saved query {name!r} already", code="name_taken", hint="Choose another name.")
