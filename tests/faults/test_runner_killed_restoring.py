"""kill -9 of the runner in the middle of a restore into a new database."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from faults_cluster import Cluster, both, taken_over

pytestmark = [pytest.mark.faults, pytest.mark.slow]
RESTORING = ("restore.created", "restore.half", "restore.loaded", "restore.verified")


@pytest.mark.parametrize(("engine", "point"), both(RESTORING, ("restore.half",)))
def test_a_restore_into_a_new_database_survives_its_runner(
    kept: Callable[..., Cluster], engine: str, point: str
) -> None:
    it = kept(crash=RESTORING)
    database = it.create(engine, f"{engine} {point}")
    snapshot, runner = it.snapshot(database), it.pid("runner")
    it.arm(point)
    restored = it.restore_new(snapshot, f"{engine} {point} again")
    taken_over(it, runner, restored)
    copy = restored["resource"]["id"]
    assert it.rows(copy) == it.rows(database)
    assert it.beside(copy) == it.beside(database) == []
    assert {item["state"] for item in it.client.items("/databases")} == {"ready"}
    it.works(copy)
