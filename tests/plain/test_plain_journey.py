"""Plain-file repositories through a running Holdfast: what is in them opens with stock tools, and comes back."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from dialects import DIALECTS, Asked
from journey import Served, eventually, fresh

from holdfast.formats.plain.age_stream import recipient_of
from holdfast.vault.plain.repository import MARKER

pytestmark = pytest.mark.slow
AWKWARD = "a\"b'; -- Ü/.."


def repository(served: Served, folder: Path | None = None, **files: Any) -> dict[str, Any]:
    body = {"project_id": served.project, "name": fresh("plain"), "format": "plain"}
    body |= ({"path": str(folder)} if folder else {}) | ({"files": files} if files else {})
    made: dict[str, Any] = served.call("POST", "/repositories", body, 201)
    return made


def small(served: Served, name: str | None = None) -> dict[str, Any]:
    made = served.create("sqlite", name=name)
    served.write(made["id"], "create table t (a integer primary key, b text)", "insert into t values (1, 'x')")
    return made


def run(*argv: object, **more: Any) -> str:
    done = subprocess.run([str(each) for each in argv], capture_output=True, text=True, check=False, timeout=60, **more)
    assert done.returncode == 0, (argv, done.stderr)
    return done.stdout


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def test_a_file_opens_with_stock_tools_and_comes_back(served: Served, tmp_path: Path) -> None:
    folder = tmp_path / "dumps"
    repo = repository(served, folder)
    assert (repo["format"], repo["abilities"], repo["files"]["compression"]) == ("plain", [], "gzip")
    database = small(served, fresh(AWKWARD))
    snapshot = served.snapshot(database["id"], repository_id=repo["id"], level=3)
    assert (snapshot["state"], snapshot["verification"], snapshot["verified_level"]) == ("ready", "green", 3)
    file = folder / snapshot["options"]["file"]
    opened = tmp_path / "opened.db"
    opened.write_bytes(gzip.decompress(file.read_bytes()))
    assert run("sqlite3", opened, "select * from t") == "1|x\n"
    document = json.loads(Path(f"{file}.json").read_text())
    assert (document["id"], document["tables"], document["rows"]) == (snapshot["id"], 1, 1)
    assert document["database"] == database["name"]
    served.write(database["id"], "delete from t")
    body = {"mode": "in_place", "confirm": database["name"]}
    served.done(served.call("POST", f"/snapshots/{snapshot['id']}/restore", body, 202))
    assert served.rows(database["id"], "select * from t") == [[1, "x"]]


@pytest.mark.parametrize(
    ("engine", "compression", "encryption"),
    [("postgresql", "zstd", "age"), ("valkey", "bzip2", "gpg"), ("sqlite", "none", "aes256")],
)
def test_every_engine_and_encryption_goes_there_and_back(
    served: Served, tmp_path: Path, engine: str, compression: str, encryption: str
) -> None:
    """The guide's own commands open it, with the key that is revealed; Holdfast restores it by itself."""
    folder, said = tmp_path / "dumps", DIALECTS[engine].sentences
    template = "{engine}/{taken:%Y}/{id}"
    repo = repository(served, folder, compression=compression, encryption=encryption, template=template)
    database = served.create(engine)
    served.write(database["id"], *DIALECTS[engine].big(3000), *said.fill)
    snapshot = served.snapshot(database["id"], repository_id=repo["id"], level=3)
    assert (snapshot["verification"], snapshot["verified_level"], snapshot["tables"]) == ("green", 3, 3)
    file = folder / snapshot["options"]["file"]
    assert file.parent.parent == folder / "files" / engine
    key = served.call("POST", f"/repositories/{repo['id']}/key")["password"]
    every = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert key.encode() not in every
    assert b"note 999" not in every
    out = opened_by_its_guide(file, key, encryption, tmp_path)
    assert out.read_bytes()[:5] in (b"PGDMP", b"REDIS", b"SQLit", b"VALKE")
    made = served.done(
        served.call(
            "POST",
            f"/snapshots/{snapshot['id']}/restore",
            {"mode": "new", "name": fresh("back"), "environment_id": database["environment_id"]},
            202,
        )
    )
    asked: tuple[Asked, ...] = (said.big,)
    for one in asked:
        assert served.rows(made["resource"]["id"], one.statement) == one.rows
    tables = {item["name"] for item in served.get(f"/snapshots/{snapshot['id']}/tables")["items"]}
    assert said.big_table in tables


