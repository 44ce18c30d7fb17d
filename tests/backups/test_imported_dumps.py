"""Dumps that come in as snapshots: of every engine's own tools, packed, sealed, hostile, cut off."""

from __future__ import annotations

import gzip
import hashlib
from typing import Any

import pytest
from dialects import DIALECTS
from journey import EVERY, Served, eventually, fresh

pytestmark = pytest.mark.slow
PASSPHRASE = "correct horse battery"


def upload(served: Served, database_id: str, content: bytes, name: str = "a\"b'; --.dump") -> str:
    made = served.call("POST", f"/databases/{database_id}/uploads", {"name": name, "size": len(content)}, 201)
    for at in range(0, len(content), 8 << 20):
        piece = content[at : at + (8 << 20)]
        headers = {"content-range": f"bytes {at}-{at + len(piece) - 1}/{len(content)}"}
        answer = served.http.put(f"/uploads/{made['id']}/content", content=piece, headers=headers)
        assert answer.status_code == 200, answer.text
    served.call("POST", f"/uploads/{made['id']}/complete")
    return str(made["id"])


def start(served: Served, database_id: str, content: bytes, **body: Any) -> dict[str, Any]:
    body = {"upload_id": upload(served, database_id, content), "level": 1} | body
    made: dict[str, Any] = served.call("POST", f"/databases/{database_id}/snapshot-imports", body, 202)
    return made


def imported(served: Served, database_id: str, content: bytes, **body: Any) -> dict[str, Any]:
    made = served.done(start(served, database_id, content, **body))
    found: dict[str, Any] = served.get(f"/snapshots/{made['snapshot']['id']}")
    return found


def failed(served: Served, database_id: str, content: bytes, **body: Any) -> dict[str, Any]:
    """The error of an import whose run fails; nothing of it is left."""
    made = start(served, database_id, content, **body)
    run = served.ended(made)
    assert run["state"] == "failed", run
    snapshot = served.get(f"/snapshots/{made['snapshot']['id']}")
    assert (snapshot["state"], snapshot["verification"]) == ("failed", "red")
    nothing_left(served)
    error: dict[str, Any] = run["error"]
    return error


def nothing_left(served: Served) -> None:
    """No upload of an import, neither row nor file, no scratch server and no directory of one."""
    eventually(lambda: not [each for each in served.get("/uploads")["items"] if each["state"] == "taken"])
    scratch = served.root / "data" / "scratch"
    eventually(lambda: not list(scratch.rglob("srv_*")))


def downloaded(served: Served, snapshot_id: str, **wish: Any) -> bytes:
    made = served.call("POST", f"/snapshots/{snapshot_id}/downloads", wish, 201)
    answer = served.http.get(made["url"].removeprefix("/api/v1"))
    assert answer.status_code == 200
    return answer.content


class Given:
    """A database with rows, and its snapshot as the engine's own file."""

    def __init__(self, served: Served, engine: str) -> None:
        self.served, self.engine = served, engine
        self.database = served.create(engine, fresh("imports"))
        served.write(self.database["id"], *DIALECTS[engine].big(1500), *DIALECTS[engine].sentences.fill)
        self.snapshot = served.snapshot(self.database["id"])
        self.file = downloaded(served, self.snapshot["id"], compression="none")


@pytest.fixture(scope="module", params=EVERY)
def given(request: pytest.FixtureRequest, served: Served) -> Given:
    return Given(served, request.param)


def test_a_dump_becomes_a_snapshot_like_any_other(given: Given) -> None:
    """Into another, empty database of the same engine: proven, restorable, and that database stays empty."""
    served = given.served
    other = served.create(given.engine, fresh("other"))
    snapshot = imported(served, other["id"], given.file, level=3, tags=["old", "ünï"])
    assert (snapshot["trigger"], snapshot["verified_level"], snapshot["verification"]) == ("import", 3, "green")
    assert (snapshot["type"], snapshot["parent_id"], snapshot["tags"]) == ("full", None, ["old", "ünï"])
    about = snapshot["summary"]["imported"]
    assert about["sha256"] == hashlib.sha256(given.file).hexdigest()
    assert (about["bytes"], about["file"]) == (len(given.file), "a\"b'; --.dump")
    assert "audit" not in snapshot["summary"]
    assert snapshot["rows"] == given.snapshot["rows"]
    made = served.call("POST", f"/snapshots/{snapshot['id']}/restore", {"mode": "new", "name": fresh("back")}, 202)
    back = served.done(made)["resource"]["id"]
    same = served.snapshot(back, level=1)
    assert same["rows"] == given.snapshot["rows"]
    assert served.snapshot(other["id"], level=1)["rows"] in (0, None)
    nothing_left(served)


@pytest.fixture(scope="module")
def one(served: Served) -> Given:
    return Given(served, "sqlite")


