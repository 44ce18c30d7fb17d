"""Garbage collection: two phases, stock restic as the judge, refusals before anything is touched."""

from __future__ import annotations

import os
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kit import PASSWORD, BytesCapture, flip, packs, read, restic, restic_snapshots, snapshot

from holdfast.formats.restic import documents
from holdfast.kernel.clock import ManualClock, timestamp
from holdfast.kernel.errors import Cancelled, Conflict, Corrupt, NeedsOperator, Retryable
from holdfast.kernel.stop import Stop
from holdfast.vault import gc_sweep, packing
from holdfast.vault.gc import GcOptions, GcReport, collect
from holdfast.vault.gc_mark import MARK, read_mark
from holdfast.vault.gc_used import UsedIds
from holdfast.vault.repository import Repository
from holdfast.vault.stores.faulty import FaultyStore, NthCall
from holdfast.vault.stores.local import LocalStore

NOW = GcOptions(grace=timedelta(0), wait=0.0)
DAY = timedelta(days=1)


def noise(seed: int, size: int = 700_000) -> bytes:
    return random.Random(seed).randbytes(size)


@pytest.fixture(autouse=True)
def small_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "TARGET_BYTES", 1 << 20)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime.now(UTC))


@pytest.fixture
def repo(tmp_path: Path, clock: ManualClock) -> Repository:
    return Repository.create(LocalStore(tmp_path / "r"), PASSWORD, clock)


def stored(repo: Repository) -> dict[str, int]:
    return dict(repo.store.list("data")) | dict(repo.store.list("index"))


def sweep(repo: Repository) -> GcReport:
    """Both phases at once."""
    collect(repo, NOW)
    report = collect(repo, NOW)
    assert report.state == "freed"
    return report


def reopened(repo: Repository) -> Repository:
    return Repository(repo.store, repo.key, repo.config, repo.clock)


def test_what_no_snapshot_needs_goes_after_the_grace(repo: Repository, clock: ManualClock, tmp_path: Path) -> None:
    files = {f"f{n}": noise(n) for n in range(6)}
    gone = snapshot(repo, BytesCapture(files))
    kept = snapshot(repo, BytesCapture({"f1": files["f1"], "new": noise(9)}))
    repo.forget(gone.id)
    whole = stored(repo)

    dry = collect(repo, dry_run=True)
    assert (dry.state, dry.snapshots) == ("dry_run", 1)
    assert dry.free_bytes + dry.kept_bytes > 3_000_000
    assert not repo.store.exists(MARK)

    marked = collect(repo)
    assert (marked.state, marked.freed_bytes) == ("marked", 0)
    assert stored(repo) == whole
    clock.advance(3600)
    assert collect(repo).state == "waiting"
    assert stored(repo) == whole

    clock.advance(86_400)
    report = collect(repo)
    assert report.state == "freed"
    assert report.freed_bytes == dry.free_bytes
    assert sum(stored(repo).values()) < sum(whole.values()) - 2_500_000
    assert read(reopened(repo), kept.id, "f1") == files["f1"]
    assert read(repo, kept.id, "new") == noise(9)
    assert restic_snapshots(tmp_path / "r") == [kept.id]
    said = restic(tmp_path / "r", "check", "--read-data")
    assert "not referenced" not in said.stdout + said.stderr
    again = collect(repo, dry_run=True)
    assert again.free_bytes == 0


def test_a_blob_that_is_needed_again_at_the_second_look_stays(repo: Repository, tmp_path: Path) -> None:
    first = snapshot(repo, BytesCapture({"x": noise(1), "y": noise(2)}))
    repo.forget(first.id)
    collect(repo, NOW)
    second = snapshot(repo, BytesCapture({"x": noise(1)}))
    assert second.stats.bytes_new < 10_000, "it is found in what the mark calls unneeded"
    assert collect(repo, NOW).state == "freed"
    assert read(repo, second.id, "x") == noise(1)
    restic(tmp_path / "r", "check", "--read-data")


