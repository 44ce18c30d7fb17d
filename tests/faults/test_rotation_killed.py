"""The api killed in the middle of a rotation, under load: the keeper starts it again and it ends what was begun."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from faults_cluster import Cluster, eventually

from holdfast.client import Client
from holdfast.kernel.errors import HoldfastError, Retryable
from holdfast.kernel.master import FileSource

pytestmark = [pytest.mark.faults, pytest.mark.slow]


@pytest.mark.parametrize("point", ["master.switched", "datakey.resealed"])
def test_a_rotation_goes_on_by_itself(start: Callable[..., Cluster], point: str) -> None:
    """Nothing stored before or meanwhile is lost, one key is left, and snapshots (the runner) go on with it."""
    it = start(crash=point)
    database = it.create("sqlite")
    it.done(it.snap(database))
    project = next(iter(it.client.items("/projects")))["id"]
    environment = next(iter(it.client.items(f"/projects/{project}/environments")))["id"]
    secrets = f"/environments/{environment}/secrets"
    before = it.client.get("/system/master-key")["id"]
    stop, stored = threading.Event(), dict[str, str]()

    def load() -> None:
        with Client(socket=it.settings.admin_socket, timeout=10) as client:
            number = 0
            while not stop.is_set():
                number += 1
                try:
                    client.request("PUT", f"{secrets}/LOAD_{number % 5}", body={"value": f"value {number}"})
                except (Retryable, HoldfastError):
                    stored.pop(f"LOAD_{number % 5}", None)  # nobody knows whether it was stored
                else:
                    stored[f"LOAD_{number % 5}"] = f"value {number}"

    thread = threading.Thread(target=load)
    thread.start()
    try:
        eventually(lambda: len(stored) == 5)
        it.arm()
        with pytest.raises((Retryable, HoldfastError)):
            it.client.post("/system/master-key/rotate", {"data_keys": True})
        eventually(it._ready, what="an api again")
        eventually(lambda: it.client.get("/system/master-key")["retiring"] == [], what="an end of the rotation")
        source = FileSource(it.settings.master_key_file)
        now = it.client.get("/system/master-key")["id"]
        eventually(lambda: [key.id for key in source.read()] == [now], what="one key in the file")
    finally:
        stop.set()
        thread.join()
    assert now != before
    assert stored
    for name, value in stored.items():
        assert it.client.post(f"{secrets}/{name}/reveal")["value"] == value
    it.done(it.snap(database))
