"""Statements over HTTP, for every engine: values, limits, refusals, streams, cancels, history."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
from dialects import DIALECTS
from journey import NAMES, Served, eventually

NDJSON = {"Accept": "application/x-ndjson"}


@pytest.fixture(scope="module", params=NAMES)
def asked(request: pytest.FixtureRequest, served: Served) -> tuple[Served, str, str]:
    """(the installation, an engine's name, a database of it)."""
    made = served.create(request.param)["id"]
    served.write(made, "create table sink (n bigint)", "create table t (id integer primary key, note text)")
    return served, request.param, made


def lines(served: Served, database: str, statement: str, **limits: object) -> Iterator[dict[str, object]]:
    body = {"statement": statement, "limits": limits}
    with served.http.stream("POST", f"/databases/{database}/query", json=body, headers=NDJSON) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("application/x-ndjson")
        for line in answer.iter_lines():
            yield json.loads(line)


def test_parameters_are_bound_by_place_and_by_name(asked: tuple[Served, str, str]) -> None:
    served, engine, made = asked
    evil = "'); drop table t; --"
    said = [7, evil, {"$bytes": "AP8="}]
    assert served.rows(made, DIALECTS[engine].positional, said) == [said]
    assert served.rows(made, DIALECTS[engine].named, {"a": 7, "b": evil}) == [[7, evil]]
    where = f"/databases/{made}/query"
    for params in ([1], {"x": 1}, "text", [{"$bytes": "no base64!"}], [{"$odd": 1}]):
        served.call("POST", where, {"statement": DIALECTS[engine].positional, "params": params}, 422)


def test_values_are_written_as_documented(asked: tuple[Served, str, str]) -> None:
    served, engine, made = asked
    dialect = DIALECTS[engine]
    found = served.ask(made, "select " + ", ".join(text for text, _ in dialect.values))
    assert found["rows"] == [[value for _, value in dialect.values]]
    assert len(found["columns"]) == len(dialect.values)
    for expression, value in dialect.types:
        assert served.rows(made, f"select {expression}", {"p": value}) == [[value]], expression


def test_rows_bytes_and_time_are_limited(asked: tuple[Served, str, str]) -> None:
    served, engine, made = asked
    dialect = DIALECTS[engine]
    few = served.ask(made, dialect.many_rows % 50, limits={"rows": 7})
    assert (few["row_count"], few["truncated"], few["rows"][-1]) == (7, "rows", [7])
    assert served.ask(made, dialect.many_rows % 7, limits={"rows": 7})["truncated"] is None
    small = served.ask(made, dialect.many_rows % 50_000, limits={"rows": 50_000, "bytes": 10_000})
    assert small["truncated"] == "bytes"
    assert 0 < small["row_count"] < 10_000
    body = {"statement": dialect.sleep, "write": True, "limits": {"seconds": 0.5}}
    started = time.monotonic()
    served.refused(413, "query_timeout", "POST", f"/databases/{made}/query", body)
    assert time.monotonic() - started < 20
    assert served.rows(made, "select count(*) from sink") == [[0]]
    for limits in ({"rows": 0}, {"seconds": 0}, {"bytes": -1}, {"rows": "x"}, {"row": 1}):
        served.call("POST", f"/databases/{made}/query", {"statement": "select 1", "limits": limits}, 422)


def test_reading_cannot_write_and_one_statement_is_one(asked: tuple[Served, str, str]) -> None:
    served, _, made = asked
    where = f"/databases/{made}/query"
    for statement in (
        "insert into t values (1, 'x')",
        "create table sneaky (a int)",
        "drop table t",
        "with x as (select 1) delete from t",
    ):
        error = served.call("POST", where, {"statement": statement}, 403)["error"]
        assert error["code"] == "read_only", error
    served.refused(422, "many_statements", "POST", where, {"statement": "select 1; select 2"})
    served.refused(422, "many_statements", "POST", where, {"statement": "select 1; drop table t", "write": True})
    served.refused(422, "statement_invalid", "POST", where, {"statement": "   "})
    served.call("POST", where, {"statement": "selec 1"}, 422)
    served.call("POST", where, {"statement": "select 1 -- " + "x" * (1 << 20)}, 422)
    assert served.rows(made, "select count(*) from t") == [[0]]


def test_writes_say_how_many_rows(asked: tuple[Served, str, str]) -> None:
    served, _, made = asked
    done = served.ask(made, "insert into t values (1, 'a'), (2, 'b')", write=True)
    assert (done["affected"], done["rows"]) == (2, [])
    assert served.ask(made, "delete from t where id < 3", write=True)["affected"] == 2


def test_a_hundred_thousand_rows_stream(asked: tuple[Served, str, str]) -> None:
    served, engine, made = asked
    records = list(lines(served, made, DIALECTS[engine].many_rows % 100_000, rows=100_000))
    assert "columns" in records[0]
    assert sum(len(record.get("rows", [])) for record in records) == 100_000
    assert max(len(record.get("rows", [])) for record in records) <= 1000
    assert records[-1]["end"] == {"affected": None, "truncated": None}


def test_an_error_half_way_is_the_last_line(asked: tuple[Served, str, str]) -> None:
    served, engine, made = asked
    records = list(lines(served, made, DIALECTS[engine].half_way, rows=10_000))
    assert records[-1]["error"]["status"] == 422, records[-1]
    assert sum("error" in record for record in records) == 1
    refused = served.raw("POST", f"/databases/{made}/query", {"statement": "drop table t"}, headers=NDJSON)
    assert refused.status_code == 403


def test_a_client_that_leaves_ends_its_statement_at_the_server(asked: tuple[Served, str, str]) -> None:
    served, engine, made = asked
    body = {"statement": DIALECTS[engine].sleep, "write": True, "limits": {"seconds": 60}}
    with pytest.raises(httpx.ReadTimeout):
        served.http.post(f"/databases/{made}/query", json=body, timeout=httpx.Timeout(5, read=0.5))

    def noted() -> bool:
        newest = served.get(f"/databases/{made}/statements", limit=1)["items"]
        return bool(newest) and newest[0]["status"] == "cancelled"

    eventually(noted, 30)  # its own limit is 60
    # A writer that was still at work would hold the table, or the file.
    started = time.monotonic()
    served.write(made, "alter table sink add column x int", "alter table sink drop column x")
    assert time.monotonic() - started < 20
    assert served.rows(made, "select count(*) from sink") == [[0]]


def test_history_has_shapes_and_no_values(asked: tuple[Served, str, str]) -> None:
    served, engine, made = asked
    served.ask(made, DIALECTS[engine].literal)
    served.ask(made, DIALECTS[engine].named, {"a": 4711, "b": "secret-param"})
    where = f"/databases/{made}/statements"
    newest = served.get(where, limit=2)
    named, literal = newest["items"]
    assert (named["status"], named["rows"], named["write"]) == ("ok", 1, False)
    for line in (named, literal):
        assert "secret" not in json.dumps(line)
        assert "4711" not in line["fingerprint"]
        assert line["fingerprint"].startswith("select")
    older = served.get(where, limit=2, cursor=newest["next_cursor"])["items"]
    assert max(item["id"] for item in older) < literal["id"]
    served.call("GET", "/databases/db_absent/statements", status=404)


def test_a_stop_ends_running_statements(asked: tuple[Served, str, str]) -> None:
    served, engine, made = asked
    got: list[httpx.Response] = []
    body = {"statement": DIALECTS[engine].sleep, "write": True, "limits": {"seconds": 60}}
    thread = threading.Thread(target=lambda: got.append(served.raw("POST", f"/databases/{made}/query", body)))
    thread.start()
    time.sleep(0.5)
    stopped = served.act(made, "stop")
    thread.join(10)
    assert stopped["state"] == "stopped"
    assert (got[0].status_code, got[0].json()["error"]["code"]) == (409, "statement_cancelled"), got[0].text
    served.act(made, "start")
    assert served.rows(made, "select count(*) from sink") == [[0]]
