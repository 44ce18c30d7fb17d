"""The index's files: shared, taken over, and made again whenever anything about them is doubtful."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from kit import PASSWORD, BytesCapture, flip, new_repository, read, restic, snapshot

from holdfast.formats.restic.pack import BlobType
from holdfast.kernel.errors import Retryable
from holdfast.vault import index as module
from holdfast.vault import index_building
from holdfast.vault.repository import Repository
from holdfast.vault.stores.faulty import FaultyStore, NthCall
from holdfast.vault.stores.local import LocalStore

RANDOM = random.Random(11)
HERE = Path(__file__).parent


def opened(tmp_path: Path) -> Repository:
    return Repository.open(CountingStore(tmp_path / "r"), PASSWORD, cache=tmp_path / "cache")


class CountingStore(LocalStore):
    """How many index files were read."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.read: list[str] = []

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        if name.startswith("index/"):
            self.read.append(name)
        return super().get(name, offset, length)


def index_reads(repo: Repository) -> int:
    repo.index()
    assert isinstance(repo.store, CountingStore)
    return len(repo.store.read)


@pytest.fixture
def three(tmp_path: Path) -> tuple[Path, list[str]]:
    """A repository with three snapshots, its index in the cache."""
    repo = new_repository(tmp_path / "r")
    made = [snapshot(repo, BytesCapture({"x": RANDOM.randbytes(400_000 + n)})).id for n in range(3)]
    assert index_reads(opened(tmp_path)) == 3
    return tmp_path, made


def cached(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache").rglob("*.index"), key=lambda p: p.stat().st_size)


def whole(repo: Repository, made: list[str]) -> bool:
    return repo.check(read_data=True).errors == [] and all(not repo.verify_snapshot(s).errors for s in made)


def test_a_second_process_reads_no_index_file(three: tuple[Path, list[str]]) -> None:
    tmp_path, made = three
    again = opened(tmp_path)
    assert index_reads(again) == 0
    assert len(read(again, made[1], "x")) == 400_001
    assert whole(opened(tmp_path), made)


def test_only_its_owner_may_read_it(three: tuple[Path, list[str]]) -> None:
    tmp_path, _ = three
    (file,) = cached(tmp_path)
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_only_new_index_files_are_read(three: tuple[Path, list[str]]) -> None:
    tmp_path, made = three
    made.append(snapshot(new(tmp_path), BytesCapture({"y": RANDOM.randbytes(90_000)})).id)
    assert index_reads(opened(tmp_path)) == 1
    assert len(cached(tmp_path)) == 2
    assert whole(opened(tmp_path), made)


def new(tmp_path: Path) -> Repository:
    return Repository.open(LocalStore(tmp_path / "r"), PASSWORD)


def test_many_small_files_become_few(three: tuple[Path, list[str]]) -> None:
    tmp_path, made = three
    for number in range(9):
        made.append(snapshot(new(tmp_path), BytesCapture({"y": RANDOM.randbytes(9_000 + number)})).id)
        assert index_reads(opened(tmp_path)) == 1
        assert len(cached(tmp_path)) <= module._SEGMENTS_LIMIT
    assert whole(opened(tmp_path), made)


@pytest.mark.parametrize("last", [False, True])
def test_after_a_foreign_prune_nothing_of_it_counts(three: tuple[Path, list[str]], last: bool) -> None:
    tmp_path, made = three
    running = opened(tmp_path)
    before = running.index().by_pack()
    restic(tmp_path / "r", "forget", "--prune", *(made if last else made[:2]))
    for repo in (running, opened(tmp_path)):
        left = set(repo.index().by_pack())
        assert left != set(before)
        assert left == {bytes.fromhex(name[-64:]) for name, _ in repo.store.list("data")}
        assert whole(repo, [] if last else made[2:])


def torn(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-7])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def another_version(file: Path) -> None:
    data = bytearray(file.read_bytes())
    at = data.rindex(b"hfindex\n") + 8
    data[at] += 1
    file.write_bytes(data)


def a_record(file: Path) -> None:
    flip(file, 40)


def the_end(file: Path) -> None:
    flip(file, -20)


