"""Swaps that are disturbed: killed half way, kept out by others, asked for twice."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from holdfast.contract.conformance.helpers import scalar, write
from holdfast.contract.engine import CanSwap
from holdfast.engines.sqlite import engine
from holdfast.engines.sqlite.swap import drained
from holdfast.engines.sqlite.trial import SqliteSubject
from holdfast.kernel.errors import Conflict, Invalid, Retryable

SWAP = """
import sys
from pathlib import Path
from holdfast.engines.sqlite.swap import swap_files
swap_files(*map(Path, sys.argv[1:]))
"""


def three(subject: SqliteSubject, place):
    candidate = replace(place, endpoint=engine.beside(place.endpoint, "new"))
    kept = replace(place, endpoint=engine.beside(place.endpoint, "old"))
    asyncio.run(engine.prepare(candidate.endpoint, subject.spec, place.tools))
    write(subject, place, ["CREATE TABLE which (name)", "INSERT INTO which VALUES ('old')"])
    write(subject, candidate, ["CREATE TABLE which (name)", "INSERT INTO which VALUES ('new')"])
    return candidate, kept


@pytest.mark.faults
@pytest.mark.parametrize(("point", "seen"), [("swap.kept", "old"), ("swap.renamed", "new")])
def test_killed_half_way(subject: SqliteSubject, point: str, seen: str) -> None:
    """After kill -9 a whole database is at the name; the same swap again completes."""
    with subject.fresh() as place:
        candidate, kept = three(subject, place)
        paths = [str(p.endpoint.path) for p in (place, candidate, kept)]
        killed = subprocess.run(
            [sys.executable, "-c", SWAP, *paths],
            env={**os.environ, "HOLDFAST_CRASH_AT": point},
            check=False,
            timeout=60,
        )
        assert killed.returncode == -9
        assert scalar(subject, place, "SELECT name FROM which") == seen
        for _ in range(2):
            asyncio.run(engine.swap(place.endpoint, candidate.endpoint, kept.endpoint, place.tools))
            assert scalar(subject, place, "SELECT name FROM which") == "new"
            assert scalar(subject, kept, "SELECT name FROM which") == "old"
        assert scalar(subject, place, "PRAGMA journal_mode") == "wal"


def test_someone_has_it_open(subject: SqliteSubject) -> None:
    """A connection that stays is waited for, then named as the reason; nothing has moved."""
    with subject.fresh() as place:
        three(subject, place)
        assert place.endpoint.path is not None
        with closing(apsw.Connection(str(place.endpoint.path))) as other:
            other.execute("SELECT * FROM which").fetchall()
            with pytest.raises(Retryable) as caught, drained(place.endpoint.path, seconds=0.3):
                pass
            assert caught.value.code == "database_busy"
            assert other.execute("SELECT name FROM which").fetchall() == [("old",)]
        with drained(place.endpoint.path, seconds=0.3):
            pass


def test_no_log_of_the_old_reaches_the_new(subject: SqliteSubject) -> None:
    with subject.fresh() as place:
        candidate, kept = three(subject, place)
        asyncio.run(engine.swap(place.endpoint, candidate.endpoint, kept.endpoint, place.tools))
        names = {path.name for path in Path(str(place.endpoint.path)).parent.iterdir()}
        assert names <= {"database.sqlite", "database.sqlite-wal", "database.sqlite-shm", "database.sqlite.old"}


def test_wrong_arguments(subject: SqliteSubject) -> None:
    assert isinstance(engine, CanSwap)
    with subject.fresh() as place:
        candidate, kept = three(subject, place)
        for label in ("", "A", "../x", "a" * 25, "a/b"):
            with pytest.raises(Invalid):
                engine.beside(place.endpoint, label)
        with pytest.raises(Invalid):
            asyncio.run(engine.swap(place.endpoint, candidate.endpoint, place.endpoint, place.tools))
        write(subject, replace(place, endpoint=candidate.endpoint), ["INSERT INTO which VALUES ('newer')"])
        asyncio.run(engine.prepare(kept.endpoint, subject.spec, place.tools))
        with pytest.raises(Conflict):
            asyncio.run(engine.swap(place.endpoint, candidate.endpoint, kept.endpoint, place.tools))
        assert scalar(subject, place, "SELECT name FROM which") == "old"


def test_a_rolled_back_writer_is_kept_out(subject: SqliteSubject) -> None:
    """While drained nobody writes: a writer gets busy instead of writing into the file that is going away."""
    with subject.fresh() as place:
        three(subject, place)
        assert place.endpoint.path is not None
        with drained(place.endpoint.path):
            with closing(apsw.Connection(str(place.endpoint.path))) as other, pytest.raises(apsw.BusyError):
                other.execute("INSERT INTO which VALUES ('late')")


def test_a_damaged_kept_database_can_be_discarded(subject: SqliteSubject) -> None:
    with subject.fresh() as place:
        kept = engine.beside(place.endpoint, "old")
        assert kept.path is not None
        kept.path.write_bytes(b"no database" * 1000)
        asyncio.run(engine.discard(kept, place.tools))
        assert not kept.path.exists()
