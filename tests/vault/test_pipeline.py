"""Writing snapshots: what is inherited, what fails, what is left behind."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from pathlib import Path

import pytest
from kit import (
    BytesCapture,
    BytesStream,
    new_repository,
    packs,
    page_entry,
    read,
    restic,
    restic_snapshots,
    snapshot,
)

from holdfast.contract.snapshot import Entry
from holdfast.formats.restic import documents
from holdfast.formats.restic.pack import BlobType
from holdfast.kernel.errors import Cancelled, Corrupt, DiskFull, HoldfastError, Permanent, Retryable
from holdfast.kernel.stop import Stop
from holdfast.vault.pipeline import SnapshotOptions, SnapshotStats
from holdfast.vault.repository import Repository
from holdfast.vault.stores.faulty import FaultyStore, NthCall
from holdfast.vault.stores.local import LocalStore

RANDOM = random.Random(5)
PAGE = 65536


def cells_of(data: bytes, *numbers: int) -> dict[int, bytes]:
    return {n: data[n * PAGE : (n + 1) * PAGE] for n in numbers}


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    return new_repository(tmp_path / "r")


def no_threads_left() -> bool:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if not [t for t in threading.enumerate() if t.name.startswith(("pipeline", "lock", "source", "verify"))]:
            return True
        time.sleep(0.01)
    return False


def unharmed(repo: Repository, snapshots: list[str]) -> bool:
    """No trace of a failed snapshot: no thread, no lock, the same snapshots, and no damage."""
    return (
        no_threads_left()
        and list(repo.store.list("locks")) == []
        and sorted(s.id for s in repo.snapshots()) == sorted(snapshots)
        and repo.check(read_data=True).errors == []
    )


# -- parents ---------------------------------------------------------------------------------------------------


def test_unchanged_entries_and_absent_cells_come_from_the_parent(repo: Repository) -> None:
    data, stream = bytearray(RANDOM.randbytes(5 * PAGE + 10)), RANDOM.randbytes(700_000)
    first = snapshot(repo, BytesCapture({"s": stream}, (page_entry("db", cells_of(data, *range(6)), len(data)),)))
    data[2 * PAGE : 3 * PAGE] = bytes(PAGE)
    second = snapshot(
        repo,
        BytesCapture({}, (Entry("s", None), page_entry("db", cells_of(bytes(data), 2), len(data)))),
        parent=first.id,
    )
    assert read(repo, second.id, "s") == stream
    assert read(repo, second.id, "db") == data
    assert second.stats.bytes_read == PAGE
    assert second.manifest.entries["s"]["chunks"] == first.manifest.entries["s"]["chunks"]
    assert [s.id for s in repo.snapshots()] == [first.id, second.id]


def test_absent_cells_of_a_first_snapshot_are_zeros(repo: Repository) -> None:
    data = bytes(PAGE) + RANDOM.randbytes(PAGE) + bytes(PAGE + 100)
    written = snapshot(repo, BytesCapture({}, (page_entry("db", cells_of(data, 1), len(data)),)))
    assert read(repo, written.id, "db") == data
    empty = snapshot(repo, BytesCapture({}, (page_entry("db", {}, 0),)))
    assert read(repo, empty.id, "db") == b""


@pytest.mark.parametrize(
    ("cells", "size", "page"),
    [((0,), 8 * PAGE, 2 * PAGE), ((0,), PAGE + 100, PAGE), ((0,), 9 * PAGE, PAGE)],
    ids=["other grid", "shrunk into a cell", "grown"],
)
def test_an_absent_cell_that_the_parent_has_not_is_refused(
    repo: Repository, cells: tuple[int, ...], size: int, page: int
) -> None:
    data = RANDOM.randbytes(8 * PAGE)
    first = snapshot(repo, BytesCapture({}, (page_entry("db", cells_of(data, *range(8)), len(data)),)))
    given = {n: data[n * page : (n + 1) * page] for n in cells}
    with pytest.raises(Permanent) as caught:
        snapshot(repo, BytesCapture({}, (page_entry("db", given, size, page),)), parent=first.id)
    assert caught.value.code == "grid_changed"
    assert unharmed(repo, [first.id])


def test_an_unchanged_entry_needs_a_parent_that_has_it(repo: Repository) -> None:
    first = snapshot(repo, BytesCapture({"a": b"1"}))
    for parent in (None, first.id):
        with pytest.raises(Permanent, match="does not have it"):
            snapshot(repo, BytesCapture({}, (Entry("b", None),)), parent=parent)
    assert unharmed(repo, [first.id])


def test_a_blob_of_the_parent_that_is_gone_is_not_referred_to(repo: Repository, tmp_path: Path) -> None:
    first = snapshot(repo, BytesCapture({"s": RANDOM.randbytes(300_000)}))
    contents = repo.index().by_pack()
    trees = [(pack, blobs) for pack, blobs in contents.items() if blobs[0].type is BlobType.TREE]
    sealed = documents.encode(documents.build_index(trees), repo.key)
    for name, _ in list(repo.store.list("index")):
        repo.store.delete(name)
    repo.store.put(f"index/{hashlib.sha256(sealed).hexdigest()}", [sealed])
    with pytest.raises(Corrupt, match="in no index"):
        snapshot(repo, BytesCapture({}, (Entry("s", None),)), parent=first.id)


# -- what an entry may be ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["../evil", "/abs", "a//b", "a/./b", "a/", "a\x00b", "a\ud800b", "", "x" * 256, "manifest.json", "RESTORE.md"],
)
def test_paths_restic_could_not_restore_are_refused(repo: Repository, path: str) -> None:
    with pytest.raises(Permanent):
        snapshot(repo, BytesCapture({path: b"x"}))
    assert unharmed(repo, [])


def test_a_path_given_twice_is_refused(repo: Repository) -> None:
    with pytest.raises(Permanent, match="same path"):
        snapshot(repo, BytesCapture({"x": b"1"}, (Entry("x", lambda: BytesStream(b"2"), size=1),)))


@pytest.mark.parametrize("size", [9, 11])
def test_an_entry_of_another_length_than_said_is_refused(repo: Repository, size: int) -> None:
    with pytest.raises(Corrupt):
        snapshot(repo, BytesCapture({}, (Entry("x", lambda: BytesStream(b"0123456789"), size=size),)))
    assert unharmed(repo, [])


@pytest.mark.parametrize("cells", [{9: bytes(PAGE)}, {0: b"short"}, {-1: bytes(PAGE)}])
def test_cells_off_the_grid_are_refused(repo: Repository, cells: dict[int, bytes]) -> None:
    with pytest.raises(Corrupt):
        snapshot(repo, BytesCapture({}, (page_entry("db", cells, 2 * PAGE),)))


# -- failures --------------------------------------------------------------------------------------------------


def test_an_entry_that_fails_for_a_moment_is_read_again(repo: Repository) -> None:
    data, tries = RANDOM.randbytes(6_000_000), [0]

    def open_() -> BytesStream:
        tries[0] += 1
        return BytesStream(data, 4_000_000 if tries[0] < 3 else None, Retryable("again"))

    written = snapshot(repo, BytesCapture({}, (Entry("y", open_, size=len(data)),)))
    assert tries == [3]
    assert read(repo, written.id, "y") == data


def test_an_entry_that_keeps_failing_ends_the_snapshot(repo: Repository) -> None:
    entry = Entry("y", lambda: BytesStream(bytes(9_000_000), 500_000, Retryable("the producer is gone")))
    with pytest.raises(Retryable, match="the producer is gone"):
        snapshot(repo, BytesCapture({"x": RANDOM.randbytes(4_000_000)}, (entry,)))
    assert unharmed(repo, [])


def test_a_producer_that_dies_is_no_short_end(repo: Repository) -> None:
    entry = Entry("y", lambda: BytesStream(bytes(9_000_000), 500_000, Permanent("killed")))
    with pytest.raises(Permanent, match="killed"):
        snapshot(repo, BytesCapture({"x": RANDOM.randbytes(4_000_000)}, (entry,)))
    assert unharmed(repo, [])


def test_an_error_that_is_not_ours_ends_it_too(repo: Repository) -> None:
    def boom() -> BytesStream:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        snapshot(repo, BytesCapture({}, (Entry("y", boom),)))
    assert unharmed(repo, [])


def test_a_cancel_at_any_moment_leaves_nothing_wrong(repo: Repository) -> None:
    """And what was stored by then is not stored again."""
    files = {f"{n}": RANDOM.randbytes(9_000_000) for n in range(8)}
    good: list[str] = []
    for chunks, stored in ((0, 0), (1, 0), (7, 0), (40, 0), (0, 1)):
        stop = Stop()

        def progress(stats: SnapshotStats, chunks: int = chunks, stored: int = stored, stop: Stop = stop) -> None:
            if stats.chunks >= chunks and stats.bytes_stored >= stored:
                stop.stop()

        with pytest.raises(Cancelled):
            snapshot(repo, BytesCapture(files), stop=stop, progress=progress)
        assert unharmed(repo, good)
    written = snapshot(repo, BytesCapture(files))
    assert written.stats.bytes_new < written.stats.bytes_read
    assert all(read(repo, written.id, name) == data for name, data in files.items())


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["call fails", "answer lost"])
def test_any_failing_put_leaves_a_sound_repository(tmp_path: Path, after: bool) -> None:
    """Every n-th write of a snapshot fails in turn: lock, packs, index, snapshot; then it is taken again."""
    path = tmp_path / "r"
    clean = new_repository(path)
    first = snapshot(clean, BytesCapture({"x": RANDOM.randbytes(200_000)}))
    failed = 0
    for n in range(1, 30):
        fault = NthCall("put", n, DiskFull("no room"))
        faulty = Repository(FaultyStore(LocalStore(path), fault, after=after), clean.key, clean.config, clean.clock)
        files = {"x": RANDOM.randbytes(20_000_000), "y": RANDOM.randbytes(100)}
        try:
            snapshot(faulty, BytesCapture(files))
        except DiskFull:
            failed += 1
        else:
            break
        if not after:
            assert [s.id for s in clean.snapshots()] == [first.id]
        assert clean.check(read_data=True).errors == []
    assert failed >= 5
    restic(path, "unlock", "--remove-all")
    restic(path, "check", "--read-data")


def test_a_full_disk_keeps_no_packs_nobody_knows(tmp_path: Path) -> None:
    path = tmp_path / "r"
    clean = new_repository(path)
    fault = NthCall("put", 3, DiskFull("no room"), prefix="data/", forever=True)
    repo = Repository(FaultyStore(LocalStore(path), fault), clean.key, clean.config, clean.clock)
    with pytest.raises(DiskFull):
        snapshot(repo, BytesCapture({"x": RANDOM.randbytes(90_000_000)}))
    assert fault.calls >= 3
    assert {pack.name for pack in packs(path)} <= {pack.hex() for pack in clean.index().packs()}


def test_a_lock_that_cannot_be_deleted_is_an_error_not_a_hang(tmp_path: Path) -> None:
    clean = new_repository(tmp_path / "r")
    store = FaultyStore(LocalStore(tmp_path / "r"), NthCall("delete", 1, Retryable("busy")))
    with pytest.raises(HoldfastError):
        snapshot(Repository(store, clean.key, clean.config, clean.clock), BytesCapture({"x": b"1"}))
    assert no_threads_left()


# -- what is known is not stored again ------------------------------------------------------------------------


def test_known_bytes_are_not_stored_again(repo: Repository) -> None:
    data = RANDOM.randbytes(5_000_000)
    first = snapshot(repo, BytesCapture({"a": data, "b": data}))
    assert first.stats.bytes_new == len(data)
    again = snapshot(repo, BytesCapture({"c": data}))
    assert again.stats.bytes_new == 0
    assert again.stats.bytes_read == len(data)


def test_one_reader_and_one_worker_give_the_same_tree_of_bytes(tmp_path: Path) -> None:
    files = {f"{n}": RANDOM.randbytes(n * 300_000) for n in range(6)}
    entries = []
    for number, options in enumerate((SnapshotOptions(readers=1, workers=1), SnapshotOptions(readers=4, workers=3))):
        written = snapshot(new_repository(tmp_path / str(number)), BytesCapture(files), options=options)
        entries.append({path: facts["chunks"] for path, facts in written.manifest.entries.items()})
    assert entries[0] == entries[1]


def test_data_goes_to_two_packs_by_chance_and_small_ones_to_one(repo: Repository, tmp_path: Path) -> None:
    snapshot(repo, BytesCapture({"x": RANDOM.randbytes(1_000_000)}))
    assert len(packs(tmp_path / "r")) == 2  # data and trees
    snapshot(repo, BytesCapture({"x": RANDOM.randbytes(40_000_000)}))
    contents = sorted(repo.index().contents(), key=lambda c: -len(c[1]))
    assert all(sum(b.length for b in blobs) <= 19 << 20 for _, blobs in contents)


def test_an_index_written_on_the_way_is_used_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Claims are dropped when an index names them; the same bytes later in the snapshot are still found."""
    monkeypatch.setattr("holdfast.vault.packing._INDEX_BLOBS", 4)
    data = RANDOM.randbytes(60_000_000)
    repo = new_repository(tmp_path / "r")
    written = snapshot(repo, BytesCapture({"a": data, "b": data}), options=SnapshotOptions(readers=1))
    assert len(list(repo.store.list("index"))) > 2
    assert written.stats.bytes_new == len(data)
    assert read(repo, written.id, "b") == data
    assert repo.check(read_data=True).errors == []
    assert restic_snapshots(tmp_path / "r") == [written.id]
