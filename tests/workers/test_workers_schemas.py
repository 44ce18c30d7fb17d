"""Declared routes from the upload to those who run them, and the OpenAPI document made of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from openapi_spec_validator import OpenAPIV31SpecValidator
from workers_house import House, project

from holdfast.features.workers.live import living
from holdfast.features.workers.model import worker_versions
from holdfast.runtime.pool.process import payload

ITEM = {
    "type": "object",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {"name": {"type": "string", "minLength": 1}, "parent": {"$ref": "#/$defs/Link"}},
    "$defs": {"Link": {"type": "string", "format": "uuid"}},
}
ROUTES: list[dict[str, Any]] = [
    {
        "method": "PUT",
        "path": "/items/{id}",
        "summary": "Change <b>one</b>",
        "params": {"properties": {"id": {"type": "integer", "minimum": 1}}},
        "query": {"properties": {"dry": {"type": "boolean", "description": "Only look."}}, "required": ["dry"]},
        "body": {"$ref": "#/components/schemas/Item"},
        "response": {"$defs": {"Ok": {"const": True}}, "properties": {"ok": {"$ref": "#/$defs/Ok"}}},
    },
    {"method": "GET", "path": "/items/{id}", "responses": {"404": {"description": "There is none."}}},
]


def files(**own: Any) -> dict[str, str | bytes]:
    made = project("shop", holdfast={"routes": ROUTES, "schemas": {"Item": "schemas/item.json"}} | own)
    return made | {"schemas/item.json": json.dumps(ITEM)}


def test_from_the_upload_to_those_who_run_it(house: House) -> None:
    worker = house.worker("declared")
    version = house.upload(worker, files())
    house.deploy(worker, version)
    (now,) = [each for each in living(house.services.db, house.settings.data) if each.worker_id == worker["id"]]
    assert now.schemas == {"Item": ITEM}, "the file's schema stands in its place"
    assert [(each["method"], each["path"]) for each in now.routes] == [("PUT", "/items/{id}"), ("GET", "/items/{id}")]
    assert now.routes[0]["body"] == {"$ref": "#/components/schemas/Item"}
    assert now.answers == "log"
    change = {"settings": {"answers": "refuse"}}
    house.call("PATCH", f"/workers/{worker['id']}", json=change, headers={"If-Match": '"v1"'})
    (now,) = [each for each in living(house.services.db, house.settings.data) if each.worker_id == worker["id"]]
    assert now.answers == "refuse"
    assert json.loads(payload(now, {}))["answers"] == "refuse"


def test_where_the_code_has_a_document_itself(house: House, tmp_path: Path) -> None:
    """Told by the packages of a version that declares nothing; the console reads it from there."""
    worker = house.worker("own-document")
    version = house.upload(worker, project("own"))
    where = f"/workers/{worker['id']}/openapi"
    assert "x-holdfast-own" not in house.call("GET", where)
    for package, path in (("fastapi", "/openapi.json"), ("litestar", "/schema/openapi.json")):
        (tmp_path / package / package).mkdir(parents=True)
        with house.services.db.write() as conn:
            of = worker_versions.c.id == version["id"]
            conn.execute(sa.update(worker_versions).where(of).values(packages=str(tmp_path / package)))
        assert house.call("GET", where)["x-holdfast-own"] == path
    house.upload(worker, files())
    assert "x-holdfast-own" not in house.call("GET", where), "its newest version declares routes"


def test_the_document(house: House) -> None:
    worker = house.worker("described", description="Sells <things>.")
    version = house.upload(worker, files(), tag="v1")
    where = f"/workers/{worker['id']}/openapi"
    assert list(house.call("GET", where)["paths"]) == ["/items/{id}"], "of the newest, before one is deployed"
    house.deploy(worker, version)
    made = house.call("GET", where)
    OpenAPIV31SpecValidator(made).validate()
    put = made["paths"]["/items/{id}"]["put"]
    assert [(each["name"], each["in"], each["required"]) for each in put["parameters"]] == [
        ("id", "path", True), ("dry", "query", True)
    ]  # fmt: skip
    assert made["components"]["schemas"]["Item"]["properties"]["parent"] == {
        "$ref": "#/components/schemas/Item/$defs/Link"
    }
    assert set(put["responses"]) == {"200", "422"}
    assert "422" not in made["paths"]["/items/{id}"]["get"]["responses"], "nothing of it is looked at"
    assert (made["info"]["version"], "security" in made) == ("v1", False)
    house.call(
        "PATCH", f"/workers/{worker['id']}", json={"settings": {"protected": True}}, headers={"If-Match": '"v1"'}
    )
    assert house.call("GET", where)["security"] == [{"key": []}, {"header": []}]

    page = house.client.get(f"/api/v1{where}?html=true")
    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert "sandbox" in policy
    assert "Change &lt;b&gt;one&lt;/b&gt;" in page.text
    assert "Sells &lt;things&gt;." in page.text
    assert "<b>" not in page.text


def test_without_declared_routes_it_says_what_to_do(house: House) -> None:
    worker = house.worker("undeclared")
    made = house.call("GET", f"/workers/{worker['id']}/openapi")
    assert (made["paths"], made["info"]["version"]) == ({}, "-")
    house.deploy(worker, house.upload(worker, project()))
    made = house.call("GET", f"/workers/{worker['id']}/openapi")
    OpenAPIV31SpecValidator(made).validate()
    assert "/openapi.json" in made["x-holdfast-hint"]
    assert "/openapi.json" in house.client.get(f"/api/v1/workers/{worker['id']}/openapi?html=true").text


def test_another_workers_version(house: House) -> None:
    one, other = house.worker("one"), house.worker("other")
    version = house.upload(other, files())
    where = f"/workers/{one['id']}/openapi"
    for each in (version["id"], "wver_" + "0" * 26):
        assert house.call("GET", where, 404, params={"version_id": each})["error"]["code"] == "worker_version_not_found"


ROUTE = {"method": "POST", "path": "/a/{b}"}
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "keyword": ({"routes": [{**ROUTE, "body": {"minimun": 1}}]}, "holdfast.routes[0].body.minimun"),
    "key": ({"routes": [{**ROUTE, "bodi": {}}]}, "holdfast.routes[0].bodi"),
    "method": ({"routes": [{"method": "get", "path": "/"}]}, "holdfast.routes[0].method"),
    "path": ({"routes": [{"method": "GET", "path": "a"}]}, "holdfast.routes[0].path"),
    "template": ({"routes": [{"method": "GET", "path": "/a{b}"}]}, "holdfast.routes[0].path"),
    "param": ({"routes": [{**ROUTE, "params": {"properties": {"c": {}}}}]}, "holdfast.routes[0].params.properties.c"),
    "query": ({"routes": [{**ROUTE, "query": {"type": "object"}}]}, "holdfast.routes[0].query"),
    "header": ({"routes": [{**ROUTE, "headers": {"properties": {"X-A": {}}}}]},
               "holdfast.routes[0].headers.properties.X-A"),
    "twice": ({"routes": [ROUTE, {"method": "POST", "path": "/a/{c}/"}]}, "holdfast.routes[1].path"),
    "get with body": ({"routes": [{"method": "GET", "path": "/", "body": {}}]}, "holdfast.routes[0].body"),
    "no file": ({"routes": [{**ROUTE, "body": "none.json"}]}, "holdfast.routes[0].body"),
    "out of the project": ({"routes": [{**ROUTE, "body": "../x.json"}]}, "holdfast.routes[0].body"),
    "no json": ({"routes": [{**ROUTE, "body": "broken.json"}]}, "holdfast.routes[0].body"),
    "in a file": ({"routes": [{**ROUTE, "body": "bad.json"}]}, "holdfast.routes[0].body.properties.a.typ"),
    "status": ({"routes": [{**ROUTE, "responses": {"20": {}}}]}, "holdfast.routes[0].responses.20"),
    "shared": ({"schemas": {"A": {"typ": 1}}}, "holdfast.schemas.A.typ"),
    "not shared": ({"routes": [{**ROUTE, "body": {"$ref": "#/components/schemas/B"}}], "schemas": {"A": {}}},
                   "holdfast.routes[0].body.$ref"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_no_declaration(house: House, name: str) -> None:
    own, place = BAD[name]
    worker = house.worker("refused")
    made = project("refused", holdfast=own) | {"broken.json": "{", "bad.json": '{"properties": {"a": {"typ": 1}}}'}
    body = {"files": {path: {"text": str(text)} for path, text in made.items()}}
    error = house.call("POST", f"/workers/{worker['id']}/versions/files", 422, json=body)["error"]
    assert error["code"] == "wrangler_invalid"
    assert [each["field"] for each in error["details"]["fields"]][:1] == [place]
    assert house.call("GET", f"/workers/{worker['id']}/versions")["items"] == []
