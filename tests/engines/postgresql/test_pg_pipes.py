"""Rows through a named pipe: the same bytes as psql gives, nothing left behind, no server left waiting."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pg_server import Cluster, execute, rows, user_session

from holdfast.contract.conformance import Place
from holdfast.contract.conformance.memory_source import read_entry
from holdfast.contract.snapshot import CaptureRequest
from holdfast.engines.postgresql import engine, piped
from holdfast.kernel.errors import HoldfastError, Permanent
from holdfast.kernel.stop import Stop

TABLE = "a\"b'; -- ü"
SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'holdfast capture%'"


@pytest.fixture
def filled(pg18: Cluster) -> Iterator[Place]:
    with pg18.fresh('pipes "x') as place:
        name = TABLE.replace('"', '""')
        execute(
            place,
            f'CREATE TABLE "{name}" (id integer, "c\'d" text)',
            f"INSERT INTO \"{name}\" VALUES (1, E'\\\\.'), (2, E'a\\nb\\\\'), (3, NULL), (4, ''), (5, 'ü\t')",
            "CREATE TABLE empty (id integer)",
            "CREATE TABLE nothing ()",
            "INSERT INTO nothing SELECT FROM generate_series(1, 3)",
            "CREATE TABLE big (id integer, body text)",
            "INSERT INTO big SELECT n, repeat(md5(n::text), 20) FROM generate_series(1, 20000) n",
        )
        yield place


def entered(place: Place) -> Any:
    return engine.connect(place.endpoint, place.tools).capture(None, CaptureRequest(digests="always"), Stop())


def directory(place: Place) -> Path:
    assert place.endpoint.sockets is not None
    return place.endpoint.sockets


def pipes(place: Place) -> list[Path]:
    return list(directory(place).glob(f"{piped.PREFIX}*"))


def taken(place: Place, through: Path | None) -> tuple[dict[str, bytes], dict[str, int], int]:
    """What a capture gives, the rows it counted, and how many pipes there were."""
    with entered(place) as captured:
        captured.__exit__()
        captured._pipes = through
        captured.__enter__()
        there = len(pipes(place))
        content = {entry.path: read_entry(entry) for entry in captured.entries() if entry.path.startswith("data/")}
        manifest = captured.finish()
    return content, {table.name: table.rows for table in manifest.tables}, there


def test_the_same_rows_as_psql_gives(filled: Place, tmp_path: Path) -> None:
    through, counted, there = taken(filled, directory(filled))
    assert there
    assert counted == {TABLE: 5, "big": 20000, "empty": 0, "nothing": 3}
    assert taken(filled, None) == (through, counted, 0)
    assert all(text.count(b"\n") in counted.values() for text in through.values())
    tmp_path.chmod(0o700)
    assert taken(filled, tmp_path) == (through, counted, 0), "a directory the server cannot reach: psql"
    assert not list(tmp_path.iterdir())
    assert not pipes(filled)


def test_left_in_the_middle(filled: Place) -> None:
    """No session, no pipe and no file with rows stays; what is read elsewhere on the same moment goes on."""
    with entered(filled) as captured:
        entries = {entry.path: entry for entry in captured.entries() if entry.path.startswith("data/")}
        big = next(entry for path, entry in entries.items() if "big" in path)
        stream, other = big.open(), big.open()
        assert stream.readinto(memoryview(bytearray(100))) == 100
        assert other.readinto(memoryview(bytearray(7))) == 7
        stream.close()
        assert read_entry(big).count(b"\n") == 20000
    other.close()
    assert not pipes(filled)
    assert rows(filled, SESSIONS) == [(0,)]


def test_a_server_that_waits_for_a_killed_capture_is_freed(filled: Place) -> None:
    """Its pipe has no reader: only opening it helps. Pipes of captures that live are left alone."""
    path, claim = piped._make(directory(filled))
    os.close(claim)  # as kill -9 does
    failed: list[psycopg.Error] = []

    def write() -> None:
        with user_session(filled.endpoint, "admin", autocommit=True) as admin:
            try:
                admin.execute(f"COPY big TO '{path}'")
            except psycopg.Error as error:
                failed.append(error)

    waiting = threading.Thread(target=write)
    waiting.start()
    while not rows(filled, "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'COPY big%' AND state = 'active'"):
        time.sleep(0.05)
    with entered(filled) as living:
        waiting.join(30)
        assert not waiting.is_alive()
        before = len(pipes(filled))
        assert before
        assert not Path(path).exists()
        piped.sweep(directory(filled))
        assert len(pipes(filled)) == before
        assert all(entry.open is None or read_entry(entry) is not None for entry in living.entries())
    assert failed
    assert not pipes(filled)


@pytest.mark.parametrize("how", ["file", "pipe"])
def test_a_pipe_that_was_replaced(filled: Place, how: str) -> None:
    """The directory is the server's: what lies in the place of our pipe is not read as rows."""
    with entered(filled) as captured:
        entry = next(entry for entry in captured.entries() if "big" in entry.path)
        for path in pipes(filled):
            path.unlink()
            if how == "file":
                path.write_text("1\tforged\n")
            else:
                os.mkfifo(path)
        with pytest.raises(Permanent) as refused:
            entry.open()
        assert refused.value.code == "pipe_replaced"
    assert not pipes(filled)


def test_a_failing_statement_is_told(filled: Place) -> None:
    """An error of the server in the middle of a table: its own words, never a short end."""
    execute(
        filled,
        "CREATE FUNCTION trap(integer) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS "
        "$$ BEGIN IF $1 = 15000 THEN RAISE 'sprung'; END IF; RETURN true; END $$",
    )
    with entered(filled) as captured:
        copier = captured._pool.take()
        assert isinstance(copier, piped.PipedCopier)
        assert stat.S_ISFIFO(os.stat(copier.path).st_mode)
        statement = f"COPY (SELECT * FROM public.big WHERE public.trap(id)) TO {copier.target}"
        gone: list[object] = []
        stream = piped.PipedStream(copier, statement, lambda kept, _rows, _size: gone.append(kept))
        with pytest.raises(HoldfastError, match="sprung"):  # noqa: PT012
            while stream.readinto(memoryview(bytearray(1 << 16))):
                pass
        stream.close()
        assert gone == [None]
    assert not pipes(filled)