def opened_by_its_guide(file: Path, key: str, encryption: str, tmp_path: Path) -> Path:
    text = Path(f"{file}.RESTORE.md").read_text()
    block = text.split("```sh\n")[1].split("```")[0]
    out, identity = tmp_path / "out", tmp_path / "identity"
    identity.write_text(key + "\n")
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "FILE": str(file), "OUT": str(out), "IDENTITY": str(identity)}
    env |= {"PASSPHRASE": key, "HOME": str(tmp_path)}
    if encryption == "age" and shutil.which("age") is None:
        pytest.fail("age is missing on this machine: apt-get install age")
    if encryption == "gpg":  # it asks; here it is told
        home = tmp_path / "gnupg"
        home.mkdir(mode=0o700)
        env["GNUPGHOME"] = str(home)
        block = block.replace("gpg -d", f"gpg --batch --quiet --pinentry-mode loopback --passphrase='{key}' -d")
    try:
        run("sh", "-c", block, env=env)
    finally:
        if encryption == "gpg":
            run("gpgconf", "--kill", "all", env=env)
    return out


def test_incrementals_beside_it_go_on_as_if_it_were_not_there(served: Served, tmp_path: Path) -> None:
    database = small(served)
    first = served.snapshot(database["id"])
    repo = repository(served, tmp_path / "dumps")
    plain = [served.snapshot(database["id"], repository_id=repo["id"]) for _ in range(2)]
    assert [each["summary"]["type"] for each in plain] == ["full", "full"]
    second = served.snapshot(database["id"])
    assert second["summary"]["type"] == "incremental"
    assert (second["summary"]["base"], second["summary"]["parent"]) == (first["id"], first["id"])


def test_what_it_cannot_do_is_refused_before_a_run(served: Served, tmp_path: Path) -> None:
    repo, other = repository(served, tmp_path / "one"), repository(served, tmp_path / "two")
    database = small(served)
    served.snapshot(database["id"], repository_id=repo["id"])
    where = f"/repositories/{repo['id']}"
    served.refused(409, "repository_format", "POST", f"{where}/repair", {"act": "index"})
    served.refused(409, "repository_format", "POST", f"{where}/copy", {"into": other["id"]})
    served.refused(409, "repository_format", "PUT", f"/system/recovery/homes/{repo['id']}")
    body = {"project_id": served.project, "name": fresh("bad")}
    served.refused(422, "repository_format", "POST", "/repositories", body | {"files": {}})
    for files, code in (
        ({"template": "{database}"}, "template_invalid"),
        ({"template": "../{id}"}, "template_invalid"),
        ({"compression": "bzip2", "level": 12}, "level_invalid"),
        ({"encryption": "gpg", "recipients": ["age1x"]}, "recipient_invalid"),
    ):
        served.refused(422, code, "POST", "/repositories", body | {"format": "plain", "files": files})
    served.refused(422, "path_invalid", "POST", "/repositories", body | {"format": "plain", "path": "relative"})
    taken = body | {"format": "plain", "path": str(tmp_path / "one" / "inside")}
    served.refused(409, "place_taken", "POST", "/repositories", taken)


