"""What a capture may leave out, guard by guard, on a real server: what it leaves out is what a full reading finds."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from incremental_kit import Kept, snapshot
from pg_server import Cluster, execute, running, user_session

from holdfast.contract.conformance import Place
from holdfast.contract.incremental import SAMPLES, sampled
from holdfast.contract.snapshot import CaptureRequest
from holdfast.engines.postgresql import tables

TABLE = '"a""b\'; -- ü"'
FILL = f"INSERT INTO {TABLE} SELECT n, md5(n::text) || repeat('x', 200) FROM generate_series(1, 2000) AS n"


@pytest.fixture
def quiet(pg18: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A vacuumed table of some ranges, each of eight blocks."""
    monkeypatch.setattr(tables, "RANGE_BLOCKS", 8)
    with pg18.fresh("inc") as place:
        execute(
            place,
            f"CREATE TABLE {TABLE} (id int PRIMARY KEY, note text) WITH (autovacuum_enabled = off)",
            FILL,
            "CREATE TABLE other (id int, long text) WITH (autovacuum_enabled = off)",
            "INSERT INTO other VALUES (1, 'one')",
        )
        settle(place)
        yield place


def settle(place: Place) -> None:
    """No reader has a hint bit left to set."""
    with user_session(place.endpoint, "admin", autocommit=True) as session:
        session.execute("VACUUM (FREEZE)")


def test_unchanged_ranges_are_not_read(quiet: Place) -> None:
    first = snapshot(quiet, Kept())
    assert first.inherited == set()
    assert first.reuse.kind == "full"
    second = snapshot(quiet, first)
    assert second.reuse.kind == "incremental", second.reuse.why
    assert len(second.inherited) + len(second.reuse.proofs) == len(second.data) > 8
    assert second.reuse.skipped > 300_000
    assert second.manifest is not None
    assert first.manifest is not None
    assert second.manifest.tables == first.manifest.tables
    execute(quiet, f"UPDATE {TABLE} SET note = 'new' WHERE id BETWEEN 100 AND 110")
    third = snapshot(quiet, second)
    read = third.data - third.inherited - set(third.reuse.proofs)
    assert 1 <= len(read) <= 3, read


def test_each_piece_is_read_again_exactly_once_in_sixteen() -> None:
    for number in (0, 1, 15, 16, 16384 + 7):
        assert sum(sampled(number, place) for place in range(5, 5 + SAMPLES)) == 1


def test_full_reads_everything(quiet: Place) -> None:
    first = snapshot(quiet, Kept())
    again = snapshot(quiet, first, CaptureRequest(digests="always", full=True))
    assert again.inherited == set()
    assert again.reuse.kind == "full"


def test_a_transaction_open_at_the_snapshot_that_commits_later(quiet: Place) -> None:
    with user_session(quiet.endpoint) as writer:
        writer.execute("UPDATE other SET long = 'two'")
        first = snapshot(quiet, Kept())
        writer.commit()
    second = snapshot(quiet, first)
    assert first.manifest is not None
    assert first.manifest.distrust == ("public.other",)
    assert not any("other" in path for path in second.inherited)
    assert any("two" in second.files[path].decode() for path in second.data if "other" in path)


