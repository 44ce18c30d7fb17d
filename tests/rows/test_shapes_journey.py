"""Tables made, changed and dropped over HTTP, for every engine that has them."""

from __future__ import annotations

from typing import Any

import pytest
from journey import Served, eventually, fresh
from row_tables import AWKWARD, TABLES, at

ORDERS: dict[str, Any] = {
    "columns": [
        {"name": "id", "type": "integer", "nullable": False},
        {"name": "line", "type": "integer", "nullable": False},
        {"name": "note", "type": "varchar(20)", "default": "'it''s'"},
        {"name": "total", "type": "numeric(12,2)"},
    ],
    "primary_key": ["id", "line"],
    "checks": [{"expression": "total >= 0", "name": "ck_total"}],
}


@pytest.fixture(scope="module", params=TABLES)
def there(request: pytest.FixtureRequest, served: Served) -> tuple[Served, str, str]:
    return served, request.param, served.create(request.param)["id"]


def wish(name: str) -> dict[str, Any]:
    """Names of indexes are the database's, not the table's."""
    own = {
        "unique": [{"columns": ["note", "line"], "name": f"uq_{name}"}],
        "indexes": [{"columns": ["total"], "name": f"ix_{name}"}],
    }
    return ORDERS | own | {"name": name}


def make(served: Served, made: str, name: str) -> Any:
    return served.call("POST", f"/databases/{made}/tables", wish(name), 201)


def show(served: Served, made: str, name: str) -> Any:
    return served.get(at(made, name, "").rstrip("/"))


def alter(served: Served, made: str, name: str, preview: bool = False, **change: Any) -> Any:
    where = at(made, name, "").rstrip("/") + ("?preview=true" if preview else "")
    return served.call("PATCH", where, change)


def refused(served: Served, code: str, made: str, name: str, **change: Any) -> Any:
    """A change that is refused leaves the table as it was."""
    before = show(served, made, name)
    answer = served.raw("PATCH", at(made, name, "").rstrip("/"), change)
    assert answer.status_code in (404, 409, 422), answer.text
    assert answer.json()["error"]["code"] == code, answer.text
    assert show(served, made, name) == before
    return answer.json()["error"]


def test_a_table_is_made_shown_and_dropped(there: tuple[Served, str, str]) -> None:
    served, _, made = there
    name = fresh("orders")
    dry = served.call("POST", f"/databases/{made}/tables?preview=true", wish(name), 201)
    assert not dry["applied"]
    served.refused(404, "table_unknown", "GET", at(made, name, "").rstrip("/"))
    ran = make(served, made, name)
    assert (ran["applied"], ran["statements"]) == (True, dry["statements"])
    shape = show(served, made, name)
    assert (shape["key"], shape["key_kind"]) == (["id", "line"], "primary")
    assert [column["name"] for column in shape["columns"]] == ["id", "line", "note", "total"]
    assert {(c["kind"], c["name"]) for c in shape["constraints"]} >= {("check", "ck_total"), ("unique", f"uq_{name}")}
    assert name in [each["name"] for each in served.get(f"/databases/{made}/tables")["items"]]
    served.call("POST", at(made, name), {"rows": [{"id": 1, "line": 1, "total": "1.50"}]}, 201)
    assert served.rows(made, f'select note from "{name}"') == [["it's"]]
    served.refused(422, "check_violation", "POST", at(made, name), {"rows": [{"id": 2, "line": 1, "total": -1}]})
    served.refused(409, "table_exists", "POST", f"/databases/{made}/tables", wish(name))
    where = at(made, name, "").rstrip("/")
    served.refused(422, "confirm_mismatch", "DELETE", where, {"confirm": "x"})
    assert served.rows(made, f'select count(*) from "{name}"') == [[1]]
    assert served.call("DELETE", where, {"confirm": name})["applied"]
    served.refused(404, "table_unknown", "GET", where)
    audit = eventually(lambda: served.get("/audit", resource_id=made, action="table.drop")["items"])
    assert audit[0]["details"]["table"] == name


def test_a_save_without_a_change_changes_nothing(there: tuple[Served, str, str]) -> None:
    served, _, made = there
    name = fresh("still")
    make(served, made, name)
    before = show(served, made, name)
    same = [
        {"column": "note", "type": "varchar(20)", "nullable": True, "default": "'it''s'"},
        {"column": "total", "type": "numeric(12,2)", "rename": "total"},
        {"column": "line", "nullable": False},
    ]
    if before["columns"][2]["type"] != "varchar(20)":  # the server spells its types out
        same[0] |= {"default": before["columns"][2]["default"]}
    for change in ({}, {"rename": name}, {"columns": same}):
        assert alter(served, made, name, **change)["statements"] == []
    assert show(served, made, name) == before


