"""What goes out, as bytes in the format that was asked for."""

from __future__ import annotations

import io
import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import IO, Any, cast

from holdfast.contract.bulk import CanBulk, Unload, Unloading
from holdfast.contract.catalog import Catalog
from holdfast.features.databases.encoding import encode_value
from holdfast.formats.delimited import Dialect, guarded, header_line, segments
from holdfast.formats.json_rows import write_rows
from holdfast.formats.parquet_rows import Wanted
from holdfast.formats.parquet_rows import write_rows as write_parquet
from holdfast.formats.sniffing import Form
from holdfast.formats.squeezing import SUFFIX, Squeeze, squeezed
from holdfast.kernel.errors import Conflict, Invalid, NotFound
from holdfast.kernel.stop import Stop

MEDIA = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "sql": "application/sql",
    "parquet": "application/vnd.apache.parquet",
}
PIECE = 256 * 1024


@dataclass(frozen=True)
class CsvWish:
    """How delimited text is written; always UTF-8."""

    delimiter: str = ","
    quote: str = '"'
    header: bool = True
    null: str = ""
    formula_safe: bool = False

    @property
    def dialect(self) -> Dialect:
        return Dialect(self.delimiter, self.quote, self.header, self.null)


@dataclass(frozen=True)
class ExportWish:
    """A table ("schema.table" or "table"), a reading statement, or (neither) the whole database, as SQL only."""

    form: Form
    table: str | None = None
    statement: str | None = None
    squeeze: Squeeze = "none"
    csv: CsvWish = field(default_factory=CsvWish)

    def check(self) -> None:
        """Raises Invalid before anything is asked of the database."""
        if self.table is not None and self.statement is not None:
            raise Invalid("a table or a statement: say one of them", code="export_invalid")
        if self.table is None and self.statement is None and self.form != "sql":
            raise Invalid("a whole database is exported as sql; name a table for other formats", code="export_invalid")
        if self.statement is not None and self.form == "sql":
            raise Invalid("a result has no schema to write as sql; choose another format", code="export_invalid")
        if self.form == "csv":
            self.csv.dialect  # noqa: B018  raises for what cannot be told apart

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, given: dict[str, Any]) -> ExportWish:
        return cls(**{**given, "csv": CsvWish(**given["csv"])})

    @property
    def media(self) -> str:
        plain = MEDIA[self.form]
        return {"none": plain, "gzip": "application/gzip", "zstd": "application/zstd"}[self.squeeze]

    def file_name(self, database: str) -> str:
        return f"{self.table or database}.{self.form}{SUFFIX[self.squeeze]}"


def resolve(catalog: Catalog, table: str) -> tuple[str, str]:
    """The relation meant. Raises NotFound, or Conflict (code "table_ambiguous")."""
    found = find(catalog, table)
    if found is None:
        raise NotFound(f"the database has no table {table!r}", code="table_not_found")
    return found


def find(catalog: Catalog, table: str) -> tuple[str, str] | None:
    relations = [(relation.schema, relation.name) for relation in catalog.relations if relation.kind != "sequence"]
    whole = [pair for pair in relations if ".".join(pair) == table]
    named = whole or [pair for pair in relations if pair[1] == table]
    if len(named) > 1:
        names = [".".join(pair) for pair in named]
        raise Conflict(f"more than one schema has {table!r}", code="table_ambiguous", details={"tables": names})
    return named[0] if named else None


def written(session: object, wish: ExportWish, relation: tuple[str, str] | None, stop: Stop) -> Iterator[bytes]:
    """The file in pieces; closing the iterator ends the statement. One thread at a time."""
    if not isinstance(session, CanBulk):
        raise Conflict("this engine exports no rows", code="cannot_transfer")
    return squeezed(_plain(session, wish, relation, stop), wish.squeeze)


def _plain(session: CanBulk, wish: ExportWish, relation: tuple[str, str] | None, stop: Stop) -> Iterator[bytes]:
    if wish.form == "sql":
        yield from session.bulk_dump([relation] if relation else [], stop)
        return
    with session.bulk_unload(Unload(relation, wish.statement), stop) as unloading:
        names = [column.name for column in unloading.columns]
        if wish.form == "csv":
            yield from _csv(unloading, wish.csv, names)
        elif wish.form == "parquet":
            yield from _parquet(unloading)
        else:
            yield from write_rows(names, unloading.rows(), encode_value, array=wish.form == "json")


def _csv(unloading: Unloading, wish: CsvWish, names: Sequence[str]) -> Iterator[bytes]:
    dialect = wish.dialect
    if wish.header:
        yield header_line(names, dialect, formula_safe=wish.formula_safe)
    pieces = unloading.csv(dialect)
    if pieces is None:
        raise Invalid("this engine writes no text without quotes", code="dialect_invalid")
    if not wish.formula_safe:
        yield from pieces
        return
    for segment in segments(pieces, dialect):
        yield guarded(segment.data, dialect)


def _parquet(unloading: Unloading) -> Iterator[bytes]:
    """The writer pushes and we are pulled from: it works on a thread of its own, a few pieces ahead."""
    columns = [Wanted(column.name, column.kind, column.type) for column in unloading.columns]
    if not columns:
        raise Invalid("Parquet needs at least one column", code="export_invalid")
    pipe = _Pipe()

    def work() -> None:
        try:
            out = io.BufferedWriter(pipe, PIECE)
            write_parquet(columns, unloading.rows(), cast(IO[bytes], out))
            out.flush()
            pipe.end(None)
        except BaseException as error:  # noqa: BLE001  handed to the reader, which raises it
            pipe.end(error)

    thread = threading.Thread(target=work, name="parquet", daemon=True)
    thread.start()
    try:
        yield from pipe.pieces()
    finally:
        pipe.abandon()
        thread.join()


class _Pipe(io.RawIOBase):
    """At most a few pieces wait; a reader that left makes the writer fail."""

    def __init__(self) -> None:
        self._queue: queue.Queue[bytes | BaseException | None] = queue.Queue(4)
        self._left = False

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._put(bytes(data))
        return len(data)

    def end(self, error: BaseException | None) -> None:
        self._put(error, quietly=True)

    def _put(self, item: bytes | BaseException | None, *, quietly: bool = False) -> None:
        while not self._left:
            try:
                self._queue.put(item, timeout=0.2)
                return
            except queue.Full:
                continue
        if not quietly:
            raise BrokenPipeError("nobody reads any more")

    def pieces(self) -> Iterator[bytes]:
        while (item := self._queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    def abandon(self) -> None:
        self._left = True
