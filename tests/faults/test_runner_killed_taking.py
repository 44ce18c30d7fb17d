"""kill -9 of the runner in the middle of a creation, a capture and an upload."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from faults_cluster import ENGINES, Cluster, both, taken_over

pytestmark = [pytest.mark.faults, pytest.mark.slow]
TAKING = ("capture.half", "upload.pack", "upload.index", "upload.snapshot", "upload.snapshot.done", "run.before_end")
POINTS = (*TAKING, "create.provisioned")


@pytest.mark.parametrize(("engine", "point"), both(TAKING, ("capture.half", "upload.snapshot.done")))
def test_a_snapshot_survives_its_runner(kept: Callable[..., Cluster], engine: str, point: str) -> None:
    it = kept(crash=POINTS)
    database = it.create(engine, f"{engine} {point}")
    before, runner = it.rows(database), it.pid("runner")
    it.arm(point)
    taken = it.snap(database, "L3")
    taken_over(it, runner, taken)
    facts = it.client.get(f"/snapshots/{taken['snapshot']['id']}")
    assert (facts["state"], facts["verification"], facts["verified_level"]) == ("ready", "green", 3)
    assert len(list(it.client.items("/snapshots", resource_id=database))) == 1
    assert it.stored(database) == 1
    assert it.rows(database) == before
    it.works(database)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_creation_survives_its_runner(kept: Callable[..., Cluster], engine: str) -> None:
    it = kept(crash=POINTS)
    runner, there = it.pid("runner"), {item["id"] for item in it.client.items("/databases")}
    it.arm("create.provisioned")
    database = it.create(engine, f"{engine} created")
    assert it.crashed
    assert it.pid("runner") not in (0, runner)
    assert sorted(item["id"] for item in it.client.items("/databases")) == sorted({*there, database})
    it.works(database, "L1")


@pytest.mark.parametrize("point", ["create.provisioned", "capture.half"])
def test_what_kills_the_runner_each_time_is_undone_and_given_up(start: Callable[..., Cluster], point: str) -> None:
    """And the runner then goes on with other work: one bad run must not hold up everything behind it."""
    it = start(HOLDFAST_CRASH_AT=point)
    made = {"environment_id": it.environment, "engine": "sqlite", "name": "shop"}
    asked = it.client.post("/databases", made)
    database = asked["resource"]["id"]
    if point == "capture.half":
        it.done(asked)
        asked = it.client.post(f"/databases/{database}/snapshots", {})
    ended = it.client.wait(asked["run"]["id"])
    assert (ended["state"], ended["error"]["code"]) == ("failed", "run_ends_its_runner")
    if point == "create.provisioned":
        assert [item["state"] for item in it.client.items("/databases")] == ["failed"]
    else:
        assert [item["state"] for item in it.client.items("/snapshots")] == ["failed"]
        it.settled()
        stopped = it.client.post(f"/databases/{database}/stop", {})
        it.done(stopped)
        assert it.restic("unlock").returncode == 0  # the dead runners' locks are stale to whoever locks next
