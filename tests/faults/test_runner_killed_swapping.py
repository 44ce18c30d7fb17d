"""kill -9 of the runner in the middle of a restore in place."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from faults_cluster import Cluster, both, taken_over

pytestmark = [pytest.mark.faults, pytest.mark.slow]
SWAPPING = ("step.swapping.after", "swap.kept", "swap.renamed")
POINTS = ("restore.half", "restore.verified", *SWAPPING)


@pytest.mark.parametrize(("engine", "point"), both(POINTS, SWAPPING[1:]))
def test_a_restore_in_place_survives_its_runner(kept: Callable[..., Cluster], engine: str, point: str) -> None:
    it, name = kept(crash=POINTS), f"{engine} {point}"
    database = it.create(engine, name)
    before, snapshot, runner = it.rows(database), it.snapshot(database), it.pid("runner")
    it.write(database, "DELETE FROM t WHERE id > 10")
    it.arm(point)
    restored = it.restore_in_place(snapshot, name)
    taken_over(it, runner, restored)
    assert it.rows(database) == before
    assert len(it.beside(database)) == 1, "the old one is kept, the candidate is gone"
    assert it.client.get(f"/databases/{database}")["state"] == "ready"
    it.works(database)
