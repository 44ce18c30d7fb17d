"""Restoring a whole file: written beside, proven sound, then moved over the empty database in one step."""

from __future__ import annotations

import os
from pathlib import Path

import apsw

from holdfast.contract.snapshot import Receipt, RestoreRequest, Source
from holdfast.engines.sqlite.connections import database, leftovers, scalar
from holdfast.engines.sqlite.pull import pull
from holdfast.engines.sqlite.spec import ENTRY, MAGIC
from holdfast.engines.sqlite.swap import drained, sync_directory
from holdfast.kernel.errors import Conflict, Corrupt, Invalid
from holdfast.kernel.stop import Stop


def check_source(source: Source) -> None:
    """Raises Invalid for a snapshot of another engine."""
    if source.manifest.engine != "sqlite":
        raise Invalid(
            f"this is a snapshot of {source.manifest.engine}",
            code="engine_mismatch",
            hint="restore it into that engine",
        )


def restore_file(path: Path, source: Source, want: RestoreRequest, stop: Stop) -> Receipt:
    """The target must be absent or hold no table; it stays as it is until the copy is whole.

    Every byte was compared with its hash on the way, so the copy is what was captured; only its header is looked at
    here. Whether what was captured is sound is the verify step's question (`integrity_check`)."""
    check_source(source)
    _demand_empty(path)
    beside = path.with_name(path.name + ".restoring")
    remove(beside)
    try:
        size = pull(source, beside, want.parallel, want.progress, stop)
        sound_shape(beside, size)
        stop.check()
        if path.exists():
            with drained(path) as connection:
                _demand_no_schema(connection)
                os.replace(beside, path)
        else:
            os.replace(beside, path)
        sync_directory(path.parent)
    except BaseException:
        remove(beside)
        raise
    return Receipt(facts={"bytes": size, "entry": ENTRY})


def _demand_empty(path: Path) -> None:
    if path.exists():
        with database(path, "read") as connection:
            _demand_no_schema(connection)


def _demand_no_schema(connection: apsw.Connection) -> None:
    if scalar(connection, "SELECT count(*) FROM main.sqlite_schema"):
        raise Conflict(
            "the target database is not empty",
            code="target_not_empty",
            hint="restore into a new database, or in place, which keeps the old one",
        )


def sound_shape(path: Path, size: int) -> None:
    """Raises Corrupt unless the header is SQLite's and its page count makes up the file. Costs one page, not a scan."""
    with path.open("rb") as file:
        header = file.read(100)
    if size == 0:
        return
    page = int.from_bytes(header[16:18], "big")
    page = 65536 if page == 1 else page
    pages, counter, valid_for = (int.from_bytes(header[at : at + 4], "big") for at in (28, 24, 92))
    if header[:16] != MAGIC or page < 512 or page & (page - 1) or size % page:
        raise Corrupt("the restored file is not a SQLite database", code="snapshot_corrupt")
    if counter == valid_for and pages and pages * page != size:
        raise Corrupt(f"the restored file has {size} bytes, its header says {pages * page}", code="snapshot_corrupt")


def quick_check(path: Path, stop: Stop) -> None:
    """Raises Corrupt when SQLite finds the file unsound; leaves no file beside it."""
    with database(path, "write", stop) as connection:
        found = [str(row[0]) for row in connection.execute("PRAGMA main.quick_check(5)").fetchall()]
    if found != ["ok"]:
        raise Corrupt(f"the restored file is not sound: {'; '.join(found)[:500]}", code="snapshot_corrupt")


def remove(path: Path) -> None:
    """Delete a database that nobody has open, with its neighbours."""
    for file in (*leftovers(path), path):
        file.unlink(missing_ok=True)
