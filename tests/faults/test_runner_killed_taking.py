"""kill -9 of the runner in the middle of a creation, a capture and an upload."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from faults_cluster import ENGINES, Cluster, both, taken_over

pytestmark = [pytest.mark.faults, pytest.mark.slow]
TAKING = ("capture.half", "upload.pack", "upload.index", "upload.snapshot", "upload.snapshot.done", "run.before_end")


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
