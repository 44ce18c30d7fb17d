"""A table that is dropped in the middle of a dump: the snapshot is of one moment, or it fails and says why."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from faults_cluster import Cluster, eventually

pytestmark = [pytest.mark.faults, pytest.mark.slow]


def test_sqlite_keeps_the_moment_the_snapshot_began(start: Callable[..., Cluster]) -> None:
    it = start(hold="capture.half")
    database = it.create("sqlite", rows=2000, width=400)
    before = it.rows(database)
    it.write(database, "CREATE TABLE other AS SELECT * FROM t")
    it.arm()
    taken = it.snap(database, "L3")
    it.reached()
    it.write(database, "DROP TABLE t")
    it.write(database, "CREATE TABLE t AS SELECT 1 AS id, 'new' AS body")
    it.release()
    it.done(taken)
    assert it.rows(database) == [[1, "new"]]
    it.done(it.restore_in_place(taken["snapshot"]["id"]))
    assert it.rows(database) == before
    it.works(database)


def test_postgresql_makes_the_drop_wait_or_fails_cleanly(start: Callable[..., Cluster]) -> None:
    """The dump holds ACCESS SHARE on its tables, so that a drop waits until it is done."""
    it = start(hold="capture.half")
    database = it.create("postgresql", rows=2000)
    before = it.rows(database)
    it.write(database, "CREATE TABLE other AS SELECT * FROM t")
    it.arm()
    taken = it.snap(database, "L3")
    it.reached()
    url = it.client.post(f"/databases/{database}/url", {"access": "owner"})["url"]
    with psycopg.connect(url, autocommit=True) as line:
        line.execute("SET lock_timeout = '500ms'")
        waited = False
        try:
            line.execute("DROP TABLE t")
        except psycopg.errors.LockNotAvailable:
            waited = True
        it.release()
        run = it.ended(taken)
        if waited:
            assert run["state"] == "succeeded", run["error"]
            line.execute("SET lock_timeout = '10s'")
            line.execute("DROP TABLE t")
    if run["state"] == "succeeded":
        it.done(it.restore_in_place(taken["snapshot"]["id"]))
        assert it.rows(database) == before
    else:
        assert run["error"]["hint"], run["error"]
        assert it.client.get(f"/snapshots/{taken['snapshot']['id']}")["state"] == "failed"
    it.settled()
    eventually(lambda: not it.locks())
    it.snapshot(database)
    it.sound()


def test_a_table_dropped_before_its_lock_fails_cleanly_or_is_left_out(start: Callable[..., Cluster]) -> None:
    """A writer that holds the table and then drops it: the dump waits for the table and finds it gone."""
    it = start()
    database = it.create("postgresql", rows=100)
    it.write(database, "CREATE TABLE other AS SELECT * FROM t")
    url = it.client.post(f"/databases/{database}/url", {"access": "owner"})["url"]
    with psycopg.connect(url) as line:
        line.execute("DROP TABLE other")
        taken = it.snap(database, "L3")
        eventually(lambda: it.client.get(f"/runs/{taken['run']['id']}")["state"] == "running")
        with psycopg.connect(url, autocommit=True) as watcher:
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            eventually(lambda: watcher.execute(waiting).fetchone() != (0,), 20, "a dump that waits for the table")
        line.commit()
    run = it.ended(taken)
    snapshot = it.client.get(f"/snapshots/{taken['snapshot']['id']}")
    if run["state"] == "succeeded":
        assert (snapshot["state"], snapshot["verification"]) == ("ready", "green")
    else:
        assert run["error"]["hint"], run["error"]
        assert snapshot["state"] == "failed"
    it.works(database)
