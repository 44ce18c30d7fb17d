"""Broken repositories, as restic's own test data has them: made by stock restic, then harmed. Stock restic judges."""

from __future__ import annotations

import hashlib
import json
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
from kit import PASSWORD, BytesCapture, flip, packs, restic, restic_snapshots, snapshot

from holdfast.formats.restic.pack import BlobType, PackedBlob, build_header
from holdfast.kernel.errors import Conflict
from holdfast.kernel.stop import Stop
from holdfast.vault.blobs import pack_name
from holdfast.vault.repair import DamageReport, IndexRepair, assess, rebuild_index
from holdfast.vault.repository import Repository
from holdfast.vault.stores.local import LocalStore
from holdfast.vault.usage import measure

pytestmark = pytest.mark.slow
RANDOM = random.Random(17)
BIG, SMALL = "big \"' ; -- é.bin", "small.txt"


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A repository of stock restic with two snapshots: `big` is in both, `small` differs."""
    root = tmp_path_factory.mktemp("stock")
    files = root / "files"
    files.mkdir()
    (files / BIG).write_bytes(RANDOM.randbytes(5_000_000))
    (files / SMALL).write_bytes(b"first")
    restic(root / "r", "init")
    restic(root / "r", "backup", str(files))
    (files / SMALL).write_bytes(b"second, and longer")
    restic(root / "r", "backup", str(files))
    shown = json.loads(restic(root / "r", "snapshots", "--json").stdout)
    return root / "r", [s["id"] for s in sorted(shown, key=lambda s: s["time"])]


@pytest.fixture
def place(stock: tuple[Path, list[str]], tmp_path: Path) -> Path:
    return Path(shutil.copytree(stock[0], tmp_path / "r"))


def opened(path: Path) -> Repository:
    return Repository.open(LocalStore(path), PASSWORD, cache=path.parent / "cache")


def assessed(path: Path, *, read_data: bool = False) -> DamageReport:
    before = everything(path)
    found = assess(opened(path), read_data=read_data, stop=Stop())
    assert everything(path) == before, "a report changes nothing"
    return found


def repaired(path: Path) -> IndexRepair:
    data = {p: p.read_bytes() for p in packs(path)}
    done = rebuild_index(opened(path), stop=Stop())
    assert {p: p.read_bytes() for p in packs(path)} == data, "no data is touched"
    return done


def everything(path: Path) -> dict[str, bytes]:
    return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()}


def sound(path: Path) -> None:
    """Stock restic is content with every byte, and so are we."""
    restic(path, "check", "--read-data")
    assert assessed(path, read_data=True).sound
    assert opened(path).check(read_data=True).errors == []


def index_files(path: Path) -> list[Path]:
    return sorted((path / "index").iterdir())


def data_pack(path: Path) -> Path:
    return packs(path)[0]


def test_a_sound_repository_is_left_as_it_is(place: Path) -> None:
    before = everything(place)
    assert assessed(place, read_data=True).sound
    done = repaired(place)
    assert (done.packs_added, done.packs_dropped, done.index_removed, done.index_written) == (0, 0, 0, 0)
    assert everything(place) == before


@pytest.mark.parametrize("harm", [lambda p: [f.unlink() for f in index_files(p)], lambda p: index_files(p)[0].unlink()])
def test_a_missing_index(place: Path, stock: tuple[Path, list[str]], harm: Callable[[Path], object]) -> None:
    opened(place).index()  # what the cache held does not hide it
    harm(place)
    assert restic(place, "check", check=False).returncode != 0
    found = assessed(place)
    assert found.snapshots
    assert found.packs_unindexed
    done = repaired(place)
    assert done.packs_added == len(found.packs_unindexed)
    sound(place)
    assert set(restic_snapshots(place)) == set(stock[1])


def test_a_damaged_index(place: Path) -> None:
    for file in index_files(place):
        flip(file)
    assert len(assessed(place).index_errors) == len(index_files(place))
    repaired(place)
    sound(place)


def test_missing_data_is_named_down_to_the_file_and_comes_back_with_the_next_backup(
    place: Path, stock: tuple[Path, list[str]], tmp_path: Path
) -> None:
    pack = data_pack(place)
    pack.unlink()
    found = assessed(place)
    assert found.packs_missing == [pack.name]
    assert [s.id for s in found.snapshots] == stock[1]
    for affected in found.snapshots:
        (entry,) = (e for e in affected.entries if e.path.endswith(BIG))
        assert entry.blobs is not None
        assert 0 < entry.lost <= entry.blobs
    assert repaired(place).packs_dropped == 1
    assert assessed(place).packs_missing == []
    assert restic(place, "check", check=False).returncode != 0, "what is lost is lost"
    again = tmp_path / "again"
    again.mkdir()
    (again / "x").write_bytes((stock[0].parent / "files" / BIG).read_bytes())
    (again / "y").write_bytes(b"first")
    restic(place, "backup", "--force", str(again))
    sound(place)


def test_a_damaged_pack_is_found_only_by_reading(place: Path, stock: tuple[Path, list[str]]) -> None:
    pack = data_pack(place)
    flip(pack, 5000)
    assert assessed(place).sound
    found = assessed(place, read_data=True)
    assert found.packs_damaged == [pack.name]
    assert found.blobs_lost == 1
    assert [(s.id, [e.lost for e in s.entries]) for s in found.snapshots] == [(s, [1]) for s in stock[1]]
    assert found.read == sum(p.stat().st_size for p in packs(place))


def test_a_pack_cut_short(place: Path) -> None:
    pack = data_pack(place)
    pack.chmod(0o600)
    pack.write_bytes(pack.read_bytes()[:1_000_000])
    found = assessed(place)
    assert found.packs_damaged == [pack.name]
    assert found.snapshots
    done = repaired(place)
    assert done.unreadable == [pack.name]
    assert assessed(place).packs_unindexed == [pack.name]


def test_a_snapshot_or_a_directory_that_cannot_be_read(place: Path, stock: tuple[Path, list[str]]) -> None:
    trees = packs(place)[1:]
    for pack in trees:
        flip(pack, 40)
    found = assessed(place)
    assert len(found.snapshots) >= 1
    flip(place / "snapshots" / stock[1][0])
    (broken,) = [s for s in assessed(place).snapshots if s.id == stock[1][0]]
    assert broken.error


def test_duplicates_are_no_damage_and_save_what_another_pack_lost(
    place: Path, stock: tuple[Path, list[str]], tmp_path: Path
) -> None:
    """The same blobs in two packs: a second writer that did not see the first one's index."""
    aside = tmp_path / "aside"
    shutil.move(place / "index", aside)
    (place / "index").mkdir()
    restic(place, "backup", "--force", str(stock[0].parent / "files"))
    for file in aside.iterdir():
        shutil.copy(file, place / "index")
    sound(place)
    assert repaired(place).index_removed == 0
    repo = opened(place)
    (first, second) = [p for p in packs(place) if p.stat().st_size > 1_000_000][:2]
    assert {b.id for b in repo.index().by_pack()[bytes.fromhex(first.name)]} & {
        b.id for b in repo.index().by_pack()[bytes.fromhex(second.name)]
    }
    first.unlink()
    found = assessed(place, read_data=True)
    assert found.packs_missing == [first.name]
    assert (found.blobs_lost, found.snapshots) == (0, [])
    repaired(place)
    sound(place)


