"""Many snapshots at once: each whole and of its own, however the others end."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path

import pytest
from kit import BytesCapture, BytesStream, new_repository, packs, read, restic, restic_snapshots, snapshot

from holdfast.contract.snapshot import Entry
from holdfast.kernel.errors import Cancelled, Conflict, DiskFull, HoldfastError, Permanent, Retryable
from holdfast.kernel.stop import Stop
from holdfast.vault.batch import Outcome, Wish, write_snapshots
from holdfast.vault.options import SnapshotOptions
from holdfast.vault.pipeline import About, WrittenSnapshot
from holdfast.vault.repository import Repository
from holdfast.vault.stores.faulty import FaultyStore, NthCall
from holdfast.vault.stores.local import LocalStore

RANDOM = random.Random(21)
COMMON = RANDOM.randbytes(400_000)


def wish(name: str, files: Mapping[str, bytes], *entries: Entry, parent: str | None = None) -> Wish:
    return Wish(lambda: BytesCapture(files, entries), About("h", [f"/{name}"], [f"t:{name}"], {"n": name}, parent))


def contents(count: int) -> list[dict[str, bytes]]:
    return [{"own": RANDOM.randbytes(20_000 + n), "common": COMMON} for n in range(count)]


def broken(error: HoldfastError) -> Entry:
    return Entry("y", lambda: BytesStream(bytes(900_000), 100_000, error))


def test_each_of_a_batch_is_a_snapshot_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "r"
    repo, files, heard = new_repository(path), contents(150), dict[int, Outcome]()
    made = write_snapshots(repo, [wish(f"a\"b'; -- ü {n}", f) for n, f in enumerate(files)], done=heard.__setitem__)
    assert [heard[n] for n in range(150)] == made
    ids = [one.id for one in made if isinstance(one, WrittenSnapshot)]
    assert sorted(restic_snapshots(path)) == sorted(ids)
    assert len(ids) == 150
    for number in (0, 63, 64, 149):
        assert read(repo, ids[number], "own") == files[number]["own"]
        assert read(repo, ids[number], "common") == COMMON
        assert repo.manifest(ids[number]).facts["n"] == f"a\"b'; -- ü {number}"
    new = sum(one.stats.bytes_new for one in made if isinstance(one, WrittenSnapshot))
    assert new == len(COMMON) + sum(len(f["own"]) for f in files), "what they share is stored once"
    assert len(list(repo.store.list("index"))) == 3
    assert len(packs(path)) <= 9
    assert list(repo.store.list("locks")) == []
    restic(path, "check", "--read-data")


def test_a_capture_that_fails_is_nobody_elses_business(tmp_path: Path) -> None:
    repo, files = new_repository(tmp_path / "r"), contents(5)
    wishes = [wish(f"{n}", f) for n, f in enumerate(files)]
    wishes[1] = wish("1", {}, broken(Permanent("killed")))
    wishes[3] = wish("3", {"common": COMMON}, Entry("gone", None))
    made = write_snapshots(repo, wishes)
    assert [isinstance(one, WrittenSnapshot) for one in made] == [True, False, True, False, True]
    assert str(made[1]) == "killed"
    assert len(repo.snapshots()) == 3
    assert repo.check(read_data=True).errors == []


def test_a_parent_gives_what_did_not_change(tmp_path: Path) -> None:
    repo = new_repository(tmp_path / "r")
    first = snapshot(repo, BytesCapture({"s": COMMON}))
    (made,) = write_snapshots(repo, [wish("s", {}, Entry("s", None), parent=first.id)])
    assert isinstance(made, WrittenSnapshot)
    assert made.stats.bytes_read == 0
    assert read(repo, made.id, "s") == COMMON


@pytest.mark.parametrize("error", [DiskFull("no room"), Retryable("busy"), Permanent("torn")])
@pytest.mark.parametrize("prefix", ["data/", "index/", "snapshots/"])
def test_a_store_that_fails_ends_the_batch_and_nothing_is_wrong(
    tmp_path: Path, error: HoldfastError, prefix: str
) -> None:
    """Those that were heard of stand; no other snapshot is there, and none lacks a chunk."""
    path = tmp_path / "r"
    clean = new_repository(path)
    fault = NthCall("put", 3, error, prefix=prefix, forever=True)
    repo = Repository(FaultyStore(LocalStore(path), fault), clean.key, clean.config, clean.clock)
    heard: list[Outcome] = []
    wishes = [wish(f"{n}", f) for n, f in enumerate(contents(200))]
    with pytest.raises(type(error)):
        write_snapshots(repo, wishes, done=lambda _, one: heard.append(one))
    stands = {one.id for one in heard if isinstance(one, WrittenSnapshot)}
    assert stands <= {info.id for info in clean.snapshots()}
    assert clean.check(read_data=True).errors == []
    assert list(clean.store.list("locks")) == []
    again = write_snapshots(clean, wishes[:3])
    assert all(isinstance(one, WrittenSnapshot) for one in again)


def test_a_stop_ends_it_between_captures(tmp_path: Path) -> None:
    repo, stop = new_repository(tmp_path / "r"), Stop()
    wishes = [wish(f"{n}", f) for n, f in enumerate(contents(200))]
    with pytest.raises(Cancelled):
        write_snapshots(repo, wishes, stop=stop, done=lambda *_: stop.stop())
    assert len(repo.snapshots()) == 64
    assert repo.check(read_data=True).errors == []


def test_nobody_writes_while_someone_prunes(tmp_path: Path) -> None:
    repo = new_repository(tmp_path / "r")
    with repo.lock(exclusive=True), pytest.raises(Conflict):
        write_snapshots(repo, [wish("0", {"a": b"1"})], options=SnapshotOptions(workers=1))
    assert repo.snapshots() == []