def test_what_became_unneeded_after_the_mark_waits_for_the_next(repo: Repository) -> None:
    first = snapshot(repo, BytesCapture({"x": noise(1)}))
    collect(repo, NOW)
    repo.forget(first.id)
    before = stored(repo)
    assert collect(repo, NOW).freed_bytes == 0
    assert stored(repo) == before
    assert collect(repo, NOW).freed_bytes > 700_000


def test_copies_of_what_is_needed_go(repo: Repository, tmp_path: Path) -> None:
    """Two writers at once store the same thing twice."""
    one = snapshot(repo, BytesCapture({"x": noise(1)}))
    other = Repository.create(LocalStore(tmp_path / "o"), PASSWORD)
    twin = Repository(other.store, repo.key, repo.config, repo.clock)
    two = snapshot(twin, BytesCapture({"x": noise(1), "z": noise(3)}))
    for kind in ("data", "index", "snapshots"):
        for name, _ in list(other.store.list(kind)):
            repo.store.put(name, [other.store.get(name)])
    report = sweep(repo)
    assert report.freed_bytes > 690_000
    assert read(repo, one.id, "x") == read(repo, two.id, "x") == noise(1)
    restic(tmp_path / "r", "check", "--read-data")
    assert collect(repo, dry_run=True).free_bytes == 0


def test_it_refuses_a_repository_that_is_not_whole(repo: Repository, tmp_path: Path) -> None:
    old = snapshot(repo, BytesCapture({"x": noise(1)}))
    snapshot(repo, BytesCapture({"y": noise(2, 3_000_000)}))
    repo.forget(old.id)
    pack = packs(tmp_path / "r")[0]
    whole = pack.read_bytes()
    before = set(stored(repo))
    collect(repo, NOW)
    for damage in (whole[:-1000], whole + b"x", None):
        pack.chmod(0o600)
        if damage is None:
            pack.unlink()
        else:
            pack.write_bytes(damage)
        with pytest.raises(Corrupt) as refused:
            collect(repo, NOW)
        assert refused.value.code == "gc_refused"
        pack.write_bytes(whole)
    index = next(p for p in (tmp_path / "r" / "index").iterdir())
    flip(index)
    with pytest.raises(Corrupt):
        collect(reopened(repo), NOW)
    flip(index)
    aside = index.read_bytes()
    index.unlink()
    with pytest.raises(Corrupt):
        collect(reopened(repo), NOW)
    index.write_bytes(aside)
    assert set(stored(repo)) == before


def test_a_flipped_bit_is_never_copied(repo: Repository, tmp_path: Path) -> None:
    """The needed half of a wasteful pack is proven before the pack goes."""
    both = snapshot(repo, BytesCapture({"x": noise(1, 200_000), "y": noise(2, 200_000), "z": noise(3, 200_000)}))
    kept = snapshot(repo, BytesCapture({"y": noise(2, 200_000)}))
    repo.forget(both.id)
    blob = next(iter(repo.nodes(kept.id).values())).content[:32]
    pack, where = repo.reader().locate(repo.nodes(kept.id)["y"].content[:32])
    assert blob
    collect(repo, NOW)
    before = stored(repo)
    path = tmp_path / "r" / "data" / pack.hex()[:2] / pack.hex()
    flip(path, where.offset + 100)
    with pytest.raises(Corrupt) as refused:
        collect(repo, GcOptions(grace=timedelta(0), wait=0.0, waste=0.01))
    assert refused.value.code == "gc_refused"
    assert stored(repo) == before
    flip(path, where.offset + 100)
    assert collect(repo, GcOptions(grace=timedelta(0), wait=0.0, waste=0.01)).freed_bytes
    assert read(repo, kept.id, "y") == noise(2, 200_000)


