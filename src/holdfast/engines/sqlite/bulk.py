"""Rows in bulk, as sessions offer it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from holdfast.contract.bulk import BulkColumn, Load, ScriptResult, Unload
from holdfast.contract.spec import Endpoint
from holdfast.engines.sqlite import bulk_in, bulk_out, bulk_script
from holdfast.engines.sqlite.bulk_shape import relation_columns
from holdfast.engines.sqlite.connections import database, path_of
from holdfast.kernel.stop import Stop


class SqliteBulk:
    """Implements `contract.bulk.CanBulk`; every verb opens a connection of its own."""

    _at: Endpoint

    def bulk_columns(self, relation: tuple[str, str]) -> Sequence[BulkColumn]:
        with database(path_of(self._at), "read") as connection:
            return relation_columns(connection, relation)

    def bulk_unload(self, want: Unload, stop: Stop) -> bulk_out.SqliteUnloading:
        return bulk_out.SqliteUnloading(path_of(self._at), want, stop)

    def bulk_dump(self, relations: Sequence[tuple[str, str]], stop: Stop) -> Iterator[bytes]:
        return bulk_out.dump(path_of(self._at), relations, stop)

    def bulk_load(self, want: Load, stop: Stop) -> bulk_in.SqliteLoading:
        return bulk_in.SqliteLoading(path_of(self._at), want, stop)

    def bulk_script(
        self, pieces: Iterator[bytes], before_commit: Callable[[str, ScriptResult], None], stop: Stop
    ) -> None:
        bulk_script.run(path_of(self._at), pieces, before_commit, stop)

    def bulk_committed(self, token: str) -> bool:
        return bulk_in.committed(path_of(self._at), token)

    def bulk_forget(self, token: str) -> None:
        bulk_in.forget(path_of(self._at), token)