@pytest.mark.slow
def test_a_prepared_transaction_is_distrusted_and_a_restart_means_full() -> None:
    with running("18") as cluster, cluster.fresh("two") as place:
        execute(place, "CREATE TABLE other (id int)", "INSERT INTO other VALUES (1)")
        first = snapshot(place, Kept())
        with user_session(place.endpoint, "admin", autocommit=True) as admin:
            admin.execute("ALTER SYSTEM SET max_prepared_transactions = 5")
        cluster.stop()
        cluster.start()
        again = snapshot(place, first)
        assert again.inherited == set()
        assert "restarted" in again.reuse.why
        execute(place, "INSERT INTO other VALUES (2)", "PREPARE TRANSACTION 'p'")
        second = snapshot(place, again)
        with user_session(place.endpoint, "admin", autocommit=True) as admin:
            admin.execute("COMMIT PREPARED 'p'")
        third = snapshot(place, second)
        assert second.manifest is not None
        assert second.manifest.distrust == ("public.other",)
        assert third.reuse.kind == "incremental"
        assert third.inherited == set()
        assert b"".join(third.files[path] for path in third.data) == b"1\n2\n"


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE other ADD COLUMN more int DEFAULT 7",
        "ALTER TABLE other DROP COLUMN long",
        "TRUNCATE other",
        "ALTER TABLE other ALTER COLUMN id TYPE bigint",
        "DROP TABLE other; CREATE TABLE other (id int, long text); INSERT INTO other VALUES (2, 'other')",
        "ALTER TABLE other SET UNLOGGED; UPDATE other SET long = 'three'",
        "ALTER TABLE other RENAME COLUMN long TO short",
        "UPDATE other SET long = (SELECT string_agg(md5(n::text), '') FROM generate_series(1, 900) AS n)",
        "DELETE FROM other",
    ],
)
def test_every_change_is_seen(quiet: Place, change: str) -> None:
    first = snapshot(quiet, Kept())
    execute(quiet, *change.split("; "))
    second = snapshot(quiet, first)
    assert not any("other" in path for path in second.inherited)
    assert second.reuse.kind == "incremental", second.reuse.why
    assert second.inherited  # the other table is left out all the same


def test_text_that_changes_without_a_block(quiet: Place) -> None:
    execute(
        quiet,
        "CREATE TYPE mood AS ENUM ('glad', 'sad')",
        "CREATE TYPE pair AS (a int, b text)",
        "CREATE TABLE feels (m mood[], p pair, c regclass)",
        "CREATE TABLE only_mood (m mood)",
        "CREATE TABLE named (n int)",
        "INSERT INTO feels VALUES ('{glad}', (1, 'x'), 'named')",
        "INSERT INTO only_mood VALUES ('sad')",
    )
    settle(quiet)
    first = snapshot(quiet, snapshot(quiet, Kept()))
    assert any("only_mood" in path for path in first.inherited)
    assert not any("feels" in p for p in first.inherited)
    execute(quiet, "ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'", "ALTER TABLE named RENAME TO renamed")
    second = snapshot(quiet, first)
    assert not any("only_mood" in path for path in second.inherited)


def test_another_history_means_full(quiet: Place) -> None:
    first = snapshot(quiet, Kept())
    assert first.manifest is not None
    position = dict(first.manifest.position)
    for name, value in {"system": "1", "timeline": 9, "started": "long ago", "database_oid": 3, "version": 1}.items():
        changed = Kept(first.files, replace(first.manifest, position=position | {name: value}))
        again = snapshot(quiet, changed, compare=False)
        assert again.inherited == set()
        assert again.reuse.kind == "full"
        assert again.reuse.why


def test_a_crash_of_the_server_means_full(quiet: Place) -> None:
    first = snapshot(quiet, Kept())
    with user_session(quiet.endpoint, "admin", autocommit=True) as session:
        row = session.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'").fetchone()
        assert row is not None
        os.kill(row[0], signal.SIGKILL)
    for _ in range(200):
        try:
            with user_session(quiet.endpoint, "admin") as session:
                session.execute("SELECT 1")
            break
        except psycopg.Error:
            time.sleep(0.05)
    second = snapshot(quiet, first)
    assert second.reuse.kind == "full"
    assert "restarted" in second.reuse.why


def test_a_gap_in_the_summaries_means_full(quiet: Place) -> None:
    first = snapshot(quiet, Kept())
    with user_session(quiet.endpoint, "admin", autocommit=True) as session:
        session.execute("ALTER SYSTEM SET summarize_wal = off")
        session.execute("SELECT pg_reload_conf()")
        try:
            second = snapshot(quiet, first)
            assert second.inherited == set()
            assert "summaries" in second.reuse.why
        finally:
            session.execute("ALTER SYSTEM RESET summarize_wal")
            session.execute("SELECT pg_reload_conf()")


def test_below_seventeen_everything_is_read(pg16: Cluster) -> None:
    with pg16.fresh("old") as place:
        execute(place, "CREATE TABLE t (id int)", "INSERT INTO t VALUES (1)")
        first = snapshot(place, Kept())
        second = snapshot(place, first)
        assert second.inherited == set()
        assert "17" in second.reuse.why
