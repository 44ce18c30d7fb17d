"""A line to one database for a stream, in the api process: its turn, through the gate, with the ro role."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from holdfast.contract.engine import Session
from holdfast.features.databases import store as databases
from holdfast.features.databases.gate import Gate
from holdfast.features.databases.model import Resource
from holdfast.features.databases.pool import SessionPool
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Conflict
from holdfast.kernel.stop import Stop


class Lines:
    def __init__(self, db: Database, gate: Gate, pool: SessionPool) -> None:
        self._db = db
        self._gate = gate
        self._pool = pool

    @asynccontextmanager
    async def open(self, resource_id: str, stop: Stop) -> AsyncIterator[Session]:
        """Raises Conflict unless the database is ready, Retryable when too many statements run on it."""
        async with self._pool.turn(resource_id, stop):
            with self._gate.shared(resource_id):  # and only then the state: see databases/gate.py
                resource = await asyncio.to_thread(self.ready, resource_id)
                async with self._pool.session(resource, "ro") as session:
                    yield session

    def ready(self, resource_id: str) -> Resource:
        with self._db.read() as conn:
            resource = databases.get(conn, resource_id)
        if resource is None or resource.state != "ready":
            state = resource.state if resource else "gone"
            raise Conflict(
                f"this database is {state}, not ready",
                code="database_not_ready",
                hint="Start it, or wait for its run to end.",
                details={"state": state},
            )
        return resource
