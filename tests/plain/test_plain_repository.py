"""A plain-file repository at the level of the vault: written, listed, read back, proven, forgotten."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from kit import BytesCapture

from holdfast.catalog import registry
from holdfast.kernel.clock import SystemClock
from holdfast.kernel.errors import Corrupt, Denied, NeedsOperator, Retryable
from holdfast.kernel.ids import new_id
from holdfast.kernel.stop import Stop
from holdfast.vault.options import SnapshotOptions
from holdfast.vault.plain import care
from holdfast.vault.plain.keys import FileKeys, id_of, new_key
from holdfast.vault.plain.repository import PlainRepository
from holdfast.vault.plain.settings import FileSettings
from holdfast.vault.plain.writing import FileAbout, WrittenFile, write_file
from holdfast.vault.stores.base import Store
from holdfast.vault.stores.faulty import FaultyStore, NthCall
from holdfast.vault.stores.local import LocalStore

AWKWARD = "a\"b'; -- ../Ü"
TAR = FileSettings(form="tar")
BLOCKS = os.urandom(1_500_000) + bytes(1_000_000)
FILES: Mapping[str, bytes] = {"data/one": BLOCKS, "data/two": b""}


def written(
    repo: PlainRepository, scratch: Path, settings: FileSettings = TAR, files: Mapping[str, bytes] = FILES, **more: Any
) -> WrittenFile:
    about = FileAbout(
        snapshot_id=new_id("snap"),
        project="Shop",
        environment="production",
        database=AWKWARD,
        resource_id="db_1",
        engine="sqlite",
        taken_at=datetime(2026, 11, 21, 2, 0, tzinfo=UTC),
        tags=("holdfast:x",),
        facts={"resource_id": "db_1"},
    )
    with BytesCapture(files) as capture:
        return write_file(
            repo, capture, about, settings, registry(), scratch, options=SnapshotOptions(**more), stop=Stop()
        )


def made(store: Store, scratch: Path, keys: FileKeys | None = None) -> PlainRepository:
    return PlainRepository.create(store, keys or FileKeys(), scratch)


def content(repo: PlainRepository, snapshot_id: str) -> dict[str, bytes]:
    found = {}
    with repo.source(snapshot_id) as source:
        for path in source.paths():
            stream, whole = source.open(path), bytearray()
            buffer = memoryview(bytearray(70_001))
            while count := stream.readinto(buffer):
                whole += buffer[:count]
            assert len(whole) == source.size(path)
            found[path] = bytes(whole)
    return found


@pytest.mark.parametrize(
    ("encryption", "compression"),
    [("none", "gzip"), ("none", "none"), ("age", "zstd"), ("age", "none"), ("gpg", "bzip2"), ("aes256", "gzip")],
)
def test_what_was_captured_comes_back(tmp_path: Path, encryption: Any, compression: Any) -> None:
    keys = FileKeys(new_key(encryption))
    repo = made(LocalStore(tmp_path / "store"), tmp_path, keys)
    one = written(repo, tmp_path, FileSettings(form="tar", encryption=encryption, compression=compression))
    again = PlainRepository.open(LocalStore(tmp_path / "store"), keys, tmp_path)
    (info,) = again.snapshots()
    assert info.id == one.document.id
    back = content(again, info.id)
    assert {path: back[path] for path in FILES} == FILES
    assert again.manifest(info.id) == one.manifest
    report = again.verify_snapshot(info.id)
    assert report.errors == []
    assert report.bytes > len(BLOCKS)
    stored = b"".join(path.read_bytes() for path in (tmp_path / "store").rglob("*") if path.is_file())
    assert encryption == "none" or BLOCKS[:50] not in stored
    assert (keys.current or "none").encode() not in stored


def test_its_name_stays_below_the_folder_whatever_the_database_is_called(tmp_path: Path) -> None:
    repo = made(LocalStore(tmp_path / "store"), tmp_path)
    one = written(repo, tmp_path)
    found = {path.relative_to(tmp_path / "store").as_posix() for path in (tmp_path / "store").rglob("*.tar.gz*")}
    base = f"files/_53hop/production/a_22b_27_3b_20--_20.._2f_c3_9c/2026-11-21_020000-{one.document.id}.tar.gz"
    assert found == {base, f"{base}.json", f"{base}.holdfast", f"{base}.RESTORE.md"}
    assert json.loads((tmp_path / "store" / f"{base}.json").read_bytes())["database"] == AWKWARD
    assert gzip.decompress((tmp_path / "store" / base).read_bytes())[257:262] == b"ustar"


def test_damage_anywhere_is_found_and_never_given_out(tmp_path: Path) -> None:
    repo = made(LocalStore(tmp_path / "store"), tmp_path)
    one = written(repo, tmp_path)
    for name in (one.document.file.name, one.document.notes.name):
        path = tmp_path / "store" / name
        whole = path.read_bytes()
        for wrong in (whole[:-1], whole + b"x", whole[:99] + bytes([whole[99] ^ 1]) + whole[100:], None):
            path.unlink() if wrong is None else path.write_bytes(wrong)
            assert repo.verify_snapshot(one.document.id).errors
            assert repo.check(read_data=True).errors
            with pytest.raises(Corrupt):
                content(repo, one.document.id)
            path.write_bytes(whole)
    assert repo.check(read_data=True).errors == []
    document = tmp_path / "store" / one.document.name
    document.write_bytes(document.read_bytes().replace(b'"rows": 0', b'"rows": 1'))
    assert repo.snapshots() == []
    assert repo.check().errors


def test_without_its_key_nothing_is_written_and_nothing_is_read(tmp_path: Path) -> None:
    repo = made(LocalStore(tmp_path / "store"), tmp_path, FileKeys())
    for encryption in ("age", "gpg", "aes256"):
        with pytest.raises(NeedsOperator):
            written(repo, tmp_path, FileSettings(form="tar", encryption=encryption))  # type: ignore[arg-type]
    assert repo.listing() == {}
    old, new = new_key("age"), new_key("age")
    keyed = PlainRepository(repo.store, repo.id, FileKeys(old), tmp_path, repo.clock)
    first = written(keyed, tmp_path, FileSettings(form="tar", encryption="age"))
    rotated = PlainRepository(repo.store, repo.id, FileKeys(new, (old,)), tmp_path, repo.clock)
    second = written(rotated, tmp_path, FileSettings(form="tar", encryption="age"))
    assert (first.document.sealed_by, second.document.sealed_by) == (id_of(old), id_of(new))
    assert rotated.verify_snapshot(first.document.id).errors == rotated.verify_snapshot(second.document.id).errors == []
    only_new = PlainRepository(repo.store, repo.id, FileKeys(new), tmp_path, repo.clock)
    with pytest.raises(Denied, match=id_of(old)):
        only_new.manifest(first.document.id)


@pytest.mark.parametrize("verb", ["put", "size"])
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_write_that_fails_leaves_no_snapshot_and_nothing_behind(tmp_path: Path, verb: str, number: int) -> None:
    local = LocalStore(tmp_path / "store")
    made(local, tmp_path)
    fault = NthCall(verb, number, Retryable("the cable"), prefix="files/")
    repo = PlainRepository.open(FaultyStore(local, fault), FileKeys(), tmp_path)
    if verb == "size" and number > 2:
        return
    with pytest.raises(Retryable):
        written(repo, tmp_path)
    assert repo.snapshots() == []
    assert repo.listing() == {}
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_a_store_that_lost_bytes_is_not_believed(tmp_path: Path) -> None:
    class Short(LocalStore):
        def put_stream(self, name: str, make: Any, expected: int) -> None:
            super().put_stream(name, lambda: list(make())[:-1], expected)  # type: ignore[arg-type, return-value]

    repo = made(Short(tmp_path / "store"), tmp_path)
    with pytest.raises(Corrupt) as told:
        written(repo, tmp_path)
    assert told.value.code == "store_short"
    assert repo.snapshots() == []


def test_a_forgotten_one_is_gone_and_the_others_stay(tmp_path: Path) -> None:
    repo = made(LocalStore(tmp_path / "store"), tmp_path)
    one, two = written(repo, tmp_path), written(repo, tmp_path)
    repo.forget(one.document.id)
    repo.forget(one.document.id)
    assert [info.id for info in repo.snapshots()] == [two.document.id]
    assert set(repo.listing()) == set(two.document.names)


class Moved(SystemClock):
    """A clock that a test moves."""

    by = timedelta()

    def now(self) -> datetime:
        return super().now() + self.by


def test_what_a_killed_writer_left_goes_after_its_grace_and_nothing_else(tmp_path: Path) -> None:
    clock, grace = Moved(), timedelta(hours=23)
    store = LocalStore(tmp_path / "store")
    repo = PlainRepository.create(store, FileKeys(), tmp_path, clock)
    one, known, lost = (written(repo, tmp_path).document for _ in range(3))
    for document in (known, lost):
        store.delete(document.name)
    odd = written(repo, tmp_path).document
    store.put(odd.name, [b'{"version": 2}'])  # of a later Holdfast, perhaps
    store.put("files/a/somebodys.txt", [b"mine"])

    def swept(**more: Any) -> Any:
        return care.collect(
            repo, {known.id}, grace, stop=Stop(), progress=lambda *_: None, **({"dry_run": False} | more)
        )

    assert swept(dry_run=True).free_bytes > 0
    assert swept().state == "marked"
    assert swept().state == "waiting"
    clock.by = timedelta(hours=-30)  # set back: nothing goes early
    assert swept().freed_bytes == 0
    clock.by = timedelta(hours=24)
    done = swept()
    assert (done.state, done.packs_deleted) == ("freed", 3)
    left = set(repo.listing())
    assert left == {*one.names, *known.names[1:], *odd.names, "files/a/somebodys.txt"}
    assert swept().free_bytes == 0


def test_usage_counts_every_file_once(tmp_path: Path) -> None:
    repo = made(LocalStore(tmp_path / "store"), tmp_path)
    for _ in range(2):
        written(repo, tmp_path)
    found = care.usage(repo, lambda _: "db_1", Stop(), lambda *_: None)
    assert found.bytes == sum(repo.listing().values()) == found.referenced
    assert {name: kind.files for name, kind in found.kinds.items()} == {
        "files": 2, "notes": 2, "guides": 2, "documents": 2
    }  # fmt: skip
    assert [(owner.owner, owner.snapshots) for owner in found.owners] == [("db_1", 2)]
