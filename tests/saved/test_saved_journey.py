"""Saved queries, templates and the history of statements over HTTP, for every engine with statements."""

from __future__ import annotations

import json
from typing import Any

import pytest
from journey import NAMES, Served, fresh
from world import World, actor_with, refused

from holdfast.features.access.actor import Actor
from holdfast.features.databases.query import Question
from holdfast.features.saved.service import WantedQuery

AWKWARD = 'it\'s "a"; -- %s é'


@pytest.fixture(scope="module", params=NAMES)
def there(request: pytest.FixtureRequest, served: Served) -> tuple[Served, str, str]:
    made = served.create(request.param)["id"]
    served.write(made, "create table t (id integer primary key, note text)", "insert into t values (1, 'a'), (2, 'b')")
    served.write(made, f"create table {quoted(AWKWARD)} (x integer)", f"insert into {quoted(AWKWARD)} values (7)")
    return served, request.param, made


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def save(served: Served, made: str, **body: Any) -> Any:
    given = {"name": fresh("q"), "statement": "select 1"} | body
    return served.call("POST", f"/databases/{made}/saved-queries", given, 201)


def test_save_run_change_and_look_back(there: tuple[Served, str, str]) -> None:
    served, _, made = there
    statement = "select note from t where id >= :least and note <> :never order by id"
    least = {"name": "least", "type": "integer", "default": 1}
    saved = save(served, made, statement=statement, parameters=[least, {"name": "never", "type": "text"}])
    assert [each["required"] for each in saved["parameters"]] == [False, True]
    where = f"/saved-queries/{saved['id']}"
    evil = "'); drop table t; --"
    assert served.call("POST", f"{where}/run", {"params": {"never": evil}})["rows"] == [["a"], ["b"]]
    assert served.call("POST", f"{where}/run", {"params": {"never": "x", "least": "2"}})["rows"] == [["b"]]
    for params, words in (({}, "never"), ({"never": 1}, "text"), ({"never": "x", "least": "a"}, "integer"),
                          ({"never": "x", "more": 1}, "more")):  # fmt: skip
        error = served.refused(422, "params_invalid", "POST", f"{where}/run", {"params": params})
        assert words in error["message"]
    stale = {"If-Match": '"v9"'}
    served.refused(412, "precondition_failed", "PATCH", where, {"description": "x"}, headers=stale)
    served.refused(412, "precondition_failed", "DELETE", where, headers=stale)
    served.call("PATCH", where, {"description": "x"}, 428)
    now = {"If-Match": '"v1"'}
    assert served.call("PATCH", where, {"description": ""}, headers=now)["version"] == 1  # nothing changed
    changed = served.call("PATCH", where, {"statement": "select 2", "parameters": []}, headers=now)
    assert (changed["version"], changed["statement"]) == (2, "select 2")
    versions = served.get(f"{where}/versions")["items"]
    assert [(each["version"], each["statement"]) for each in versions] == [(2, "select 2"), (1, statement)]
    assert served.get(f"{where}/versions", limit=1)["next_cursor"]
    listed = served.get(f"/databases/{made}/saved-queries", name=saved["name"])["items"]
    assert [each["id"] for each in listed] == [saved["id"]]
    served.refused(409, "name_taken", "POST", f"/databases/{made}/saved-queries",
                   {"name": saved["name"], "statement": "select 1"})  # fmt: skip
    served.call("DELETE", where, headers={"If-Match": '"v2"'})
    served.call("GET", where, status=404)


def test_what_cannot_be_saved(there: tuple[Served, str, str]) -> None:
    served, _, made = there
    where = f"/databases/{made}/saved-queries"
    for body in (
        {"statement": "  "},
        {"name": "a\u202eb"},
        {"parameters": [{"name": "a b"}]},
        {"parameters": [{"name": "a"}, {"name": "a"}]},
        {"parameters": [{"name": "a", "type": "integer", "default": "x"}]},
        {"parameters": [{"name": "a", "type": "date"}]},
    ):
        served.call("POST", where, {"name": fresh("bad"), "statement": "select 1"} | body, 422)


def test_a_query_that_writes_says_so(there: tuple[Served, str, str]) -> None:
    served, _, made = there
    statement = "insert into t values (50, :note)"
    sly = save(served, made, statement=statement, parameters=[{"name": "note"}])
    served.refused(403, "read_only", "POST", f"/saved-queries/{sly['id']}/run", {"params": {"note": "x"}})
    assert served.rows(made, "select count(*) from t where id = 50") == [[0]]
    open_ = save(served, made, statement=statement, write=True, parameters=[{"name": "note"}])
    assert served.call("POST", f"/saved-queries/{open_['id']}/run", {"params": {"note": "x"}})["affected"] == 1
    served.write(made, "delete from t where id = 50")


def test_templates_quote_the_chosen_table(there: tuple[Served, str, str]) -> None:
    served, _, made = there
    every = served.get(f"/databases/{made}/templates")
    chosen = served.get(f"/databases/{made}/templates", table=AWKWARD)
    assert 0 < len(chosen) < len(every) + 1
    ran = {each["title"]: served.ask(made, each["statement"]) for each in chosen if not each["title"].startswith("New")}
    assert ran["Row count"]["rows"] == [[1]]
    assert ran["First rows"]["rows"] == [[7]]
    assert ran["Columns of a table"]["rows"][0][0] == "x"


def test_history_is_filtered(there: tuple[Served, str, str]) -> None:
    served, _, made = there
    served.ask(made, "select note as needle_1 from t where id = 4711")
    served.call("POST", f"/databases/{made}/query", {"statement": "select nope from t"}, 422)
    where = f"/databases/{made}/statements"
    found = served.get(where, contains="NEEDLE_1")["items"]
    assert [each["fingerprint"] for each in found] == ["select note as needle_1 from t where id = ?"]
    assert served.get(where, contains="%needle%")["items"] == []
    bad = served.get(where, status="statement_invalid")["items"]
    assert bad
    assert all(each["status"] == "statement_invalid" for each in bad)
    assert all(each["write"] for each in served.get(where, write="true")["items"])
    assert served.get(where, actor="usr_nobody")["items"] == []
    by_chance = ("id", "resource_id", "at", "duration_ms")  # any digits may be in these
    told = [{name: each[name] for name in each if name not in by_chance} for each in served.get(where)["items"]]
    assert "needle_1" in json.dumps(told)
    assert "4711" not in json.dumps(told)


def test_a_private_query_is_nobody_elses(here: World) -> None:
    made = here.create("sqlite", "private")
    rights = ("database.query.read", "database.saved.write", "database.read")
    mine, other = actor_with(*rights), Actor("usr_third", "user", "third", actor_with(*rights).grants)
    service = here.services.saved
    query = service.create(mine, made.id, WantedQuery("secret", "select 1", shared=False))
    service.create(other, made.id, WantedQuery("secret", "select 2", shared=False))
    service.create(mine, made.id, WantedQuery("secret", "select 3"))
    assert [each.statement for each in service.list(other, made.id)] == ["select 2", "select 3"]
    for act in (
        lambda: service.get(other, query.id),
        lambda: service.update(other, query.id, 1, {"name": "x"}),
        lambda: service.delete(other, query.id, 1),
        lambda: service.versions(other, query.id),
    ):
        assert refused("saved_query_not_found", act).status == 404
    shared = service.create(other, made.id, WantedQuery("of another", "select 1"))
    refused("not_yours", lambda: service.update(mine, shared.id, 1, {"shared": False}))
    assert service.get(mine, query.id).version == 1
    assert Question("x").write is False
