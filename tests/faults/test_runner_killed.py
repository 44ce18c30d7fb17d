"""kill -9 of the runner in the middle of a capture, an upload, a restore and a swap."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from faults_cluster import ENGINES, Answer, Cluster, eventually

pytestmark = [pytest.mark.faults, pytest.mark.slow]

TAKING = ("capture.half", "upload.pack", "upload.index", "upload.snapshot", "upload.snapshot.done", "run.before_end")
RESTORING = ("restore.created", "restore.half", "restore.loaded", "restore.verified")
SWAPPING = ("step.swapping.after", "swap.kept", "swap.renamed")


def both(sqlite: tuple[str, ...], postgresql: tuple[str, ...]) -> list[tuple[str, str]]:
    return [("sqlite", point) for point in sqlite] + [("postgresql", point) for point in postgresql]


def taken_over(it: Cluster, runner: int, answer: Answer) -> Answer:
    """The runner died at the point, another took its place, and the run ended well in its second attempt."""
    run = it.done(answer)
    assert it.crashed
    eventually(lambda: it.pid("runner") not in (0, runner))
    return run


@pytest.mark.parametrize(("engine", "point"), both(TAKING, ("capture.half", "upload.snapshot.done")))
def test_a_snapshot_survives_its_runner(start: Callable[..., Cluster], engine: str, point: str) -> None:
    it = start(crash=point)
    database = it.create(engine)
    before, runner = it.rows(database), it.pid("runner")
    it.arm()
    taken = it.snap(database, "L3")
    taken_over(it, runner, taken)
    kept = it.client.get(f"/snapshots/{taken['snapshot']['id']}")
    assert (kept["state"], kept["verification"], kept["verified_level"]) == ("ready", "green", 3)
    assert len(list(it.client.items("/snapshots"))) == 1
    assert it.restic("snapshots", "--json").stdout.count('"tree"') == 1
    assert it.rows(database) == before
    it.works(database)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_creation_survives_its_runner(start: Callable[..., Cluster], engine: str) -> None:
    it = start(crash="create.provisioned")
    runner = it.pid("runner")
    it.arm()
    database = it.create(engine)
    assert it.crashed
    assert it.pid("runner") not in (0, runner)
    assert [item["id"] for item in it.client.items("/databases")] == [database]
    it.works(database, "L1")


@pytest.mark.parametrize(("engine", "point"), both(RESTORING, ("restore.half",)))
def test_a_restore_into_a_new_database_survives_its_runner(
    start: Callable[..., Cluster], engine: str, point: str
) -> None:
    it = start(crash=point)
    database = it.create(engine)
    snapshot, runner = it.snapshot(database), it.pid("runner")
    it.arm()
    restored = it.restore_new(snapshot, "again")
    taken_over(it, runner, restored)
    copy = restored["resource"]["id"]
    assert it.rows(copy) == it.rows(database)
    assert it.beside(copy) == it.beside(database) == []
    assert {item["state"] for item in it.client.items("/databases")} == {"ready"}
    it.works(copy)


@pytest.mark.parametrize(("engine", "point"), both(("restore.half", "restore.verified", *SWAPPING), SWAPPING[1:]))
def test_a_restore_in_place_survives_its_runner(start: Callable[..., Cluster], engine: str, point: str) -> None:
    it = start(crash=point)
    database = it.create(engine)
    before, snapshot, runner = it.rows(database), it.snapshot(database), it.pid("runner")
    it.write(database, "DELETE FROM t WHERE id > 10")
    it.arm()
    restored = it.restore_in_place(snapshot)
    taken_over(it, runner, restored)
    assert it.rows(database) == before
    assert len(it.beside(database)) == 1, "the old one is kept, the candidate is gone"
    assert it.client.get(f"/databases/{database}")["state"] == "ready"
    it.works(database)
