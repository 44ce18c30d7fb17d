"""Code as it comes in: zips that mean harm, what is kept of versions, what is compared, what goes."""

from __future__ import annotations

import io
import stat
import zipfile
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from workers_house import HELLO, ROOT, project, zipped

from holdfast.features.workers import archive, store, versions
from holdfast.features.workers.shelf import Shelf
from holdfast.features.workers.tasks import WorkerSweep
from holdfast.kernel.clock import SystemClock
from holdfast.kernel.errors import HoldfastError, Invalid, LimitExceeded
from holdfast.kernel.node import identity
from holdfast.kernel.wake import Wake
from holdfast.runtime.environments import Environments


def linked(target: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as packed:
        entry = zipfile.ZipInfo("src/link")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        packed.writestr(entry, target)
    return made.getvalue()


def twice() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as packed:
        packed.writestr("a", "1")
        with pytest.warns(UserWarning, match="Duplicate name"):
            packed.writestr("a", "2")
    return made.getvalue()


def lying() -> bytes:
    """Its directory says one byte; ten thousand follow."""
    data = bytearray(zipped({"a": b"x" * 10_000}))
    at = data.index(b"PK\x01\x02")
    data[at + 24 : at + 28] = (1).to_bytes(4, "little")
    return bytes(data)


OUTSIDE = (
    "../a",
    "/etc/passwd",
    "a/../../b",
    "a//b",
    "./a",
    "a/./b",
    "a\\..\\b",
    "a\nb",
    "a\x7f",
    "x" * 241,
    "d/" + "y" * 256,
)


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_path_that_leads_out_or_is_none(path) -> None:
    with pytest.raises(Invalid) as refused:
        archive.unzip(zipped({path: "x"}))
    assert refused.value.code == "archive_refused"


@pytest.mark.parametrize(
    "made",
    [linked("/etc/shadow"), linked("../.."), twice(), zipped({"a": "1", "a/b": "2"})],
    ids=["a link", "a link upwards", "a name twice", "a file that is a folder"],
)
def test_what_is_no_plain_file(made) -> None:
    with pytest.raises(Invalid) as refused:
        archive.unzip(made)
    assert refused.value.code == "archive_refused"


@pytest.mark.parametrize(
    "made",
    [b"", b"PK\x03\x04", b"no zip at all", zipped({"a": "x"})[:-30], lying()],
    ids=["nothing", "its first bytes", "words", "cut off", "a size that lies"],  # a zip names its second
)
def test_what_is_no_zip(made) -> None:
    with pytest.raises(Invalid) as refused:
        archive.unzip(made)
    assert refused.value.code == "archive_invalid"


def test_too_much(monkeypatch) -> None:
    with pytest.raises(LimitExceeded) as refused:
        archive.unzip(zipped({"bomb": b"\0" * (8 << 20)}))
    assert refused.value.code == "archive_ratio"
    monkeypatch.setattr(archive, "MOST_BYTES", 100)
    with pytest.raises(LimitExceeded) as refused:
        archive.unzip(zipped({"a": b"x" * 60, "b": b"x" * 41}))
    assert refused.value.code == "version_too_large"
    monkeypatch.setattr(archive, "MOST_FILES", 2)
    with pytest.raises(LimitExceeded) as refused:
        archive.unzip(zipped({"a": "", "b": "", "c": ""}))
    assert refused.value.code == "too_many_files"
    with pytest.raises(Invalid):
        archive.unzip(zipped({}))


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(min_size=1, max_size=30), st.binary(max_size=50), min_size=1, max_size=6))
def test_whatever_is_taken_stays_inside(tmp_path_factory, files) -> None:
    """Any names: refused in words, or laid down below their folder just as they were."""
    try:
        taken = archive.checked_files(files)
    except HoldfastError:
        return
    place = tmp_path_factory.mktemp("laid") / "version"
    archive.lay_down(taken, place)
    found = {each.relative_to(place / "code").as_posix(): each for each in place.rglob("*") if each.is_file()}
    assert {path: each.read_bytes() for path, each in found.items()} == files
    assert {each.stat().st_mode & 0o777 for each in found.values()} == {0o644}


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_refused_in_words(data) -> None:
    with pytest.raises(HoldfastError):
        archive.unzip(data)


def test_cut_off_while_it_is_laid_down(tmp_path, monkeypatch) -> None:
    """Nothing is left of it, and the next attempt is whole."""
    monkeypatch.setattr(archive.os, "fsync", lambda _: (_ for _ in ()).throw(OSError("no room")))
    with pytest.raises(OSError, match="no room"):
        archive.lay_down({"a": b"1"}, tmp_path / "v")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    archive.lay_down({"a": b"1"}, tmp_path / "v")
    assert (tmp_path / "v" / "code" / "a").read_bytes() == b"1"


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"a.py": ""}, "wrangler_missing"),
    ({"wrangler.jsonc": "{", "a.py": ""}, "wrangler_invalid"),
    ({"wrangler.toml": 'name = "x"\nmain = "b.py"', "a.py": ""}, "main_missing"),
    ({"wrangler.toml": 'name = "x"\nmain = "a.js"', "a.js": ""}, "main_unsupported"),
    (project(triggers={"crons": ["61 * * * *"]}), "wrangler_invalid"),
    (project() | {"pyproject.toml": "["}, "requirements_invalid"),
    ({**project(), "../x": ""}, "archive_refused"),
]


