"""Rows out by COPY, with the rights of the ro role.

A hosted server's tables go through psql and a pipe: in Python every row would cost a call (0.7x instead of 1x). psql
reads only text that we composed; a user's own statement never reaches it, for it would look for commands in it.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import psycopg

from holdfast.contract.bulk import BulkColumn, Unload
from holdfast.contract.spec import Access, Endpoint
from holdfast.contract.tools import Child, Tools
from holdfast.engines.postgresql import bulk_shape, bulk_values, faults, link
from holdfast.engines.postgresql.copier import ARGV
from holdfast.engines.postgresql.names import identifier, identifiers, literal, qualified
from holdfast.formats.delimited import Dialect
from holdfast.kernel.errors import Denied, HoldfastError, Permanent
from holdfast.kernel.stop import Stop

PIECE = 256 * 1024
BATCH_ROWS = 2000
# psql writes 4 KiB at a time into a pipe of 1 MiB: who reads each at once is woken twenty thousand times for 80 MB.
_FEW, _GATHER = 64 * 1024, 0.001


def settings(*, own_statement: bool) -> dict[str, str]:
    """One text form for every value. A statement of the user's finds tables where the user's sessions do."""
    found = {**link.PINNED, "default_transaction_read_only": "on"}
    if own_statement:
        del found["search_path"], found["row_security"]
    return found


def environment(at: Endpoint, access: Access, label: str, pinned: Mapping[str, str]) -> dict[str, str]:
    """How psql and pg_dump enter as that role; the password is not in argv."""
    keywords = link.parameters(at, access, pinned, label)
    names = {"PGHOST": "host", "PGPORT": "port", "PGDATABASE": "dbname", "PGUSER": "user", "PGPASSWORD": "password"}
    made = link.tool_env(at, label, pinned)
    return made | {name: str(keywords[key]) for name, key in names.items()}


class PostgresUnloading:
    """Implements `contract.bulk.Unloading`."""

    def __init__(self, at: Endpoint, tools: Tools, want: Unload, stop: Stop) -> None:
        self._at, self._tools, self._want, self._stop = at, tools, want, stop
        self._label = link.new_label("export")
        self._settings = settings(own_statement=want.statement is not None)
        self._connection: link.Connection | None = None
        self.columns: Sequence[BulkColumn] = ()

    def __enter__(self) -> PostgresUnloading:
        self._stop.check()
        connection = link.connect(self._at, "ro", self._settings, self._label)
        self._connection = connection
        self._stop.on_stop(self._cancel)
        try:
            if self._want.relation is not None:
                self.columns = bulk_shape.relation_columns(connection, self._want.relation)
            else:
                self.columns = bulk_shape.statement_columns(connection, bulk_shape.bare(self._want.statement or ""))
        except psycopg.Error as error:
            self.__exit__()
            raise self._reason(error) from error
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            if connection.info.transaction_status == psycopg.pq.TransactionStatus.ACTIVE:
                with contextlib.suppress(psycopg.Error):
                    connection.cancel_safe(timeout=2.0)
            connection.close()

    def csv(self, dialect: Dialect) -> Iterator[bytes] | None:
        if not dialect.quote or dialect.newline != "\n":
            return None
        return self._copy(csv_options(dialect))

    def texts(self) -> Iterator[Sequence[Sequence[str | None]]]:
        return bulk_values.batches(self._copy("(FORMAT text)"), BATCH_ROWS)

    def rows(self) -> Iterator[Sequence[Sequence[Any]]]:
        readers = bulk_values.readers(self.columns)
        for batch in self.texts():
            yield [
                tuple([None if v is None else read(v) for v, read in zip(row, readers, strict=True)]) for row in batch
            ]

    def _copy(self, options: str) -> Iterator[bytes]:
        if self._want.relation is not None and self._at.sockets is not None:
            return self._by_psql(f"COPY {self._source()} TO STDOUT WITH {options}")
        return self._by_driver(f"COPY {self._source()} TO STDOUT WITH {options}")

    def _source(self) -> str:
        """Always a SELECT: views, partitioned and materialized ones too, and no column that was dropped meanwhile."""
        if self._want.relation is None:
            return f"(\n{bulk_shape.bare(self._want.statement or '')}\n)"
        columns = identifiers(column.name for column in self.columns)
        return f"(SELECT {columns} FROM {qualified(*self._want.relation)})"

    def _by_driver(self, statement: str) -> Iterator[bytes]:
        if self._connection is None:
            raise Permanent("this export was left", code="stream_closed")
        held, size = [], 0
        try:
            with self._connection.cursor().copy(link.statement(statement)) as copy:
                for row in copy:
                    held.append(bytes(row))
                    size += len(row)
                    if size >= PIECE:
                        self._stop.check()
                        yield b"".join(held)
                        held, size = [], 0
            yield b"".join(held)
        except psycopg.Error as error:
            raise self._reason(error) from error

    def _by_psql(self, statement: str) -> Iterator[bytes]:
        env = environment(self._at, "ro", self._label, self._settings)
        finished = False
        with self._tools.run(ARGV, env=env, stdin=True, stdout=True, stop=self._stop) as child:
            try:
                say(child, statement)
                yield from output(child, self._stop, "exporting")
                finished = True
            finally:
                if not finished:
                    child.kill()
                    link.end_sessions(self._at, self._label)

    def _cancel(self) -> None:
        connection = self._connection
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                connection.cancel_safe(timeout=2.0)

    def _reason(self, error: psycopg.Error) -> HoldfastError:
        self._stop.check()
        return faults.from_statement(error, write=False)


def csv_options(dialect: Dialect) -> str:
    parts = [
        f"DELIMITER {literal(dialect.delimiter)}",
        f"NULL {literal(dialect.null)}",
        f"QUOTE {literal(dialect.quote)}",
    ]
    parts.append(f"ESCAPE {literal(dialect.quote)}")
    return f"(FORMAT csv, {', '.join(parts)})"


def say(child: Child, statement: str) -> None:
    """The statement on its standard input, which ends there."""
    if child.stdin is None:
        raise Permanent("the tools gave psql no pipe", code="tool_failed")
    with contextlib.suppress(BrokenPipeError):
        child.stdin.write(statement.encode() + b";\n")
        child.stdin.close()


def output(child: Child, stop: Stop, what: str) -> Iterator[bytes]:
    """What it writes; raises in our words when it fails."""
    if child.stdout is None:
        raise Permanent("the tools gave no pipe", code="tool_failed")
    number = child.stdout.fileno()
    while piece := os.read(number, PIECE):
        stop.check()
        yield piece
        if len(piece) < _FEW:
            time.sleep(_GATHER)
    try:
        child.wait(30)
    except Permanent as error:
        stop.check()
        failure = faults.from_tool(error, what)
        if "permission denied" in str(error) or "row-level security" in str(error):
            raise Denied(str(failure), code="read_only", hint="grant the ro role SELECT on it") from error
        raise failure from error


def dump(at: Endpoint, tools: Tools, relations: Sequence[tuple[str, str]], stop: Stop) -> Iterator[bytes]:
    """pg_dump's plain form with INSERTs, as the owner who can only read. psql restores it into an empty database."""
    label = link.new_label("dump")
    argv = ["pg_dump", "--no-owner", "--no-privileges", "--rows-per-insert=100", "--no-password"]
    for schema, name in relations:
        argv += ["-t", f"{identifier(schema)}.{identifier(name)}"]
    pinned = {**link.PINNED, "default_transaction_read_only": "on"}
    finished = False
    with tools.run(argv, env=environment(at, "owner", label, pinned), stdout=True, stop=stop) as child:
        try:
            yield from output(child, stop, "dumping")
            finished = True
        finally:
            if not finished:
                child.kill()
                link.end_sessions(at, label)
