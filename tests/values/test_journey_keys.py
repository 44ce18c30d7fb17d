"""Keys over HTTP and from the command line, on every engine: those that keep keys, and those that say they do not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from journey import EVERY, NAMES, Served, eventually, fresh

pytestmark = pytest.mark.slow

ODD = {"$bytes": "AP8NCiJrIg=="}  # \x00\xff\r\n"k"
KEYED = tuple(name for name in EVERY if name not in NAMES)


@pytest.fixture(scope="module", params=KEYED)
def keyed(request: pytest.FixtureRequest, served: Served) -> tuple[Served, str]:
    return served, str(served.create(request.param)["id"])


def test_keys_are_written_listed_read_changed_and_deleted(keyed: tuple[Served, str]) -> None:
    served, made = keyed
    where = f"/databases/{made}/keys"
    body = {"name": ODD, "type": "hash", "elements": [["f", "v"], ["b", ODD]], "expires_at": "2100-01-01T00:00:00Z"}
    put = served.call("PUT", where, body | {"create": True})
    assert (put["name"], put["type"], put["size"], put["expires_at"]) == (ODD, "hash", 2, "2100-01-01T00:00:00Z")
    served.refused(409, "key_exists", "PUT", where, body | {"create": True})
    for n in range(120):
        served.call("PUT", where, {"name": f"list:{n}", "type": "string", "elements": [str(n)], "database": 3})
    listed, cursor = [], None
    while True:
        page = served.get(where, database=3, pattern="list:*", limit=50, **({"cursor": cursor} if cursor else {}))
        listed += [item["name"] for item in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert sorted(set(listed)) == sorted(f"list:{n}" for n in range(120))
    assert [item["name"] for item in served.get(where)["items"]] == [ODD]
    read = served.raw("POST", where + "/read", {"name": ODD})
    value = read.json()
    assert sorted(value["elements"], key=str) == [["b", ODD], ["f", "v"]]
    etag = read.headers["etag"]
    assert etag == f'"{value["digest"]}"'
    match = {"headers": {"If-Match": etag}}
    served.call("PATCH", where, {"name": ODD, "put": [["f", "new"]], "remove": ["b"]}, **match)
    served.refused(412, "precondition_failed", "PATCH", where, {"name": ODD, "put": [["f", "late"]]}, **match)
    served.refused(412, "precondition_failed", "DELETE", where, {"name": ODD}, **match)
    assert served.call("POST", where + "/read", {"name": ODD})["elements"] == [["f", "new"]]
    assert served.call("PATCH", where, {"name": ODD, "expires_at": None})["expires_at"] is None
    assert served.call("PATCH", where, {"name": ODD, "rename_to": "plain"})["name"] == "plain"
    served.refused(404, "key_absent", "POST", where + "/read", {"name": ODD})
    served.call("DELETE", where, {"name": "plain"}, 204)
    served.refused(404, "key_absent", "DELETE", where, {"name": "plain"})
    assert served.get(where)["items"] == []


def test_wrong_requests_say_what_is_wrong(keyed: tuple[Served, str]) -> None:
    served, made = keyed
    where = f"/databases/{made}/keys"
    put = {"name": "k", "type": "list", "elements": ["a"]}
    served.call("PUT", where, put)
    served.refused(422, "edit_invalid", "PATCH", where, {"name": "k"})
    served.refused(422, "edit_invalid", "PATCH", where, {"name": "k", "put": ["x"], "expires_at": None})
    served.refused(422, "elements_invalid", "PATCH", where, {"name": "k", "put": [[5, "x"]]})
    served.refused(422, "elements_invalid", "PUT", where, put | {"elements": []})
    served.refused(422, "elements_invalid", "PUT", where, put | {"elements": [True]})
    served.refused(422, "params_invalid", "PUT", where, put | {"name": {"$bytes": "?"}})
    served.refused(422, "database_absent", "GET", where, params={"database": 16})
    served.refused(422, "cursor_invalid", "GET", where, params={"cursor": "x"})
    for wrong in (put | {"type": "module"}, put | {"database": -1}, put | {"expires_at": "2100-01-01T00:00:00"}):
        served.call("PUT", where, wrong, 422)
    served.call("POST", where + "/read", {"name": "k", "limit": 0}, 422)
    assert served.call("POST", where + "/read", {"name": "k"})["elements"] == ["a"]


def test_history_names_the_act_and_nothing_else(keyed: tuple[Served, str]) -> None:
    served, made = keyed
    where = f"/databases/{made}/keys"
    served.call("PUT", where, {"name": "secret-name", "type": "string", "elements": ["secret-value"]})
    served.call("POST", where + "/read", {"name": "secret-name"})
    served.ask(made, "SET secret-name secret-value-2", write=True)
    served.refused(422, "statement_invalid", "POST", f"/databases/{made}/query", {"statement": "secret-word x"})
    served.ask(made, "-n 3 GET secret-name")
    found = served.get(f"/databases/{made}/statements", limit=5)["items"]
    assert "secret" not in json.dumps(found)
    assert [line["fingerprint"] for line in found] == ["GET", "?", "SET", "KEY READ", "KEY PUT"]
    assert [line["write"] for line in found] == [False, False, True, False, True]


@pytest.mark.parametrize("engine", NAMES)
def test_tables_are_no_keys(served: Served, engine: str) -> None:
    where = f"/databases/{served.create(engine)['id']}/keys"
    assert "query" in served.refused(409, "no_keys", "GET", where)["hint"]
    served.refused(409, "no_keys", "POST", where + "/read", {"name": "k"})
    served.refused(409, "no_keys", "PUT", where, {"name": "k", "type": "string", "elements": ["v"]})
    served.refused(409, "no_keys", "DELETE", where, {"name": "k"})


def test_production_is_audited_without_names(served: Served) -> None:
    made = served.create(KEYED[0], environment_id=served.environments["production"])["id"]
    served.call("PUT", f"/databases/{made}/keys", {"name": "secret-name", "type": "set", "elements": ["secret-value"]})
    served.call("POST", f"/databases/{made}/keys/read", {"name": "secret-name"})

    def audited() -> list[dict[str, Any]]:
        """Rows are shown once they are in the chain."""
        items = served.get("/audit", limit=100)["items"]
        rows = [item for item in items if item["resource_id"] == made and "query" in item["action"]]
        return rows if len(rows) == 2 else []

    found = eventually(audited)
    said = sorted((item["action"], item["details"]["statement"]) for item in found)
    assert said == [("database.query.read", "KEY READ"), ("database.query.write", "KEY PUT")]
    assert "secret" not in json.dumps(found)


def test_the_command_line(keyed: tuple[Served, str]) -> None:
    served, made = keyed

    def run(*words: str, code: int = 0) -> Any:
        argv = [sys.executable, "-m", "holdfast.cli", "--data", str(served.root / "data"), *words]
        environ = os.environ | {"HOLDFAST_RUNTIME": str(served.root / "run")}
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, env=environ)
        assert done.returncode == code, (words, done.stdout, done.stderr)
        return done.stdout

    name = fresh("cli") + " \\xff"
    run("keys", "set", made, name, "hello", "--expires-in", "1000")
    assert "hello" in run("keys", "get", made, name)
    listed = json.loads(run("keys", "list", made, "--match", "cli*", "--json"))
    assert [set(item["name"]) for item in listed] == [{"$bytes"}]
    run("keys", "set", made, name, "again", "--create", code=5)
    run("keys", "expire", made, name, "--never")
    run("keys", "set", made, "h", "--type", "hash", '[["f", "1"]]')
    seen = json.loads(run("keys", "get", made, "h", "--json"))
    run("keys", "edit", made, "h", "--put", '["f", "2"]', "--if-match", seen["digest"])
    run("keys", "edit", made, "h", "--put", '["f", "3"]', "--if-match", seen["digest"], code=5)
    assert "f\t2" in run("keys", "get", made, "h")
    run("keys", "rename", made, "h", name, code=5)
    run("keys", "delete", made, "h", name)
    run("keys", "get", made, "h", code=3)
    assert "No keys match" in run("keys", "list", made, "--match", "cli*")