def zeros_in_the_middle(file: Path) -> None:
    data = file.read_bytes()
    file.write_bytes(bytes(len(data) // 2) + data[len(data) // 2 :])


@pytest.mark.parametrize("harm", [torn, empty, another_version, a_record, the_end, zeros_in_the_middle])
def test_a_doubtful_file_is_made_again(three: tuple[Path, list[str]], harm: Callable[[Path], None]) -> None:
    tmp_path, made = three
    (file,) = cached(tmp_path)
    sound = file.read_bytes()
    harm(file)
    repo = opened(tmp_path)
    assert all(len(read(repo, s, "x")) for s in made)
    assert index_reads(repo) == 3
    assert [f.read_bytes() for f in cached(tmp_path)] == [sound]
    file.unlink()
    assert whole(opened(tmp_path), made)


def test_damage_is_found_by_a_check_as_well(three: tuple[Path, list[str]]) -> None:
    tmp_path, made = three
    a_record(cached(tmp_path)[0])
    assert whole(opened(tmp_path), made)


def test_threads_that_meet_damage_together_all_find_what_is_there(three: tuple[Path, list[str]]) -> None:
    tmp_path, _ = three
    wanted = [b.id for blobs in opened(tmp_path).index().by_pack().values() for b in blobs if b.type is BlobType.DATA]
    zeros_in_the_middle(cached(tmp_path)[0])
    index, absent = opened(tmp_path).index(), list[bytes]()

    def look() -> None:
        absent.extend(blob for blob in wanted for _ in range(20) if index.find(blob) is None)

    threads = [threading.Thread(target=look) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert absent == []


def test_another_repository_in_the_same_folder_is_not_believed(three: tuple[Path, list[str]]) -> None:
    tmp_path, _ = three
    other = new_repository(tmp_path / "other")
    written = snapshot(other, BytesCapture({"z": b"z" * 50_000})).id
    theirs = Repository.open(LocalStore(tmp_path / "other"), PASSWORD, cache=tmp_path / "cache")
    assert len(theirs.index()) < 10
    folders = sorted((tmp_path / "cache").iterdir(), key=lambda p: max(f.stat().st_size for f in p.iterdir()))
    for file in folders[0].iterdir():
        file.unlink()
    for file in folders[1].iterdir():
        shutil.copy(file, folders[0])
    again = Repository.open(LocalStore(tmp_path / "other"), PASSWORD, cache=tmp_path / "cache")
    assert len(again.index()) < 10
    assert whole(again, [written])


def test_a_listing_that_is_older_than_the_cache_costs_nothing(three: tuple[Path, list[str]]) -> None:
    """Another process was faster: its file names an index file that this one's listing does not have."""
    tmp_path, _ = three
    hidden = next(iter(new(tmp_path).store.list("index")))[0]

    class Late(CountingStore):
        def list(self, prefix: str):  # type: ignore[no-untyped-def]
            return (found for found in super().list(prefix) if found[0] != hidden)

    repo = Repository.open(Late(tmp_path / "r"), PASSWORD, cache=tmp_path / "cache")
    assert index_reads(repo) == 0
    assert len(cached(tmp_path)) == 1


def test_without_room_for_the_cache_it_works_without(
    three: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path, made = three
    for file in cached(tmp_path):
        file.unlink()
    real, here = os.rename, threading.get_ident()

    def full(source: str | Path, target: str | Path) -> None:
        if threading.get_ident() == here and str(target).endswith(".index"):
            raise OSError(28, "no room")
        real(source, target)

    monkeypatch.setattr(os, "rename", full)
    repo = opened(tmp_path)
    assert len(read(repo, made[0], "x")) == 400_000
    assert [p for p in (tmp_path / "cache").rglob("*") if p.is_file()] == []


def test_a_large_pipeline_settles_what_it_adds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many index files of one snapshot: what was added stays findable though it no longer lies in memory."""
    monkeypatch.setattr("holdfast.vault.packing._INDEX_BLOBS", 4)
    monkeypatch.setattr(module, "_FRESH_LIMIT", 6)
    monkeypatch.setattr(index_building, "_RUN", 5)
    repo = Repository.open(new_repository(tmp_path / "r").store, PASSWORD, cache=tmp_path / "cache")
    data = RANDOM.randbytes(40_000_000)
    written = snapshot(repo, BytesCapture({"a": data, "b": data}))
    assert written.stats.bytes_new < len(data) * 1.1
    assert whole(repo, [written.id])
    assert read(opened(tmp_path), written.id, "b") == data
    restic(tmp_path / "r", "check", "--read-data")


def test_a_store_that_fails_is_not_taken_for_an_empty_index(three: tuple[Path, list[str]]) -> None:
    tmp_path, made = three
    cached(tmp_path)[0].unlink()
    fault = NthCall("get", 2, Retryable("the cable"), prefix="index/")
    repo = Repository.open(FaultyStore(LocalStore(tmp_path / "r"), fault), PASSWORD, cache=tmp_path / "cache")
    with pytest.raises(Retryable):
        repo.index()
    assert whole(repo, made)


_KILLED = """
import sys
sys.path.insert(0, sys.argv[3])
from pathlib import Path
from kit import PASSWORD
from holdfast.vault import index_segment
from holdfast.vault.repository import Repository
from holdfast.vault.stores.local import LocalStore
real = index_segment._write
def slow(fd, data):
    real(fd, data[: len(data) // 2])
    print("half", flush=True)
    sys.stdin.read()
index_segment._write = slow
Repository.open(LocalStore(Path(sys.argv[1])), PASSWORD, cache=Path(sys.argv[2])).index()
"""


@pytest.mark.faults
def test_a_writer_killed_half_way_leaves_nothing_that_is_believed(three: tuple[Path, list[str]]) -> None:
    tmp_path, made = three
    cached(tmp_path)[0].unlink()
    argv = [sys.executable, "-c", _KILLED, str(tmp_path / "r"), str(tmp_path / "cache"), str(HERE)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half\n"
        os.kill(process.pid, signal.SIGKILL)
    (left,) = (p for p in (tmp_path / "cache").rglob("*") if p.is_file())
    assert not left.name.endswith(".index")
    os.utime(left, (0, 0))
    assert whole(opened(tmp_path), made)
    assert not left.exists()


def test_several_processes_make_it_at_once(three: tuple[Path, list[str]]) -> None:
    tmp_path, made = three
    shutil.rmtree(tmp_path / "cache")
    script = _KILLED.replace("index_segment._write = slow\n", "") + "print('ok')"
    argv = [sys.executable, "-c", script, str(tmp_path / "r"), str(tmp_path / "cache"), str(HERE)]
    running = [subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate()[0] for process in running] == ["ok\n"] * 3
    assert len(cached(tmp_path)) == 1
    assert index_reads(opened(tmp_path)) == 0
    assert whole(opened(tmp_path), made)
