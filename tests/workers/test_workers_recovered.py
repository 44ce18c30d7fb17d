"""The code of workers in a snapshot of the metadata: all of it, checked, and told where it is missing."""

from __future__ import annotations

import io
import subprocess
import tarfile
from typing import Any

import pytest
import sqlalchemy as sa
from workers_house import House, project

from holdfast.features.recovery import code
from holdfast.features.recovery.capture import MetadataCapture
from holdfast.features.workers import store
from holdfast.features.workers.model import Version, worker_versions
from holdfast.features.workers.shelf import Shelf
from holdfast.kernel.errors import Conflict
from holdfast.vault.pipeline import write_snapshot
from holdfast.vault.repository import Repository
from holdfast.vault.stores.local import LocalStore


def versions_of(house: House, *made: dict[str, Any]) -> list[Version]:
    with house.services.db.read() as conn:
        found = store.versions_by_id(conn, [each["id"] for each in made])
    return [found[each["id"]] for each in made]


def test_code_goes_with_the_records_and_comes_back(house, tmp_path) -> None:
    worker = house.worker("kept-code")
    first = house.upload(worker, project() | {"deep/ü file.bin": b"\x00\xff" * 5000})
    second = house.upload(worker, project(code="# two\n"))
    gone = house.upload(worker, project(code="# elsewhere\n"))
    changed = house.upload(worker, project(code="# touched\n"))
    shelf = Shelf(house.settings.data)
    shelf.lock(worker["id"], second["id"]).write_text("alpha==1.0\n")
    shelf.remove(worker["id"], gone["id"])
    (shelf.code(worker["id"], changed["id"]) / "src" / "entry.py").write_text("# by another hand\n")

    repository = Repository.create(LocalStore(tmp_path / "repo"), "a password")
    with MetadataCapture(house.services.db, tmp_path / "scratch", {}, shelf) as capture:
        snapshot = write_snapshot(repository, capture, hostname="holdfast", paths=["/holdfast"]).id
    assert {gone["id"], changed["id"]} <= set(capture.without_code)
    assert not repository.verify_snapshot(snapshot).errors
    with repository.source(snapshot) as source:
        there = code.versions_in(source.paths())
        missing = source.manifest.facts["versions_without_code"]
    assert {first["id"], second["id"]} <= there
    assert set(missing) == set(capture.without_code)
    assert not there & set(missing)

    new = Shelf(tmp_path / "new")
    wanted = versions_of(house, first, second)
    code.lay_down(repository, snapshot, wanted, new)
    for each in wanted:
        old = shelf.code(each.worker_id, each.id)
        again = new.code(each.worker_id, each.id)
        assert subprocess.run(["diff", "-r", old, again], check=False).returncode == 0  # noqa: S607
        assert again.stat().st_mode & 0o777 == 0o755
    assert new.lock(worker["id"], second["id"]).read_text() == "alpha==1.0\n"
    assert not new.lock(worker["id"], first["id"]).exists()
    code.lay_down(repository, snapshot, wanted, new)  # as after a crash

    other = Version(**{**vars(wanted[0]), "files": [*wanted[0].files, {"path": "more", "size": 1, "sha256": "0" * 64}]})
    with pytest.raises(Conflict) as caught:
        code.lay_down(repository, snapshot, [other], Shelf(tmp_path / "third"))
    assert caught.value.code == "code_damaged"
    assert not list((tmp_path / "third" / "workers").rglob("*.py"))


def test_archives_are_the_same_bytes_and_open_with_stock_tools(house, tmp_path) -> None:
    worker = house.worker("stock")
    made = house.upload(worker, project() | {"data/x.txt": "1"})
    (version,) = versions_of(house, made)
    shelf = Shelf(house.settings.data)
    content = code.packed(shelf, version)
    assert content == code.packed(shelf, version)
    (tmp_path / "code.tar").write_bytes(content)
    subprocess.run(["tar", "xf", "code.tar"], cwd=tmp_path, check=True)  # noqa: S607
    assert (tmp_path / "code" / "data" / "x.txt").read_text() == "1"
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        assert {each.mode for each in archive} == {0o644}


def test_what_the_records_say_after_a_loss(house) -> None:
    """Ready stays ready; packages are built again; without code a version says that it is lost."""
    worker = house.worker("after-loss")
    plain, built, half, lost, failed = (house.upload(worker, project(code=f"# {n}\n")) for n in range(5))
    values = {
        built["id"]: {"packages": "/old/server/environments/x/site-packages"},
        half["id"]: {"state": "building"},
        failed["id"]: {"state": "failed", "error": {"code": "package_unknown"}},
    }
    error = {"code": "code_lost", "message": "gone"}
    with house.services.db.write() as conn:
        for version_id, value in values.items():
            conn.execute(sa.update(worker_versions).where(worker_versions.c.id == version_id).values(**value))
        others = {each.id for each in code.every(conn)} - {each["id"] for each in (lost, failed)}
        building, count = code.after_loss(conn, frozenset(others), error)
        mine = [each.id for each in building if each.worker_id == worker["id"]]
    assert (mine, count) == ([built["id"], half["id"]], 2)
    told = {each.id: (each.state, each.packages, (each.error or {}).get("code")) for each in versions_of(
        house, plain, built, half, lost, failed
    )}  # fmt: skip
    assert list(told.values()) == [
        ("ready", None, None),
        ("building", None, None),
        ("building", None, None),
        ("failed", None, "code_lost"),
        ("failed", None, "package_unknown"),
    ]
