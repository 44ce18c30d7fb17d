"""An open line to one PostgreSQL database. No I/O until the first verb; statements reuse a line made clean."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from contextlib import AbstractContextManager
from typing import Literal

import psycopg

from holdfast.contract.catalog import Catalog
from holdfast.contract.measure import Measures
from holdfast.contract.neutral import Neutral, NeutralTable, Reading, Writing
from holdfast.contract.query import Batch, Params, QueryLimits
from holdfast.contract.rows import Change, Edited, RowsFound, RowsWanted, Table, TableName
from holdfast.contract.shapes import Reshape, Shape, Steps
from holdfast.contract.snapshot import (
    Capture,
    CaptureRequest,
    Level,
    Manifest,
    Receipt,
    RestoreRequest,
    Source,
    Verdict,
)
from holdfast.contract.spec import Access, Endpoint
from holdfast.contract.tools import Tools
from holdfast.engines.postgresql import (
    digest,
    faults,
    inspect,
    link,
    measure,
    neutral_read,
    neutral_write,
    query,
    rows,
    shapes,
    tables,
)
from holdfast.engines.postgresql.bulk import PostgresBulk
from holdfast.engines.postgresql.capture import PostgresCapture
from holdfast.engines.postgresql.lines import Lines
from holdfast.engines.postgresql.restore import Restore
from holdfast.engines.postgresql.scripts import Scripts
from holdfast.engines.postgresql.verify import verify_restored
from holdfast.kernel.errors import Denied
from holdfast.kernel.stop import Stop


class PostgresqlSession(Scripts, PostgresBulk):
    """Implements Session, CanDigest, CanMeasure, CanEdit, CanReshape, CanTranslate, CanScript and CanBulk."""

    def __init__(self, at: Endpoint, tools: Tools, access: Access) -> None:
        self._at, self._tools, self._access = at, tools, access
        self._lines = Lines(at)

    async def inspect(self, depth: Literal["shallow", "full"] = "shallow") -> Catalog:
        return await asyncio.to_thread(self._inspect, depth)

    def _inspect(self, depth: Literal["shallow", "full"]) -> Catalog:
        with link.connect(self._at) as connection:
            try:
                with connection.transaction():
                    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                    return inspect.catalog(connection, exact=depth == "full")
            except psycopg.Error as error:
                raise faults.from_psycopg(error, "reading the catalog") from error

    def query(self, statement: str, params: Params, limits: QueryLimits) -> AsyncIterator[Batch]:
        """A user's statement never runs as the superuser: "admin" writes with the owner's rights."""
        return query.run(self._lines, self._writer if limits.write else "ro", statement, params, limits)

    @property
    def _writer(self) -> Access:
        return "owner" if self._access == "admin" else self._access

    async def table(self, name: TableName) -> Table:
        return await rows.table(self._lines, "ro", name)

    async def rows(self, want: RowsWanted, limits: QueryLimits) -> RowsFound:
        return await rows.page(self._lines, want, limits)

    async def edit(self, name: TableName, batches: AsyncIterable[Sequence[Change]], limits: QueryLimits) -> Edited:
        if self._access == "ro":
            raise Denied("this access only reads", code="read_only")
        return await rows.edit(self._lines, self._writer, name, batches, limits)

    def capture(self, since: Manifest | None, want: CaptureRequest, stop: Stop) -> Capture:
        """Leaves out what the server's WAL summaries prove unchanged since `since`; see incremental.py."""
        return PostgresCapture(self._at, self._tools, want, stop, since)

    def restore(self, source: Source, want: RestoreRequest, stop: Stop) -> Receipt:
        return Restore(self._at, self._tools, source, want, stop).run()

    def verify(self, expected: Manifest, depth: Level, stop: Stop) -> Verdict:
        return verify_restored(self._at, expected, depth, stop)

    def digests(self, select: Sequence[str], stop: Stop) -> dict[str, tuple[int, str]]:
        with link.connect(self._at) as connection:
            try:
                with connection.transaction():
                    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                    chosen = tables.select(tables.list_tables(connection), select)
                    found = digest.of_tables(connection, chosen, stop)
            except psycopg.Error as error:
                stop.check()
                raise faults.from_psycopg(error, "computing digests") from error
        return {f"{schema}.{name}": (rows, text) for (schema, name), (rows, text) in found.items()}

    def reading(self) -> AbstractContextManager[Reading]:
        return neutral_read.reading(self._at)

    def accept(self, neutral: Neutral) -> Neutral:
        return neutral_write.accept(neutral)

    def writing(self, tables: Sequence[NeutralTable], stop: Stop) -> AbstractContextManager[Writing]:
        return neutral_write.writing(self._at, tables, stop)

    def measure(self, stop: Stop) -> Measures:  # noqa: ARG002
        return measure.measure(self._at)

    async def shape(self, name: TableName) -> Shape:
        return await shapes.shape(self._lines, name)

    async def reshape(self, act: Reshape, limits: QueryLimits, *, preview: bool) -> Steps:
        """The owner makes tables, so that its default grants hold for them."""
        if self._access in ("ro", "rw") and not preview:
            raise Denied("this access changes no tables", code="read_only")
        return await shapes.reshape(self._lines, self._writer, act, limits, preview=preview)

    async def close(self) -> None:
        await self._lines.close()
