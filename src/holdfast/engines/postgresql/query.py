"""One statement, streamed with limits, cancelled by our own timer.

A line that comes clean from `lines`: whatever the statement SETs dies with it. The extended protocol refuses more
than one statement; the role's grants refuse writes; `default_transaction_read_only` is only the second fence.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import psycopg
from psycopg import generators
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from holdfast.contract.query import Batch, Params, QueryLimits, ResultColumn
from holdfast.contract.spec import Access, Endpoint
from holdfast.engines.postgresql import faults, heavy, link, placeholders, values
from holdfast.engines.postgresql.lines import Lines
from holdfast.engines.postgresql.link import AsyncConnection
from holdfast.engines.postgresql.names import maintenance
from holdfast.kernel.errors import Cancelled, HoldfastError, Invalid, LimitExceeded

GRACE_SECONDS = 1.0  # from the polite cancel to ending the backend
CHUNK_ROWS = 100  # rows libpq hands over at once: small, so that wide rows do not pile up in memory
_COPY = (ExecStatus.COPY_IN, ExecStatus.COPY_OUT, ExecStatus.COPY_BOTH)
_ROWS = (ExecStatus.TUPLES_OK, ExecStatus.TUPLES_CHUNK, ExecStatus.SINGLE_TUPLE)


class Watch:
    """Ends a statement at its deadline or on stop: cancel first, then the backend itself."""

    def __init__(self, at: Endpoint, access: Access, connection: AsyncConnection, limits: QueryLimits) -> None:
        self._at, self._access, self._connection, self._limits = at, access, connection, limits
        self._pid = connection.info.backend_pid
        self.done = asyncio.Event()
        self.reason: str | None = None
        self._task: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(limits.seconds, self._ended, "query_timeout")
        limits.stop.on_stop(self._stopped)

    def _stopped(self) -> None:
        """From any thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._ended, "cancelled")

    def _ended(self, reason: str) -> None:
        if self.reason is None and not self.done.is_set():
            self.reason = reason
            self._task = self._loop.create_task(self.end())

    async def end(self) -> None:
        """The server's side is gone when this returns, or the server is."""
        with contextlib.suppress(psycopg.Error):
            await self._connection.cancel_safe(timeout=GRACE_SECONDS)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.done.wait(), GRACE_SECONDS)
            return
        with contextlib.suppress(HoldfastError, psycopg.Error):
            await terminate(self._at, self._access, self._pid)

    async def close(self, finished: bool) -> None:
        if not finished and self.reason is None:
            with contextlib.suppress(psycopg.Error):
                await self._connection.cancel_safe(timeout=GRACE_SECONDS)
            if self._connection.pgconn.transaction_status == psycopg.pq.TransactionStatus.ACTIVE:
                with contextlib.suppress(HoldfastError, psycopg.Error):
                    await terminate(self._at, self._access, self._pid)
        self._timer.cancel()
        self.done.set()
        if self._task is not None:
            await self._task

    def failure(self) -> HoldfastError | None:
        if self.reason == "cancelled":
            return Cancelled(f"stopped: {self._limits.stop.reason}")
        if self.reason == "query_timeout":
            return LimitExceeded(
                f"the statement took longer than {self._limits.seconds:g} s and was cancelled",
                code="query_timeout",
                details={"seconds": self._limits.seconds},
                hint="ask for less, or raise the time limit",
            )
        return None


async def terminate(at: Endpoint, access: Access, pid: int) -> None:
    """At a server of ours as the superuser; elsewhere as the login whose statement it is, who may end its own."""
    line = link.connect_async(maintenance(at)) if at.hosted else link.connect_async(at, access)
    async with await line as admin:
        await admin.execute("SELECT pg_catalog.pg_terminate_backend(%s)", (pid,))


async def run(
    lines: Lines, access: Access, statement: str, params: Params, limits: QueryLimits
) -> AsyncIterator[Batch]:
    """See `contract.engine.Session.query`. `access` is the role that runs it."""
    limits.stop.check()
    if "\x00" in statement:
        raise Invalid("a statement cannot hold a zero byte", code="statement_invalid")
    text, bound = placeholders.bind(statement, params)
    connection = await lines.take(access)
    watch = Watch(lines.at, access, connection, limits)
    finished = False
    try:
        result = Result(connection, limits)
        try:
            result.send(text, bound)
            async for batch in result.batches():
                yield batch
            finished = not result.cut_off
        except psycopg.Error as error:
            await result.drain()
            finished = not faults.is_gone(error) or connection.closed
            raise watch.failure() or faults.from_statement(error, write=limits.write) from error
    finally:
        clean = finished and watch.reason is None
        if not clean:
            await asyncio.shield(watch.close(finished))
        else:
            await watch.close(finished)
        await asyncio.shield(lines.give(access, connection, clean=clean))


