"""Running one statement for someone: authorised, limited, recorded, cancelled when they go away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from typing import Literal

from holdfast.contract.catalog import Catalog
from holdfast.contract.query import Batch, Params, QueryLimits
from holdfast.features.access.actor import Actor
from holdfast.features.databases import store
from holdfast.features.databases.fingerprint import fingerprint
from holdfast.features.databases.gate import Gate
from holdfast.features.databases.guard import found
from holdfast.features.databases.history import StatementHistory
from holdfast.features.databases.model import Resource, Statement
from holdfast.features.databases.pool import SessionPool
from holdfast.features.databases.reach import Reach
from holdfast.features.projects import store as projects
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import Cancelled, Conflict, HoldfastError, Invalid
from holdfast.kernel.ids import new_id
from holdfast.kernel.stop import Stop

MAX_ROWS = 100_000
MAX_BYTES = 64 * 1024 * 1024
MAX_SECONDS = 300.0
MAX_STATEMENT_BYTES = 1024 * 1024
_SWEEP_SECONDS = 10.0


@dataclass(frozen=True)
class Question:
    """One statement as asked; limits above the server's maxima are lowered to them."""

    statement: str
    params: Params = ()
    write: bool = False
    rows: int = 1000
    bytes: int = 16 * 1024 * 1024
    seconds: float = 30.0


class QueryService:
    """Lives in the api process, on its event loop. `watch` must run there for statements to end on a stop or swap."""

    def __init__(
        self, db: Database, reach: Reach, gate: Gate, pool: SessionPool, history: StatementHistory, clock: Clock
    ) -> None:
        self._db = db
        self._reach = reach
        self._gate = gate
        self._pool = pool
        self._history = history
        self._clock = clock

    async def query(self, actor: Actor, resource_id: str, question: Question) -> AsyncIterator[Batch]:
        """Batches as the engine gives them. Closing the iterator early cancels the statement at the server.

        Raises Conflict unless the database is ready, and what `Session.query` raises. Every statement that got as far
        as the engine is in the history with its end, whatever it was.
        """
        permission = "database.query.write" if question.write else "database.query.read"
        resource = await asyncio.to_thread(self._allowed, actor, resource_id, permission, question)
        stop, note = Stop(), _Note(self._dialect(resource), actor, question, self._clock)
        try:
            async with AsyncExitStack() as stack:
                await stack.enter_async_context(self._pool.turn(resource.id, stop))
                resource = await self._enter(stack, resource.id)
                access: Literal["owner", "ro"] = "owner" if question.write else "ro"
                session = await stack.enter_async_context(self._pool.session(resource, access))
                note.begin()
                batches = session.query(question.statement, question.params, limits_of(question, stop))
                async with aclosing(batches) as open_batches:  # type: ignore[type-var]
                    async for batch in open_batches:
                        note.see(batch)
                        yield batch
            note.status = "ok"
        except HoldfastError as error:
            note.status = error.code
            if isinstance(error, Cancelled) and stop.stopped:
                raise Conflict(
                    f"the statement was ended: {stop.reason}", code="statement_cancelled", details={"state": "draining"}
                ) from error
            raise
        except (GeneratorExit, asyncio.CancelledError):
            note.status = "cancelled"
            raise
        finally:
            stop.stop("over")
            if note.began:
                self._history.add(note.statement(resource.id))

    async def inspect(self, actor: Actor, resource_id: str, depth: Literal["shallow", "full"]) -> Catalog:
        """Schemas, relations, columns, sizes; "full" counts exactly."""
        resource = await asyncio.to_thread(self._allowed, actor, resource_id, "database.read", None)
        stop = Stop()
        try:
            async with AsyncExitStack() as stack:
                await stack.enter_async_context(self._pool.turn(resource.id, stop))
                resource = await self._enter(stack, resource.id)
                session = await stack.enter_async_context(self._pool.session(resource, "ro"))
                return await session.inspect(depth)
        finally:
            stop.stop("over")

    async def statements(self, actor: Actor, resource_id: str, *, after: str | None, limit: int) -> Sequence[Statement]:
        """Newest first: who ran what shape of statement, how long it took, how it ended."""
        await asyncio.to_thread(self._allowed, actor, resource_id, "database.statements.read", None)
        return await asyncio.to_thread(self._history.page, resource_id, after=after, limit=limit)

    async def watch(self, topics: AsyncIterator[str]) -> None:
        """Drain databases as the runner says so (`resource:<id>`), close idle sessions; runs until cancelled."""

        async def sweep() -> None:
            while True:
                await asyncio.sleep(_SWEEP_SECONDS)
                await self._pool.sweep()

        async with asyncio.TaskGroup() as group:
            group.create_task(sweep())
            async for topic in topics:
                if topic.startswith("resource:"):
                    await self._pool.drain(topic.removeprefix("resource:"))

    async def drain(self) -> None:
        """Close every session and end every statement of this process."""
        await self._pool.close()

    async def close(self) -> None:
        await self.drain()
        await asyncio.to_thread(self._history.close)

    async def _enter(self, stack: AsyncExitStack, resource_id: str) -> Resource:
        """Through the gate, and only then read the state: see gate.py for why in this order."""
        stack.enter_context(self._gate.shared(resource_id))
        resource = await asyncio.to_thread(self._current, resource_id)
        if resource is None or resource.state != "ready":
            state = resource.state if resource else "gone"
            raise Conflict(
                f"this database is {state}, not ready",
                code="database_not_ready",
                hint="Start it, or wait for its run to end.",
                details={"state": state},
            )
        return resource

    def _current(self, resource_id: str) -> Resource | None:
        with self._db.read() as conn:
            return store.get(conn, resource_id)

    def _allowed(self, actor: Actor, resource_id: str, permission: str, question: Question | None) -> Resource:
        """Reading a production database by query is a fact for the audit, before the statement runs."""
        with self._db.read() as conn:
            resource = found(conn, actor, resource_id, permission)
            environment = projects.environment(conn, resource.environment_id) if question is not None else None
        if permission != "database.statements.read":
            self._reach.require_here(resource)
        if question is not None:
            _check(question)
        if question is not None and environment is not None and environment.kind == "production":
            with self._db.write() as conn:
                audit.record(
                    conn,
                    actor=actor.id,
                    action=permission,
                    project_id=resource.project_id,
                    environment_id=resource.environment_id,
                    resource_id=resource.id,
                    details={"statement": fingerprint(question.statement, self._dialect(resource))},
                )
        return resource

    def _dialect(self, resource: Resource) -> str | None:
        return self._reach.engine(resource).capabilities.dialect


