"""What goes wrong: dropped tables, dying servers, stops, crashes in a swap, wrong versions."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pg_server import Cluster, capture, execute, restore, rows, running, user_session

from holdfast.contract.conformance import Place
from holdfast.contract.conformance.memory_source import read_entry
from holdfast.contract.query import QueryLimits
from holdfast.contract.snapshot import CaptureRequest, RestoreRequest, Stream
from holdfast.engines.postgresql import engine, faults
from holdfast.kernel.errors import Cancelled, HoldfastError, LimitExceeded, NeedsOperator, Permanent, Retryable
from holdfast.kernel.stop import Stop

BUSY = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


def fill(place: Place, count: int = 20000) -> None:
    execute(
        place,
        "CREATE TABLE big (id integer PRIMARY KEY, body text)",
        f"INSERT INTO big SELECT n, repeat(md5(n::text), 20) FROM generate_series(1, {count}) n",
        "CREATE TABLE small (id integer)",
        "INSERT INTO small VALUES (1), (2)",
    )


def entered(place: Place, stop: Stop | None = None) -> Any:
    return engine.connect(place.endpoint, place.tools).capture(None, CaptureRequest(digests="always"), stop or Stop())


def gone_within(place: Place, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if rows(place, BUSY) == [(0,)]:
            return True
        time.sleep(0.05)
    return False


def start_reading(captured: Any, path_part: str) -> Stream:
    entry = next(entry for entry in captured.entries() if path_part in entry.path)
    stream: Stream = entry.open()
    assert stream.readinto(memoryview(bytearray(1 << 16))) > 0
    return stream


@pytest.mark.faults
def test_drop_waits_and_the_capture_is_whole(place: Place) -> None:
    """A DROP that comes after the moment queues behind it; tables not yet read are still read, none is missing."""
    fill(place)
    dropped = threading.Event()

    def drop() -> None:
        with user_session(place.endpoint, autocommit=True) as connection:
            connection.execute("DROP TABLE small, big")
        dropped.set()

    with entered(place) as captured:
        thread = threading.Thread(target=drop)
        thread.start()
        deadline = time.monotonic() + 5
        while rows(place, "SELECT count(*) FROM pg_locks WHERE NOT granted") == [(0,)]:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        started = time.monotonic()
        sizes = {entry.path: len(read_entry(entry)) for entry in captured.entries()}
        manifest = captured.finish()
        assert time.monotonic() - started < 5, "the capture queued behind the waiting DROP"
        assert not dropped.is_set()
    thread.join(10)
    assert dropped.is_set()
    assert sizes["data/public/small/0000000000.copy"] == 4
    assert {(t.name, t.rows) for t in manifest.tables} == {("big", 20000), ("small", 2)}


@pytest.mark.slow
def test_schema_changes_all_the_time(place: Place) -> None:
    """Tables made, truncated, rewritten and dropped without pause: each capture is consistent or Retryable."""
    fill(place, 500)
    execute(place, "CREATE TABLE pair_a (n integer)", "CREATE TABLE pair_b (n integer)")
    halt = threading.Event()

    def churn() -> None:
        with user_session(place.endpoint, autocommit=True) as connection:
            number = 0
            while not halt.is_set():
                number += 1
                with connection.transaction():
                    connection.execute("TRUNCATE pair_a, pair_b")
                    connection.execute(f"INSERT INTO pair_a SELECT {number} FROM generate_series(1, 10)")
                    connection.execute(f"INSERT INTO pair_b SELECT {number} FROM generate_series(1, 10)")
                connection.execute("CREATE TABLE IF NOT EXISTS fleeting AS SELECT 1")
                connection.execute("DROP TABLE fleeting")
                time.sleep(0.4)

    thread = threading.Thread(target=churn)
    thread.start()
    whole = 0
    try:
        for _ in range(30):
            if whole == 2:
                break
            try:
                source = capture(place)
            except Retryable:
                continue
            whole += 1
            facts = {table.name: table.rows for table in source.manifest.tables}
            assert facts["pair_a"] == facts["pair_b"] == 10
            assert (
                source.files["data/public/pair_a/0000000000.copy"] == source.files["data/public/pair_b/0000000000.copy"]
            )
    finally:
        halt.set()
        thread.join()
    assert whole == 2


@pytest.mark.faults
def test_server_killed_in_capture_is_retryable() -> None:
    """kill -9 of the whole server in the middle: Retryable, no manifest; after a restart all goes on."""
    with running("18") as cluster, cluster.fresh("dying") as place:
        fill(place, 100_000)
        with pytest.raises(Retryable), entered(place) as captured:  # noqa: PT012
            stream = start_reading(captured, "big")
            assert cluster.process is not None
            kill_server(cluster)
            buffer = memoryview(bytearray(1 << 16))
            try:
                while stream.readinto(buffer):
                    pass
                captured.finish()
            finally:
                stream.close()
        with pytest.raises(Retryable) as refused:
            capture(place)
        assert refused.value.hint
        cluster.start()
        assert capture(place).manifest.tables[0].rows == 100_000


def kill_server(cluster: Cluster) -> None:
    """The postmaster and every child, as a machine that loses its power."""
    assert cluster.process is not None
    postmaster = cluster.process.pid
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    for pid in (postmaster, *map(int, children)):
        os.kill(pid, signal.SIGKILL)
    cluster.process.wait(60)
    cluster.process = None
    time.sleep(0.3)


@pytest.mark.faults
def test_backend_of_one_read_killed(place: Place) -> None:
    """Only the reading session dies: that entry raises Retryable and can be opened again on the same moment."""
    fill(place, 60_000)
    with entered(place) as captured:
        entry = next(entry for entry in captured.entries() if "big" in entry.path)
        stream = entry.open()
        stream.readinto(memoryview(bytearray(100)))
        with user_session(place.endpoint, "admin", autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'holdfast capture%'"
                " AND query LIKE 'COPY%' AND state = 'active' AND datname = current_database()"
            )
        with pytest.raises(Retryable):  # noqa: PT012
            while stream.readinto(memoryview(bytearray(1 << 20))):
                pass
        stream.close()
        assert read_entry(entry).count(b"\n") == 60_000


@pytest.mark.faults
def test_holder_killed_means_no_manifest(place: Place) -> None:
    """The session that holds the moment dies: `finish` refuses, whatever was read."""
    fill(place, 100)
    with entered(place) as captured:
        for entry in captured.entries():
            read_entry(entry)
        with user_session(place.endpoint, "admin", autocommit=True) as admin:
            admin.execute("SELECT pg_terminate_backend(%s)", (captured._moment.connection.info.backend_pid,))
        with pytest.raises(Retryable) as lost:
            captured.finish()
        assert lost.value.code == "snapshot_lost"


@pytest.mark.faults
def test_holder_killed_before_the_first_entry_is_said_in_our_words(place: Place) -> None:
    """Listing what there is to read asks the dead session nothing: no driver's error reaches a run."""
    fill(place, 100)
    with entered(place) as captured:
        with user_session(place.endpoint, "admin", autocommit=True) as admin:
            admin.execute("SELECT pg_terminate_backend(%s)", (captured._moment.connection.info.backend_pid,))
        assert any("big" in entry.path for entry in captured.entries())
        with pytest.raises(Retryable):
            captured.finish()