def test_check_usage_and_damage(served: Served, tmp_path: Path) -> None:
    folder = tmp_path / "dumps"
    repo = repository(served, folder, compression="none")
    database = small(served)
    one, two = (served.snapshot(database["id"], repository_id=repo["id"]) for _ in range(2))
    where = f"/repositories/{repo['id']}"
    assert served.get(where)["bytes"] == sum(
        path.stat().st_size for path in (folder / "files").rglob("*.*") if path.is_file()
    )
    found = served.ended(served.call("POST", f"{where}/check", {"read_data": True}, 202))
    assert (found["state"], found["result"]["packs_read"]) == ("succeeded", 4)
    found = served.ended(served.call("POST", f"{where}/usage", status=202))
    assert found["result"]["resources"][0]["snapshots"] == 2
    assert found["result"]["unreferenced_bytes"] == 0
    file = folder / one["options"]["file"]
    whole = file.read_bytes()
    file.write_bytes(whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:])
    assert served.ended(served.call("POST", f"{where}/check", {}, 202))["state"] == "succeeded"
    assert (
        served.ended(served.call("POST", f"{where}/check", {"read_data": True}, 202))["error"]["code"]
        == "repository_damaged"
    )
    verify = served.call("POST", f"/snapshots/{one['id']}/verify", {"level": 1}, 202)
    assert served.ended(verify)["error"]["code"] == "verification_failed"
    assert served.get(f"/snapshots/{one['id']}")["verification"] == "red"
    served.done(served.call("POST", f"/snapshots/{two['id']}/verify", {"level": 2}, 202))
    body = {"mode": "in_place", "confirm": database["name"], "override": True}
    restore = served.raw("POST", f"/snapshots/{one['id']}/restore", body)
    if restore.status_code == 202:
        assert served.ended(restore.json())["state"] == "failed"
    assert served.rows(database["id"], "select * from t") == [[1, "x"]]


def test_a_new_key_is_for_new_files_and_the_old_ones_still_open(served: Served, tmp_path: Path) -> None:
    repo = repository(served, tmp_path / "dumps", encryption="age")
    database = small(served)
    before = served.snapshot(database["id"], repository_id=repo["id"])
    old = served.call("POST", f"/repositories/{repo['id']}/key")
    served.get(f"/snapshots/{before['id']}/tables")  # the api has it open
    run_ = served.ended(served.call("POST", f"/repositories/{repo['id']}/password", status=202))
    assert (run_["state"], run_["result"]["keys"]) == ("succeeded", 2)
    after = served.snapshot(database["id"], repository_id=repo["id"])
    now = served.call("POST", f"/repositories/{repo['id']}/key")
    assert now["password"] != old["password"]
    assert now["older"] == [old["password"]]
    assert before["options"]["sealed_by"] != after["options"]["sealed_by"]
    for each in (before, after):
        served.done(served.call("POST", f"/snapshots/{each['id']}/verify", {"level": 2}, 202))
        assert served.get(f"/snapshots/{each['id']}/tables")["items"]
    sealed = (tmp_path / "dumps" / after["options"]["file"]).read_bytes()
    assert recipient_of(now["password"]) != recipient_of(old["password"])
    assert sealed.startswith(b"age-encryption.org/v1")


def test_forgotten_deleted_and_swept_up(served: Served, tmp_path: Path) -> None:
    folder = tmp_path / "dumps"
    repo = repository(served, folder)
    database = small(served)
    one, two = (served.snapshot(database["id"], repository_id=repo["id"]) for _ in range(2))
    served.done(served.call("DELETE", f"/snapshots/{one['id']}", {"confirm": one["id"]}, 202))
    served.refused(409, "last_good_snapshot", "DELETE", f"/snapshots/{two['id']}", {"confirm": two["id"]})
    assert {name for name in names(folder) if one["id"] in name} == set()
    file = folder / two["options"]["file"]
    orphan = file.with_name(file.name.replace(two["id"], one["id"]))
    orphan.write_bytes(b"what a killed writer left")
    stranger = file.with_name("notes of somebody.txt")
    stranger.write_bytes(b"mine")
    document = Path(f"{file}.json").read_bytes()
    Path(f"{file}.json").unlink()  # by hand: what a row knows is kept
    for state in ("marked", "waiting"):
        found = served.ended(served.call("POST", f"/repositories/{repo['id']}/gc", {}, 202))
        assert (found["result"]["state"], found["result"]["freed_bytes"]) == (state, 0)
    assert {orphan, stranger, file} <= set(folder.rglob("*"))
    Path(f"{file}.json").write_bytes(document)
    served.done(served.call("POST", f"/snapshots/{two['id']}/verify", {"level": 2}, 202))


