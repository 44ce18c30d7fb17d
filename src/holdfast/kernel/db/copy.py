"""Copy a whole metadata database into an empty one, between a file and PostgreSQL in either direction.

All or nothing: rows are written, read back and compared in one transaction of the target. Memory is bounded by a
batch of rows. Everything sealed stays sealed: the copy opens with the same master key.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.db.database import Database
from holdfast.kernel.db.migrate import is_newest
from holdfast.kernel.db.tables import metadata
from holdfast.kernel.db.types import embedded
from holdfast.kernel.errors import Conflict, Corrupt, Invalid, NeedsOperator

BATCH = 500
_SCHEMA_TABLE = "alembic_version"
_MODULUS = 1 << 256
_MAY_CREATE = "SELECT coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)"
Progress = Callable[[str, int], None]


@dataclass(frozen=True)
class TableCopy:
    """One table as it was read from the source and, the same, from the target. `digest`: hex; order does not count."""

    name: str
    rows: int
    digest: str


def copy_metadata(
    source: Database, target: Database, progress: Progress = lambda _table, _rows: None
) -> list[TableCopy]:
    """Copy every table; what was copied. `progress` hears (table, rows so far) after each batch.

    Nobody may be at work on either: the caller sees to that for files, other PostgreSQL sessions are refused here.
    Every table's model must have been imported. Raises Conflict ("metadata_not_empty", "metadata_in_use",
    "metadata_same"), NeedsOperator ("metadata_schema"), Invalid ("metadata_not_portable"), Corrupt; after each the
    target has no rows.
    """
    if source.url == target.url:
        raise Conflict("source and target are the same database", code="metadata_same")
    with source.read() as reading:
        _must_be_ours(reading)
        _must_be_alone(reading)
        return copy_rows(reading, target, progress)


def copy_rows(
    reading: sa.Connection, target: Database, progress: Progress = lambda _table, _rows: None
) -> list[TableCopy]:
    """`copy_metadata` of what `reading` sees, while others may go on writing there: it must hold one moment."""
    with target.engine.connect() as conn:
        _must_be_free(conn)
    target.migrate()
    with target.write() as writing:
        _claim(writing)
        done = [_copy_table(reading, writing, table, progress) for table in metadata.sorted_tables]
        crash_point("metadata_copy.half")
        for copied, table in zip(done, metadata.sorted_tables, strict=True):
            _compare(copied, digest(writing, table))
            _set_sequence(writing, table)
        crash_point("metadata_copy.before_commit")
    return done


def require_empty(target: Database) -> None:
    """That a copy may go there, as far as looking tells; nothing is changed. Raises Conflict ("metadata_not_empty"),
    NeedsOperator ("metadata_unreachable") when it cannot be reached or its role may not make tables there."""
    try:
        with target.engine.connect() as conn:
            _must_be_free(conn)
            there = set(sa.inspect(conn).get_table_names())
            _must_have_no_rows(conn, [table for table in metadata.sorted_tables if table.name in there])
            allowed = embedded(conn) or conn.exec_driver_sql(_MAY_CREATE).scalar_one()
            who = "" if embedded(conn) else conn.exec_driver_sql("SELECT current_user").scalar_one()
    except sa.exc.OperationalError as error:
        raise NeedsOperator(
            f"the metadata database cannot be reached: {str(error.orig).splitlines()[0]}",
            code="metadata_unreachable",
            hint="Nothing was changed. Check HOLDFAST_DATABASE_URL, its password, and that the database was made.",
        ) from error
    if not allowed:
        raise NeedsOperator(
            f"the role {who} may not make tables in the metadata database",
            code="metadata_unreachable",
            hint="Nothing was changed. Make it the owner: ALTER DATABASE name OWNER TO role.",
        )


def file_of(url: str) -> Path | None:
    """The file behind a metadata URL; None for PostgreSQL. Raises Invalid for what is neither."""
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        parsed = None
    if parsed is not None and parsed.drivername == "postgresql+psycopg":
        return None
    if parsed is not None and parsed.drivername == "sqlite+apsw" and (parsed.database or "").startswith("/"):
        return Path(str(parsed.database))
    raise Invalid(
        "this is not the URL of a metadata database",
        hint="sqlite+apsw:////ABSOLUTE/PATH, or postgresql+psycopg://USER@HOST/DATABASE",
    )


def digest(conn: sa.Connection, table: sa.Table) -> TableCopy:
    """Count and digest of what `conn` sees; equal in both databases when the rows mean the same."""
    sums = _Sums()
    for rows in _batches(conn, table):
        sums.add(rows)
    return TableCopy(table.name, sums.rows, sums.hex)


class _Sums:
    """The sum of every row's SHA-256: the two databases sort text differently, so order must not count."""

    def __init__(self) -> None:
        self.rows = 0
        self._sum = 0

    def add(self, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            line = json.dumps(_plain(row), sort_keys=True, separators=(",", ":"))
            self._sum = (self._sum + int.from_bytes(hashlib.sha256(line.encode()).digest(), "big")) % _MODULUS
        self.rows += len(rows)

    @property
    def hex(self) -> str:
        return f"{self._sum:064x}"


def _plain(value: Any) -> Any:
    """The same for values that differ only in how a database hands them back."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return int(value)  # jsonb keeps 1e20 as digits
    return value


def _batches(conn: sa.Connection, table: sa.Table) -> Iterator[list[dict[str, Any]]]:
    """By primary key, so that neither driver holds a whole table."""
    key = list(table.primary_key)
    statement = sa.select(table).order_by(*key).limit(BATCH)
    rows = _rows(conn, statement)
    while rows:
        yield rows
        last = [sa.literal(rows[-1][column.key], column.type) for column in key]
        rows = _rows(conn, statement.where(sa.tuple_(*key) > sa.tuple_(*last))) if len(rows) == BATCH else []


def _rows(conn: sa.Connection, statement: sa.Select[Any]) -> list[dict[str, Any]]:
    return [dict(row) for row in conn.execute(statement).mappings()]


def _copy_table(source: sa.Connection, target: sa.Connection, table: sa.Table, progress: Progress) -> TableCopy:
    sums = _Sums()
    for rows in _batches(source, table):
        sums.add(rows)
        try:
            target.execute(table.insert(), rows)
        except (sa.exc.DataError, sa.exc.IntegrityError) as error:
            raise Invalid(
                f"a row of {table.name} does not fit the target: {str(error.orig).splitlines()[0]}",
                code="metadata_not_portable",
                hint="Nothing was copied. Correct the row in the source, then copy again.",
            ) from error
        progress(table.name, sums.rows)
    return TableCopy(table.name, sums.rows, sums.hex)


def _compare(sent: TableCopy, found: TableCopy) -> None:
    if sent != found:
        raise Corrupt(
            f"{found.name} was not copied as it is: {sent.rows} rows sent, {found.rows} found"
            + (", with other contents" if sent.rows == found.rows else ""),
            code="metadata_copy_differs",
            hint="Nothing was kept in the target. Copy again, and report this if it happens twice.",
        )


def _must_be_ours(conn: sa.Connection) -> None:
    if not is_newest(conn):
        raise NeedsOperator(
            "the source does not have this version's schema",
            code="metadata_schema",
            hint="Start and stop this version of Holdfast on it once, then copy.",
        )
    must_be_known(conn)


def must_be_known(conn: sa.Connection) -> None:
    """Raises NeedsOperator("metadata_schema") for tables that no imported model describes: they would be left out."""
    if strange := _strangers(conn):
        raise NeedsOperator(
            f"the source has tables this version does not know: {', '.join(strange)}",
            code="metadata_schema",
            hint="Remove them, or copy with the version of Holdfast that made them.",
        )


def _must_be_free(conn: sa.Connection) -> None:
    if strange := _strangers(conn):
        raise Conflict(
            f"the target has tables of somebody else: {', '.join(strange[:5])}",
            code="metadata_not_empty",
            hint="Give Holdfast a database of its own.",
        )


def _strangers(conn: sa.Connection) -> list[str]:
    return sorted(set(sa.inspect(conn).get_table_names()) - set(metadata.tables) - {_SCHEMA_TABLE})


def _must_be_alone(conn: sa.Connection) -> None:
    if embedded(conn):
        return
    others = conn.exec_driver_sql(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    ).scalar_one()
    if others:
        raise Conflict(
            f"{others} other sessions use the source database",
            code="metadata_in_use",
            hint="Stop every Holdfast that works on it: what they write now would be missing in the copy.",
        )


def _claim(conn: sa.Connection) -> None:
    """Keep everyone else out until the commit, then look: whoever came first left rows."""
    if not embedded(conn):
        conn.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")  # a slow source is no reason to end
        quoted = conn.dialect.identifier_preparer.format_table
        names = ", ".join(quoted(table) for table in metadata.sorted_tables)
        conn.exec_driver_sql(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE")
    _must_have_no_rows(conn, metadata.sorted_tables)


def _must_have_no_rows(conn: sa.Connection, tables: Sequence[sa.Table]) -> None:
    for table in tables:
        if conn.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first() is not None:
            raise Conflict(
                f"the target is not empty: {table.name} has rows",
                code="metadata_not_empty",
                hint="Copy into a new database.",
            )


def _set_sequence(conn: sa.Connection, table: sa.Table) -> None:
    """The next number after the copied ones; a file goes on from the highest by itself."""
    column = table.autoincrement_column
    if column is None or embedded(conn):
        return
    name = conn.execute(sa.select(sa.func.pg_get_serial_sequence(table.name, column.name))).scalar()
    highest = conn.execute(sa.select(sa.func.max(column))).scalar()
    if name is not None and highest is not None:
        conn.execute(sa.select(sa.func.setval(name, highest)))
