"""The whole metadata as one file of one moment, whichever database it is in: what a snapshot of it holds."""

from __future__ import annotations

from pathlib import Path

import apsw
import sqlalchemy as sa

from holdfast.kernel.db.copy import Progress, copy_rows, must_be_known
from holdfast.kernel.db.database import Database


def write_moment(db: Database, target: Path, progress: Progress = lambda _table, _rows: None) -> None:
    """`target`, a new SQLite file without companions: everything as it is at one moment, while others go on writing.

    Stock `sqlite3` opens it, and `holdfast metadata copy` puts it into PostgreSQL. Every table's model must have been
    imported: NeedsOperator("metadata_schema") names one that is not known, rather than leave it out. What an earlier
    call left half written at `target` is replaced.
    """
    for name in (target, Path(f"{target}-wal"), Path(f"{target}-shm"), Path(f"{target}-journal")):
        name.unlink(missing_ok=True)
    target.touch(0o600)
    if db.embedded:
        _backed_up(Path(str(db.url.database)), target)
    else:
        made = Database(f"sqlite+apsw:///{target}")
        try:
            with db.read() as reading:
                must_be_known(reading)
                copy_rows(reading, made, progress)
        finally:
            made.close()
    settle(target)


def settle(file: Path) -> None:
    """Everything in the one file: no write-ahead log beside it. Nobody else may have it open."""
    connection = apsw.Connection(str(file))
    try:
        connection.execute("PRAGMA journal_mode=DELETE").fetchall()
    finally:
        connection.close()
    for companion in ("-wal", "-shm", ".lock"):
        Path(f"{file}{companion}").unlink(missing_ok=True)


def row_counts(file: Path) -> dict[str, int]:
    """Rows of each table in such a file."""
    db = Database(f"sqlite+apsw:///{file}")
    try:
        with db.read() as conn:
            counts = {
                name: int(conn.execute(sa.select(sa.func.count()).select_from(sa.table(name))).scalar_one())
                for name in sorted(sa.inspect(conn).get_table_names())
            }
    finally:
        db.close()
    settle(file)
    return counts


def _backed_up(source: Path, target: Path) -> None:
    """One step: one read transaction, so one moment."""
    old, new = apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READWRITE), apsw.Connection(str(target))
    try:
        old.set_busy_timeout(30_000)
        with new.backup("main", old, "main") as copying:
            copying.step(-1)
    finally:
        new.close()
        old.close()
