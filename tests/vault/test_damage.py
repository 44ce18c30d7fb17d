"""Every kind of damage is Corrupt when read and named by a check; nothing wrong is ever handed out."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from kit import PASSWORD, BytesCapture, drain, flip, new_repository, packs, page_entry, read, snapshot

from holdfast.contract.snapshot import Entry
from holdfast.formats.restic import documents
from holdfast.kernel.errors import Cancelled, Corrupt, Denied, NotFound
from holdfast.kernel.stop import Stop
from holdfast.vault import index_view
from holdfast.vault.repository import Repository
from holdfast.vault.stores.local import LocalStore

RANDOM = random.Random(3)
DATA = RANDOM.randbytes(3_000_000)


@pytest.fixture
def place(tmp_path: Path) -> tuple[Path, str]:
    """A repository with one snapshot, `x` in it."""
    written = snapshot(new_repository(tmp_path / "r"), BytesCapture({"x": DATA}))
    return tmp_path / "r", written.id


def opened(path: Path) -> Repository:
    return Repository.open(LocalStore(path), PASSWORD)


def only(path: Path) -> Path:
    (file,) = (p for p in path.rglob("*") if p.is_file())
    return file


@pytest.mark.parametrize("at", [0, 1_000, None, -1, -40])
def test_a_damaged_pack(place: tuple[Path, str], at: int | None) -> None:
    path, written = place
    pack = packs(path)[0]
    flip(pack, at)
    repo = opened(path)
    errors = repo.check(read_data=True).errors
    assert errors
    assert all(pack.name[:12] in e for e in errors)
    if at in (-1, -40):  # the header: no blob is lost, reading goes on
        assert read(repo, written, "x") == DATA
        return
    verified = repo.verify_snapshot(written).errors
    assert len(verified) == 1
    assert pack.name[:12] in verified[0]
    with repo.source(written) as source:
        with pytest.raises(Corrupt):
            drain(source.open("x"))
        with pytest.raises(Corrupt):
            source.fetch("x", lambda offset, data: None)


@pytest.mark.parametrize("cut", [0, 1, 100_000, 2_999_000])
def test_a_pack_cut_short(place: tuple[Path, str], cut: int) -> None:
    path, written = place
    pack = packs(path)[0]
    pack.write_bytes(pack.read_bytes()[:cut])
    repo = opened(path)
    assert any(pack.name[:12] in e for e in repo.check().errors), "seen without reading data"
    assert repo.check(read_data=True).errors
    assert repo.verify_snapshot(written).errors
    with pytest.raises(Corrupt):
        read(repo, written, "x")


def test_a_pack_that_grew(place: tuple[Path, str]) -> None:
    path, written = place
    pack = packs(path)[0]
    pack.write_bytes(pack.read_bytes() + b"x")
    repo = opened(path)
    assert any(pack.name[:12] in e for e in repo.check(read_data=True).errors)
    assert read(repo, written, "x") == DATA


def test_a_missing_pack(place: tuple[Path, str]) -> None:
    path, written = place
    pack = packs(path)[0]
    pack.unlink()
    repo = opened(path)
    assert any(f"pack {pack.name[:12]} is missing" in e for e in repo.check().errors)
    assert any("missing" in e for e in repo.verify_snapshot(written).errors)
    with pytest.raises(Corrupt, match="missing"):
        read(repo, written, "x")


def test_two_packs_with_each_others_names(place: tuple[Path, str]) -> None:
    path, written = place
    big, small = packs(path)[0], packs(path)[-1]
    first, second = big.read_bytes(), small.read_bytes()
    big.write_bytes(second)
    small.write_bytes(first)
    with pytest.raises(Corrupt):
        opened(path).manifest(written)
    assert len(opened(path).check(read_data=True).errors) >= 2


def test_a_damaged_tree(place: tuple[Path, str]) -> None:
    path, written = place
    flip(packs(path)[-1], 40)
    repo = opened(path)
    for act in (repo.manifest, repo.tree, repo.source):
        with pytest.raises(Corrupt):
            act(written)
    assert any(written[:12] in e for e in repo.check().errors)
    assert repo.verify_snapshot(written).errors
    assert list(repo.store.list("locks")) == [], "a source that could not be opened holds no lock"


def test_every_snapshot_that_shares_a_damaged_tree_is_named(place: tuple[Path, str]) -> None:
    path, first = place
    second = snapshot(opened(path), BytesCapture({}, (Entry("x", None),)), parent=first).id
    pack = packs(path)[0]
    pack.unlink()
    repo = opened(path)
    for index in (path / "index").iterdir():
        document = documents.parse_index(documents.decode(index.read_bytes(), repo.key))
        if any(p.hex() == pack.name for p, _ in document):
            index.unlink()
    errors = opened(path).check().errors
    assert {first[:12], second[:12]} <= {e.split()[1].rstrip(":") for e in errors if e.startswith("snapshot")}


def test_a_list_that_two_snapshots_share_is_missed_in_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was found once is not looked for again, what was missing is; also when too much was remembered."""
    page, pages = 65536, 600
    cells = {n: n.to_bytes(4, "big") * (page // 4) for n in range(pages)}
    repo = new_repository(tmp_path / "r")
    first = snapshot(repo, BytesCapture({}, (page_entry("db", cells, page * pages, page),))).id
    cells[599] = RANDOM.randbytes(page)
    second = snapshot(repo, BytesCapture({}, (page_entry("db", cells, page * pages, page),))).id
    assert repo.check().errors == []
    lost = repo.nodes(first)["db"].content[32 * 200 : 32 * 201]
    kept = [(pack, [b for b in blobs if b.id != lost]) for pack, blobs in repo.index().contents()]
    for name, _ in list(repo.store.list("index")):
        repo.store.delete(name)
    sealed = documents.encode(documents.build_index(kept), repo.key)
    repo.store.put(f"index/{hashlib.sha256(sealed).hexdigest()}", [sealed])
    expected = [f"snapshot {s[:12]}: 1 blobs are in no index" for s in (first, second)]
    assert sorted(repo.check().errors) == sorted(expected)
    monkeypatch.setattr(index_view, "_MOST_RUNS", 1)
    assert sorted(repo.check().errors) == sorted(expected)
    assert repo.verify_snapshot(second).errors == [f"blob {lost.hex()[:12]} is in no index"]
    assert repo.verify_snapshot(second).blobs == len({*(repo.nodes(second)["db"].content[n : n + 32] for n in
                                                       range(0, pages * 32, 32))}) + others(repo, second)  # fmt: skip


def others(repo: Repository, snapshot_id: str) -> int:
    """Blobs of the companions and the manifest."""
    return len({n.content[:32] for path, n in repo.nodes(snapshot_id).items() if path != "db"})


def test_a_damaged_index_is_named_and_hides_nothing_else(place: tuple[Path, str]) -> None:
    path, first = place
    index = only(path / "index")
    flip(index)
    second = snapshot(opened(path), BytesCapture({"y": b"other" * 1000})).id
    repo = opened(path)
    errors = repo.check(read_data=True).errors
    assert any(index.name[:12] in e and "index" in e for e in errors)
    assert any(first[:12] in e for e in errors)
    assert not any(second[:12] in e for e in errors)
    assert read(repo, second, "y") == b"other" * 1000
    with pytest.raises(Corrupt, match="in no index"):
        repo.source(first)


def test_a_damaged_snapshot(place: tuple[Path, str]) -> None:
    path, written = place
    flip(path / "snapshots" / written)
    repo = opened(path)
    with pytest.raises(Corrupt):
        repo.source(written)
    assert [written[:12] in e for e in repo.check().errors] == [True]


def test_a_damaged_config_or_key(place: tuple[Path, str]) -> None:
    path, _ = place
    config = (path / "config").read_bytes()
    flip(path / "config")
    with pytest.raises(Corrupt):
        opened(path)
    (path / "config").write_bytes(config)
    flip(only(path / "keys"))
    with pytest.raises((Corrupt, Denied)):
        opened(path)


@pytest.mark.parametrize("act", [Repository.source, Repository.manifest, Repository.verify_snapshot])
def test_a_snapshot_that_is_not_there(place: tuple[Path, str], act: Callable[[Repository, str], object]) -> None:
    with pytest.raises(NotFound):
        act(opened(place[0]), "ab" * 32)


def test_a_check_and_a_verification_can_be_stopped(place: tuple[Path, str]) -> None:
    path, written = place
    stop = Stop()
    stop.stop()
    repo = opened(path)
    with pytest.raises(Cancelled):
        repo.verify_snapshot(written, stop)
    with pytest.raises(Cancelled):
        repo.check(read_data=True, stop=stop)
    assert list(repo.store.list("locks")) == []


def test_a_sound_repository_reads_each_byte_once(place: tuple[Path, str]) -> None:
    path, written = place
    seen: list[tuple[int, int]] = []
    report = opened(path).check(read_data=True, progress=lambda done, total: seen.append((done, total)))
    size = sum(p.stat().st_size for p in packs(path))
    assert (report.errors, report.bytes, report.packs) == ([], size, len(packs(path)))
    assert seen[-1] == (size, size)
    assert opened(path).verify_snapshot(written).errors == []
