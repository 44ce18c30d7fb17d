"""kill -9 of the runner in the middle of a batch: what was done stays, the others are taken again, none twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from faults_cluster import Cluster, eventually

pytestmark = [pytest.mark.faults, pytest.mark.slow]
MANY = 9


@pytest.mark.parametrize("point", ["upload.snapshot.done", "batch.recorded"])
def test_a_batch_survives_its_runner(start: Callable[..., Cluster], point: str) -> None:
    it = start(crash=point)
    databases = [it.create("sqlite", f"a\"b'; -- {number}", rows=0) for number in range(MANY)]
    runner = it.pid("runner")
    it.arm()
    asked = it.client.post("/snapshots", {"databases": databases, "level": 1})
    carriers = {item["carrier"] for item in asked["items"]}
    assert asked["runs"] == [*carriers]
    assert it.client.wait(asked["runs"][0])["state"] == "succeeded"
    for item in asked["items"]:
        run = it.client.wait(item["run_id"])
        assert (run["state"], run["resource_id"]) == ("succeeded", item["resource_id"])
    assert it.crashed
    eventually(lambda: it.pid("runner") not in (0, runner))
    kept = list(it.client.items("/snapshots"))
    assert sorted(each["resource_id"] for each in kept) == sorted(databases)
    assert {(each["state"], each["verification"], each["verified_level"]) for each in kept} == {("ready", "green", 1)}
    assert it.restic("snapshots", "--json").stdout.count('"tree"') == MANY
    assert it.restic("check", "--read-data").returncode == 0
