"""kill -9 of the runner between the server's change of passwords and ours."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from faults_cluster import Cluster, taken_over

pytestmark = [pytest.mark.faults, pytest.mark.slow]


def test_a_rotation_survives_its_runner(start: Callable[..., Cluster]) -> None:
    """The server knows only the new passwords and Holdfast still the old ones: the next runner ends what was begun."""
    it = start(crash="rotate.changed")
    database, where = it.create("postgresql"), "/databases/{}"
    before, content = it.client.post(f"/databases/{database}/url", {"access": "rw"})["url"], it.rows(database)
    runner = it.pid("runner")
    it.arm()
    rotating = it.client.post(where.format(database) + "/passwords/rotate", {"confirm": "shop"})
    taken_over(it, runner, rotating)
    assert it.client.get(where.format(database))["state"] == "ready"
    after = it.client.post(f"/databases/{database}/url", {"access": "rw"})["url"]
    assert after != before
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(before)
    psycopg.connect(after).close()
    assert it.rows(database) == content
    it.works(database)