def test_it_only_marks_while_snapshots_run(repo: Repository) -> None:
    old = snapshot(repo, BytesCapture({"x": noise(1)}))
    repo.forget(old.id)
    with repo.lock():
        assert collect(repo, NOW).state == "marked"
        before = stored(repo)
        busy = collect(repo, NOW)
        assert (busy.state, stored(repo)) == ("busy", before)
        assert "locked" in (busy.reason or "")
    assert collect(repo, NOW).freed_bytes > 700_000


def test_a_snapshot_waits_for_a_collection_to_end(repo: Repository) -> None:
    with repo.lock(exclusive=True), pytest.raises(Conflict):
        snapshot(repo, BytesCapture({"x": b"1"}), patience=0.5)
    snapshot(repo, BytesCapture({"x": b"1"}), patience=0.5)


def test_packs_of_a_writer_that_died_go(repo: Repository, tmp_path: Path) -> None:
    snapshot(repo, BytesCapture({"x": noise(1)}))
    index = {name for name, _ in repo.store.list("index")}
    snapshots = {name for name, _ in repo.store.list("snapshots")}
    snapshot(repo, BytesCapture({"y": noise(2)}))
    for name, _ in [*repo.store.list("index"), *repo.store.list("snapshots")]:
        if name not in index | snapshots:
            repo.store.delete(name)
    assert sweep(reopened(repo)).freed_bytes > 700_000
    said = restic(tmp_path / "r", "check", "--read-data")
    assert "not referenced" not in said.stdout + said.stderr


def test_many_small_index_files_become_few(repo: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gc_sweep, "_MANY_SMALL", 4)
    made = [snapshot(repo, BytesCapture({"x": noise(n, 2000)})).id for n in range(gc_sweep._MANY_SMALL)]
    assert len(list(repo.store.list("index"))) == gc_sweep._MANY_SMALL
    sweep(repo)
    assert len(list(repo.store.list("index"))) == 1
    assert all(read(repo, name, "x") == noise(n, 2000) for n, name in enumerate(made))
    restic(tmp_path / "r", "check", "--read-data")


def test_beside_a_foreign_prune(repo: Repository, tmp_path: Path) -> None:
    """What stock restic did between the phases is found by the second look."""
    old = snapshot(repo, BytesCapture({"x": noise(1), "y": noise(2)}))
    kept = snapshot(repo, BytesCapture({"y": noise(2), "z": noise(3)}))
    repo.forget(old.id)
    collect(repo, NOW)
    restic(tmp_path / "r", "prune", "--max-unused", "0")
    assert collect(repo, NOW).freed_bytes == 0
    assert read(repo, kept.id, "y") == noise(2)
    restic(tmp_path / "r", "check", "--read-data")


def test_a_clock_set_forward_ends_no_grace(repo: Repository, clock: ManualClock) -> None:
    old = snapshot(repo, BytesCapture({"x": noise(1)}))
    repo.forget(old.id)
    collect(repo)
    before = stored(repo)
    clock.set_wall(clock.now() + timedelta(days=4000))
    assert collect(repo).state == "waiting"
    assert stored(repo) == before
    clock.advance(86_400)
    assert collect(repo).state == "freed"


def test_a_mark_from_the_future_or_elsewhere_counts_for_nothing(repo: Repository, clock: ManualClock) -> None:
    snapshot(repo, BytesCapture({"x": noise(1)}))
    collect(repo, NOW)
    clock.set_wall(clock.now() - timedelta(days=2))
    assert read_mark(repo) is None
    assert collect(repo, NOW).state == "marked"
    repo.store.put(MARK, [b"rubbish" * 20])
    assert collect(repo, NOW).state == "marked"
    stranger = Repository(repo.store, repo.key, repo.config | {"id": "ab" * 32}, clock)
    assert read_mark(stranger) is None