@pytest.mark.parametrize(("files", "code"), REFUSED)
def test_refused_uploads_leave_nothing(house, files, code) -> None:
    worker = house.worker("refused")
    answer = house.client.post(f"/api/v1/workers/{worker['id']}/versions", content=zipped(files))
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, code), answer.text
    assert house.call("GET", f"/workers/{worker['id']}/versions")["items"] == []
    assert not (house.settings.data / "workers" / worker["id"]).exists()


def test_packages_are_installed_first(house) -> None:
    """202 with a run; it is not deployed before that has ended."""
    worker = house.worker("packages")
    answer = house.client.post(
        f"/api/v1/workers/{worker['id']}/versions", content=zipped(project() | {"requirements.txt": "fastapi\n"})
    )
    assert (answer.status_code, answer.json()["state"]) == (202, "building")
    here = identity(house.settings.data).name  # whose disk the code is on
    with house.services.db.read() as conn:
        run = conn.execute(sa.text("SELECT node FROM runs WHERE kind = :kind"), {"kind": versions.BUILD}).scalar_one()
    assert run == here
    body = {"version_id": answer.json()["id"]}
    refused = house.call("POST", f"/workers/{worker['id']}/deployments", 409, json=body)
    assert refused["error"]["code"] == "version_not_ready"
    empty = house.upload(
        worker, project() | {"requirements.txt": "# none\n\n", "pyproject.toml": "[project]\nname='x'"}
    )
    assert empty["state"] == "ready"


def test_files_and_what_differs(house) -> None:
    worker = house.worker("differs")
    first = house.upload(worker, project(vars={"A": 1}) | {"gone.txt": "x", "pic.bin": b"\xff\xfe"})
    second = house.upload(worker, project(code=HELLO.replace("hello", "bye"), vars={"A": 2}) | {"pic.bin": b"\xff"})
    found = house.call("GET", f"/worker-versions/{second['id']}/diff")
    assert (found["before"], found["after"]) == (first["id"], second["id"])
    changes = {each["path"]: (each["change"], each["lines"]) for each in found["files"]}
    assert changes["gone.txt"] == ("removed", ["--- before", "+++ after", "@@ -1 +0,0 @@", "-x"])
    assert changes["pic.bin"] == ("changed", None)
    assert "+    return Response('bye')" in changes["src/entry.py"][1]
    assert found["config"]["vars"] == {"before": {"A": 1}, "after": {"A": 2}}
    assert house.call("GET", f"/worker-versions/{first['id']}/diff")["before"] is None
    answer = house.client.get(f"/api/v1/worker-versions/{second['id']}/files/src/entry.py")
    assert (answer.text, answer.headers["content-type"]) == (HELLO.replace("hello", "bye"), "application/octet-stream")
    for path in ("src/none.py", "../../../../master.key", "%2e%2e/x"):
        assert house.client.get(f"/api/v1/worker-versions/{second['id']}/files/{path}").status_code == 404


def test_the_oldest_versions_go_and_what_is_deployed_stays(house, monkeypatch) -> None:
    monkeypatch.setattr(versions, "KEPT_VERSIONS", 2)
    worker = house.worker("retained")
    made = [house.upload(worker, project(code=f"# {number}\n")) for number in range(2)]
    house.deploy(worker, made[0])
    made += [house.upload(worker, project(code=f"# {number}\n")) for number in range(2, 5)]
    kept = [each["number"] for each in house.call("GET", f"/workers/{worker['id']}/versions")["items"]]
    assert kept == [5, 4, 1]
    folder = house.settings.data / "workers" / worker["id"]
    assert {each.name for each in folder.iterdir()} == {made[0]["id"], made[3]["id"], made[4]["id"]}


class Later(SystemClock):
    def now(self) -> Any:
        return super().now() + timedelta(days=30)


def test_purged_after_the_grace_period(house) -> None:
    """Rows, code and its own secrets: the slug is free again."""
    worker = house.worker("purged")
    house.deploy(worker, house.upload(worker, project()))
    house.call("PUT", f"/workers/{worker['id']}/secrets/TOKEN", json={"value": "of the purged worker"})
    house.call("DELETE", f"/workers/{worker['id']}", json={"confirm": "purged"})
    services, shelf = house.services, Shelf(house.settings.data)
    stray = shelf.root / "wrk_x" / "wver_x"
    stray.mkdir(parents=True)
    for clock, there in ((SystemClock(), True), (Later(), False)):
        environments = Environments(shelf.root / "environments")
        WorkerSweep(services.db, shelf, Wake(house.settings.runtime), clock, environments).sweep()
        assert (shelf.root / worker["id"]).exists() is there
        with services.db.read() as conn:
            assert (store.get(conn, worker["id"]) is not None) is there
    assert stray.exists(), "it may be an upload at work"
    assert house.call("GET", f"/environments/{house.environment}/secrets")["items"] == []
    assert house.worker("purged")["slug"] == "purged"
    services.projects.get(ROOT, house.project)
