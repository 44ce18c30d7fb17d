"""A line to one file. Each verb opens what it needs: an idle session holds nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Literal

from holdfast.contract.catalog import Catalog
from holdfast.contract.measure import Measures
from holdfast.contract.neutral import Neutral, NeutralTable, Reading, Writing
from holdfast.contract.query import Batch, Params, QueryLimits
from holdfast.contract.rows import Change, Edited, RowsFound, RowsWanted, Table, TableName
from holdfast.contract.shapes import Reshape, Shape, Steps
from holdfast.contract.snapshot import CaptureRequest, Level, Manifest, Receipt, RestoreRequest, Source, Verdict
from holdfast.contract.spec import Access, Endpoint
from holdfast.contract.tools import Tools
from holdfast.engines.sqlite import foreign, neutral_read, neutral_write, reshape, rows
from holdfast.engines.sqlite.bulk import SqliteBulk
from holdfast.engines.sqlite.capture import SqliteCapture
from holdfast.engines.sqlite.connections import database, path_of
from holdfast.engines.sqlite.digest import matching, table_digests
from holdfast.engines.sqlite.look import look
from holdfast.engines.sqlite.measure import measure
from holdfast.engines.sqlite.query import run_query
from holdfast.engines.sqlite.restore import restore_file
from holdfast.engines.sqlite.scripts import Scripts
from holdfast.engines.sqlite.tables import restore_tables
from holdfast.engines.sqlite.verify import verify_database
from holdfast.kernel.errors import Denied
from holdfast.kernel.stop import Stop


class SqliteSession(Scripts, SqliteBulk):
    """Implements Session, CanDigest, CanMeasure, CanEdit, CanReshape, CanTranslate, CanScript and CanBulk."""

    def __init__(self, at: Endpoint, tools: Tools, access: Access) -> None:
        self._at, self._tools, self._access = at, tools, access

    async def inspect(self, depth: Literal["shallow", "full"] = "shallow") -> Catalog:
        return await asyncio.to_thread(self._look, depth)

    def _look(self, depth: Literal["shallow", "full"]) -> Catalog:
        with database(path_of(self._at), "read") as connection:
            connection.execute("BEGIN")
            return look(connection, self._at.database or "", depth)

    def query(self, statement: str, params: Params, limits: QueryLimits) -> AsyncIterator[Batch]:
        if limits.write and self._access == "ro":
            raise Denied("this access only reads", code="read_only")
        return run_query(path_of(self._at), statement, params, limits)

    async def table(self, name: TableName) -> Table:
        return await rows.table(path_of(self._at), name)

    async def rows(self, want: RowsWanted, limits: QueryLimits) -> RowsFound:
        return await rows.page(path_of(self._at), want, limits)

    async def edit(self, name: TableName, batches: AsyncIterable[Sequence[Change]], limits: QueryLimits) -> Edited:
        if self._access == "ro":
            raise Denied("this access only reads", code="read_only")
        return await rows.edit(path_of(self._at), name, batches, limits)

    async def shape(self, name: TableName) -> Shape:
        return await reshape.shape(path_of(self._at), name)

    async def reshape(self, act: Reshape, limits: QueryLimits, *, preview: bool) -> Steps:
        if self._access == "ro" and not preview:
            raise Denied("this access only reads", code="read_only")
        return await reshape.reshape(path_of(self._at), act, limits, preview=preview)

    def capture(self, since: Manifest | None, want: CaptureRequest, stop: Stop) -> SqliteCapture:
        return SqliteCapture(self._at, since, want, stop)

    def restore(self, source: Source, want: RestoreRequest, stop: Stop) -> Receipt:
        with foreign.keeping(self._at):
            if want.select or want.rename or want.into == "existing":
                return restore_tables(self._at, source, want, self._tools.scratch, stop)
            return restore_file(path_of(self._at), source, want, stop)

    def verify(self, expected: Manifest, depth: Level, stop: Stop) -> Verdict:
        return verify_database(path_of(self._at), expected, depth, stop)

    def digests(self, select: Sequence[str], stop: Stop) -> dict[str, tuple[int, str]]:
        return self.digests_by(select, {}, stop)

    def digests_by(self, select: Sequence[str], methods: Mapping[str, str], stop: Stop) -> dict[str, tuple[int, str]]:
        """See `contract.digesting.CanRepeatDigests`."""
        with database(path_of(self._at), "read", stop) as connection:
            connection.execute("BEGIN")
            catalog = look(connection, "", "shallow")
            tables = matching(catalog, select)
            return {
                f"{facts.schema}.{facts.name}": (facts.rows, facts.digest)
                for facts in table_digests(connection, tables, stop, methods)
                if facts.digest is not None
            }

    def reading(self) -> AbstractContextManager[Reading]:
        return neutral_read.reading(path_of(self._at))

    def accept(self, neutral: Neutral) -> Neutral:
        return neutral_write.accept(neutral)

    def writing(self, tables: Sequence[NeutralTable], stop: Stop) -> AbstractContextManager[Writing]:
        return neutral_write.writing(path_of(self._at), tables, stop)

    def measure(self, stop: Stop) -> Measures:  # noqa: ARG002
        return measure(path_of(self._at))

    async def close(self) -> None:
        """Nothing is held between verbs."""