def test_detached_and_taken_in_again(served: Served, tmp_path: Path) -> None:
    """From the folder alone, with the keys that were revealed; somebody else's keys open nothing."""
    folder = tmp_path / "dumps"
    repo = repository(served, folder, encryption="gpg", compression="zstd")
    database = small(served)
    before = served.snapshot(database["id"], repository_id=repo["id"])
    served.done(served.call("POST", f"/repositories/{repo['id']}/password", status=202))
    after = served.snapshot(database["id"], repository_id=repo["id"])
    keys = served.call("POST", f"/repositories/{repo['id']}/key")
    body = {"confirm": repo["name"], "force": True}
    served.call("DELETE", f"/repositories/{repo['id']}", body)
    served.call("GET", f"/snapshots/{after['id']}")
    moved = tmp_path / "moved"
    folder.rename(moved)
    wish = {
        "project_id": served.project,
        "environment_id": served.environments["development"],
        "name": fresh("again"),
        "path": str(moved),
    }
    served.refused(403, "repository_password", "POST", "/repositories/adopt", wish | {"password": "no such key"})
    given = "\n".join([*keys["older"], keys["password"]])
    made = served.call("POST", "/repositories/adopt", wish | {"password": given}, 202)
    assert served.ended(made)["result"]["adopted"] == 2
    adopted = served.get(f"/repositories/{made['repository']['id']}")
    assert (adopted["format"], adopted["files"]["encryption"], adopted["files"]["compression"]) == (
        "plain",
        "gpg",
        "zstd",
    )
    there = served.get("/snapshots", resource_id=database["id"])["items"]
    assert {before["id"], after["id"]} == {each["restic_id"] for each in there}
    for each in there:
        served.done(served.call("POST", f"/snapshots/{each['id']}/verify", {"level": 2}, 202))
    later = served.snapshot(database["id"], repository_id=adopted["id"])
    assert later["options"]["sealed_by"] == after["options"]["sealed_by"]
    (moved / "files" / "kept.txt").write_text("somebody's")
    answer = served.call(
        "DELETE", f"/repositories/{adopted['id']}", {"confirm": wish["name"], "force": True, "files": True}
    )
    assert served.ended(answer)["state"] == "succeeded"
    eventually(lambda: names(moved) == {"kept.txt"})
    assert not (moved / MARKER).exists()


def test_it_is_downloaded_as_it_lies_and_made_anew(served: Served, tmp_path: Path) -> None:
    folder = tmp_path / "dumps"
    repo = repository(served, folder, compression="zstd")
    database = small(served)
    snapshot = served.snapshot(database["id"], repository_id=repo["id"])
    whole = (folder / snapshot["options"]["file"]).read_bytes()
    where = f"/snapshots/{snapshot['id']}/downloads"
    made = served.call("POST", where, {"format": "stored"}, 201)
    assert (made["download"]["size"], made["download"]["ranges"]) == (len(whole), True)
    assert made["download"]["name"] == Path(snapshot["options"]["file"]).name
    url = made["url"].removeprefix("/api/v1")
    assert served.http.get(url).content == whole
    assert served.http.get(url, headers={"range": "bytes=100-199"}).content == whole[100:200]
    served.refused(422, "stored_as_it_lies", "POST", where, {"format": "stored", "compression": "gzip"})
    anew = served.call("POST", where, {"compression": "none"}, 201)
    assert served.http.get(anew["url"].removeprefix("/api/v1")).content.startswith(b"SQLite format 3")
    other = served.snapshot(database["id"])
    served.refused(409, "no_stored_file", "POST", f"/snapshots/{other['id']}/downloads", {"format": "stored"})


def test_a_plan_writes_onto_it(served: Served, tmp_path: Path) -> None:
    folder = tmp_path / "dumps"
    repo = repository(served, folder)
    database = small(served)
    wish = {"name": fresh("nightly"), "selection": {"resources": [database["id"]]}, "repository_ids": [repo["id"]]}
    plan = served.call("POST", f"/projects/{served.project}/plans", wish, 201)
    served.call("POST", f"/plans/{plan['id']}/run", {}, 202)
    there = eventually(lambda: served.get("/snapshots", resource_id=database["id"], state="ready")["items"])
    assert Path(folder / there[0]["options"]["file"]).is_file()
