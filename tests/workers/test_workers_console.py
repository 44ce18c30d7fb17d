"""What the dashboard's editor and console ask of the api: changes of a version, saved cases, a start, the stubs."""

from __future__ import annotations

import ast
from typing import Any

from test_workers_around import serving
from workers_house import HELLO, deployed, project


def files(house: Any, version: dict[str, Any]) -> dict[str, str]:
    whole = house.call("GET", f"/worker-versions/{version['id']}")
    where = f"/api/v1/worker-versions/{version['id']}/files"
    return {each["path"]: house.client.get(f"{where}/{each['path']}").text for each in whole["files"]}


def test_a_version_that_changes_another(house) -> None:
    worker = house.worker("edited")
    where = f"/workers/{worker['id']}/versions/files"
    base = house.upload(worker, project() | {"old.bin": b"\xff\x00", "src/gone.py": "pass\n"})
    body = {"files": {"src/new.py": {"text": "x = 1\n"}}, "base_version_id": base["id"], "removed": ["src/gone.py"]}
    made = house.call("POST", where, json=body)
    assert made["number"] == 2
    now = files(house, made)
    assert sorted(now) == ["old.bin", "src/entry.py", "src/new.py", "wrangler.jsonc"]
    assert (now["src/entry.py"], now["src/new.py"]) == (HELLO, "x = 1\n")
    lost = {"files": {}, "base_version_id": base["id"], "removed": ["wrangler.jsonc"]}
    assert house.call("POST", where, 422, json=lost)["error"]["code"] == "wrangler_missing"
    other = house.worker("another")
    stolen = house.call("POST", f"/workers/{other['id']}/versions/files", 404, json=body)
    assert stolen["error"]["code"] == "worker_version_not_found"
    assert house.call("GET", f"/workers/{other['id']}/versions")["items"] == []


def test_cases_are_kept_and_compared(house) -> None:
    worker, _ = deployed(house, "cased")
    where = f"/workers/{worker['id']}/cases"
    request = {"method": "POST", "path": "/a?b=1", "headers": [["X-A", "1"]], "body": "hi"}
    kept = house.call("PUT", f"{where}/makes", json={"request": request, "expected": {"status": 201}})
    assert (kept["name"], kept["request"]["encoded"], kept["expected"]) == (
        "makes", False, {"status": 201, "contains": None}
    )  # fmt: skip
    house.call("PUT", f"{where}/wrong%20here", json={"expected": {"status": 200, "contains": "nobody says this"}})
    assert [each["name"] for each in house.call("GET", where)] == ["makes", "wrong here"]
    assert house.call("PUT", f"{where}/evil", 422, json={"request": {"path": "//evil"}})
    assert house.call("PUT", f"{where}/.evil", 422, json={})
    silent = house.call("POST", f"{where}/run", json={})
    assert [(each["passed"], each["status"]) for each in silent] == [(False, None)] * 2
    with serving(house, worker) as heard:
        results = {each["name"]: each for each in house.call("POST", f"{where}/run", json={})}
        assert (results["makes"]["passed"], results["makes"]["status"], results["makes"]["wrong"]) == (True, 201, [])
        assert (results["wrong here"]["passed"], results["wrong here"]["skipped"]) == (False, False)
        assert results["wrong here"]["wrong"] == [
            "the status is 201, not 200", "the body does not contain 'nobody says this'"
        ]  # fmt: skip
        assert len(heard) == 2
        one = house.call("POST", f"{where}/run", json={"names": ["makes"]})
        assert [each["name"] for each in one] == ["makes"]
        assert (
            house.call("POST", f"{where}/run", 422, json={"names": ["makes", "none"]})["error"]["code"]
            == "case_unknown"
        )
        assert len(heard) == 3, "nothing is sent when one is unknown"
        said = house.call("POST", f"/workers/{worker['id']}/invoke", json=request)
        assert heard[-1][2]["holdfast-request-id"] == said["request_id"]
        assert said["at"] > 1_700_000_000_000
    changed = house.call("PUT", f"{where}/makes", json={"expected": {"status": 404}})
    assert changed["request"]["method"] == "GET"
    assert len(house.call("GET", where)) == 2
    house.call("DELETE", f"{where}/makes")
    assert house.call("DELETE", f"{where}/makes", 404)["error"]["code"] == "case_not_found"
    assert [each["name"] for each in house.call("GET", where)] == ["wrong here"]


def test_cases_have_bounds(house) -> None:
    worker = house.worker("bounded")
    where = f"/workers/{worker['id']}/cases"
    large = {"request": {"body": "x" * (256 * 1024 + 1)}}
    assert house.call("PUT", f"{where}/large", 413, json=large)["error"]["code"] == "case_too_large"
    for number in range(100):
        house.call("PUT", f"{where}/{number}", json={})
    assert house.call("PUT", f"{where}/more", 413, json={})["error"]["code"] == "too_many_cases"
    house.call("PUT", f"{where}/7", json={"expected": {"status": 204}})


def test_who_only_looks_sees_no_case(house) -> None:
    """Saved headers may hold a caller's credentials."""
    worker = house.worker("looked-at")
    where = f"/workers/{worker['id']}/cases"
    house.call("PUT", f"{where}/secret", json={"request": {"headers": [["Authorization", "Bearer x"]]}})
    viewer = house.key(permissions=["worker.read"])
    assert "Bearer x" not in str(house.call("GET", where, 403, headers=viewer))
    caller = house.key(permissions=["worker.read", "worker.invoke"])
    assert house.call("GET", where, headers=caller)[0]["name"] == "secret"
    assert house.call("DELETE", f"{where}/secret", 403, headers=caller)
    assert len(house.call("GET", where)) == 1


def test_starting_what_is_not_deployed(house) -> None:
    worker = house.worker("idle")
    assert house.call("POST", f"/workers/{worker['id']}/start", 409, json={})["error"]["code"] == "not_deployed"


def test_stubs_for_editors(house) -> None:
    found = house.call("GET", "/worker-stubs")
    assert "class WorkerEntrypoint" in found["files"]["workers/__init__.pyi"]
    classes = {node.name: node for node in ast.parse(found["bindings"]).body if isinstance(node, ast.ClassDef)}
    assert {"KvNamespace", "D1Database", "D1PreparedStatement", "Fetcher", "RateLimit"} <= set(classes)
    methods = {each.name for each in classes["KvNamespace"].body if isinstance(each, ast.AsyncFunctionDef)}
    assert {"get", "getWithMetadata", "put", "delete", "list"} <= methods