def test_everything_about_a_table_changes_and_its_rows_stay(there: tuple[Served, str, str]) -> None:
    served, _, made = there
    parent, name, renamed = fresh("parent"), fresh("changing"), fresh("changed")
    make(served, made, parent)
    make(served, made, name)
    for table in (parent, name):
        rows = [{"id": n, "line": 1, "note": f"n{n}", "total": n} for n in range(1, 4)]
        served.call("POST", at(made, table), {"rows": rows}, 201)
    link = {"columns": ["id", "line"], "references": parent, "referenced": ["id", "line"], "name": "fk_parent",
            "on_delete": "CASCADE"}  # fmt: skip
    change = {
        "add_columns": [{"name": "qty", "type": "integer", "nullable": False, "default": "7"}],
        "columns": [
            {"column": "note", "type": "text", "default": None},
            {"column": "total", "nullable": False, "default": "0", "rename": "amount"},
        ],
        "add_foreign_keys": [link],
        "add_checks": [{"expression": "line > 0", "name": "ck_line"}],
        "add_indexes": [{"columns": ["qty"], "name": fresh("ix")}],
        "rename": renamed,
    }
    dry = alter(served, made, name, preview=True, **change)
    assert alter(served, made, name, **change)["statements"] == dry["statements"]
    shape = show(served, made, renamed)
    columns = {column["name"]: column for column in shape["columns"]}
    assert set(columns) == {"id", "line", "note", "amount", "qty"}
    assert (columns["note"]["type"].lower(), columns["note"]["default"]) == ("text", None)
    assert not columns["amount"]["nullable"]
    assert {each["name"] for each in shape["constraints"]} >= {"fk_parent", "ck_line", "ck_total", f"uq_{name}"}
    rows = served.rows(made, f'select id, note, qty from "{renamed}" order by id')
    assert rows == [[1, "n1", 7], [2, "n2", 7], [3, "n3", 7]]
    served.refused(
        409, "foreign_key_violation", "POST", at(made, renamed), {"rows": [{"id": 9, "line": 1, "note": "x"}]}
    )
    served.call("DELETE", at(made, parent, "row", key="[3,1]"))
    assert served.rows(made, f'select count(*) from "{renamed}"') == [[2]]
    error = served.call("DELETE", at(made, parent, "").rstrip("/"), {"confirm": parent}, 409)["error"]
    assert error["code"] == "in_use"
    for column in ("line", "id"):
        error = refused(served, "in_use", made, renamed, drop_columns=[column])
        assert any("foreign key" in user for user in error["details"]["users"])
    alter(served, made, renamed, drop_foreign_keys=["fk_parent"], drop_checks=["ck_line"], drop_columns=["qty"],
          drop_indexes=[change["add_indexes"][0]["name"]])  # fmt: skip
    shape = show(served, made, renamed)
    assert {each["name"] for each in shape["constraints"]} == {"ck_total", f"uq_{name}"}
    alter(served, made, renamed, drop_unique=[f"uq_{name}"], drop_columns=["note"])
    assert served.rows(made, f'select * from "{renamed}" order by id') in (
        [[1, 1, 1], [2, 1, 2]],
        [[1, 1, "1.00"], [2, 1, "2.00"]],
    )


def test_what_does_not_fit_is_refused_whole(there: tuple[Served, str, str]) -> None:
    served, _, made = there
    name = fresh("firm")
    make(served, made, name)
    rows = [{"id": n, "line": 1, "note": f"n{n}", "total": None} for n in range(3)]
    served.call("POST", at(made, name), {"rows": rows}, 201)
    extra = {"add_columns": [{"name": "extra", "type": "integer"}]}
    refused(served, "not_null_violation", made, name, columns=[{"column": "total", "nullable": False}], **extra)
    refused(served, "check_violation", made, name, add_checks=[{"expression": "id > 1"}], **extra)
    refused(served, "unique_violation", made, name, add_unique=[{"columns": ["line"]}], **extra)
    link = {"columns": ["id"], "references": "nowhere_at_all", "referenced": ["id"]}
    assert served.raw("PATCH", at(made, name, "").rstrip("/"), {"add_foreign_keys": [link]}).status_code in (404, 409)
    refused(served, "column_unknown", made, name, drop_columns=["nope"])
    refused(served, "column_unknown", made, name, columns=[{"column": "nope", "nullable": False}])
    refused(served, "constraint_unknown", made, name, drop_foreign_keys=["nope"])
    refused(served, "constraint_unknown", made, name, drop_indexes=["nope"])
    refused(served, "column_exists", made, name, add_columns=[{"name": "note", "type": "text"}])
    refused(served, "in_use", made, name, drop_columns=["id"])
    for bad in ("int default 5", "int); drop table x; --", "int, b int", "int /* x */", "text collate nocase"):
        refused(served, "shape_invalid", made, name, add_columns=[{"name": "b", "type": bad}])
    for bad in ("1); drop table x", "1 -- ", "1, b int", "(1", "'", '"', "1 /* */"):
        refused(served, "shape_invalid", made, name, add_columns=[{"name": "b", "type": "int", "default": bad}])
        refused(served, "shape_invalid", made, name, add_checks=[{"expression": bad}])
    served.write(made, f'create view "{name}_v" as select note from "{name}"')
    refused(served, "in_use", made, name, drop_unique=[f"uq_{name}"], drop_columns=["note"])
    assert served.call("DELETE", at(made, name, "").rstrip("/"), {"confirm": name}, 409)["error"]["code"] == "in_use"
    assert served.rows(made, f'select count(*) from "{name}_v"') == [[3]]


def test_names_are_names(there: tuple[Served, str, str]) -> None:
    served, _, made = there
    names = [AWKWARD, "select", "x" * 63, "a.b", "ünï-表"]
    for name in names:
        column = {"name": name, "type": "integer"}
        body = {"name": name, "columns": [column, {"name": "other", "type": "text"}], "primary_key": [name],
                "indexes": [{"columns": ["other", name]}]}  # fmt: skip
        served.call("POST", f"/databases/{made}/tables", body, 201)
        served.call("POST", at(made, name), {"rows": [{name: 1, "other": name}]}, 201)
        alter(served, made, name, columns=[{"column": "other", "nullable": False, "rename": f"{name[:60]}2"}])
        assert show(served, made, name)["columns"][1]["name"] == f"{name[:60]}2"
        page = served.get(at(made, name))
        assert page["rows"][0]["values"] == {name: 1, f"{name[:60]}2": name}
        served.call("DELETE", at(made, name, "").rstrip("/"), {"confirm": name})
    assert not set(names) & {each["name"] for each in served.get(f"/databases/{made}/tables")["items"]}
