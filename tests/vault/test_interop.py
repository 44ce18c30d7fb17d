"""Stock restic as the judge: it reads, checks and prunes what we write, and we read what it writes."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest
from kit import PASSWORD, BytesCapture, new_repository, page_entry, read, restic, restic_snapshots, snapshot
from stock_restic import NEW, OLD, stock

from holdfast.kernel.errors import Conflict, Denied, NotFound
from holdfast.vault.repository import Repository
from holdfast.vault.stores.local import LocalStore

RANDOM = random.Random(7)
AWKWARD = {
    'quote".txt': b"1",
    "new\nline/tab\t": b"2",
    "<&>\u2028/ü/日本 🎉": b"3" * 1000,
    "back\\slash": b"",
    "-rf": b"4",
    " leading and trailing ": b"5",
    "%2F..%00": b"6",
    "a" * 255: b"7",
    "...": b"8",
    "\u200b\ufeff\u00a0": b"9",
}


@pytest.mark.slow
@pytest.mark.parametrize("version", [OLD, NEW])
def test_restic_reads_what_we_write(tmp_path: Path, version: int) -> None:
    path = tmp_path / "r"
    repo = new_repository(path)
    files = AWKWARD | {"deep/er/data": RANDOM.randbytes(5_000_000), "text": b"all the same " * 200_000}
    pages = RANDOM.randbytes(5 * 65536 + 10)
    cells = {n: pages[n * 65536 : (n + 1) * 65536] for n in (5, 0, 3, 1, 4, 2)}
    written = snapshot(repo, BytesCapture(files, (page_entry("db", cells, len(pages)),)))
    files |= {"db": pages, "RESTORE.md": b"copy the files\n", "restore.sh": b"#!/bin/sh\n"}

    restic(path, "check", "--read-data")
    assert restic_snapshots(path) == [written.id]
    stock(path, "restore", written.id, "--target", str(tmp_path / "out"), password=PASSWORD, version=version)
    restored = {
        str(p.relative_to(tmp_path / "out")): p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()
    }
    assert json.loads(restored.pop("manifest.json"))["engine"] == "bytes"
    assert restored == files
    asked = stock(path, "ls", "--json", written.id, password=PASSWORD, version=version)
    listed = [json.loads(line) for line in asked.stdout.splitlines()]
    assert {node["path"].lstrip("/") for node in listed if node.get("type") == "file"} == {*files, "manifest.json"}
    for name, data in files.items():
        assert read(repo, written.id, name) == data


@pytest.mark.slow
@pytest.mark.parametrize("version", [OLD, NEW])
def test_we_read_what_restic_writes_and_both_survive_its_prune(tmp_path: Path, version: int) -> None:
    path, source = tmp_path / "r", tmp_path / "files"
    repo = new_repository(path)
    ours = snapshot(repo, BytesCapture({"x": RANDOM.randbytes(2_000_000)}))
    source.mkdir()
    big = RANDOM.randbytes(9_000_000)
    (source / 'f\n"<&').write_bytes(big)
    (source / "link").symlink_to("nowhere")
    stock(path, "backup", str(source), "--host", "other", "--tag", "theirs", password=PASSWORD, version=version)
    (theirs,) = set(restic_snapshots(path)) - {ours.id}

    info = next(s for s in repo.snapshots() if s.id == theirs)
    assert (info.hostname, info.tags) == ("other", ("theirs",))
    (name,) = repo.nodes(theirs)
    assert name == f'{str(source).lstrip("/")}/f\n"<&'
    assert b"".join(repo.reader().read(b) for b in blobs_of(repo.nodes(theirs)[name].content)) == big
    assert repo.verify_snapshot(theirs).errors == []
    with pytest.raises(Exception, match="not made by Holdfast"):
        repo.manifest(theirs)

    stock(path, "forget", theirs, "--prune", password=PASSWORD, version=version)
    assert [s.id for s in repo.snapshots()] == [ours.id]
    assert repo.verify_snapshot(ours.id).errors == []
    assert repo.check(read_data=True).errors == []
    again = snapshot(repo, BytesCapture({"x": b"new", "y": big}), parent=ours.id)
    stock(path, "forget", ours.id, "--prune", password=PASSWORD, version=version)
    assert read(repo, again.id, "y") == big
    restic(path, "check", "--read-data")


@pytest.mark.slow
@pytest.mark.parametrize(("maker", "second"), [(OLD, NEW), (NEW, OLD)], ids=["old first", "new first"])
def test_a_repository_that_both_versions_made_is_ours_to_go_on_with(tmp_path: Path, maker: int, second: int) -> None:
    """One made it, both wrote: every byte is read, ours goes beside it, and both prune without taking anything."""
    path, source = tmp_path / "r", tmp_path / "files"
    source.mkdir()
    stock(path, "init", "--repository-version", "2", password=PASSWORD, version=maker)
    kept: dict[str, bytes] = {}
    for number, version in enumerate((maker, second)):
        kept[f'{number} "\n<&'] = RANDOM.randbytes(3_000_000) + b"text " * 300_000
        (source / f'{number} "\n<&').write_bytes(kept[f'{number} "\n<&'])
        stock(path, "backup", str(source), "--tag", f"by {number}", password=PASSWORD, version=version)
    repo = Repository.open(LocalStore(path), PASSWORD)
    theirs = {info.tags[0]: info.id for info in repo.snapshots()}
    assert set(theirs) == {"by 0", "by 1"}
    assert repo.check(read_data=True).errors == []
    for name, node in repo.nodes(theirs["by 1"]).items():
        assert b"".join(repo.reader().read(b) for b in blobs_of(node.content)) == kept[name.rpartition("/")[2]]
    ours = snapshot(repo, BytesCapture(kept))
    stock(path, "forget", theirs["by 0"], "--prune", password=PASSWORD, version=second)
    stock(path, "prune", "--max-unused", "0", password=PASSWORD, version=maker)
    restic(path, "check", "--read-data")
    again = Repository.open(LocalStore(path), PASSWORD)
    assert {info.id for info in again.snapshots()} == {theirs["by 1"], ours.id}
    for name, data in kept.items():
        assert read(again, ours.id, name) == data


def blobs_of(content: bytes) -> list[bytes]:
    return [content[at : at + 32] for at in range(0, len(content), 32)]


@pytest.mark.slow
def test_locks_are_honoured_both_ways(tmp_path: Path) -> None:
    path, file = tmp_path / "r", tmp_path / "file"
    repo = new_repository(path)
    file.write_bytes(b"x")
    written = snapshot(repo, BytesCapture({"x": b"x"}))
    with repo.lock(exclusive=True):
        assert restic(path, "backup", str(file), check=False).returncode != 0
        with pytest.raises(Conflict) as caught:
            Repository.open(LocalStore(path), PASSWORD).source(written.id)
        assert caught.value.code == "repository_locked"
        assert str(os.getpid()) in caught.value.message
    with repo.lock():
        assert restic(path, "prune", check=False).returncode != 0
        restic(path, "backup", str(file))
    with repo.source(written.id):
        assert restic(path, "prune", check=False).returncode != 0, "a prune must not run under a restore"
    restic(path, "prune")
    assert list(repo.store.list("locks")) == []


def test_passwords(tmp_path: Path) -> None:
    path = tmp_path / "r"
    repo = new_repository(path)
    written = snapshot(repo, BytesCapture({"x": b"x"}))
    (first,) = repo.keys()
    second = repo.add_key("another")
    with pytest.raises(Denied) as caught:
        Repository.open(LocalStore(path), "wrong")
    assert caught.value.code == "repository_password"
    with pytest.raises(Denied):
        Repository.open(LocalStore(path), "")
    assert restic(path, "snapshots", check=False, password="wrong").returncode != 0
    restic(path, "check", password="another")
    repo.remove_key(first.id)
    with pytest.raises(Denied):
        Repository.open(LocalStore(path), PASSWORD)
    with pytest.raises(Conflict, match="only key"):
        repo.remove_key(second)
    assert read(Repository.open(LocalStore(path), "another"), written.id, "x") == b"x"


def test_there_is_one_repository_in_a_place(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        Repository.open(LocalStore(tmp_path / "r"), PASSWORD)
    new_repository(tmp_path / "r")
    with pytest.raises(Conflict):
        new_repository(tmp_path / "r")


def test_what_a_killed_restic_left_is_no_piece(tmp_path: Path) -> None:
    path = tmp_path / "r"
    repo = new_repository(path)
    written = snapshot(repo, BytesCapture({"x": b"1"}))
    for kind in ("snapshots", "keys", "index"):
        (path / kind / ("ab" * 32 + "-tmp-123")).write_bytes(b"half")
    repo = Repository.open(LocalStore(path), PASSWORD)
    assert [s.id for s in repo.snapshots()] == [written.id]
    assert read(repo, written.id, "x") == b"1"
