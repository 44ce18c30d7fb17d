"""kill -9 of the runner in the middle of migrations, taken back ones, and clones: nothing twice, nothing by half."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from faults_cluster import Cluster, both, taken_over

pytestmark = [pytest.mark.faults, pytest.mark.slow]
UP = "create table {0} (id integer); insert into {0} values (1); insert into {0} values (2)"
APPLYING = ("script.before_commit", "migration.done")
POINTS = (*APPLYING, "script.statement.2", "clone.half", "clone.loaded")


def stored(it: Cluster, database: str) -> str:
    """Two migrations; the path they are under."""
    path = f"/databases/{database}/migrations"
    for name in ("one", "two"):
        it.client.post(path, {"name": name, "up": UP.format(name), "down": f"drop table {name}"})
    return path


@pytest.mark.parametrize(("engine", "point"), both(APPLYING, ("script.statement.2",)))
def test_migrations_survive_their_runner(kept: Callable[..., Cluster], engine: str, point: str) -> None:
    it = kept(crash=POINTS)
    database, runner = it.create(engine, f"{engine} {point}", rows=3), it.pid("runner")
    path = stored(it, database)
    it.arm(point)
    run = taken_over(it, runner, it.client.post(f"{path}/apply", {"snapshot": False}))
    assert run["result"]["applied"] == [1, 2]
    for name in ("one", "two"):
        assert it.rows(database, f"select id from {name} order by id") == [[1], [2]]
    status = it.client.get(f"{path}/status")
    assert [each["state"] for each in status["migrations"]] == ["applied", "applied"]
    assert [each["number"] for each in it.client.items(f"{path}/history")] == [2, 1]
    assert it.client.get(f"{path}/drift")["differences"] == []


def test_a_way_back_takes_no_more_than_was_asked(kept: Callable[..., Cluster]) -> None:
    """Killed after the first of one step: the second attempt finds its work done."""
    it = kept(crash=POINTS)
    database, runner = it.create("sqlite", "way back", rows=3), it.pid("runner")
    path = stored(it, database)
    it.done(it.client.post(f"{path}/apply", {"snapshot": False}))
    it.arm("migration.done")
    body = {"steps": 1, "confirm": "way back", "snapshot": False}
    taken_over(it, runner, it.client.post(f"{path}/rollback", body))
    assert [each["state"] for each in it.client.get(f"{path}/status")["migrations"]] == ["applied", "pending"]
    assert it.rows(database, "select count(*) from one") == [[2]]


def test_a_script_without_a_transaction_starts_over(kept: Callable[..., Cluster]) -> None:
    it = kept(crash=POINTS)
    database, runner = it.create("sqlite", "no transaction", rows=3), it.pid("runner")
    path = f"/databases/{database}/migrations"
    text = "-- holdfast: no-transaction\ncreate table if not exists one (id integer primary key);\nvacuum;\n"
    it.client.post(path, {"name": "one", "up": text + "insert or replace into one values (1)"})
    it.arm("script.statement.2")
    taken_over(it, runner, it.client.post(f"{path}/apply", {"snapshot": False}))
    assert it.rows(database, "select id from one") == [[1]]
    assert [each["state"] for each in it.client.get(f"{path}/status")["migrations"]] == ["applied"]


@pytest.mark.parametrize(("engine", "point"), both(("clone.half",), ("clone.loaded",)))
def test_a_clone_survives_its_runner(kept: Callable[..., Cluster], engine: str, point: str) -> None:
    it = kept(crash=POINTS)
    database, runner = it.create(engine, f"{engine} {point}"), it.pid("runner")
    it.arm(point)
    made = it.client.post(f"/databases/{database}/clone", {"name": f"{engine} {point} again"})
    taken_over(it, runner, made)
    copy = made["resource"]["id"]
    assert it.rows(copy) == it.rows(database)
    assert it.beside(copy) == it.beside(database) == []
    assert {item["state"] for item in it.client.items("/databases")} == {"ready"}
    it.works(copy)
