"""Rows in by COPY, in one transaction with the owner's rights; what the server refuses is found row by row."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from typing import Any

import psycopg

from holdfast.contract.bulk import BadRow, BulkColumn, Counts, Load
from holdfast.contract.spec import Endpoint
from holdfast.engines.postgresql import bulk_shape, bulk_values, faults, link
from holdfast.engines.postgresql.bulk_out import csv_options
from holdfast.engines.postgresql.names import identifier, identifiers, literal, qualified
from holdfast.formats.delimited import Dialect
from holdfast.kernel.errors import Conflict, HoldfastError, Invalid, NeedsOperator, Permanent, Retryable
from holdfast.kernel.stop import Stop

_STYLES = {"ymd": "ISO,YMD", "dmy": "ISO,DMY", "mdy": "ISO,MDY"}
_STAGE = "holdfast_import"
_AFTER_A_BAD_ROW = 256  # rows tried at once around one: the server stops at each, and the rest must be sent again
_ROWS_FAULT = ("22", "23", "21", "P0", "42804", "42846")


class PostgresLoading:
    """Implements `contract.bulk.Loading`."""

    def __init__(self, at: Endpoint, want: Load, stop: Stop) -> None:
        self._at, self._want, self._stop = at, want, stop
        self._connection: link.Connection | None = None
        self._columns: list[BulkColumn] = []
        self._shape: list[BulkColumn] = []
        self.counts = Counts()

    def __enter__(self) -> PostgresLoading:
        self._stop.check()
        pinned = {**link.PINNED, "DateStyle": _STYLES[self._want.date_order]}
        self._connection = link.connect(self._at, "owner", pinned, "holdfast import")
        self._stop.on_stop(self._cancel)
        try:
            self._run("BEGIN")
            self._prepare()
        except psycopg.Error as error:
            self.__exit__()
            raise self._reason(error) from error
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """The server undoes what was not committed when the line closes."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                if connection.info.transaction_status == psycopg.pq.TransactionStatus.ACTIVE:
                    connection.cancel_safe(timeout=2.0)
            connection.close()

    def put(self, rows: Sequence[Sequence[Any]]) -> Sequence[BadRow]:
        self._stop.check()
        bad: list[BadRow] = []
        good: list[tuple[int, bytes]] = []
        for index, line in enumerate(bulk_values.lines(rows, self._columns)):
            if isinstance(line, str):
                bad.append(BadRow(index, line))
            else:
                good.append((index, line))
        bad += self._add(good)
        return sorted(bad, key=lambda row: row.index)

    def put_csv(self, data: bytes, dialect: Dialect) -> bool:
        self._stop.check()
        if not dialect.quote or dialect.newline != "\n" or _has_end_mark(data):
            return False
        try:
            self._copy(data, csv_options(dialect))
        except psycopg.Error as error:
            self._undo(error)
            return False
        return True

    def token(self) -> str:
        row = self._live().execute("SELECT pg_catalog.pg_current_xact_id()::text").fetchone()
        return str(row[0]) if row else ""

    def commit(self) -> None:
        try:
            self._move_sequences()
            self._run("COMMIT")
        except psycopg.Error as error:
            raise self._reason(error) from error

    def _prepare(self) -> None:
        want, target = self._want, qualified(*self._want.relation)
        if want.create:
            columns = ", ".join(f"{identifier(c.name)} {bulk_shape.TYPES.get(c.kind, 'text')}" for c in want.create)
            self._run(f"CREATE TABLE {target} ({columns})")
        self._shape = bulk_shape.relation_columns(self._live(), want.relation)
        there = {column.name: column for column in self._shape}
        for name in want.columns:
            if name not in there:
                raise Invalid(f"the table has no column {name!r}", code="column_unknown")
        self._columns = [there[name] for name in want.columns]
        if want.conflict == "fail":
            return
        self._check_key()
        names = identifiers(want.columns)
        self._run(f"CREATE TEMPORARY TABLE {_STAGE} ON COMMIT DROP AS SELECT {names} FROM {target} WITH NO DATA")

    def _check_key(self) -> None:
        """ON CONFLICT needs a unique index on just these columns, and values for them."""
        want = self._want
        row = self._live().execute(_UNIQUE, (*want.relation, sorted(want.key))).fetchone()
        if not want.key or row is None or not set(want.key) <= set(want.columns):
            raise Invalid(
                f"{', '.join(want.key) or 'nothing'} is no key of this table that the file has values for",
                code="key_invalid",
                hint="name the columns of a primary key or unique index, and map them",
            )

    def _add(self, rows: list[tuple[int, bytes]]) -> list[BadRow]:
        """Ranges still to do, the next one last. A range that fails is cut at the bad row, or in two."""
        bad: list[BadRow] = []
        todo = [(0, len(rows))] if rows else []
        while todo:
            start, end = todo.pop()
            try:
                self._copy(b"\n".join(line for _, line in rows[start:end]) + b"\n", "(FORMAT text)")
                continue
            except psycopg.Error as error:
                self._undo(error)
                failure = error
            at = self._line_of(failure)
            if end - start == 1:
                at = 0
            if at is None or at >= end - start:
                middle = (start + end) // 2
                todo += [(middle, end), (start, middle)]
                continue
            bad.append(self._bad(rows[start + at], failure))
            rest = range(start + at + 1, end, _AFTER_A_BAD_ROW)
            todo += [(first, min(end, first + _AFTER_A_BAD_ROW)) for first in reversed(rest)]
            if at:
                todo.append((start, start + at))
        return bad

    def _copy(self, data: bytes, options: str) -> None:
        """All of it, or nothing and an error. In a savepoint, because an error ends a transaction otherwise."""
        want, connection = self._want, self._live()
        staged = want.conflict != "fail"
        into = f"pg_temp.{_STAGE}" if staged else qualified(*want.relation)
        self._run("SAVEPOINT part")
        cursor = connection.cursor()
        names = identifiers(want.columns)
        with cursor.copy(link.statement(f"COPY {into} ({names}) FROM STDIN WITH {options}")) as copy:
            copy.write(data)
        counted = self._merge(cursor.rowcount) if staged else Counts(inserted=cursor.rowcount)
        self._run("RELEASE part")
        self.counts.inserted += counted.inserted
        self.counts.updated += counted.updated
        self.counts.skipped += counted.skipped

    def _merge(self, staged: int) -> Counts:
        want = self._want
        names, key = identifiers(want.columns), identifiers(want.key)
        others = [name for name in want.columns if name not in want.key]
        changes = ", ".join(f"{identifier(name)} = EXCLUDED.{identifier(name)}" for name in others)
        act = f"DO UPDATE SET {changes}" if want.conflict == "update" and others else "DO NOTHING"
        row = (
            self._live()
            .execute(
                link.statement(
                    f"WITH done AS (INSERT INTO {qualified(*want.relation)} ({names}) OVERRIDING SYSTEM VALUE "
                    f"SELECT {names} FROM pg_temp.{_STAGE} ON CONFLICT ({key}) {act} RETURNING (xmax = 0) AS fresh) "
                    "SELECT count(*) FILTER (WHERE fresh), count(*) FILTER (WHERE NOT fresh) FROM done"
                )
            )
            .fetchone()
        )
        inserted, updated = row or (0, 0)
        self._run(f"TRUNCATE pg_temp.{_STAGE}")
        return Counts(inserted, updated, staged - inserted - updated)

    def _undo(self, error: psycopg.Error) -> None:
        """Back to before the part when the rows are to blame; anything else ends the import."""
        state = error.sqlstate or ""
        if not state.startswith(_ROWS_FAULT) or self._stop.stopped:
            raise self._reason(error) from error
        self._run("ROLLBACK TO SAVEPOINT part")
        self._run("RELEASE part")

    def _line_of(self, error: psycopg.Error) -> int | None:
        """COPY's own count of the line, from 0; in text format a row is a line."""
        context = error.diag.context or ""
        name = _STAGE if self._want.conflict != "fail" else self._want.relation[1]
        begin = context.find(f"COPY {name}, line ")
        match = re.match(r"\d+", context[begin + len(name) + 12 :]) if begin >= 0 else None
        return int(match[0]) - 1 if match else None

    def _bad(self, row: tuple[int, bytes], error: psycopg.Error) -> BadRow:
        reason = error.diag.message_primary or str(error)
        if error.diag.message_detail and (error.sqlstate or "").startswith("23"):
            reason += f" ({error.diag.message_detail})"
        context = error.diag.context or ""
        values = bulk_values.fields(row[1].decode())
        column = error.diag.column_name
        for name in self._want.columns:
            if f", column {name}: " in context or context.endswith(f", column {name}"):
                column = name
        value = values[self._want.columns.index(column)] if column in self._want.columns else None
        return BadRow(row[0], reason[:500], column, None if value is None else value[:200])

    def _move_sequences(self) -> None:
        """Rows that brought their numbers along: the next one made here must not collide with them."""
        target = qualified(*self._want.relation)
        for column in self._columns:
            if column.kind != "integer" or not column.filled:
                continue
            found = (
                self._live()
                .execute("SELECT pg_catalog.pg_get_serial_sequence(%s, %s)", (target, column.name))
                .fetchone()
            )
            if found and found[0]:
                name = identifier(column.name)
                self._live().execute(
                    link.statement(
                        f"SELECT pg_catalog.setval({literal(found[0])}, m) FROM "
                        f"(SELECT pg_catalog.max({name}) AS m FROM {target}) x, {found[0]} s "
                        "WHERE m > s.last_value OR (m = s.last_value AND NOT s.is_called)"
                    )
                )

    def _live(self) -> link.Connection:
        if self._connection is None:
            raise Permanent("this import was left", code="stream_closed")
        return self._connection

    def _run(self, statement: str) -> None:
        self._live().execute(link.statement(statement))

    def _cancel(self) -> None:
        connection = self._connection
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                connection.cancel_safe(timeout=2.0)

    def _reason(self, error: psycopg.Error) -> HoldfastError:
        self._stop.check()
        if error.sqlstate == "42P07":
            return Conflict(f"there is a table {'.'.join(self._want.relation)!r} already", code="table_exists")
        if (error.sqlstate or "").startswith("23"):
            return Invalid(error.diag.message_primary or str(error), code="constraint_failed")
        if error.sqlstate in ("55P03", "40P01"):
            return Retryable("the table is locked by another session", code="table_locked")
        return faults.from_statement(error, write=True)


def _has_end_mark(data: bytes) -> bool:
    """Before version 18 a line \\. ends the data, silently. No regular expression: it took a third of an import."""
    return data.startswith(b"\\.") or b"\n\\." in data


_UNIQUE = """
SELECT 1 FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = %s AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
AND (SELECT array_agg(a.attname::text ORDER BY a.attname::text COLLATE "C") FROM pg_catalog.pg_attribute a
     WHERE a.attrelid = c.oid AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1])) = %s::text[]
"""


def committed(at: Endpoint, token: str) -> bool:
    """The server's own word on the transaction, as long as it remembers (two thousand million transactions)."""
    with link.connect(at, "owner") as connection:
        row = connection.execute("SELECT pg_catalog.pg_xact_status(%s::xid8)", (token,)).fetchone()
    state = row[0] if row else None
    if state == "in progress":
        raise Retryable("the transaction of this import is still going on", code="import_going_on")
    if state is None:
        raise NeedsOperator(
            "the server no longer knows what became of this import's transaction",
            code="import_unknown",
            hint="look into the table, then import again if the rows are missing",
        )
    return bool(state == "committed")
