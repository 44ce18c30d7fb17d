"""Namespaces by the API: what is there without a file, and keys and values in a real one."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from workers_house import House

from holdfast.features.kv import store
from holdfast.kernel.db import metadata
from holdfast.runtime.bindings.kv_file import KvFile
from holdfast.runtime.bindings.kv_usage import KvQuota


@pytest.fixture
def namespace(house: House, tmp_path: Path) -> dict[str, Any]:
    """As the runner leaves it: a database that is ready, and its empty file."""
    made = house.call("POST", "/kv-namespaces", 202, json={"environment_id": house.environment, "name": "sessions"})
    assert (made["state"], made["run_id"][:4]) == ("creating", "run_")
    path = tmp_path / "entries.db"
    path.touch()
    resources = metadata.tables["resources"]
    with house.services.db.write() as conn:
        mine = resources.update().where(resources.c.id == made["database_id"])
        conn.execute(mine.values(state="ready", endpoint={"path": str(path)}))
    return {**made, "path": path, "where": f"/kv-namespaces/{made['id']}"}


def test_its_database_says_why_it_is_there(house) -> None:
    made = house.call("POST", "/kv-namespaces", 202, json={"environment_id": house.environment, "name": "carts"})
    found = house.call("GET", f"/databases/{made['database_id']}")
    assert (found["name"], found["engine"], found["labels"]) == ("kv-carts", "sqlite", {"holdfast/kv": "carts"})
    assert "carts" in found["notes"]
    again = house.call("POST", "/kv-namespaces", 409, json={"environment_id": house.environment, "name": "carts"})
    assert again["error"]["code"] == "name_taken"
    for wrong in ("", "a b", "é", "-x", "x" * 57):
        house.call("POST", "/kv-namespaces", 422, json={"environment_id": house.environment, "name": wrong})
    busy = house.call("GET", f"/kv-namespaces/{made['id']}/keys", 409)["error"]
    assert (busy["code"], busy["details"]) == ("database_not_ready", {"state": "creating"})


def test_put_read_list_delete(house, namespace) -> None:
    where = namespace["where"]
    assert house.call("GET", f"{where}/keys") == {"items": [], "next_cursor": None}
    picture = b"\x89PNG\xff"
    house.call("PUT", f"{where}/values", 204, json={"key": "user:1", "value": "Ada", "metadata": {"a": [1]}})
    encoded = {"key": "picture", "value": base64.b64encode(picture).decode(), "encoded": True}
    house.call("PUT", f"{where}/values", 204, json=encoded)
    many = [{"key": f"user:{number}", "value": str(number), "expiration_ttl": 600} for number in range(2, 8)]
    house.call("PUT", f"{where}/values/bulk", 204, json={"entries": many})
    read = house.call("POST", f"{where}/values/read", json={"key": "user:1"})
    assert (read["value"], read["encoded"], read["metadata"], read["expiration"]) == ("Ada", False, {"a": [1]}, None)
    read = house.call("POST", f"{where}/values/read", json={"key": "picture"})
    assert (base64.b64decode(read["value"]), read["encoded"]) == (picture, True)

    first = house.call("GET", f"{where}/keys", params={"prefix": "user:", "limit": 4})
    rest = house.call("GET", f"{where}/keys", params={"prefix": "user:", "limit": 4, "cursor": first["next_cursor"]})
    names = [each["name"] for each in first["items"] + rest["items"]]
    assert (names, rest["next_cursor"]) == ([f"user:{number}" for number in range(1, 8)], None)
    house.call("POST", f"{where}/values/delete", 204, json={"keys": ["user:1", "never there"]})
    assert (
        house.call("POST", f"{where}/values/read", 404, json={"key": "user:1"})["error"]["code"] == "kv_key_not_found"
    )
    with KvFile.open(namespace["path"], write=False) as file:
        assert file.count()[0] == 7, "the workers read the same file"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"key": "é" * 300, "value": "x"}, 413),
        ({"key": "..", "value": "x"}, 422),
        ({"key": "a", "value": "x", "expiration_ttl": 5}, 422),
        ({"key": "a", "value": "x", "metadata": "m" * 1100}, 413),
        ({"key": "a", "value": "%%%", "encoded": True}, 422),
    ],
)
def test_what_breaks_a_rule_changes_nothing(house, namespace, body, status) -> None:
    where = namespace["where"]
    entries = [{"key": "kept out", "value": "x"}, body]
    for method, path, sent in (("PUT", "/values", body), ("PUT", "/values/bulk", {"entries": entries})):
        assert house.call(method, where + path, status, json=sent)["error"]["code"]
    assert house.call("GET", f"{where}/keys")["items"] == []


def test_a_limit_is_set_shown_kept_and_taken_away(house, namespace) -> None:
    where = namespace["where"]
    assert house.call("GET", f"{where}/usage") == {"keys": 0, "bytes": 0, "max_keys": None, "max_bytes": None}
    assert (namespace["max_keys"], namespace["max_bytes"]) == (None, None)
    made = house.call("PATCH", where, json={"max_keys": 2, "max_bytes": 1000})
    assert (made["max_keys"], made["max_bytes"]) == (2, 1000)
    assert house.call("PATCH", where, json={"max_bytes": None})["max_keys"] == 2, "what is not named stays"
    house.call("PUT", f"{where}/values", 204, json={"key": "a", "value": "1234"})
    many = [{"key": "b", "value": "x"}, {"key": "c", "value": "x"}]
    refused = house.call("PUT", f"{where}/values/bulk", 413, json={"entries": many})["error"]
    assert (refused["code"], "holds 2 of the 2 keys" in refused["message"]) == ("kv_quota_exceeded", True)
    assert house.call("GET", f"{where}/usage") == {"keys": 1, "bytes": 5, "max_keys": 2, "max_bytes": None}
    with house.services.db.write() as conn:
        assert store.get(conn, namespace["id"]).quota == KvQuota(2, None)
    assert store.quotas_of(house.services.db) == {namespace["path"]: KvQuota(2, None)}
    for wrong in ({"max_keys": -1}, {"max_bytes": 1 << 60}, {"max_byte": 1}):
        house.call("PATCH", where, 422, json=wrong)
    house.call("PATCH", where, json={"max_keys": None})
    house.call("PUT", f"{where}/values/bulk", 204, json={"entries": many})
    assert store.quotas_of(house.services.db) == {}
    with house.services.db.read() as conn:
        events = metadata.tables["audit_events"]
        noted = conn.execute(sa.select(events.c.details).where(events.c.action == "kv.limit")).scalars().all()
    named = [{name: each[name] for name in each if name.startswith("max")} for each in noted]
    assert sorted(named, key=str) == [{"max_bytes": None}, {"max_keys": 2, "max_bytes": 1000}, {"max_keys": None}]


def test_somebody_elses_file_is_left_alone(house, namespace) -> None:
    """A database that people made tables in is no namespace."""
    import apsw

    connection = apsw.Connection(str(namespace["path"]))
    connection.execute("CREATE TABLE t (a)").fetchall()
    connection.close()
    refused = house.call("PUT", f"{namespace['where']}/values", 422, json={"key": "a", "value": "x"})
    assert refused["error"]["code"] == "kv_invalid"


def test_deleted_with_its_database(house, namespace) -> None:
    refused = house.call("DELETE", namespace["where"], 422, json={"confirm": "x"})
    assert refused["error"]["code"] == "confirm_mismatch"
    house.call("DELETE", namespace["where"], 202, json={"confirm": "sessions"})
    assert house.call("GET", f"/databases/{namespace['database_id']}")["state"] == "stopping"
    with house.services.db.write() as conn:
        resources = metadata.tables["resources"]
        conn.execute(resources.update().where(resources.c.id == namespace["database_id"]).values(state="deleted"))
    house.call("GET", namespace["where"], 404)
    with house.services.db.write() as conn:
        store.forget(conn, namespace["database_id"])
        assert store.get(conn, namespace["id"]) is None
