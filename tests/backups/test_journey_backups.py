"""Snapshots over HTTP, for every engine: taken, looked into, proven, restored, deleted; and what is refused."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from dialects import DIALECTS, RECOVERED, Asked, Sentences
from journey import EVERY, NAMES, Served, eventually, fresh
from stock_restic import stock

pytestmark = pytest.mark.slow


@dataclass
class Backed:
    """A database with three tables and its first snapshot, proven by a restore."""

    served: Served
    engine: str
    database: dict[str, Any]
    snapshot: dict[str, Any]

    @property
    def said(self) -> Sentences:
        return DIALECTS[self.engine].sentences

    def holds(self, database: str, *asked: Asked) -> None:
        for one in asked:
            assert self.served.rows(database, one.statement) == one.rows, one.statement

    @property
    def where(self) -> str:
        return f"/snapshots/{self.snapshot['id']}"

    def restore(self, **wish: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.served.done(self.served.call("POST", self.where + "/restore", wish, 202))
        return answer

    def refused(self, status: int, code: str, **wish: Any) -> dict[str, Any]:
        return self.served.refused(status, code, "POST", self.where + "/restore", wish)


def fill(served: Served, database: str, engine: str) -> None:
    served.write(database, *DIALECTS[engine].big(3000), *DIALECTS[engine].sentences.fill)


@pytest.fixture(scope="module", params=EVERY)
def backed(request: pytest.FixtureRequest, served: Served) -> Backed:
    database = served.create(request.param, fresh("backed"))
    fill(served, database["id"], request.param)
    return Backed(served, request.param, database, served.snapshot(database["id"], level="L3", tags=["first", "first"]))


def test_the_first_snapshot_is_proven_by_a_restore(backed: Backed) -> None:
    found = backed.snapshot
    assert (found["state"], found["verification"], found["verified_level"]) == ("ready", "green", 3)
    assert (found["tables"], found["rows"], found["tags"]) == (3, sum(backed.said.tables.values()), ["first"])
    repository = backed.served.get(f"/repositories/{found['repository_id']}")
    assert repository["is_default"]
    assert repository["bytes"] > 0
    ids = [item["id"] for item in backed.served.get("/snapshots", resource_id=backed.database["id"])["items"]]
    assert found["id"] in ids
    assert backed.served.get("/snapshots", engine=backed.engine, resource_id="db_absent")["items"] == []
    assert backed.served.get("/snapshots", resource_id=backed.database["id"], verification="red")["items"] == []


def test_every_level_can_be_proven_again(backed: Backed) -> None:
    for level in ("L1", 2, "L3"):
        backed.served.done(backed.served.call("POST", backed.where + "/verify", {"level": level}, 202))
    levels = [item["level"] for item in backed.served.get(backed.where + "/verifications")["items"] if item["ok"]]
    assert set(levels) >= {1, 2, 3}
    assert levels[0] == 3
    backed.served.call("POST", backed.where + "/verify", {"level": "L9"}, 422)
    assert backed.served.get(backed.where)["verified_level"] == 3


def test_tags_and_hold_change_by_version(backed: Backed) -> None:
    served, where = backed.served, backed.where
    served.call("PATCH", where, {"hold": True}, 428)
    etag = served.raw("GET", where).headers["etag"]
    held = served.call("PATCH", where, {"hold": True, "tags": ["a"]}, headers={"If-Match": etag})
    assert (held["hold"], held["tags"]) == (True, ["a"])
    served.call("PATCH", where, {"hold": False}, 412, headers={"If-Match": etag})
    body = {"confirm": backed.snapshot["id"], "force": True}
    served.refused(409, "snapshot_held", "DELETE", where, body)
    etag = served.raw("GET", where).headers["etag"]
    for wrong in ({"hold": None}, {"tags": [""]}, {"tags": ["x\n"]}, {"state": "ready"}):
        served.call("PATCH", where, wrong, 422, headers={"If-Match": etag})
    served.call("PATCH", where, {"hold": False}, headers={"If-Match": etag})
    served.refused(409, "last_good_snapshot", "DELETE", where, body | {"force": False})
    served.refused(422, "confirm_mismatch", "DELETE", where, body | {"confirm": backed.database["name"]})
    served.call("DELETE", where, {}, 422)


def test_entries_are_listed_and_downloaded(backed: Backed) -> None:
    entries = {item["path"]: item for item in backed.served.get(backed.where + "/entries", limit=200)["items"]}
    assert {"manifest.json", "RESTORE.md", "restore.sh"} <= set(entries)
    first = backed.served.get(backed.where + "/entries", limit=2)
    second = backed.served.get(backed.where + "/entries", limit=2, cursor=first["next_cursor"])
    assert [item["path"] for item in first["items"] + second["items"]] == sorted(entries)[:4]
    for path, entry in entries.items():
        if entry["type"] != "file":
            continue
        answer = backed.served.http.get(f"{backed.where}/entries/{quote(path)}/content")
        assert answer.status_code == 200, (path, answer.text)
        assert len(answer.content) == entry["size"]
        name = quote(path.rpartition("/")[2], safe="")  # RFC 6266 and 8187: no name can end the header or the quotes
        assert answer.headers["content-disposition"] == f"attachment; filename*=UTF-8''{name}"
        assert answer.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize(
    "path", ["../manifest.json", "%2e%2e/manifest.json", "/manifest.json", "%2Fetc%2Fpasswd", "x\x00"]
)
def test_no_path_leads_out_of_a_snapshot(backed: Backed, path: str) -> None:
    url = httpx.URL("http://localhost").copy_with(
        raw_path=f"/api/v1{backed.where}/entries/{path}/content".encode().replace(b"\0", b"%00")
    )
    answer = backed.served.http.request("GET", url)
    assert answer.status_code == 404, answer.text


def test_tables_and_their_first_rows(backed: Backed) -> None:
    served = backed.served
    tables = {item["name"]: item for item in served.get(backed.where + "/tables")["items"]}
    said = backed.said
    assert {name: item["rows"] for name, item in tables.items()} == said.tables
    name, columns = said.columns_of
    assert tuple(column["name"] for column in tables[name]["columns"]) == columns

    def rows(name: str, **params: Any) -> Any:
        quoted = "".join(f"%{byte:02X}" for byte in name.encode())
        return served.call("GET", f"{backed.where}/tables/{quoted}/rows", params=params)

    first = rows(said.big_table, limit=5)
    assert len(first["rows"]) == 5
    assert all(said.first_big(row) for row in first["rows"]), first
    assert first["truncated"] == "rows"
    for name, whole in said.whole:
        assert rows(name)["rows"] == whole
    served.call("GET", backed.where + "/tables/absent/rows", status=404)
    served.call("GET", backed.where + f"/tables/{said.big_table}/rows", status=422, params={"limit": 0})


def test_restore_into_a_new_database(backed: Backed) -> None:
    name = fresh("again")
    outlook = backed.served.call("POST", backed.where + "/preview", {"mode": "new", "name": name})
    assert (outlook["target"], outlook["blockers"]) == (name, [])
    made = backed.restore(mode="new", name=name)["resource"]["id"]
    backed.holds(made, backed.said.big)
    taken = backed.served.call("POST", backed.where + "/preview", {"mode": "new", "name": name})
    assert [item["code"] for item in taken["blockers"]] == ["name_taken"]
    backed.refused(409, "name_taken", mode="new", name=name)
    history = backed.served.get("/restores", resource_id=made)["items"]
    assert [(item["mode"], item["state"], item["resource_name"]) for item in history] == [("new", "succeeded", name)]
    project = history[0]["project_id"]
    done = backed.served.get("/restores", project_id=project, state="succeeded")["items"]
    assert made in [item["resource_id"] for item in done]
    assert made not in [item["resource_id"] for item in backed.served.get("/restores", state="failed")["items"]]
    backed.refused(422, "name_invalid", mode="new")
    backed.served.call("POST", backed.where + "/restore", {"mode": "sideways", "name": "x"}, 422)


def test_only_the_selected_tables_come_back(backed: Backed) -> None:
    selects, there, absent = backed.said.some
    made = backed.restore(mode="new", name=fresh("some"), select=[selects])["resource"]["id"]
    found = {item["name"] for item in backed.served.get(f"/databases/{made}/catalog")["relations"]}
    assert there in found
    assert absent not in found


def test_restore_in_place_keeps_the_old_one(backed: Backed) -> None:
    served, made, name = backed.served, backed.database["id"], backed.database["name"]
    served.write(made, *backed.said.damage)
    backed.refused(422, "confirm_mismatch", mode="in_place", confirm="x")
    backed.refused(422, "confirm_mismatch", mode="in_place")
    restored = backed.restore(mode="in_place", confirm=name)
    safety = served.get(f"/snapshots/{restored['restore']['safety_snapshot_id']}")
    assert (safety["trigger"], safety["state"], safety["tables"]) == ("safety", "ready", backed.said.tables_left)
    backed.holds(made, *backed.said.mended)
    newest = served.get("/restores", resource_id=made, limit=1)["items"][0]
    assert (newest["state"], newest["kept_until"] is not None) == ("succeeded", True)
    quick = backed.restore(mode="in_place", confirm=name, safety=False)
    assert quick["restore"]["safety_snapshot_id"] is None
    assert served.database(made)["state"] == "ready"


def test_production_and_other_projects_are_refused(backed: Backed) -> None:
    served = backed.served
    production = served.environments["production"]
    wish = {"mode": "new", "name": fresh(), "environment_id": production}
    backed.refused(409, "restore_not_allowed", **wish)
    assert "restore_not_allowed" in str(served.call("POST", backed.where + "/preview", wish)["blockers"])
    project = served.call("POST", "/projects", {"name": fresh()}, 201)["id"]
    other = served.get(f"/projects/{project}/environments")["items"][0]["id"]
    backed.refused(409, "other_project", mode="new", name=fresh(), environment_id=other)
    served.call("POST", backed.where + "/restore", {"mode": "new", "name": "x", "environment_id": "env_absent"}, 404)
    served.call("POST", "/snapshots/snap_absent/restore", {"mode": "new", "name": "x"}, 404)
    foreign = served.call("POST", "/repositories", {"project_id": project, "name": "r"}, 201)["id"]
    where = f"/databases/{backed.database['id']}/snapshots"
    served.call("POST", where, {"repository_id": foreign}, 404)


def test_a_snapshot_is_deleted_when_another_is_good(served: Served) -> None:
    database = served.create(NAMES[0])["id"]
    key = {"Idempotency-Key": fresh("key")}
    one = served.call("POST", f"/databases/{database}/snapshots", {"level": 1}, 202, headers=key)
    again = served.call("POST", f"/databases/{database}/snapshots", {"level": 1}, 202, headers=key)
    assert again["snapshot"]["id"] == served.done(one)["snapshot"]["id"]
    first = one["snapshot"]["id"]
    where, body = f"/snapshots/{first}", {"confirm": first}
    served.refused(409, "last_good_snapshot", "DELETE", where, body)
    second = served.snapshot(database, level=1)["id"]
    served.done(served.call("DELETE", where, body, 202))
    assert served.get(where)["state"] == "deleted"
    assert [item["id"] for item in served.get("/snapshots", resource_id=database)["items"]] == [second]
    served.refused(409, "snapshot_state", "DELETE", where, body)
    served.refused(409, "snapshot_state", "POST", where + "/restore", {"mode": "new", "name": "x"})
    served.refused(409, "snapshot_state", "GET", where + "/entries")
    served.done(served.call("DELETE", f"/snapshots/{second}", {"confirm": second, "force": True}, 202))


def test_repositories_are_checked_and_stock_restic_opens_them(backed: Backed, tmp_path: Path) -> None:
    served, repository = backed.served, backed.snapshot["repository_id"]
    served.done(served.call("POST", f"/repositories/{repository}/check", {"read_data": True}, 202))
    checked = served.get(f"/repositories/{repository}")["last_check"]
    assert (checked["errors"], checked["read_data"]) == ([], True)
    assert "password" not in str(served.get("/repositories"))
    key = served.call("POST", f"/repositories/{repository}/key")
    target = tmp_path / "out"
    stock(key["path"], "restore", backed.snapshot["restic_id"], "--target", str(target), password=key["password"])
    stock(key["path"], "check", "--read-data", password=key["password"])
    for entry in served.get(backed.where + "/entries", limit=200)["items"]:
        if entry["type"] == "file":
            bytes_ = served.http.get(f"{backed.where}/entries/{quote(entry['path'])}/content").content
            assert hashlib.sha256((target / entry["path"]).read_bytes()).digest() == hashlib.sha256(bytes_).digest()
    assert (target / "RESTORE.md").read_text().strip()
    assert RECOVERED[backed.engine](target) == 3000


def test_repositories_of_ones_own(served: Served) -> None:
    name = fresh("repo")
    body = {"project_id": served.project, "name": name}
    made = served.call("POST", "/repositories", body, 201)
    served.refused(409, "name_taken", "POST", "/repositories", body)
    served.call("POST", "/repositories", body | {"project_id": "prj_absent"}, 404)
    served.call("POST", "/repositories", body | {"nmae": "x"}, 422)
    database = served.create(NAMES[0])["id"]
    assert served.snapshot(database, level=1, repository_id=made["id"])["repository_id"] == made["id"]
    served.call("POST", f"/databases/{database}/snapshots", {"repository_id": "repo_absent"}, 404)
    served.call("POST", "/repositories/repo_absent/key", status=404)
    eventually(lambda: served.get(f"/repositories/{made['id']}")["bytes"])
