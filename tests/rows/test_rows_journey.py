"""Rows over HTTP, for every engine that has tables."""

from __future__ import annotations

import json
from typing import Any

import pytest
from journey import Served
from row_tables import AWKWARD, TABLES, VALUES, at

NDJSON = {"Content-Type": "application/x-ndjson"}


@pytest.fixture(scope="module", params=TABLES)
def there(request: pytest.FixtureRequest, served: Served) -> tuple[Served, str, str]:
    """(the installation, an engine's name, a database of it with the tables)."""
    made = served.create(request.param)["id"]
    served.write(made, *TABLES[request.param])
    return served, request.param, made


def put(served: Served, made: str, table: str, *rows: dict[str, Any], **more: Any) -> Any:
    return served.call("POST", at(made, table), {"rows": list(rows), **more}, 201)


def search(served: Served, made: str, table: str, **body: Any) -> Any:
    return served.call("POST", at(made, table, "rows/search"), body)


def test_a_row_from_birth_to_death(there: tuple[Served, str, str]) -> None:
    served, _, made = there
    born = put(served, made, "people", {"name": "ada", "mail": "a@example.org"})
    row = born["rows"][0]
    assert (born["affected"], row["values"]["loud"], row["values"]["age"]) == (1, "ADA", None)
    where = at(made, "people", "row", key=json.dumps(row["key"]))
    got = served.raw("GET", where)
    assert got.json() == row
    assert got.headers["etag"] == f'"{row["digest"]}"'
    changed = served.call("PATCH", where, {"values": {"age": 36}}, headers={"If-Match": got.headers["etag"]})
    assert changed["values"] == row["values"] | {"age": 36}
    stale = {"If-Match": got.headers["etag"]}
    served.refused(412, "precondition_failed", "PATCH", where, {"values": {"age": 1}}, headers=stale)
    served.refused(412, "precondition_failed", "DELETE", where, headers=stale)
    served.refused(412, "precondition_failed", "PATCH", where, {"values": {"age": 1}, "expected": {"age": 35}})
    assert served.call("PATCH", where, {"values": {"age": 37}, "expected": {"age": 36}})["values"]["age"] == 37
    assert served.call("GET", at(made, "people", "row", key=row["key"]["id"]))["values"]["age"] == 37
    assert served.call("DELETE", where)["values"]["age"] == 37
    for method, body in (("GET", None), ("PATCH", {"values": {"age": 1}}), ("DELETE", None)):
        served.refused(404, "row_unknown", method, where, body)


def test_values_go_in_as_they_come_out(there: tuple[Served, str, str]) -> None:
    served, engine, made = there
    wanted = {"id": 1} | VALUES[engine]
    row = put(served, made, "kinds", wanted)["rows"][0]
    assert row["values"] == wanted
    again = {"id": 2} | {k: v for k, v in row["values"].items() if k != "id"}
    assert put(served, made, "kinds", again)["rows"][0]["values"] == again
    found = search(served, made, "kinds", filters=[{"column": "big", "op": "eq", "value": wanted["big"]}])
    assert [each["values"] for each in found["rows"]] == [wanted, again]
    nothing = dict.fromkeys(wanted) | {"id": 3}
    assert put(served, made, "kinds", nothing)["rows"][0]["values"] == nothing


