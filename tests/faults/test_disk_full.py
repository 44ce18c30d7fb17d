"""A disk that is full, or about to be: said with numbers, nothing half-made, well again once there is room."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from faults_cluster import Cluster, eventually

pytestmark = [
    pytest.mark.faults,
    pytest.mark.slow,
    pytest.mark.needs_root,
]
ROWS, WIDTH = 3000, 2000  # some 6 to 12 MB that hardly compress


@pytest.fixture
def disk(root: Path) -> Iterator[Path]:
    """A small disk for the data directory. Asked for before `start`, so that it is taken away after it."""
    data = root / "data"
    data.mkdir()
    size = ["-t", "tmpfs", "-o", "size=400m,mode=711"]
    subprocess.run(["mount", *size, "tmpfs", str(data)], check=True)  # noqa: S607
    try:
        yield data
    finally:
        subprocess.run(["umount", str(data)], check=True)  # noqa: S607


@contextmanager
def filled(disk: Path, left: int) -> Iterator[None]:
    """All but `left` bytes taken; Holdfast may write meanwhile, so what does not fit is looked at again."""
    filler = disk / "filler"
    with filler.open("wb") as file:
        for _ in range(20):
            free = os.statvfs(disk)
            more = free.f_bavail * free.f_frsize - left
            with suppress(OSError):
                if more > 0:
                    os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, more)
                break
    try:
        yield
    finally:
        filler.unlink()


def failed_for_room(it: Cluster, run_id: str) -> None:
    run = it.client.get(f"/runs/{run_id}")
    assert run["state"] == "failed", run
    assert run["error"]["code"] == "disk_full", run["error"]
    assert run["error"]["hint"]


def test_the_reserve_is_kept(disk: Path, start: Callable[..., Cluster]) -> None:
    it = start(HOLDFAST_DISK_RESERVE_BYTES=str(100 << 20))
    database = it.create("sqlite")
    snapshot = it.snapshot(database)
    with filled(disk, 90 << 20):
        for answer in (it.snap(database), it.restore_new(snapshot, "again"), it.restore_in_place(snapshot)):
            run = it.ended(answer)
            failed_for_room(it, run["id"])
            facts = run["error"]["details"]
            assert facts["reserve_bytes"] == 100 << 20
            assert 0 < facts["free_bytes"] < (90 << 20) + (1 << 16)  # a file that ends in between gives a block back
            assert "HOLDFAST_DISK_RESERVE_BYTES" in run["error"]["hint"]
        it.settled()
        assert it.rows(database)
    states = [(item["name"], item["state"]) for item in it.client.items("/databases")]
    assert sorted(states) == [("again", "failed"), ("shop", "ready")]
    it.works(database)


@pytest.mark.parametrize("left", [1 << 20, 0])
def test_a_disk_that_fills_during_a_snapshot(disk: Path, start: Callable[..., Cluster], left: int) -> None:
    it = start(hold="upload.pack")
    database = it.create("sqlite", rows=ROWS, width=WIDTH)
    before = it.rows(database)
    it.arm()
    taken = it.snap(database)
    it.reached()
    with filled(disk, left):
        it.release()
        time.sleep(2)
        assert it.rows(database) == before, "reading needs no room"
        if left:  # enough for the metadata, which is on the same disk
            failed_for_room(it, it.ended(taken)["id"])
    if it.ended(taken)["state"] != "succeeded":  # without room to write its end down, it was tried again instead
        failed_for_room(it, taken["run"]["id"])
    ready = it.client.get(f"/runs/{taken['run']['id']}")["state"] == "succeeded"
    assert not (ready and left)
    assert it.client.get(f"/snapshots/{taken['snapshot']['id']}")["state"] == ("ready" if ready else "failed")
    assert it.restic("snapshots", "--json").stdout.count('"tree"') == int(ready)
    assert list(disk.glob("repositories/*/tmp/*")) == []
    it.works(database)


@pytest.mark.parametrize("mode", ["new", "in_place"])
def test_a_disk_that_fills_during_a_restore(disk: Path, start: Callable[..., Cluster], mode: str) -> None:
    it = start(hold="restore.created")
    database = it.create("sqlite", rows=ROWS, width=WIDTH)
    snapshot, before = it.snapshot(database), it.rows(database)
    it.arm()
    restored = it.restore_new(snapshot, "again") if mode == "new" else it.restore_in_place(snapshot)
    it.reached()
    with filled(disk, 2 << 20):
        it.release()
        failed_for_room(it, it.ended(restored)["id"])
        it.settled()
    assert it.rows(database) == before
    assert it.beside(database) == []
    if mode == "new":
        assert it.client.get(f"/databases/{restored['resource']['id']}")["state"] == "failed"
        assert not (disk / "databases" / restored["resource"]["id"]).exists()
        it.done(it.client.delete(f"/databases/{restored['resource']['id']}", {"confirm": "again"}))
        again = it.restore_new(snapshot, "again")
        it.done(again)
        assert it.rows(again["resource"]["id"]) == before
    it.works(database)


def test_a_disk_that_fills_under_a_server_during_a_restore(disk: Path, start: Callable[..., Cluster]) -> None:
    it = start(hold="restore.created")
    database = it.create("postgresql", rows=ROWS, width=WIDTH)
    snapshot, before = it.snapshot(database), it.rows(database)
    it.arm()
    restored = it.restore_in_place(snapshot)
    it.reached()
    with filled(disk, 5 << 20):
        it.release()
        time.sleep(2)  # the server panics and cannot start again, and our own metadata has no room either
    run = it.ended(restored)
    it.settled()
    eventually(lambda: it.reads(database), 20, "a reading server")
    assert it.rows(database) == before
    if run["state"] == "succeeded":  # an attempt that could not even clean up was made again
        assert len(it.beside(database)) == 1
        it.works(database, "L1")
        return
    assert run["error"]["hint"], run["error"]
    eventually(lambda: it.beside(database) == [], 20, "the candidate's end")
    it.done(it.restore_in_place(snapshot))
    assert it.rows(database) == before
    it.works(database, "L1")
