"""kill -9 and full disks: the repository stays sound and the next snapshot goes through."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit import PASSWORD, BytesCapture, new_repository, packs, read, restic, restic_snapshots, snapshot
from needs import need

from holdfast.kernel.errors import DiskFull
from holdfast.vault.repository import Repository
from holdfast.vault.stores.local import LocalStore

pytestmark = [pytest.mark.slow, pytest.mark.faults]

FILES = {"x": random.Random(11).randbytes(9_000_000), "y": b"small"}

CHILD = """
import random, sys
sys.path.insert(0, {here!r})
from pathlib import Path
from kit import PASSWORD, BytesCapture, snapshot
from holdfast.vault import packing
from holdfast.vault.repository import Repository
from holdfast.vault.stores.local import LocalStore
packing._INDEX_BLOBS, packing.TARGET_BYTES = 8, 1 << 20
files = {{"x": random.Random(11).randbytes(9_000_000), "y": b"small"}}
snapshot(Repository.open(LocalStore(Path(sys.argv[1])), PASSWORD), BytesCapture(files))
"""

# where the writer dies -> (is there a snapshot, is something known to an index)
POINTS = {
    "capture.half": (False, False),
    "upload.pack": (False, False),
    "upload.pack.done": (False, False),
    "upload.index": (False, False),
    "upload.index.done": (False, True),
    "upload.snapshot": (False, True),
    "upload.snapshot.done": (True, True),
}


@pytest.mark.parametrize("point", POINTS)
def test_a_writer_killed_anywhere(point: str, tmp_path: Path) -> None:
    path = tmp_path / "r"
    repo = new_repository(path)
    first = snapshot(repo, BytesCapture({"y": b"small"}))
    child = subprocess.run(
        [sys.executable, "-c", CHILD.format(here=str(Path(__file__).parent)), str(path)],
        env=os.environ | {"HOLDFAST_CRASH_AT": point},
        timeout=60,
        check=False,
    )
    assert child.returncode == -signal.SIGKILL
    assert len(list(repo.store.list("locks"))) == 1, "it died holding its lock"

    written, known = POINTS[point]
    assert repo.locks.holders() == [], "a lock of a dead process of this machine is removed"
    assert len(repo.snapshots()) == 1 + written
    assert repo.check(read_data=True).errors == []
    restic(path, "check", "--read-data")

    again = snapshot(repo, BytesCapture(FILES))
    assert (again.stats.bytes_new < again.stats.bytes_read - 1_000_000) == known
    assert all(read(repo, again.id, name) == data for name, data in FILES.items())
    restic(path, "prune")
    restic(path, "check", "--read-data")
    assert {first.id, again.id} <= set(restic_snapshots(path))


BIG = """
import random, sys
sys.path.insert(0, {here!r})
from pathlib import Path
from kit import PASSWORD, BytesCapture, snapshot
from holdfast.vault.repository import Repository
from holdfast.vault.stores.local import LocalStore
files = {{"x": random.Random(13).randbytes(200_000_000)}}
snapshot(Repository.open(LocalStore(Path(sys.argv[1])), PASSWORD), BytesCapture(files))
"""


def test_what_was_stored_before_a_kill_is_not_stored_again(tmp_path: Path) -> None:
    """Of 200 MB, at most what came after the last index: 32 MiB, and what was under way."""
    path = tmp_path / "r"
    repo = new_repository(path)
    child = subprocess.Popen([sys.executable, "-c", BIG.format(here=str(Path(__file__).parent)), str(path)])
    while len(packs(path)) < 9 and child.poll() is None:
        time.sleep(0.002)
    child.kill()
    assert child.wait() == -signal.SIGKILL
    assert repo.snapshots() == []
    assert repo.locks.holders() == []
    done = sum(pack.stat().st_size for pack in packs(path))
    data = random.Random(13).randbytes(200_000_000)
    again = snapshot(repo, BytesCapture({"x": data}))
    assert again.stats.bytes_new <= len(data) - done + (32 << 20) + 2 * (18 << 20)
    assert again.stats.bytes_stored < again.stats.bytes_new * 1.01 + 100_000
    assert again.stats.bytes_new < len(data) * 0.75
    restic(path, "check", "--read-data")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 40 MB."""
    need(os.geteuid() == 0 and shutil.which("mount"), "root, or the program mount")
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(place)], check=True)  # noqa: S607
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)  # noqa: S607


def test_a_disk_that_fills_in_the_middle(small_disk: Path) -> None:
    path = small_disk / "r"
    repo = new_repository(path)
    first = snapshot(repo, BytesCapture({"y": b"small"}))
    with pytest.raises(DiskFull) as caught:
        snapshot(repo, BytesCapture({"x": random.Random(12).randbytes(60_000_000)}))
    assert caught.value.hint
    assert list((path / "tmp").iterdir()) == []
    assert list(repo.store.list("locks")) == []
    assert restic_snapshots(path) == [first.id]
    restic(path, "check", "--read-data")
    restic(path, "prune")
    assert shutil.disk_usage(small_disk).used < 2_000_000, "what it had stored and named, a prune takes away"

    ballast = small_disk / "ballast"
    with pytest.raises(OSError, match="No space"):
        ballast.write_bytes(bytes(64 << 20))
    assert read(repo, first.id, "y") == b"small", "a full disk can be restored from"
    with pytest.raises(DiskFull):
        snapshot(repo, BytesCapture({"z": b"1"}))
    ballast.unlink()

    second = snapshot(Repository.open(LocalStore(path), PASSWORD), BytesCapture(FILES))
    assert read(repo, second.id, "x") == FILES["x"]
    restic(path, "check", "--read-data")
