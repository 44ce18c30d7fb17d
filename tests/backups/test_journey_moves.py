"""Moves between engines through the api and a real runner: planned, accepted, copied, compared."""

from __future__ import annotations

from typing import Any

import pytest
from journey import Served, eventually, fresh


def planned(served: Served, database: str, engine: str, name: str) -> dict[str, Any]:
    made = served.done(served.call("POST", f"/databases/{database}/moves", {"engine": engine, "name": name}, 202))
    found: dict[str, Any] = served.get(f"/moves/{made['move']['id']}")
    assert found["state"] == "planned", found
    return found


def moved(served: Served, move: dict[str, Any]) -> dict[str, Any]:
    served.done(served.call("POST", f"/moves/{move['id']}/start", {"accept": move["fingerprint"]}, 202))
    found: dict[str, Any] = served.get(f"/moves/{move['id']}")
    assert found["state"] == "succeeded", found
    return found


def test_a_shop_goes_to_postgresql_and_comes_back(served: Served) -> None:
    source = served.create("sqlite", labels={"team": "shop"})["id"]
    served.write(
        source,
        "create table customers (id integer primary key, name text not null, since date default current_date)",
        "create table orders (id integer primary key, customer_id integer references customers on delete cascade,"
        " total real, paid boolean not null default 0)",
        "create index orders_customer on orders (customer_id, total desc)",
        "insert into customers (name) values ('Ada'), ('größe'), ('a\"b''; --')",
        "insert into orders (customer_id, total, paid) select 1 + (value % 3), value * 1.25, value % 2"
        " from json_each('[1,2,3,4,5,6,7,8,9]')",
    )
    plan = planned(served, source, "postgresql", fresh("moved"))
    assert {each["name"]: each["rows"] for each in plan["tables"]} == {"main.customers": 3, "main.orders": 9}
    assert plan["losses"] == []
    there = moved(served, plan)
    target = served.database(there["target_id"])
    assert (target["state"], target["engine"], target["labels"]) == ("ready", "postgresql", {"team": "shop"})
    assert served.rows(target["id"], "select name from public.customers order by id")[2] == ["a\"b'; --"]
    assert served.rows(target["id"], "select sum(total), count(*) filter (where paid) from public.orders") == [
        [56.25, 5]
    ]
    served.write(target["id"], "insert into public.customers (name) values ('next')")
    assert served.rows(target["id"], "select max(id) from public.customers") == [[4]]
    catalog = served.get(f"/databases/{target['id']}/catalog")
    (orders,) = [each for each in catalog["relations"] if each["name"] == "orders"]
    assert orders["foreign_keys"][0]["references"] == "public.customers"
    assert "orders_customer" in {index["name"] for index in orders["indexes"]}
    back = moved(served, planned(served, target["id"], "sqlite", fresh("back")))
    assert back["receipt"]["rows"] == 13
    assert served.rows(back["target_id"], "select name from customers order by id")[2:] == [["a\"b'; --"], ["next"]]
    snapshot = served.snapshot(target["id"])
    assert snapshot["state"] == "ready"  # a database like any other


def test_losses_must_be_accepted_as_they_are(served: Served) -> None:
    source = served.create("sqlite")["id"]
    served.write(source, "create table t (a integer check (a > 0), b integer)", "insert into t values (1, 'odd')")
    name = fresh("lossy")
    plan = planned(served, source, "postgresql", name)
    assert {loss["what"] for loss in plan["losses"]} == {"dropped", "changed"}
    where = f"/moves/{plan['id']}/start"
    served.refused(409, "not_accepted", "POST", where, {"accept": "0" * 64})
    assert not [each for each in served.get("/databases", limit=200)["items"] if each["name"] == name]
    served.write(source, "create view more as select 1")  # what was accepted is no longer all
    run = served.ended(served.call("POST", where, {"accept": plan["fingerprint"]}, 202))
    assert (run["state"], run["error"]["code"]) == ("failed", "plan_stale")
    failed = served.get(f"/moves/{plan['id']}")
    assert failed["state"] == "failed"
    left = served.database(failed["target_id"])
    assert left["state"] == "failed"
    served.refused(409, "not_planned", "POST", where, {"accept": plan["fingerprint"]})
    served.delete(left["id"])
    again = planned(served, source, "postgresql", name)
    assert len(again["losses"]) == len(plan["losses"]) + 1
    receipt = moved(served, again)["receipt"]
    assert [each["text"] for each in receipt["losses"] if each["where"] == "more"] == ["a view"]


def test_refusals_say_why(served: Served) -> None:
    source = served.create("sqlite")
    where = f"/databases/{source['id']}/moves"
    served.refused(422, "same_engine", "POST", where, {"engine": "sqlite", "name": fresh()})
    served.refused(409, "name_taken", "POST", where, {"engine": "postgresql", "name": source["name"]})
    served.refused(422, "spec_invalid", "POST", where, {"engine": "postgresql", "name": "x", "spec": {"version": "7"}})
    served.act(source["id"], "stop")
    served.refused(409, "wrong_state", "POST", where, {"engine": "postgresql", "name": fresh()})
    assert served.get("/moves", resource_id=source["id"])["items"] == []


def test_forgetting_a_plan_leaves_the_database(served: Served) -> None:
    source = served.create("sqlite")["id"]
    plan = planned(served, source, "postgresql", fresh("never"))
    served.call("DELETE", f"/moves/{plan['id']}", status=204)
    served.refused(404, "move_not_found", "GET", f"/moves/{plan['id']}")
    assert served.database(source)["state"] == "ready"


@pytest.mark.slow
def test_a_cancelled_move_leaves_nothing(served: Served) -> None:
    source = served.create("sqlite")["id"]
    served.write(
        source,
        "create table big (id integer primary key, note text)",
        "insert into big with recursive n(i) as (select 1 union all select i + 1 from n where i < 200000)"
        " select i, 'note ' || i from n",
    )
    plan = planned(served, source, "postgresql", fresh("cancelled"))
    made = served.call("POST", f"/moves/{plan['id']}/start", {"accept": plan["fingerprint"]}, 202)
    served.call("POST", f"/runs/{made['run']['id']}/cancel")
    assert served.ended(made)["state"] == "cancelled"
    found = eventually(lambda: (now := served.get(f"/moves/{plan['id']}"))["state"] != "moving" and now)
    assert found["state"] == "cancelled"
    eventually(lambda: served.database(found["target_id"])["state"] == "failed")
