"""kill -9 of the api, the keeper and a database server; and a second Holdfast beside the first."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest
from faults_cluster import Cluster, alive, eventually

from holdfast.client import Client
from holdfast.kernel.errors import HoldfastError, Retryable

pytestmark = [pytest.mark.faults, pytest.mark.slow]


def answers(it: Cluster) -> bool:
    """One request on a line of its own."""
    try:
        with Client(socket=it.settings.admin_socket, timeout=10) as client:
            client.get("/engines")
    except (Retryable, HoldfastError):
        return False
    return True


def test_requests_go_on_after_the_api_was_killed(start: Callable[..., Cluster]) -> None:
    it = start(hold="capture.half")
    database = it.create("sqlite")
    it.arm()
    taken = it.snap(database)
    it.reached()
    socket, port, api = it.settings.admin_socket.stat().st_ino, it.info().control_port, it.pid("api")
    os.kill(api, signal.SIGKILL)
    eventually(lambda: not alive(api))
    eventually(lambda: answers(it), 30, "an answer")  # how soon is for a benchmark: other tests take the processor here
    assert (it.settings.admin_socket.stat().st_ino, it.info().control_port) == (socket, port)
    assert it.pid("api") != api
    it.release()
    it.done(taken)
    it.works(database)


def test_databases_outlive_their_keeper_and_are_found_again(start: Callable[..., Cluster]) -> None:
    it = start(hold="capture.half")
    database = it.create("postgresql")
    before, server = it.rows(database), it.server_pid(database)
    it.arm()
    taken = it.snap(database)
    it.reached()
    parts = [it.pid("api"), it.pid("runner")]
    assert it.child is not None
    it.child.kill()
    it.child.wait()
    eventually(lambda: not any(map(alive, parts)), 10, "an end of api and runner")
    assert alive(server)
    it.release()
    it.up()
    assert it.server_pid(database) == server
    assert it.rows(database) == before
    it.done(taken)
    it.works(database)


def test_a_killed_database_server_comes_back_and_a_snapshot_in_its_middle_too(start: Callable[..., Cluster]) -> None:
    it = start(hold="capture.half")
    database = it.create("postgresql", rows=20_000)
    before, server = it.rows(database), it.server_pid(database)
    it.arm()
    taken = it.snap(database)
    it.reached()
    os.kill(server, signal.SIGKILL)
    it.release()
    eventually(lambda: it.server_pid(database) not in (0, server), 20, "another server")
    assert it.keeper.status(database).restarts == 1
    run = it.ended(taken)
    snapshot = it.client.get(f"/snapshots/{taken['snapshot']['id']}")
    outcomes = {("succeeded", "ready", "green"), ("failed", "failed", "red")}
    assert (run["state"], snapshot["state"], snapshot["verification"]) in outcomes
    assert run["state"] == "succeeded" or run["error"]["hint"], run["error"]
    eventually(lambda: it.reads(database), 20, "a reading server")
    assert it.rows(database) == before
    it.works(database)


@pytest.mark.parametrize("point", ["restore.half", "swap.kept"])
def test_a_server_killed_during_a_restore_in_place_loses_nothing(start: Callable[..., Cluster], point: str) -> None:
    it = start(hold=point)
    database = it.create("postgresql")
    snapshot, whole = it.snapshot(database), it.rows(database)
    it.write(database, "DELETE FROM t WHERE id > 10")
    few, server = it.rows(database), it.server_pid(database)
    it.arm()
    restored = it.restore_in_place(snapshot)
    it.reached()
    os.kill(server, signal.SIGKILL)
    it.release()
    run = it.ended(restored)
    it.settled()
    eventually(lambda: it.reads(database), 20, "a reading server")
    succeeded = run["state"] == "succeeded"
    assert succeeded or run["error"]["hint"], run["error"]
    assert succeeded or point == "restore.half", run["error"]
    assert it.rows(database) == (whole if succeeded else few)
    eventually(lambda: len(it.beside(database)) == int(succeeded), 20, "an end of the candidate")
    it.done(it.restore_in_place(snapshot))
    assert it.rows(database) == whole


def test_killed_together_all_of_them_come_back(start: Callable[..., Cluster]) -> None:
    """As after a power cut, without the loss of what was not written to disk."""
    it = start()
    databases = [it.create("sqlite", "small"), it.create("postgresql", "large")]
    before = [it.rows(database) for database in databases]
    assert it.child is not None
    for pid in (it.child.pid, it.pid("api"), it.pid("runner"), it.server_pid(databases[1])):
        os.kill(pid, signal.SIGKILL)
    it.child.wait()
    it.up()
    eventually(lambda: it.reads(databases[1]), 20, "a reading server")
    assert [it.rows(database) for database in databases] == before
    it.works(databases[0])
