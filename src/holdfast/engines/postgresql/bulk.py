"""Rows in bulk, as sessions offer it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from holdfast.contract.bulk import BulkColumn, Load, ScriptResult, Unload
from holdfast.contract.spec import Endpoint
from holdfast.contract.tools import Tools
from holdfast.engines.postgresql import bulk_in, bulk_out, bulk_script, bulk_shape, link
from holdfast.kernel.stop import Stop


class PostgresBulk:
    """Implements `contract.bulk.CanBulk`; every verb opens a line of its own."""

    _at: Endpoint
    _tools: Tools

    def bulk_columns(self, relation: tuple[str, str]) -> Sequence[BulkColumn]:
        with link.connect(self._at, "ro") as connection:
            return bulk_shape.relation_columns(connection, relation)

    def bulk_unload(self, want: Unload, stop: Stop) -> bulk_out.PostgresUnloading:
        return bulk_out.PostgresUnloading(self._at, self._tools, want, stop)

    def bulk_dump(self, relations: Sequence[tuple[str, str]], stop: Stop) -> Iterator[bytes]:
        return bulk_out.dump(self._at, self._tools, relations, stop)

    def bulk_load(self, want: Load, stop: Stop) -> bulk_in.PostgresLoading:
        return bulk_in.PostgresLoading(self._at, want, stop)

    def bulk_script(
        self, pieces: Iterator[bytes], before_commit: Callable[[str, ScriptResult], None], stop: Stop
    ) -> None:
        bulk_script.run(self._at, pieces, before_commit, stop)

    def bulk_committed(self, token: str) -> bool:
        return bulk_in.committed(self._at, token)

    def bulk_forget(self, token: str) -> None:
        """A transaction's number leaves nothing behind."""