def test_a_lock_that_only_looks_old_is_believed_dead_the_second_time(repo: Repository, clock: ManualClock) -> None:
    """A clock that jumped makes a living writer's lock look stale."""
    repo.forget(snapshot(repo, BytesCapture({"x": noise(1)})).id)
    collect(repo, NOW)
    document = {"time": timestamp(clock.now() - DAY), "exclusive": False, "hostname": "elsewhere", "pid": 1}
    repo.store.put("locks/" + os.urandom(32).hex(), [documents.encode(document, repo.key)])
    before = stored(repo)
    assert collect(repo, NOW).state == "busy"
    assert stored(repo) == before
    assert collect(repo, NOW).freed_bytes > 700_000


def test_a_snapshot_whose_lock_was_taken_is_not_written(repo: Repository) -> None:
    """Somebody thought it stale: what it refers to may have been pruned."""

    class Robbed(BytesCapture):
        def companions(self) -> dict[str, bytes]:
            for name, _ in list(repo.store.list("locks")):
                repo.store.delete(name)
            return {}

    with pytest.raises(Retryable) as lost:
        snapshot(repo, Robbed({"x": noise(1)}))
    assert lost.value.code == "repository_lock_lost"
    assert repo.snapshots() == []


def test_a_collection_whose_lock_was_taken_deletes_nothing_more(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.forget(snapshot(repo, BytesCapture({f"x{n}": noise(n) for n in range(5)})).id)
    collect(repo, NOW)
    for point, deletes in (("gc.index.done", False), ("gc.old_index.done", True)):
        left: list[set[str]] = []

        def rob(name: str, point: str = point, left: list[set[str]] = left) -> None:
            if name == point and not left:
                left.append(set(stored(repo)))
                for lock, _ in list(repo.store.list("locks")):
                    repo.store.delete(lock)

        monkeypatch.setattr(gc_sweep, "crash_point", rob)
        with pytest.raises(Retryable):
            collect(repo, NOW)
        assert set(stored(repo)) == left[0]
        assert bool(left[0]) or deletes
    monkeypatch.setattr(gc_sweep, "crash_point", lambda name: None)
    assert collect(repo, NOW).state == "freed"
    assert list(repo.store.list("data")) == []


def test_a_repository_that_only_grows_is_left_alone(repo: Repository) -> None:
    repo.forget(snapshot(repo, BytesCapture({"x": noise(1)})).id)
    collect(repo, NOW)
    refusal = NeedsOperator("deleting: not permitted", hint="-")
    for prefix in ("stream/gc/probe", "index/", "data/"):
        store = FaultyStore(repo.store, NthCall("delete", 1, refusal, forever=True, prefix=prefix))
        guarded = Repository(store, repo.key, repo.config, repo.clock)
        packs_before = {name for name, _ in repo.store.list("data")}
        with pytest.raises(NeedsOperator) as refused:
            collect(guarded, NOW)
        assert refused.value.code == "repository_append_only"
        assert {name for name, _ in repo.store.list("data")} == packs_before
    collect(repo, NOW)
    assert list(repo.store.list("data")) == []


def test_stopping_ends_it_between_two_packs(repo: Repository) -> None:
    repo.forget(snapshot(repo, BytesCapture({f"x{n}": noise(n) for n in range(5)})).id)
    collect(repo, NOW)
    stop = Stop()

    def progress(phase: str, done: int, total: int) -> None:
        if phase == "deleting" and done == 1:
            stop.stop()

    with pytest.raises(Cancelled):
        collect(repo, NOW, stop=stop, progress=progress)
    assert list(repo.store.list("data"))
    assert list(repo.store.list("locks")) == []
    collect(repo, NOW)
    assert list(repo.store.list("data")) == []


def test_ids_that_are_used_are_found_and_others_are_not() -> None:
    ids = UsedIds()
    mine = [os.urandom(32) for _ in range(150_000)]
    assert all(ids.add(blob) for blob in mine)
    assert not ids.add(mine[7])
    assert len(ids) == len(mine)
    assert all(blob in ids for blob in mine[::100])
    assert not any(os.urandom(32) in ids for _ in range(1000))
    zero = bytes(32)
    assert ids.add(zero)
    assert zero in ids
