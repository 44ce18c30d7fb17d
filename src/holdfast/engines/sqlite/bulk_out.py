"""Rows out of a file, read on the caller's thread in one read transaction behind the guard."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import apsw
import apsw.ext

from holdfast.contract.bulk import BulkColumn, Unload
from holdfast.engines.sqlite.bulk_shape import kind_of, relation_columns, select
from holdfast.engines.sqlite.connections import open_database, quote, rows, translated, watch
from holdfast.engines.sqlite.errors import translate
from holdfast.engines.sqlite.guard import Guard
from holdfast.formats.delimited import Dialect, quoter
from holdfast.kernel.errors import Denied, Invalid, NotFound, Permanent
from holdfast.kernel.stop import Stop

BATCH_ROWS = 2000


class SqliteUnloading:
    """Implements `contract.bulk.Unloading`."""

    def __init__(self, path: Path, want: Unload, stop: Stop) -> None:
        self._path, self._want, self._stop = path, want, stop
        self._connection: apsw.Connection | None = None
        self._guard = Guard(write=False)
        self._statement = ""
        self.columns: Sequence[BulkColumn] = ()

    def __enter__(self) -> SqliteUnloading:
        self._stop.check()
        self._connection = open_database(self._path, "read")
        try:
            watch(self._connection, lambda: self._stop.stopped)
            with translated(self._stop):
                self._describe(self._connection)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _describe(self, connection: apsw.Connection) -> None:
        if self._want.relation is not None:
            columns = relation_columns(connection, self._want.relation)
            self._statement, self.columns = select(columns, self._want.relation), columns
            return
        self._guard.install(connection)
        self._statement = self._want.statement or ""
        try:
            found = apsw.ext.query_info(connection, self._statement)
        except apsw.Error as error:
            if self._guard.refused:
                raise Denied(f"this access only reads: {self._guard.refused}", code="read_only") from error
            raise translate(error) from error
        if found.query_remaining and found.query_remaining.strip(" \t\r\n;"):
            raise Invalid("one statement at a time, please", code="many_statements")
        if not found.description:
            raise Invalid("only a statement that gives rows can be exported", code="statement_invalid")
        if not found.is_readonly:
            raise Denied("this access only reads", code="read_only")
        self.columns = [BulkColumn(name, kind or "", kind_of(kind)) for name, kind in found.description]

    def __exit__(self, *_: object) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close(True)

    def csv(self, dialect: Dialect) -> Iterator[bytes]:
        field = quoter(dialect)
        for batch in self.texts():
            lines = [dialect.delimiter.join([field(value) for value in row]) for row in batch]
            yield (dialect.newline.join(lines) + dialect.newline).encode("utf-8", "surrogateescape")

    def texts(self) -> Iterator[Sequence[Sequence[str | None]]]:
        for batch in self.rows():
            yield [[value if value is None or type(value) is str else _text(value) for value in row] for row in batch]

    def rows(self) -> Iterator[Sequence[Sequence[Any]]]:
        if self._connection is None:
            raise Permanent("this export was left", code="stream_closed")
        with translated(self._stop):
            try:
                cursor = self._connection.execute(self._statement, can_cache=False)
                while batch := list(_take(cursor)):
                    self._stop.check()
                    yield batch
            except UnicodeError:
                raise Invalid(
                    "a text value is not valid Unicode; read it with CAST(... AS BLOB)", code="statement_invalid"
                ) from None


def _take(cursor: Iterator[Any]) -> Iterator[Any]:
    for _ in range(BATCH_ROWS):
        row = next(cursor, None)
        if row is None:
            return
        yield row


def _text(value: Any) -> str:
    """As `Loading.put` reads it back."""
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    if isinstance(value, float) and not math.isfinite(value):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(value)


_ORDER = "CASE type WHEN 'table' THEN 0 WHEN 'index' THEN 2 WHEN 'view' THEN 3 ELSE 4 END"
_OBJECTS = f"SELECT type, name, tbl_name, sql FROM main.sqlite_schema WHERE sql IS NOT NULL ORDER BY {_ORDER}, rowid"


def dump(path: Path, relations: Sequence[tuple[str, str]], stop: Stop) -> Iterator[bytes]:
    """What the sqlite3 program's .dump gives: it reads this back. Virtual tables are rebuilt from their definition."""
    connection = open_database(path, "read")
    try:
        watch(connection, lambda: stop.stopped)
        with translated(stop):
            connection.execute("BEGIN")
            chosen = {name for _, name in relations}
            objects = [row for row in rows(connection, _OBJECTS) if not chosen or row[2] in chosen]
            if missing := chosen - {row[1] for row in objects}:
                raise NotFound(f"there is no table {sorted(missing)[0]!r}", code="table_not_found")
            kinds = dict(rows(connection, "SELECT name, type FROM pragma_table_list WHERE schema = 'main'"))
            yield b"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n"
            for kind, name, _, definition in objects:
                if kinds.get(name) == "shadow" or name.startswith("sqlite_"):
                    continue
                yield f"{definition};\n".encode()
                if kind == "table" and kinds.get(name) in ("table", "virtual"):
                    yield from _inserts(connection, name)
            yield from _counters(connection, chosen)
            yield b"COMMIT;\n"
    finally:
        connection.close(True)


def _inserts(connection: apsw.Connection, table: str) -> Iterator[bytes]:
    columns = [column for column in relation_columns(connection, ("main", table)) if not column.generated]
    head = f"INSERT INTO {quote(table)}({','.join(quote(c.name) for c in columns)}) VALUES("
    cursor = connection.execute(select(columns, ("main", table)))
    while batch := list(_take(cursor)):
        yield "".join([head + ",".join([_literal(value) for value in row]) + ");\n" for row in batch]).encode()


def _counters(connection: apsw.Connection, chosen: set[str]) -> Iterator[bytes]:
    if not rows(connection, "SELECT 1 FROM main.sqlite_schema WHERE name = 'sqlite_sequence'"):
        return
    for name, number in rows(connection, "SELECT name, seq FROM main.sqlite_sequence"):
        if not chosen or name in chosen:
            literal = _literal(name)
            yield f"DELETE FROM sqlite_sequence WHERE name={literal};\n".encode()
            yield f"INSERT INTO sqlite_sequence(name, seq) VALUES({literal},{int(number)});\n".encode()


def _literal(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "9e999" if value > 0 else "-9e999"
    return str(apsw.format_sql_value(value))