def test_pages_by_key_miss_nothing_and_repeat_nothing(there: tuple[Served, str, str]) -> None:
    """Composite keys, nulls in the order, both directions, rows that come and go meanwhile."""
    served, _, made = there
    rows = [{"a": n % 5, "b": f"k{n:02}", "n": None if n % 3 == 0 else n % 4} for n in range(40)]
    put(served, made, "lines", *rows)
    for order in ([], ["n"], ["-n"], ["n", "-b"], ["-a", "b"]):
        seen, cursor = [], None
        while True:
            page = search(served, made, "lines", order=order, limit=7, cursor=cursor)
            seen += [tuple(row["key"].values()) for row in page["rows"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert len(seen) == 40, order
        assert set(seen) == {(row["a"], row["b"]) for row in rows}, order
    first = search(served, made, "lines", limit=3, count=True)
    assert (first["count"], first["count_capped"], first["key"], first["key_kind"]) == (
        40,
        False,
        ["a", "b"],
        "primary",
    )
    gone = first["rows"][-1]["key"]
    served.call("DELETE", at(made, "lines", "row", key=json.dumps(gone)))
    after = search(served, made, "lines", limit=3, cursor=first["next_cursor"])
    assert after["rows"][0]["key"] not in [row["key"] for row in first["rows"]]
    body = {"order": ["n"], "cursor": first["next_cursor"]}
    served.refused(422, "cursor_invalid", "POST", at(made, "lines", "rows/search"), body)
    served.refused(422, "cursor_invalid", "POST", at(made, "lines", "rows/search"), {"cursor": "WzEsMl0"})


def test_filters_order_columns_and_search(there: tuple[Served, str, str]) -> None:
    served, _, made = there
    put(served, made, "loose", *({"k": f"Key {c}", "v": n or None} for n, c in enumerate("abcdef")))

    def keys(*filters: tuple[str, str, Any], **more: Any) -> str:
        given = [{"column": c, "op": op, "value": value} for c, op, value in filters]
        page = search(served, made, "loose", filters=given, **more)
        return "".join(row["values"]["k"][-1] for row in page["rows"])

    assert keys(("v", "eq", 2)) == "c"
    assert keys(("v", "ne", 2)) == "bdef"
    assert keys(("v", "ge", 2), ("v", "lt", 4)) == "cd"
    assert keys(("v", "in", [1, 5, 99])) == "bf"
    assert keys(("v", "in", [])) == ""
    assert keys(("v", "null", True)) == "a"
    assert keys(("v", "null", False)) == "bcdef"
    assert keys(("k", "like", "% d")) == "d"
    assert keys(("k", "contains", "KEY")) == "abcdef"
    assert keys(("k", "contains", "%")) == ""
    assert keys(search="y e") == "e"
    assert keys(order=["-k"], limit=2) == "fe"
    assert keys(("k", "eq", "x' or '1'='1")) == ""
    page = served.get(at(made, "loose"), column=["k"], order="-v", filter='{"column":"v","op":"gt","value":3}')
    assert [row["values"] for row in page["rows"]] == [{"k": "Key f"}, {"k": "Key e"}]
    where = at(made, "loose", "rows/search")
    for body, code in (
        ({"filters": [{"column": "vv", "op": "eq", "value": 1}]}, "column_unknown"),
        ({"columns": ["K2"]}, "column_unknown"),
        ({"order": ["nope"]}, "column_unknown"),
        ({"filters": [{"column": "v", "op": "in", "value": 1}]}, "filter_invalid"),
        ({"filters": [{"column": "v", "op": "eq", "value": None}]}, "filter_invalid"),
        ({"filters": [{"column": "v", "op": "null", "value": 1}]}, "filter_invalid"),
        ({"filters": [{"column": "v", "op": "or", "value": 1}]}, "invalid"),
    ):
        error = served.call("POST", where, body, 422)["error"]
        assert error["code"] in (code, "validation_failed"), (body, error)
    near = served.refused(422, "column_unknown", "POST", where, {"columns": ["kk"]})
    assert (near["details"]["near"], near["hint"]) == (["k"], "Did you mean 'k'?")
    near = served.refused(404, "table_unknown", "GET", at(made, "peopel"))
    assert near["details"]["near"] == ["people"]
    served.refused(404, "table_unknown", "GET", at(made, "people", schema="elsewhere"))


def test_refusals_name_constraint_and_columns(there: tuple[Served, str, str]) -> None:
    """And nothing of the request stays."""
    served, engine, made = there
    put(served, made, "people", {"id": 100, "name": "bob", "mail": "b@example.org"})
    before = served.rows(made, "select count(*) from people")
    good = {"id": 101, "name": "good"}
    cases: list[tuple[dict[str, Any], int, str, list[str]]] = [
        ({"name": "x", "mail": "b@example.org"}, 409, "unique_violation", ["mail"]),
        ({"id": 100, "name": "x"}, 409, "unique_violation", ["id"]),
        ({"name": None}, 422, "not_null_violation", ["name"]),
        ({"mail": "c@example.org"}, 422, "not_null_violation", ["name"]),
        ({"name": "x", "age": 0}, 422, "check_violation", []),
        ({"id": "seven", "name": "x"}, 422, "value_type", ["id"]),
        ({"id": "99999999999999999999", "name": "x"}, 422, "value_type", ["id"]),
        ({"name": "x", "loud": "X"}, 422, "column_fixed", ["loud"]),
        ({"nmae": "x"}, 422, "column_unknown", []),
    ]
    if engine == "postgresql":
        cases.append(({"name": "x" * 21}, 422, "value_too_long", ["name"]))
        cases.append(({"name": "a\0b"}, 422, "value_type", []))
    for bad, status, code, columns in cases:
        error = served.refused(status, code, "POST", at(made, "people"), {"rows": [good, bad]})
        assert error["details"]["row"] == 1, (bad, error)
        if code != "column_unknown":
            assert (error["details"]["columns"] or columns) == columns, (bad, error)
            if columns and code != "value_type":
                assert error["details"]["columns"] == columns, (bad, error)
    assert served.rows(made, "select count(*) from people") == before
    error = served.refused(
        409, "foreign_key_violation", "POST", at(made, "child"), {"rows": [{"id": 1, "a": 77, "b": "no"}]}
    )
    assert error["details"]["columns"] == ["a", "b"]
    put(served, made, "lines", {"a": 50, "b": "parent"})
    put(served, made, "child", {"id": 1, "a": 50, "b": "parent"})
    served.refused(409, "foreign_key_violation", "DELETE", at(made, "lines", "row", key='[50,"parent"]'))
    where = at(made, "child", "row", key="1")
    served.refused(409, "foreign_key_violation", "PATCH", where, {"values": {"b": "gone"}})
    assert served.call("GET", where)["values"]["b"] == "parent"


def test_bulk_is_all_or_nothing_also_from_a_stream(there: tuple[Served, str, str]) -> None:
    served, _, made = there
    lines = "".join(json.dumps({"k": f"bulk{n:05}", "v": n}) + "\n" for n in range(3000))
    where = at(made, "loose")
    done = served.http.post(where, content=lines.encode(), headers=NDJSON)
    assert (done.status_code, done.json()["affected"], len(done.json()["rows"])) == (201, 3000, 1000), done.text[:300]
    counted = "select count(*) from loose where k like 'bulk%'"
    assert served.rows(made, counted) == [[3000]]
    more = lines.replace("bulk", "more") + json.dumps({"k": "bulk00007", "v": 1}) + "\n"
    bad = served.http.post(where, content=more.encode(), headers=NDJSON)
    assert (bad.status_code, bad.json()["error"]["code"], bad.json()["error"]["details"]["row"]) == (
        409, "unique_violation", 3000,
    ), bad.text  # fmt: skip
    broken = served.http.post(where, content=b'{"k":"z1"}\n{"k":\n', headers=NDJSON)
    assert (broken.status_code, broken.json()["error"]["details"]["line"]) == (422, 2), broken.text
    assert served.rows(made, "select count(*) from loose where k like 'more%' or k = 'z1'") == [[0]]
    upserted = served.http.post(at(made, "loose", upsert="true"), content=more.encode(), headers=NDJSON)
    assert upserted.json()["affected"] == 3001
    assert served.rows(made, "select v from loose where k = 'bulk00007'") == [[1]]
    served.write(made, "delete from loose where k like 'bulk%' or k like 'more%'")


def test_upsert_by_key(there: tuple[Served, str, str]) -> None:
    served, _, made = there
    where = at(made, "lines", "row")
    for n in (1, 2):
        row = served.call("PUT", where, {"values": {"a": 900, "b": "u", "n": n}})
        assert row["values"]["n"] == n
    assert served.call("PUT", where, {"values": {"a": 900, "b": "u"}})["values"]["n"] == 2
    assert served.rows(made, "select count(*) from lines where a = 900") == [[1]]
    served.refused(422, "key_invalid", "PUT", where, {"values": {"a": 900, "n": 3}})
    served.refused(409, "table_has_no_key", "PUT", at(made, "bare", "row"), {"values": {"x": 1}})


def test_tables_without_a_key_and_views(there: tuple[Served, str, str]) -> None:
    served, _engine, made = there
    put(served, made, "bare", *({"x": n, "y": "same"} for n in range(10)))
    seen, cursor = [], None
    for _ in range(4):
        page = search(served, made, "bare", limit=3, cursor=cursor)
        seen += [row["values"]["x"] for row in page["rows"]]
        cursor = page["next_cursor"]
    assert (seen, cursor) == (list(range(10)), None)
    if page["key_kind"] == "rowid":
        key = page["rows"][0]["key"]
        assert served.call("PATCH", at(made, "bare", "row", key=json.dumps(key)), {"values": {"y": "z"}})["key"] is None
    else:
        assert page["rows"][0]["key"] is None
        where = at(made, "bare", "row", key='{"ctid":"(0,1)"}')
        served.refused(409, "table_has_no_key", "DELETE", where)
    put(served, made, "people", {"name": "viewed"}, {"name": "viewed2"})
    view = search(served, made, "seen", limit=1)
    assert (view["key_kind"], view["more"], view["next_cursor"]) == ("none", True, None)
    served.refused(409, "not_editable", "POST", at(made, "seen"), {"rows": [{"id": 1, "name": "x"}]})
    assert served.rows(made, "select count(*) from bare") == [[10]]


def test_awkward_names_are_names(there: tuple[Served, str, str]) -> None:
    served, _, made = there
    row = put(served, made, AWKWARD, {AWKWARD: 1, "select": "'; drop table people; --"})["rows"][0]
    assert row["key"] == {AWKWARD: 1}
    where = at(made, AWKWARD, "row", key=json.dumps(row["key"]))
    assert served.call("PATCH", where, {"values": {"select": AWKWARD}})["values"]["select"] == AWKWARD
    found = search(served, made, AWKWARD, order=[f"-{AWKWARD}"], search="%s é", filters=[
        {"column": "select", "op": "contains", "value": '"a";'}])  # fmt: skip
    assert len(found["rows"]) == 1
    served.call("DELETE", where)
    assert served.rows(made, "select count(*) from people") != [[-1]]


def test_history_has_words_and_no_values(there: tuple[Served, str, str]) -> None:
    served, _, made = there
    search(served, made, "loose", filters=[{"column": "k", "op": "eq", "value": "secret-4711"}])
    newest = served.get(f"/databases/{made}/statements", limit=1)["items"][0]
    assert (newest["fingerprint"], newest["write"], newest["status"]) == ("rows list loose", False, "ok")
    served.refused(404, "row_unknown", "DELETE", at(made, "loose", "row", key='"secret-4711"'))
    newest = served.get(f"/databases/{made}/statements", limit=1)["items"][0]
    assert (newest["fingerprint"], newest["write"], newest["status"]) == ("rows delete loose", True, "row_unknown")
