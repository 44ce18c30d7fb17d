"""Requests against declared schemas: what does not fit never reaches the worker's code."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

Start = Callable[..., Any]
CLASS = """
from workers import WorkerEntrypoint, Response

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        print("heard", request.method)
        return Response.json({"url": request.url, "body": await request.text()})

    async def twice(self, number):
        return 2 * number
"""
ASGI = """
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        told = await receive()
        body, more = body + told["body"], told["more_body"]
    print("heard", scope["method"])
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["path"].encode() + b" " + body})
"""
ITEM = {
    "type": "object",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "minLength": 1},
        "price": {"type": "number", "minimum": 0},
        "tags": {"type": "array", "items": {"$ref": "#/components/schemas/Tag"}},
    },
}
ROUTES = [
    {
        "method": "POST",
        "path": "/items/{id}",
        "params": {"properties": {"id": {"type": "integer", "minimum": 1}}},
        "query": {
            "properties": {"dry": {"type": "boolean"}, "n": {"type": "array", "items": {"type": "integer"}}},
            "additionalProperties": False,
        },
        "headers": {"properties": {"x-tenant": {"pattern": "^[a-z]+$"}}, "required": ["x-tenant"]},
        "body": ITEM,
    },
    {"method": "POST", "path": "/items/new", "body": {"const": "new"}},
    {"method": "GET", "path": "/items", "query": {"properties": {"limit": {"type": "integer", "maximum": 9}}}},
    {"method": "PATCH", "path": "/items/{id}", "body": {"type": "object"}, "body_required": False},
]
SCHEMAS = {"Tag": {"$ref": "#/$defs/t", "$defs": {"t": {"pattern": "^[a-z]+$"}}}}
GOOD = {"name": "tea", "price": 3.5, "tags": ["hot"]}
TENANT = {"x-tenant": "acme"}


@pytest.fixture(params=["class", "asgi"])
def it(request: pytest.FixtureRequest, start: Start) -> Any:
    return start(CLASS if request.param == "class" else ASGI, routes=ROUTES, schemas=SCHEMAS)


def fields(answer: Any, status: int = 422) -> list[tuple[str, str]]:
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert (error["code"], answer.headers["content-type"]) == ("request_invalid", "application/json")
    return [(each["field"], each["message"]) for each in error["details"]["fields"]]


def test_what_fits_reaches_the_code_whole(it: Any) -> None:
    with it.client() as client:
        answer = client.post("/items/7?dry=true&n=1&n=2", json=GOOD, headers=TENANT)
        assert answer.status_code == 200, answer.text
        is_json = "json" in answer.headers.get("content-type", "")
        assert json.loads(answer.json()["body"] if is_json else answer.text.partition(" ")[2]) == GOOD
        assert client.post("/elsewhere", content=b"\x00 anything").status_code == 200, "no route is declared there"
        assert client.put("/items/7", content=b"x").status_code == 200
        pieces = (piece for piece in (b'{"name": ', b'"', b"a" * 300_000, b'"}'))
        chunked = client.post("/items/7", content=pieces, headers={**TENANT, "content-type": "application/json"})
        assert (chunked.status_code, chunked.text.count("a" * 300_000)) == (200, 1)
        assert client.patch("/items/7").status_code == 200, "its body may be missing"


def test_what_does_not_fit_is_named_and_never_heard(it: Any) -> None:
    with it.client() as client:
        wrong = client.post("/items/0?dry=yes&n=x&m=1&dry=no", json={"price": -1, "tags": ["a", "B"], "x": 1})
        assert fields(wrong) == [
            ("params.id", "must be at least 1"),
            ("query.dry", "is there twice"),
            ("query.dry", "must be true or false"),
            ("query.n[0]", "must be a whole number"),
            ("query.m", "is not known here"),
            ("headers.x-tenant", "is missing"),
            ("body.name", "is missing"),
            ("body.x", "is not known here"),
            ("body.price", "must be at least 0"),
            ("body.tags[1]", "must match ^[a-z]+$"),
        ]
        assert wrong.json()["error"]["message"] == "params.id must be at least 1 (and 9 more)"
        assert fields(client.post("/items/1", headers=TENANT)) == [("body", "is missing")]
        assert fields(client.get("/items?limit=10")) == [("query.limit", "must be at most 9")]
        assert fields(client.request("PATCH", "/items/1", json=[])) == [("body", "must be an object")]
        broken = client.post("/items/1", content=b"{", headers={**TENANT, "content-type": "application/json"})
        assert fields(broken)[0][0] == "body"
        assert client.head("/items?limit=10").status_code == 422, "HEAD is asked as GET"
        for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
            answer = client.post("/items/1", content=b"{}", headers={**TENANT, "content-type": kind})
            assert (answer.status_code, answer.json()["error"]["code"]) == (415, "media_type_unsupported")
        packed = {**TENANT, "content-type": "application/json", "content-encoding": "gzip"}
        assert client.post("/items/1", content=b"{}", headers=packed).status_code == 415
    it.invocation(status=422)
    assert not [text for _, text in it.logs() if "heard" in text]


@pytest.mark.parametrize(
    "path",
    ["/items/x", "/items/x/", "//items//x", "/%69tems/x", "/items%2Fx", "/a/../items/x", "/a/%2e%2e/items/x",
     "/./items/x", "/items\\x", "/items/%78", "http://shop.example/items/x"],
)  # fmt: skip
def test_no_way_of_writing_a_path_gets_past_its_rule(start: Start, path: str) -> None:
    host = start(CLASS, routes=ROUTES, schemas=SCHEMAS)
    body = json.dumps(GOOD).encode()
    with host.raw() as line:
        head = f"POST {path} HTTP/1.1\r\nhost: a\r\nx-tenant: acme\r\ncontent-type: application/json\r\n"
        line.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        assert line.recv(100).startswith(b"HTTP/1.1 422 "), path


def test_the_more_definite_route_counts(start: Start) -> None:
    with start(CLASS, routes=ROUTES, schemas=SCHEMAS).client() as client:
        assert client.post("/items/new", json="new").status_code == 200
        assert fields(client.post("/items/new", json="old")) == [("body", 'must be "new"')]


def test_a_body_too_large_to_be_looked_at_and_one_that_never_ends(start: Start) -> None:
    host = start(CLASS, routes=ROUTES, schemas=SCHEMAS, limits={"timeout_seconds": 1})
    kind = {**TENANT, "content-type": "application/json"}
    with host.client() as client:
        assert client.post("/items/1", content=b" " * (5 << 20), headers=kind).status_code == 413
    with host.raw() as line:
        head = b"POST /items/1 HTTP/1.1\r\nhost: a\r\nx-tenant: acme\r\ncontent-type: application/json\r\n"
        line.sendall(head + b"content-length: 20\r\n\r\n{")
        assert line.recv(100).startswith(b"HTTP/1.1 504 ")
    assert host.get("/items").status_code == 200


def test_calls_by_name_are_no_requests(start: Start) -> None:
    """A service binding's fetch is looked at as any other; a method called by name has arguments of its own."""
    host = start(CLASS, routes=ROUTES, schemas=SCHEMAS)
    with host.inner() as client:
        service = {"holdfast-service": "", "holdfast-url": "http://words/items?limit=10"}
        assert client.get("/items?limit=10", headers=service).status_code == 422


def test_pipelined_requests_after_a_refusal(start: Start) -> None:
    host = start(CLASS, routes=ROUTES, schemas=SCHEMAS)
    with host.raw() as line:
        first, last = b"GET /items?limit=99 HTTP/1.1\r\nhost: a\r\n", b"GET /items HTTP/1.1\r\nhost: a\r\n"
        line.sendall(first + b"\r\n" + last + b"connection: close\r\n\r\n")
        told = b""
        while data := line.recv(65536):
            told += data
    assert [told.count(each) for each in (b"HTTP/1.1 422 ", b"HTTP/1.1 200 ")] == [1, 1]
