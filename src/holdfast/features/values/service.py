"""Keys for someone: authorised, audited and counted as statements are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from holdfast.contract.keyspace import (
    CanKeyValue,
    Delete,
    Edit,
    Elements,
    Expire,
    KeyFacts,
    KeyPage,
    Put,
    Rename,
    Value,
)
from holdfast.features.access.actor import Actor
from holdfast.features.databases.query import Errand, QueryService
from holdfast.kernel.errors import Conflict, Invalid

MAX_KEY_BYTES = 64 * 1024
_NAMES = {Put: "KEY PUT", Elements: "KEY EDIT", Expire: "KEY EXPIRE", Rename: "KEY RENAME", Delete: "KEY DELETE"}


class ValuesService:
    """On the api's event loop. Raises Conflict (code "no_keys") for databases that keep tables."""

    def __init__(self, queries: QueryService) -> None:
        self._queries = queries

    async def keys(
        self,
        actor: Actor,
        resource_id: str,
        *,
        database: int,
        pattern: str,
        kind: str | None,
        cursor: str | None,
        limit: int,
    ) -> KeyPage:
        async with self._session(actor, resource_id, "KEY LIST", write=False) as session:
            return await asyncio.to_thread(session.keys, database, pattern, kind, cursor, limit)

    async def value(
        self, actor: Actor, resource_id: str, *, database: int, key: bytes, cursor: str | None, limit: int
    ) -> Value:
        async with self._session(actor, resource_id, "KEY READ", write=False) as session:
            _check(key)
            return await asyncio.to_thread(session.value, database, key, cursor, limit)

    async def change(
        self, actor: Actor, resource_id: str, *, database: int, key: bytes, edit: Edit, digest: str | None
    ) -> KeyFacts | None:
        async with self._session(actor, resource_id, _NAMES[type(edit)], write=True) as session:
            _check(key)
            if isinstance(edit, Rename):
                _check(edit.to)
            return await asyncio.to_thread(session.change, database, key, edit, digest)

    @asynccontextmanager
    async def _session(self, actor: Actor, resource_id: str, did: str, *, write: bool) -> AsyncIterator[CanKeyValue]:
        permission = "database.query.write" if write else "database.query.read"
        errand = Errand(permission, did, write=write, plain=True)
        async with self._queries.visit(actor, resource_id, errand) as visit:
            session = visit.session
            if not isinstance(session, CanKeyValue):
                raise Conflict(
                    "this database keeps tables, not keys",
                    code="no_keys",
                    hint="Read it with a query: POST /api/v1/databases/{id}/query, or holdfast db query.",
                )
            yield session


def _check(key: bytes) -> None:
    if len(key) > MAX_KEY_BYTES:
        raise Invalid(f"a key takes at most {MAX_KEY_BYTES} bytes here", code="key_too_long")
