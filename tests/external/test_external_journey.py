"""A database on somebody else's server behaves as one of ours: asked, looked at, backed up, rehearsed, brought back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from foreign_pg import ForeignSubject, superuser
from foreign_world import registered, target
from pg_server import Cluster
from world import OWNER, World, refused

from holdfast.engines.postgresql import link
from holdfast.features.backups.restore_service import RestoreWish


@pytest.mark.slow
def test_journey(here: World, foreign18: Cluster) -> None:
    """Registered, queried both ways, backed up to L3, restored into a hosted one."""
    with ForeignSubject(foreign18).fresh() as place:
        name = place.endpoint.database or ""
        resource = registered(here, "legacy", target(foreign18, name))
        assert (resource.host, resource.spec["version"]) == ("external", "18")
        here.write(resource.id, 'CREATE TABLE t (id integer PRIMARY KEY, "na\'me" text)')
        here.write(resource.id, "INSERT INTO t SELECT n, 'é' || n FROM generate_series(1, 1000) n")
        assert here.rows(resource.id, "SELECT count(*) FROM t") == [(1000,)]
        snapshot = here.snapshot(resource.id, level=3)
        assert (snapshot.state, snapshot.verified_level, snapshot.verification) == ("ready", 3, "green")
        copy = here.restore(snapshot.id, mode="new", name="legacy-copy")
        assert copy.host == "process"
        assert here.rows(copy.id, "SELECT count(*) FROM t") == [(1000,)]
        here.write(copy.id, "INSERT INTO t VALUES (0, 'the owner may write what a stranger owned')")
        assert here.rows(copy.id, "SELECT count(*) FROM t") == [(1001,)]
        with superuser(foreign18, name) as admin:
            assert admin.execute("SELECT count(*) FROM t").fetchone() == (1000,)


@pytest.mark.slow
def test_back_to_a_server_that_is_not_ours(here: World, foreign18: Cluster) -> None:
    """One of ours restored onto somebody else's server: only into a new database, readable by its reader, whole; in
    place where the login owns it. A name that is taken there is left alone."""
    with ForeignSubject(foreign18).fresh() as place:
        server = registered(here, "neighbour", target(foreign18, place.endpoint.database or ""))
        ours = here.create("postgresql", "to-export")
        here.write(ours.id, "CREATE TABLE t (id integer PRIMARY KEY)", "INSERT INTO t SELECT generate_series(1, 300)")
        here.write(ours.id, "CREATE VIEW v AS SELECT id FROM t")
        snapshot = here.snapshot(ours.id, level=1)
        name = f"exported-{here.project.id[-8:]}"
        there = here.restore(snapshot.id, mode="new", name=name, server=server.id)
        try:
            assert (there.host, there.state, (there.endpoint or {})["database"]) == ("external", "ready", name)
            assert here.rows(there.id, "SELECT count(*) FROM v") == [(300,)]
            refused("read_only", lambda: here.rows(there.id, "DELETE FROM t"))
            here.write(there.id, "DELETE FROM t")
            again = here.snapshot(there.id, level=1)
            here.write(there.id, "INSERT INTO t VALUES (7)")
            here.restore(again.id, mode="in_place", confirm=name)
            assert here.rows(there.id, "SELECT count(*) FROM t") == [(0,)]
            taken = RestoreWish(mode="new", name=place.endpoint.database, server=server.id)
            _, _, run = here.services.restores.restore(OWNER, snapshot.id, taken)
            assert (here.ended(run).error or {})["code"] == "name_taken_there"
            assert here.rows(server.id, "SELECT 1") == [(1,)], "what was there is still there"
            hosted = RestoreWish(mode="new", name="nowhere", server=ours.id)
            refused("database_hosted", lambda: here.services.restores.restore(OWNER, snapshot.id, hosted))
        finally:
            with superuser(foreign18) as admin:
                left = admin.execute("SELECT datname FROM pg_database WHERE datname LIKE 'exported%'").fetchall()
                for (database,) in left:
                    admin.execute('DROP DATABASE "' + database.replace('"', '""') + '" WITH (FORCE)')


@pytest.mark.slow
def test_a_swap_waits_for_statements_of_other_nodes(here: World, foreign18: Cluster) -> None:
    """The gate is of one node; a write that another node's Holdfast has begun there ends before the swap, not by it."""
    with ForeignSubject(foreign18).fresh() as place:
        name = place.endpoint.database or ""
        resource = registered(here, "shared", target(foreign18, name))
        here.write(resource.id, "CREATE TABLE t (id integer)")
        snapshot = here.snapshot(resource.id, level=1)
        keywords = link.parameters(place.endpoint, "owner", {}, "holdfast query")
        with psycopg.connect(**keywords, autocommit=True) as node, ThreadPoolExecutor(1) as pool:
            slow = "SELECT n, pg_sleep(0.2) FROM generate_series(1, 40) n"
            answered = pool.submit(lambda: len(node.execute(slow).fetchall()))
            here.restore(snapshot.id, mode="in_place", confirm="shared", safety=False)
            assert answered.result() == 40, "the other node's statement was cut"
        assert here.rows(resource.id, "SELECT count(*) FROM t") == [(0,)]
