"""Running one statement for someone: authorised, limited, recorded, cancelled when they go away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from holdfast.contract.catalog import Catalog
from holdfast.contract.engine import Capabilities, Session
from holdfast.contract.query import Batch, Params, QueryLimits
from holdfast.features.access.actor import Actor
from holdfast.features.databases import store
from holdfast.features.databases.fingerprint import MAX_LENGTH, fingerprint
from holdfast.features.databases.gate import Gate
from holdfast.features.databases.guard import allowed
from holdfast.features.databases.history import EVERY, StatementHistory, Wanted
from holdfast.features.databases.model import Resource, Statement
from holdfast.features.databases.pool import SessionPool
from holdfast.features.databases.reach import Reach
from holdfast.features.projects import store as projects
from holdfast.kernel import audit
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database, Remembered
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


@dataclass(frozen=True)
class Errand:
    """One piece of work on a database: what it needs, how the history and a production audit call it.

    `plain`: the statement is words of ours without values and is kept as it is. `noted` False = no rows are touched.
    `action` names an audit row that is written wherever the database is, with `details`.
    """

    permission: str
    statement: str
    write: bool = False
    plain: bool = False
    noted: bool = True
    action: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    def shape(self, able: Capabilities) -> str:
        if self.plain:
            return self.statement[:MAX_LENGTH]
        return fingerprint(self.statement, able.dialect, able.vocabulary)


@dataclass(frozen=True)
class Visit:
    """What an errand is done with; `stop` is set when it has to end."""

    resource: Resource
    session: Session
    stop: Stop
    note: Note


class Note:
    """What the history will say."""

    def __init__(self, able: Capabilities, actor: Actor, errand: Errand, clock: Clock) -> None:
        self._able = able
        self._actor = actor
        self._errand = errand
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

    def see(self, rows: int, affected: int | None = None) -> None:
        self._rows += rows
        self._affected = affected if affected is not None else self._affected

    def statement(self, resource_id: str) -> Statement:
        return Statement(
            id=new_id("qry"),
            resource_id=resource_id,
            actor=self._actor.id,
            at=self._at,
            fingerprint=self._errand.shape(self._able),
            write=self._errand.write,
            status=self.status,
            duration_ms=round(1000 * (time.monotonic() - self._started), 3),
            rows=self._rows,
            affected=self._affected,
        )


@dataclass(frozen=True)
class _Seen:
    """A database as it was read."""

    resource: Resource
    in_production: bool


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
        self._seen: Remembered[str, _Seen | None] = Remembered(db.mark)

    async def query(self, actor: Actor, resource_id: str, question: Question) -> AsyncIterator[Batch]:
        """Batches as the engine gives them. Closing the iterator early cancels the statement at the server.

        Raises Conflict unless the database is ready, and what `Session.query` raises. Every statement that got as far
        as the engine is in the history with its end, whatever it was.
        """
        permission = "database.query.write" if question.write else "database.query.read"
        _check(question)
        errand = Errand(permission, question.statement, question.write)
        async with self.visit(actor, resource_id, errand) as visit:
            limits = limits_of(question, visit.stop)
            batches = visit.session.query(question.statement, question.params, limits)
            async with aclosing(batches) as open_batches:  # type: ignore[type-var]
                async for batch in open_batches:
                    visit.note.see(len(batch.rows), batch.affected)
                    yield batch

    @asynccontextmanager
    async def visit(self, actor: Actor, resource_id: str, errand: Errand) -> AsyncIterator[Visit]:
        """A session for one piece of work: authorised, in its turn, through the gate, ended on a stop or swap, and
        in the history with its end. Raises Conflict unless the database is ready."""
        stop, stack = Stop(), AsyncExitStack()
        quick = self._quick(stack, resource_id)
        try:
            resource = await self._admit(actor, resource_id, errand)
        except BaseException:
            await stack.aclose()
            raise
        note = Note(self._able(resource), actor, errand, self._clock)
        try:
            async with stack:
                if not quick or not self._pool.free(resource.id):
                    await stack.aclose()  # whoever waits for a turn must not keep the gate open meanwhile
                    quick = False
                await stack.enter_async_context(self._pool.turn(resource.id, stop))
                resource = _ready(resource) if quick else await self._enter(stack, resource)
                access: Literal["owner", "ro"] = "owner" if errand.write else "ro"
                session = await stack.enter_async_context(self._pool.session(resource, access))
                note.begin()
                yield Visit(resource, session, stop, note)
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
            if note.began and errand.noted:
                self._history.add(note.statement(resource.id))

    async def inspect(self, actor: Actor, resource_id: str, depth: Literal["shallow", "full"]) -> Catalog:
        """Schemas, relations, columns, sizes; "full" counts exactly."""
        errand = Errand("database.read", "inspect", noted=False)
        async with self.visit(actor, resource_id, errand) as visit:
            return await visit.session.inspect(depth)

    async def statements(
        self, actor: Actor, resource_id: str, *, after: str | None, limit: int, wanted: Wanted = EVERY
    ) -> Sequence[Statement]:
        """Newest first: who ran what shape of statement, how long it took, how it ended."""
        errand = Errand("database.statements.read", "statements", noted=False)
        await self._admit(actor, resource_id, errand)
        return await asyncio.to_thread(self._history.page, resource_id, after=after, limit=limit, wanted=wanted)

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

    def _quick(self, stack: AsyncExitStack, resource_id: str) -> bool:
        """Through the gate before anything is read, so that one reading answers for rights and state: only where this
        process has a session already, otherwise anyone's made-up id would leave a lock file behind."""
        if not self._pool.free(resource_id):
            return False
        try:
            stack.enter_context(self._gate.shared(resource_id))
        except Conflict:
            return False  # the caller's rights are asked first
        return True

    async def _enter(self, stack: AsyncExitStack, resource: Resource) -> Resource:
        """Through the gate, and only then read the state: see gate.py for why in this order."""
        stack.enter_context(self._gate.shared(resource.id))
        seen = self._seen.get(resource.id) or await asyncio.to_thread(self._look, resource.id)
        return _ready(seen.resource if seen else None)

    async def _admit(self, actor: Actor, resource_id: str, errand: Errand) -> Resource:
        """The database, if the errand is allowed there. What was read and cannot have changed needs no thread."""
        seen = self._seen.get(resource_id)
        if seen is None or _is_fact(seen, errand):
            return await asyncio.to_thread(self._allowed, actor, resource_id, errand)
        return self._judge(actor, seen, errand)

    def _allowed(self, actor: Actor, resource_id: str, errand: Errand) -> Resource:
        """Touching the rows of a production database is a fact for the audit, before the statement runs."""
        seen = self._look(resource_id)
        resource = self._judge(actor, seen, errand)
        if seen is not None and _is_fact(seen, errand):
            with self._db.write() as conn:
                audit.record(
                    conn,
                    actor=actor.id,
                    action=errand.action or errand.permission,
                    project_id=resource.project_id,
                    environment_id=resource.environment_id,
                    resource_id=resource.id,
                    details={"statement": errand.shape(self._able(resource)), **errand.details},
                )
        return resource

    def _judge(self, actor: Actor, seen: _Seen | None, errand: Errand) -> Resource:
        resource = allowed(actor, seen.resource if seen else None, errand.permission)
        if errand.permission != "database.statements.read":
            self._reach.require_here(resource)
        return resource

    def _look(self, resource_id: str) -> _Seen | None:
        return self._seen.read(resource_id, lambda: self._read(resource_id))

    def _read(self, resource_id: str) -> _Seen | None:
        with self._db.read() as conn:
            resource = store.get(conn, resource_id)
            if resource is None:
                return None
            environment = projects.environment(conn, resource.environment_id)
        return _Seen(resource, environment is not None and environment.kind == "production")

    def _able(self, resource: Resource) -> Capabilities:
        return self._reach.engine(resource).capabilities


def _is_fact(seen: _Seen, errand: Errand) -> bool:
    """Whether the errand is for the audit."""
    return bool(errand.action) or (errand.noted and seen.in_production)


def _ready(found: Resource | None) -> Resource:
    if found is None or found.state != "ready":
        state = found.state if found else "gone"
        raise Conflict(
            f"this database is {state}, not ready",
            code="database_not_ready",
            hint="Start it, or wait for its run to end.",
            details={"state": state},
        )
    return found


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
