"""kill -9 while a pack goes up into a bucket: nothing half-written is there, and the next writer goes on."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit import PASSWORD, BytesCapture, read, snapshot
from s3_front import Front, Trouble, front_of, writes_data
from s3_server import KEY, RELAY, Server, moto

from holdfast.vault.repository import Repository
from holdfast.vault.stores.base import pieces
from holdfast.vault.stores.s3 import S3Place, s3_store

pytestmark = [pytest.mark.slow, pytest.mark.faults]
FILES = {"x": random.Random(11).randbytes(9_000_000), "y": b"small"}
CHILD = """
import random, sys
sys.path[:0] = {paths!r}
from kit import PASSWORD, BytesCapture, snapshot
from s3_server import KEY, RELAY
from holdfast.vault import packing
from holdfast.vault.repository import Repository
from holdfast.vault.stores.s3 import S3Place, s3_store
packing._INDEX_BLOBS, packing.TARGET_BYTES = 8, 1 << 20
files = {{"x": random.Random(11).randbytes(9_000_000), "y": b"small"}}
place = S3Place(sys.argv[1], sys.argv[2], "pre/fix", allow_http=True)
snapshot(Repository.open(s3_store(place, KEY, RELAY), PASSWORD), BytesCapture(files))
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with moto() as running:
        yield running


def child(front: Front, place: S3Place, **environ: str) -> subprocess.Popen[bytes]:
    here = Path(__file__).parent
    script = CHILD.format(paths=[str(here), str(here.parent / "support")])
    argv = [sys.executable, "-c", script, front.endpoint, place.bucket]
    return subprocess.Popen(argv, env=os.environ | environ)


def require_sound(place: S3Place) -> None:
    repo = Repository.open(s3_store(place, KEY, RELAY), PASSWORD)
    assert repo.locks.holders() == [], "a lock of a dead process of this machine is removed"
    assert repo.check(read_data=True).errors == []
    again = snapshot(repo, BytesCapture(FILES))
    assert all(read(repo, again.id, name) == data for name, data in FILES.items())
    assert repo.check(read_data=True).errors == []


@pytest.mark.parametrize("point", ["upload.pack.done", "upload.snapshot"])
def test_a_writer_killed_between_two_pieces(server: Server, point: str) -> None:
    place = server.place()
    Repository.create(s3_store(place, KEY, RELAY), PASSWORD)
    with front_of(server.endpoint) as front:
        assert child(front, place, HOLDFAST_CRASH_AT=point).wait(60) == -signal.SIGKILL
    require_sound(place)


def test_a_writer_killed_in_the_middle_of_a_piece(server: Server) -> None:
    """The second pack is on its way, its body half sent, when the process dies."""
    place = server.place()
    store = s3_store(place, KEY, RELAY)
    Repository.create(store, PASSWORD)
    with front_of(server.endpoint) as front:
        packs = iter(range(100))
        front.trouble = Trouble(lambda request: writes_data(request) and next(packs) >= 1, delay=60)
        writer = child(front, place)
        try:
            assert front.stalled.wait(60), "no second pack was sent"
            give_up = time.monotonic() + 60
            while not list(pieces(store, "data")) and time.monotonic() < give_up:
                time.sleep(0.02)  # the first goes up beside the second, and may come in later
        finally:
            writer.kill()
        assert writer.wait(60) == -signal.SIGKILL
    assert len(list(pieces(store, "data"))) == 1
    assert list(pieces(store, "snapshots")) == []
    require_sound(place)