class Result:
    """The rows of one statement as batches, within the row and byte limits."""

    def __init__(self, connection: AsyncConnection, limits: QueryLimits) -> None:
        self._connection, self._limits = connection, limits
        self._most = max(heavy.LEAST, 4 * limits.bytes)
        self._transformer = Transformer(values.Context(connection))
        self._columns: tuple[ResultColumn, ...] | None = None
        self._pending: list[tuple[Any, ...]] = []
        self._rows = self._bytes = 0
        self._truncated: str | None = None
        self._affected: int | None = None
        self.cut_off = False
        """The line is in the middle of a row and of no more use."""

    def send(self, text: str, bound: Sequence[Any]) -> None:
        try:
            dumped = self._transformer.dump_sequence(bound, [PyFormat.TEXT] * len(bound))
        except (psycopg.Error, TypeError, ValueError, OverflowError) as error:
            raise Invalid(f"a parameter cannot be sent: {error}", code="params_invalid") from error
        types = self._transformer.types or ()
        pgconn = self._connection.pgconn
        pgconn.send_query_params(text.encode(), dumped, param_types=types, result_format=psycopg.pq.Format.TEXT)
        pgconn.set_chunked_rows_mode(max(1, min(CHUNK_ROWS, self._limits.rows + 1)))

    async def batches(self) -> AsyncIterator[Batch]:
        await self._connection.wait(generators.send(self._connection.pgconn))
        while (result := await self._fetch()) is not None:
            self._take(result)
            if self._truncated:
                break
            while len(self._pending) >= self._limits.batch_rows:
                yield self._batch(self._limits.batch_rows)
        if self._truncated:
            await self._abandon()
        while len(self._pending) > self._limits.batch_rows:
            yield self._batch(self._limits.batch_rows)
        yield self._batch(len(self._pending), last=True)

    async def _fetch(self) -> PGresult | None:
        """The next part; None at the end, or where the rows become larger than we hold. Raises LimitExceeded (code
        "rows_too_large") when that is the very first part."""
        pgconn = self._connection.pgconn
        try:
            found: PGresult | None = await self._connection.wait(
                heavy.counted(generators.fetch(pgconn), pgconn.socket, self._most)
            )
        except heavy.TooHeavy:
            self.cut_off = True
            if not self._rows:
                raise heavy.too_large() from None
            self._truncated = "bytes"
            return None
        return found

    async def drain(self) -> None:
        """Take what the server still says of a statement that failed: until then it hears no other."""
        with contextlib.suppress(psycopg.Error):
            while (result := await self._connection.wait(generators.fetch(self._connection.pgconn))) is not None:
                if result.status in _COPY:
                    return  # it would say so for ever: a line in this state is closed, not used again

    async def _abandon(self) -> None:
        """The rest is not wanted: stop the server producing it."""
        with contextlib.suppress(psycopg.Error):
            await self._connection.cancel_safe(timeout=GRACE_SECONDS)

    def _batch(self, count: int, last: bool = False) -> Batch:
        rows, self._pending = self._pending[:count], self._pending[count:]
        return Batch(
            columns=self._columns or (),
            rows=tuple(rows),
            last=last,
            affected=self._affected if last else None,
            truncated=self._truncated if last else None,
        )

    def _take(self, result: PGresult) -> None:
        if result.status in _COPY:
            raise psycopg.errors.FeatureNotSupported("COPY is not run here: use an import or a snapshot")
        if result.status == ExecStatus.EMPTY_QUERY:
            raise psycopg.errors.SyntaxError("the statement is empty")
        if result.status == ExecStatus.FATAL_ERROR:
            raise psycopg.errors.error_from_result(result, encoding="utf-8")
        if result.status in _ROWS:
            self._describe(result)
            self._load(result)
        if result.status in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
            self._affected = result.command_tuples if not (result.command_status or b"").startswith(b"SELECT") else None

    def _describe(self, result: PGresult) -> None:
        if self._columns is not None:
            self._transformer.set_pgresult(result, set_loaders=False)
            return
        self._transformer.set_pgresult(result)
        self._columns = tuple(
            ResultColumn((result.fname(i) or b"").decode("utf-8", "replace"), values.type_name(result.ftype(i)))
            for i in range(result.nfields)
        )

    def _load(self, result: PGresult) -> None:
        for row in range(result.ntuples):
            if self._rows >= self._limits.rows:
                self._truncated = "rows"
                return
            size = sum(len(result.get_value(row, column) or b"") for column in range(result.nfields))
            if self._bytes + size > self._limits.bytes:
                if not self._rows and size > self._most:  # it came faster than it was counted
                    self.cut_off = True
                    raise heavy.too_large()
                self._truncated = "bytes"
                return
            self._rows, self._bytes = self._rows + 1, self._bytes + size
            self._pending.append(self._transformer.load_row(row, tuple))