def test_stopped_capture_leaves_no_session(place: Place) -> None:
    """A stop in the middle of a read: Cancelled at once, and within 2 s no session of ours is at the server."""
    fill(place, 100_000)
    stop = Stop()
    with pytest.raises(Cancelled), entered(place, stop) as captured:  # noqa: PT012
        stream = start_reading(captured, "big")
        stop.stop()
        try:
            while stream.readinto(memoryview(bytearray(1 << 16))):
                pass
            captured.finish()
        finally:
            stream.close()
    assert gone_within(place, 2.0)


def test_timed_out_query_is_gone_at_the_server(place: Place) -> None:
    """Two seconds after the limit nothing of it runs, also for a statement that catches the cancel."""
    execute(
        place,
        "CREATE FUNCTION stubborn() RETURNS void LANGUAGE plpgsql AS $$ BEGIN LOOP BEGIN PERFORM pg_sleep(60);"
        " EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$",
    )

    async def use(statement: str, limits: QueryLimits) -> None:
        session = engine.connect(place.endpoint, place.tools)
        async for _ in session.query(statement, (), limits):
            pass

    for statement in ("SELECT pg_sleep(60)", "SELECT stubborn()", "SELECT count(*) FROM generate_series(1, 1e12)"):
        started = time.monotonic()
        with pytest.raises(LimitExceeded) as over:
            asyncio.run(use(statement, QueryLimits(seconds=0.3)))
        assert over.value.code == "query_timeout"
        assert time.monotonic() - started < 20
        assert gone_within(place, 2.0), statement
    stop = Stop()
    threading.Timer(0.3, stop.stop).start()
    with pytest.raises(Cancelled):
        asyncio.run(use("SELECT stubborn()", QueryLimits(stop=stop)))
    assert gone_within(place, 2.0)