def test_a_pack_with_data_and_trees_mixed(place: Path, stock: tuple[Path, list[str]]) -> None:
    """Old versions of restic wrote such: its blobs by their own type, whatever lies beside them."""
    repo = opened(place)
    contents, blobs, pieces, at = repo.index().by_pack(), list[PackedBlob](), list[bytes](), 0
    for pack, listed in contents.items():
        data = (place / pack_name(pack)).read_bytes()
        for b in listed:
            pieces.append(data[b.offset : b.offset + b.length])
            blobs.append(PackedBlob(b.id, b.type, at, b.length, b.raw_length))
            at += b.length
    assert {b.type for b in blobs} == set(BlobType)
    pieces.append(build_header(blobs, repo.key))
    for pack in packs(place):
        pack.unlink()
    repo.store.put(pack_name(hashlib.sha256(b"".join(pieces)).digest()), pieces)
    repaired(place)
    sound(place)
    assert opened(place).index().by_pack().keys() == {hashlib.sha256(b"".join(pieces)).digest()}
    assert all(not opened(place).verify_snapshot(s).errors for s in stock[1])


def test_nobody_repairs_while_someone_works(place: Path) -> None:
    index_files(place)[0].unlink()
    before = everything(place)
    with opened(place).lock(), pytest.raises(Conflict) as caught:
        rebuild_index(opened(place), stop=Stop())
    assert caught.value.code == "repository_locked"
    assert everything(place) == before


