"""An open line to one PostgreSQL database. No I/O until the first verb; each verb opens what it needs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Literal

import psycopg

from holdfast.contract.catalog import Catalog
from holdfast.contract.measure import Measures
from holdfast.contract.query import Batch, Params, QueryLimits
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
from holdfast.engines.postgresql import digest, faults, inspect, link, measure, query, tables
from holdfast.engines.postgresql.capture import PostgresCapture
from holdfast.engines.postgresql.restore import Restore
from holdfast.engines.postgresql.verify import verify_restored
from holdfast.kernel.stop import Stop


class PostgresqlSession:
    def __init__(self, at: Endpoint, tools: Tools, access: Access) -> None:
        self._at, self._tools, self._access = at, tools, access

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
        writer: Access = "owner" if self._access == "admin" else self._access
        return query.run(self._at, writer if limits.write else "ro", statement, params, limits)

    def capture(self, since: Manifest | None, want: CaptureRequest, stop: Stop) -> Capture:  # noqa: ARG002
        """Reads every row each time; what did not change is found by the vault's chunks."""
        return PostgresCapture(self._at, self._tools, want, stop)

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

    def measure(self, stop: Stop) -> Measures:  # noqa: ARG002
        return measure.measure(self._at)

    async def close(self) -> None:
        """Nothing is kept open between verbs."""