def test_slow_reader_does_not_hold_the_server(place: Place) -> None:
    """A consumer that stops taking rows is ended at its limit too: the server must not wait for it."""

    async def use() -> None:
        session = engine.connect(place.endpoint, place.tools)
        with pytest.raises(LimitExceeded):  # noqa: PT012
            async for _ in session.query(
                "SELECT repeat('x', 100000) FROM generate_series(1, 1e9)",
                (),
                QueryLimits(rows=10**9, bytes=10**12, seconds=0.5, batch_rows=10),
            ):
                await asyncio.sleep(1.0)

    asyncio.run(use())
    assert gone_within(place, 2.0)


@pytest.mark.faults
@pytest.mark.parametrize("point", ["restore.schema", "restore.half"])
def test_killed_restore_is_taken_up_again(pg18: Cluster, point: str) -> None:
    """kill -9 in the middle: readers cannot connect to the half, and the same restore begins anew and completes."""
    with pg18.fresh("src") as place, pg18.fresh("dst") as target:
        fill(place, 1000)
        crash(pg18, place, target, point, RESTORE)
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            user_session(target.endpoint, "ro")
        restore(target, capture(place))
        assert rows(target, "SELECT count(*) FROM big", "ro") == [(1000,)]
        assert rows(target, "SELECT rolname FROM pg_roles WHERE rolname LIKE 'holdfast\\_load%'") == []


@pytest.mark.faults
@pytest.mark.parametrize("point", ["swap.kept", "swap.renamed"])
def test_killed_swap_completes(pg18: Cluster, point: str) -> None:
    """kill -9 between the renames: the same call again completes; the new database is live, the old one kept."""
    with pg18.fresh("live") as place:
        execute(place, "CREATE TABLE t AS SELECT 'old' AS which")
        candidate, kept = engine.beside(place.endpoint, "new"), engine.beside(place.endpoint, "old")
        asyncio.run(engine.prepare(candidate, pg18.spec, place.tools))
        execute(replace(place, endpoint=candidate), "CREATE TABLE t AS SELECT 'new' AS which")
        with user_session(place.endpoint, "rw", autocommit=True) as busy:
            crash(pg18, place, place, point, SWAP)
            with pytest.raises(psycopg.OperationalError):
                busy.execute("SELECT 1")
        asyncio.run(engine.swap(place.endpoint, candidate, kept, place.tools))
        assert rows(place, "SELECT which FROM t", "rw") == [("new",)]
        assert rows(replace(place, endpoint=kept), "SELECT which FROM t") == [("old",)]
        asyncio.run(engine.discard(kept, place.tools))