_REPAIR = """
import sys
from pathlib import Path
from holdfast.kernel.stop import Stop
from holdfast.vault.repair import rebuild_index
from holdfast.vault.repository import Repository
from holdfast.vault.stores.local import LocalStore
rebuild_index(Repository.open(LocalStore(Path(sys.argv[1])), sys.argv[2]), stop=Stop())
"""


@pytest.mark.faults
@pytest.mark.parametrize("point", ["repair.index", "repair.index.done", "repair.index.removed"])
def test_killed_anywhere_it_is_run_again(place: Path, point: str) -> None:
    for file in index_files(place):
        flip(file)
    environ = os.environ | {"HOLDFAST_CRASH_AT": point}
    argv = [sys.executable, "-c", _REPAIR, str(place), PASSWORD]
    assert subprocess.run(argv, env=environ, check=False, capture_output=True).returncode == -signal.SIGKILL
    repaired(place)
    sound(place)


def test_usage_says_whose_it_is_and_what_nobody_needs(place: Path, stock: tuple[Path, list[str]]) -> None:
    names = {stock[1][0]: "one", stock[1][1]: "two"}
    usage = measure(opened(place), names.__getitem__, Stop())
    assert usage.bytes == sum(p.stat().st_size for p in place.rglob("*") if p.is_file() and p.name != "config")
    assert [(o.owner, o.snapshots) for o in usage.owners] == [("one", 1), ("two", 1)]
    assert all(5_000_000 < o.bytes <= usage.referenced for o in usage.owners)
    assert usage.unreferenced == 0
    restic(place, "forget", stock[1][1])
    second = measure(opened(place), names.__getitem__, Stop())
    assert second.referenced == next(o.bytes for o in usage.owners if o.owner == "one")
    assert second.unreferenced == usage.referenced - second.referenced
    before = sum(p.stat().st_size for p in packs(place))
    restic(place, "prune", "--max-unused", "0")
    assert before - sum(p.stat().st_size for p in packs(place)) >= second.unreferenced
    assert measure(opened(place), names.__getitem__, Stop()).unreferenced == 0


def test_usage_of_a_repository_it_cannot_read_whole_says_so(place: Path, stock: tuple[Path, list[str]]) -> None:
    for pack in packs(place)[1:]:
        flip(pack, 40)
    usage = measure(opened(place), lambda _: "x", Stop())
    assert usage.unreadable
    assert set(usage.unreadable) <= set(stock[1])


def test_a_pack_that_a_killed_writer_left_is_unreferenced(place: Path) -> None:
    repo = opened(place)
    repo.store.put(pack_name(hashlib.sha256(b"left").digest()), [b"left"])
    assert measure(repo, lambda _: "x", Stop()).unreferenced == 4


def test_others_take_snapshots_while_a_report_is_made(place: Path) -> None:
    writer = threading.Thread(target=lambda: snapshot(opened(place), BytesCapture({"x": RANDOM.randbytes(900_000)})))
    writer.start()
    assert assess(opened(place), read_data=True, stop=Stop()).sound
    writer.join()
    sound(place)