class _Note:
    """What the history will say."""

    def __init__(self, dialect: str | None, actor: Actor, question: Question, clock: Clock) -> None:
        self._dialect = dialect
        self._actor = actor
        self._question = question
        self._clock = clock
        self._started = 0.0
        self.began = False
        self.status = "failed"
        self._rows = 0
        self._affected: int | None = None

    def begin(self) -> None:
        self.began = True
        self._at = self._clock.now()
        self._started = time.monotonic()

    def see(self, batch: Batch) -> None:
        self._rows += len(batch.rows)
        self._affected = batch.affected if batch.affected is not None else self._affected

    def statement(self, resource_id: str) -> Statement:
        return Statement(
            id=new_id("qry"),
            resource_id=resource_id,
            actor=self._actor.id,
            at=self._at,
            fingerprint=fingerprint(self._question.statement, self._dialect),
            write=self._question.write,
            status=self.status,
            duration_ms=round(1000 * (time.monotonic() - self._started), 3),
            rows=self._rows,
            affected=self._affected,
        )


def limits_of(question: Question, stop: Stop) -> QueryLimits:
    """Never above the server's maxima."""
    return QueryLimits(
        rows=min(question.rows, MAX_ROWS),
        bytes=min(question.bytes, MAX_BYTES),
        seconds=min(question.seconds, MAX_SECONDS),
        write=question.write,
        stop=stop,
    )


def _check(question: Question) -> None:
    if not question.statement.strip():
        raise Invalid("the statement is empty", code="statement_invalid")
    if len(question.statement.encode(errors="replace")) > MAX_STATEMENT_BYTES:
        raise Invalid(f"a statement takes at most {MAX_STATEMENT_BYTES} bytes", code="statement_too_long")
    if question.rows < 1 or question.bytes < 1 or not 0 < question.seconds < float("inf"):
        raise Invalid("limits must be above zero", code="limits_invalid")