COMMON = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, {here!r})
from pg_server import Cluster, SubprocessTools, capture, restore
from holdfast.contract.conformance import Place
from holdfast.contract.spec import Endpoint, Role
from holdfast.engines.postgresql import engine
from pathlib import PosixPath
tools = SubprocessTools(Path({software!r}), Path({scratch!r}))
place, target = Place("a", {place}, tools), Place("b", {target}, tools)
"""
RESTORE = "restore(target, capture(place))\n"
SWAP = (
    "asyncio.run(engine.swap(place.endpoint, engine.beside(place.endpoint, 'new'),"
    " engine.beside(place.endpoint, 'old'), tools))\n"
)


def crash(cluster: Cluster, place: Place, target: Place, point: str, act: str) -> None:
    """Run `act` in a process of its own that kills itself at `point`."""
    text = COMMON.format(
        here=str(Path(__file__).parent),
        software=str(cluster.tools.bin.parent),
        scratch=str(cluster.tools.scratch),
        place=spelled(place),
        target=spelled(target),
    )
    child = subprocess.run(
        [sys.executable, "-c", text + act],
        env={**os.environ, "HOLDFAST_CRASH_AT": point},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert child.returncode == -signal.SIGKILL, child.stderr.decode()


def spelled(place: Place) -> str:
    at = place.endpoint
    return (
        f"Endpoint(sockets=Path({str(at.sockets)!r}), port={at.port}, database={at.database!r}, "
        f"roles={dict(at.roles)!r}, secrets={dict(at.secrets)!r})"
    )


@pytest.mark.faults
def test_restore_stopped_while_building_indexes(pg18: Cluster) -> None:
    """A stop during post-data ends the tools and their statements; the target is empty and works."""
    with pg18.fresh("src") as place, pg18.fresh("dst") as target:
        fill(place, 1000)
        execute(
            place,
            "CREATE FUNCTION slow(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS "
            "$$ BEGIN PERFORM pg_sleep(0.05); RETURN $1; END $$",
            "CREATE TABLE empty_later (id integer)",
            "CREATE INDEX empty_slow ON empty_later (slow(id))",
            "ALTER TABLE empty_later DISABLE TRIGGER USER",
        )
        execute(place, "INSERT INTO empty_later SELECT n FROM generate_series(1, 40) n")
        source = capture(place)
        stop = Stop()
        watcher = threading.Thread(target=stop_when, args=(target, stop))
        watcher.start()
        with pytest.raises(Cancelled):
            restore(target, source, RestoreRequest(parallel=2), stop)
        watcher.join()
        assert gone_within(target, 2.0)
        assert rows(target, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace") == [(0,)]
        execute(target, "CREATE TABLE works (id integer)")


def stop_when(target: Place, stop: Stop) -> None:
    deadline = time.monotonic() + 20
    with user_session(replace(target.endpoint, database="postgres"), "admin", autocommit=True) as admin:
        while time.monotonic() < deadline:
            found = admin.execute(
                "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX empty_slow%'"
            ).fetchone()
            if found is not None:
                break
            time.sleep(0.01)
    stop.stop()


def test_unreachable_and_wrong_password(place: Place) -> None:
    """No server: Retryable with a hint. A password the server refuses: NeedsOperator. No database: said so."""
    nowhere = replace(place, endpoint=replace(place.endpoint, sockets=Path("/nonexistent")))
    with pytest.raises(Retryable) as gone:
        capture(nowhere)
    assert gone.value.hint
    wrong = replace(place, endpoint=replace(place.endpoint, secrets={**place.endpoint.secrets, "admin": "wrong"}))
    with pytest.raises(NeedsOperator) as refused:
        capture(wrong)
    assert refused.value.code == "login_refused"
    absent = replace(place, endpoint=replace(place.endpoint, database="never made"))
    with pytest.raises(HoldfastError) as missing:
        capture(absent)
    assert missing.value.code == "database_absent"


def test_versions_out_of_range() -> None:
    """A server too old or too new is refused with the versions we take."""
    for number in (140020, 190000):
        with pytest.raises(Permanent) as refused:
            faults.check_version(number)
        assert refused.value.code == "server_version"
        assert refused.value.hint is not None
        assert "18" in refused.value.hint


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("ERROR:  canceling statement due to statement timeout\nQuery was: LOCK TABLE public.a", "table_locked"),
        ("ERROR:  canceling statement due to lock timeout", "table_locked"),
        ("ERROR:  canceling statement due to statement timeout\nQuery was: SELECT 1", "tool_failed"),
    ],
)
def test_what_pg_dump_says_of_a_lock(text: str, code: str) -> None:
    """It waits for locks under statement_timeout: only the query tells a lock from a slow statement."""
    error = Permanent(text)
    assert faults.from_tool(error, "dumping").code == code
    assert faults.is_schema_race(error) is (code == "table_locked")