@pytest.mark.parametrize(("sealing", "packing"), [("gpg", "bzip2"), ("aes256", "gzip")])
def test_what_we_seal_we_open(one: Given, sealing: str, packing: str) -> None:
    wish = {"compression": packing, "encryption": sealing, "passphrase": PASSPHRASE}
    content = downloaded(one.served, one.snapshot["id"], **wish)
    snapshot = imported(one.served, one.database["id"], content, passphrase=PASSPHRASE)
    about = snapshot["summary"]["imported"]
    assert (about["compression"], about["encryption"], about["format"]) == (packing, sealing, "sqlite")
    assert snapshot["rows"] == one.snapshot["rows"]
    sent = upload(one.served, one.database["id"], content[:-100])
    body = {"upload_id": sent, "passphrase": PASSPHRASE}
    one.served.refused(422, "dump_sealed", "POST", f"/databases/{one.database['id']}/snapshot-imports", body)
    one.served.call("DELETE", f"/uploads/{sent}")


def test_asked_twice_it_is_imported_once(one: Given) -> None:
    served, database = one.served, one.database["id"]
    body = {"upload_id": upload(served, database, one.file), "level": 1}
    where, headers = f"/databases/{database}/snapshot-imports", {"Idempotency-Key": fresh("once")}
    first = served.call("POST", where, body, 202, headers=headers)
    again = served.call("POST", where, body, 202, headers=headers)
    assert again["snapshot"]["id"] == first["snapshot"]["id"]
    gone = served.raw("DELETE", f"/uploads/{body['upload_id']}").status_code
    assert gone in (404, 409), "the run has it, or has done with it"
    served.done(first)


def test_a_dump_that_fails_late_leaves_nothing(one: Given) -> None:
    lines = "".join(f"INSERT INTO t VALUES ({n}, 'xxxxxxxxxx');\n" for n in range(3000))
    text = f"BEGIN TRANSACTION;\nCREATE TABLE t (a, b);\n{lines}ATTACH '/tmp/x' AS x;\n"
    error = failed(one.served, one.database["id"], text.encode())
    assert (error["code"], error["details"]["line"]) == ("script_invalid", 3003)


def test_what_is_no_dump_of_it_is_told_before_any_run(one: Given) -> None:
    """And the upload is still there: another passphrase may be the right one."""
    served, database = one.served, one.database["id"]
    sealed = downloaded(served, one.snapshot["id"], compression="zstd", encryption="age", passphrase=PASSPHRASE)
    before = len(served.get("/runs")["items"])
    for content, code, body in (
        (b"--\n-- PostgreSQL database dump\n--\nSET x = 1;\n", "dump_engine", {}),
        (b"\x89PNG\r\n" + bytes(100), "dump_unknown", {}),
        (gzip.compress(one.file)[:-5][:3000], "compression_invalid", {}),
        (sealed, "dump_sealed", {}),
        (sealed, "dump_sealed", {"passphrase": "not this one"}),
    ):
        sent = upload(served, database, content)
        where = f"/databases/{database}/snapshot-imports"
        error = served.refused(422, code, "POST", where, {"upload_id": sent, **body})
        assert PASSPHRASE not in str(error)
        assert served.get(f"/uploads/{sent}")["state"] == "complete"
        served.call("DELETE", f"/uploads/{sent}")
    assert len(served.get("/runs")["items"]) == before


def test_an_imported_snapshot_is_never_the_living_databases(one: Given) -> None:
    """It is nobody's parent, no policy counts it, and it is no reason to delete the only good one."""
    served = one.served
    database = served.create("sqlite", fresh("own"))
    served.write(database["id"], "create table t (x)", "insert into t values (1)")
    alone = imported(served, database["id"], one.file)
    served.refused(409, "no_snapshot", "POST", f"/databases/{database['id']}/drills", {})
    first = served.snapshot(database["id"])
    assert (first["type"], first["wanted_level"]) == ("full", 3), (
        "the first of its own is proven by a restore all the same"
    )
    late = imported(served, database["id"], one.file)
    second = served.snapshot(database["id"], level=1)
    assert second["parent_id"] == first["id"]
    confirm = {"confirm": database["name"], "policy": {"last": 1, "daily": 0, "weekly": 0, "monthly": 0, "minimum": 1}}
    gone = served.call("POST", f"/databases/{database['id']}/retention/apply", confirm)
    ids = {verdict["snapshot_id"] for verdict in gone["verdicts"]}
    assert ids == {first["id"], second["id"]}
    kept = {item["id"] for item in served.get("/snapshots", resource_id=database["id"])["items"]}
    assert {alone["id"], late["id"], second["id"]} <= kept
    served.refused(409, "last_good_snapshot", "DELETE", f"/snapshots/{second['id']}", {"confirm": second["id"]})
    served.done(served.call("DELETE", f"/snapshots/{alone['id']}", {"confirm": alone["id"]}, 202))
