"""Cancel in the queue, in a capture, a proof, a restore and a swap: consistent afterwards, whichever way it went."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from faults_cluster import ENGINES, Answer, Cluster, eventually, refused

from holdfast.kernel.errors import Conflict

pytestmark = [pytest.mark.faults, pytest.mark.slow]
POINTS = ("capture.half", "restore.half", "restore.loaded", "swap.kept")


def cancelled_at_the_point(it: Cluster, answer: Answer) -> Answer:
    """Ask while the task is held at its point, let it notice, let it go on; the run as it ended."""
    it.reached()
    it.client.post(f"/runs/{answer['run']['id']}/cancel")
    time.sleep(1.5)  # the runner looks at its claims every second
    it.release()
    run = it.ended(answer)
    it.settled()
    return run


@pytest.mark.parametrize("engine", ENGINES)
def test_a_cancelled_capture_leaves_no_snapshot_and_the_queue_goes_on(
    kept: Callable[..., Cluster], engine: str
) -> None:
    it = kept(hold=POINTS)
    database = it.create(engine, f"{engine} captured")
    it.arm("capture.half")
    first, second, third = it.snap(database), it.snap(database), it.snap(database)
    it.reached()
    it.client.post(f"/runs/{second['run']['id']}/cancel")
    assert it.ended(second)["state"] == "cancelled", "one that is queued ends at once"
    assert cancelled_at_the_point(it, first)["state"] == "cancelled"
    it.done(third)
    states = {snap["id"]: snap["state"] for snap in it.client.items("/snapshots", resource_id=database)}
    assert [states[each["snapshot"]["id"]] for each in (first, second, third)] == ["failed", "failed", "ready"]
    assert it.stored(database) == 1
    it.works(database)


@pytest.mark.parametrize("engine", ENGINES[:1])
def test_a_cancelled_proof_leaves_the_snapshot_as_it_was(kept: Callable[..., Cluster], engine: str) -> None:
    it = kept(hold=POINTS)
    database = it.create(engine, f"{engine} proven")
    snapshot = it.snapshot(database)
    it.arm("restore.half")
    run = cancelled_at_the_point(it, it.client.post(f"/snapshots/{snapshot}/verify", {"level": "L3"}))
    assert run["state"] == "cancelled"
    facts = it.client.get(f"/snapshots/{snapshot}")
    assert (facts["state"], facts["verification"], facts["verified_level"]) == ("ready", "green", 1)
    it.works(database)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_cancelled_restore_into_a_new_database_leaves_nothing_of_it(
    kept: Callable[..., Cluster], engine: str
) -> None:
    it = kept(hold=POINTS)
    database = it.create(engine, f"{engine} restored")
    snapshot = it.snapshot(database)
    it.arm("restore.half")
    again = f"{engine} again"
    restored = it.restore_new(snapshot, again)
    assert cancelled_at_the_point(it, restored)["state"] == "cancelled"
    half = restored["resource"]["id"]
    assert it.client.get(f"/databases/{half}")["state"] == "failed"
    assert not (it.data / "databases" / half).exists()
    assert it.server_pid(half) == 0
    error = refused(lambda: it.rows(half), Conflict)
    assert error.hint
    it.done(it.client.delete(f"/databases/{half}", {"confirm": again}))
    copy = it.restore_new(snapshot, again)
    it.done(copy)
    assert it.rows(copy["resource"]["id"]) == it.rows(database)
    it.sound()


@pytest.mark.parametrize("engine", ENGINES[:1])
def test_a_restore_in_place_cancelled_before_the_swap_changes_nothing(
    kept: Callable[..., Cluster], engine: str
) -> None:
    it = kept(hold=POINTS)
    database = it.create(engine, f"{engine} in place")
    snapshot = it.snapshot(database)
    it.write(database, "DELETE FROM t WHERE id > 10")
    it.arm("restore.loaded")
    assert cancelled_at_the_point(it, it.restore_in_place(snapshot, f"{engine} in place"))["state"] == "cancelled"
    assert it.client.get(f"/databases/{database}")["state"] == "ready"
    assert len(it.rows(database)) == 10
    assert it.beside(database) == []
    assert it.client.get("/restores")["items"][0]["state"] == "cancelled"
    it.works(database)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_swap_that_began_is_completed_although_cancelled(kept: Callable[..., Cluster], engine: str) -> None:
    it = kept(hold=POINTS)
    database = it.create(engine, f"{engine} swapped")
    before, snapshot = it.rows(database), it.snapshot(database)
    it.write(database, "DELETE FROM t WHERE id > 10")
    it.arm("swap.kept")
    restored = it.restore_in_place(snapshot, f"{engine} swapped")
    it.reached()
    assert refused(lambda: it.rows(database), Conflict).code in ("database_busy", "database_not_ready")
    assert cancelled_at_the_point(it, restored)["state"] == "succeeded"
    eventually(lambda: it.client.get(f"/databases/{database}")["state"] == "ready")
    assert it.rows(database) == before
    assert len(it.beside(database)) == 1
    it.works(database)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_cancelled_creation_leaves_nothing(kept: Callable[..., Cluster], engine: str) -> None:
    it = kept(hold=POINTS)
    made = it.client.post("/databases", {"engine": engine, "name": f"{engine} brief", "environment_id": it.environment})
    it.client.post(f"/runs/{made['run']['id']}/cancel")
    ended, database = it.ended(made), made["resource"]["id"]
    it.settled()
    facts = it.client.get(f"/databases/{database}")
    assert (ended["state"], facts["state"]) in {("cancelled", "failed"), ("succeeded", "ready")}
    if facts["state"] == "failed":
        assert not (it.data / "databases" / database).exists()
        it.done(it.client.delete(f"/databases/{database}", {"confirm": f"{engine} brief"}))
        database = it.create(engine, f"{engine} brief")
    it.rows(database, "SELECT 1")
