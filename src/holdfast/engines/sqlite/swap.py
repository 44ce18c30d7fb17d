"""Taking a database out of use and putting another in its place; `at` names the old or the new file at every moment."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import apsw

from holdfast.contract.snapshot import Receipt
from holdfast.engines.sqlite.connections import database, leftovers
from holdfast.kernel.crashpoints import crash_point
from holdfast.kernel.errors import Conflict, Corrupt, Retryable

DRAIN_SECONDS = 10.0


@contextmanager
def drained(path: Path, seconds: float = DRAIN_SECONDS) -> Iterator[apsw.Connection]:
    """Hold `path` alone: no other connection has it open in WAL mode, its log is folded in, writers are locked out.

    Leaving WAL mode needs the only connection there is, which proves that nobody else is left. Raises Retryable
    (code "database_busy") when others stay: SQLite cannot say who they are.
    """
    deadline = time.monotonic() + seconds
    with database(path, "write") as connection:
        connection.set_busy_timeout(100)
        while True:
            try:
                mode = connection.execute("PRAGMA journal_mode = DELETE").fetchall()[0][0]
                if mode == "delete":
                    connection.execute("BEGIN EXCLUSIVE")
                    break
            except (apsw.BusyError, apsw.LockedError):
                pass
            if time.monotonic() > deadline:
                raise Retryable(
                    "other programs have the database open; SQLite does not tell which",
                    code="database_busy",
                    hint="close the programs that use the file (lsof names them), then try again",
                )
            time.sleep(0.05)
        yield connection


def swap_files(at: Path, candidate: Path, kept: Path) -> Receipt:
    """`Engine.swap` for three files of one directory."""
    if not candidate.exists():
        if at.exists() and kept.exists() and not os.path.samefile(at, kept):
            finish(at)
            return Receipt(notes=("the swap had been done already",))
        raise Conflict(f"there is no candidate {candidate.name} to swap in", code="candidate_missing")
    if kept.exists() and not (at.exists() and os.path.samefile(at, kept)):
        raise Conflict(f"{kept.name} is taken by an older database", code="kept_exists")
    with drained(candidate):
        pass
    if at.exists():
        with drained(at):
            if not kept.exists():
                os.link(at, kept)
                sync_directory(at.parent)
            crash_point("swap.kept")
            os.replace(candidate, at)
            sync_directory(at.parent)
            crash_point("swap.renamed")
    else:
        os.replace(candidate, at)
        sync_directory(at.parent)
    finish(at)
    return Receipt(facts={"kept": kept.name})


def finish(at: Path) -> None:
    """Put the new database into WAL mode, so that readers and writers do not wait for each other."""
    with database(at, "write") as connection:
        connection.execute("PRAGMA journal_mode = WAL").fetchall()


def discard(path: Path) -> Receipt:
    """Delete a candidate or a kept database; absent is success."""
    there = path.exists()
    if there:
        with suppress(Corrupt), drained(path):  # a damaged one may go too
            pass
    for file in (path, *leftovers(path)):
        file.unlink(missing_ok=True)
    sync_directory(path.parent)
    return Receipt(facts={"removed": there})


def sync_directory(directory: Path) -> None:
    """Make renames in `directory` survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
