"""Every route with what no client of ours sends: never a 5xx, never a word of how it is built, always its headers."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from typing import Any

import pytest
from inside import EVERYTHING, Inside, inside
from starlette.testclient import TestClient
from walk_routes import ANONYMOUS, ASKS

from leak_watch import ODD_VALUES

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("route-fuzz")]

ROUTES = {route: ask for route, ask in {**ANONYMOUS, **ASKS}.items() if " #" not in route}
WITH_BODY = [route for route, ask in ROUTES.items() if ask.body is not None]
ODD: list[Any] = [
    None,
    True,
    -1,
    2**63,
    10**400,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "\0",
    "a\0b",
    "\ud800",
    "\u202e\u0000\uffff",
    "%s%n{0}{{}}${jndi:x}",
    "'; DROP TABLE users; --",
    "../../../../etc/passwd",
    "=cmd|' /C calc'!A0",
    "<script>alert(1)</script>",
    "a" * 100_000,
    [],
    [[]] * 50,
    {},
    {"$ne": None},
    {"__proto__": {"x": 1}, "__class__": "x"},
    "2026-13-45T99:99:99Z",
    "0001-01-01T00:00:00+00:00",
    "9999-12-31T23:59:59.999999-23:59",
]
RAW = {
    "nothing": b"",
    "no json": b"{",
    "no object": b"[]",
    "a number": b"1",
    "a word": b"null",
    "twice the same name": b'{"name": "a", "name": "b"}',
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "deep in a field": b'{"name": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "a huge number": b'{"limit": ' + b"9" * 5000 + b"}",
    "not utf-8": b'{"name": "\xff\xfe"}',
    "utf-16": '{"name": "x"}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "half a surrogate": b'{"name": "\\ud800"}',
    "a nul": b'{"name": "\\u0000", "email": "\\u0000", "password": "\\u0000", "statement": "\\u0000"}',
    "a form": b"name=a&password=b",
    "xml": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><x>&y;</x>',
}
LEAKS = re.compile(
    r"Traceback|File \"|\.py\b|sqlalchemy|apsw|psycopg|\bSELECT\b.*\bFROM\b|INSERT INTO|/tmp/|/usr/|site-packages"
    r"|root:x:|holdfast\.(features|kernel|web)|object at 0x|Exception\b|KeyError|TypeError",
    re.IGNORECASE,
)
KEPT_BY_ANYONE = {"/.well-known/jwks.json", "/"}  # public keys and the dashboard, the same for everybody
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


@pytest.fixture(scope="module")
def here() -> Iterator[Inside]:
    with inside() as made:
        client = TestClient(made.client.app, base_url="http://127.0.0.1:7700", raise_server_exceptions=False)
        client.headers[ODD_VALUES] = "1"  # the same odd value goes into a password and into a name
        made.client.app.state.closing.set()  # streams without an end of their own end at once
        with client:
            made.client = client
            yield made


@pytest.fixture(scope="module")
def headers(here: Inside) -> dict[str, str]:
    """A key that may do everything: what it sends gets as far as it can."""
    return here.key(permissions=EVERYTHING)


def judge(answer: Any, sent: object) -> None:
    """No 5xx but from a part that says it is away; one shape; nothing of the inside; the headers of all answers."""
    told = answer.request.method != "HEAD"  # RFC 9110, 9.3.2: an answer to it has no body
    assert answer.status_code < 500 or not told or answer.json()["error"]["code"] not in ("internal", "corrupt"), (
        sent,
        answer.text,
    )
    for name, value in HEADERS.items():
        assert answer.headers[name] == value, (name, sent)
    policy = answer.headers["content-security-policy"]
    assert "unsafe-" not in policy.replace("style-src 'self' 'unsafe-inline'", "", answer.request.url.path == "/")
    assert "default-src 'none'" in policy
    assert "base-uri 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    if answer.request.url.path not in KEPT_BY_ANYONE:
        assert answer.headers["cache-control"] == "no-store" or "private" in answer.headers["cache-control"]
    assert "server" not in answer.headers
    assert "x-powered-by" not in answer.headers
    if answer.status_code >= 400 and told:
        assert set(answer.json()) == {"error"}
        assert answer.headers["content-type"] == "application/json"
        said = answer.text.replace("entry.py", "")  # the request's own name for a field: nothing of the inside
        assert not LEAKS.search(said), (sent, LEAKS.search(said), answer.text[:2000])


def ask(
    here: Inside, route: str, credential: dict[str, Any], more: dict[str, Any] | None = None, **changes: Any
) -> Any:
    method, path = route.partition(" #")[0].split(" ", 1)
    request = {**ROUTES[route].request(path, here.ids["mine"]), **changes}
    request["headers"] = {"If-Match": '"v1"', **credential, **(more or {})}
    if "content" in changes:
        request.pop("json", None)
    here.client.cookies.clear()
    return here.client.request(method, **request)


def variants(body: dict[str, Any], chance: random.Random) -> Iterator[dict[str, Any]]:
    """Each field once odd, once gone; one that is not there; and nested where a list or an object was."""
    yield {}
    yield {**body, "is_admin": True, "id": "usr_x", "role": "owner", "created_by": "local:0"}
    for name, value in body.items():
        yield {key: item for key, item in body.items() if key != name}
        for odd in chance.sample(ODD, 7):
            yield {**body, name: odd}
        yield {**body, name: [value]}
        yield {**body, name: {"value": value}}


def dumped(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=True).encode()


@pytest.mark.parametrize("route", WITH_BODY)
def test_fields_of_other_types(here, headers, route) -> None:
    _method, path = route.partition(" #")[0].split(" ", 1)
    chance = random.Random(route)
    body = ROUTES[route].request(path, here.absent)["json"]
    where = ROUTES[route].request(path, here.absent)["url"]
    for changed in variants(body, chance):
        answer = ask(here, route, headers, url=where, more=JSON, content=dumped(changed))
        judge(answer, changed)


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("route", WITH_BODY)
def test_bodies_that_are_none(here, headers, route) -> None:
    _method, path = route.partition(" #")[0].split(" ", 1)
    where = ROUTES[route].request(path, here.absent)["url"]
    for name, content in RAW.items():
        judge(ask(here, route, headers, url=where, more=JSON, content=content), name)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/xml", ""):
        judge(ask(here, route, headers, url=where, more={"Content-Type": kind}, content=b'{"name": "x"}'), kind)


@pytest.mark.parametrize("route", ROUTES)
def test_odd_paths_and_queries(here, headers, route) -> None:
    """In each place of the path, in every parameter that the route describes and in some that it does not."""
    method, path = route.partition(" #")[0].split(" ", 1)
    places = [name for name in re.findall(r"\{(\w+)(?::\w+)?\}", path) if name not in ROUTES[route].fill]
    mine = ROUTES[route].request(path, here.absent)["url"]
    for odd in (
        "%00",
        "..%2f..%2fetc%2fpasswd",
        "'",
        "%ff%fe",
        "a" * 3000,
        "%0d%0aX-Injected:%201",
        "-1",
        "{}",
        "%F0%9F%92%A9",
    ):
        if places:
            answer = ask(here, route, headers, url=re.sub(r"[a-z]+_0{26}", odd, mine))
            judge(answer, odd)
            assert "x-injected" not in answer.headers
    schema = here.client.app.openapi()["paths"].get(re.sub(r":path", "", path), {}).get(method.lower(), {})
    named = [each["name"] for each in schema.get("parameters", []) if each["in"] == "query"]
    for name in [*named, "limit", "cursor", "unknown"]:
        for odd in ("-1", "9" * 400, "\0", "a" * 5000, "WyJcdTAwMDAiXQ", "' OR 1=1 --"):
            judge(ask(here, route, headers, url=mine, params=[(name, odd), (name, "1")]), (name, odd))


@pytest.mark.parametrize("route", [route for route in ROUTES if ROUTES[route].body is not None])
def test_odd_headers(here, headers, route) -> None:
    _method, path = route.partition(" #")[0].split(" ", 1)
    where = ROUTES[route].request(path, here.absent)["url"]
    for name in ("If-Match", "Idempotency-Key", "X-Request-Id", "Cookie", "Content-Encoding"):
        for odd in ("", '"v99999999999"', "a" * 3000, "\x7f\xff".encode("latin-1"), "holdfast_session=%00;a==;"):
            judge(ask(here, route, headers, more={name: odd}, url=where), (name, odd))
    for odd in (
        "Bearer",
        "Bearer ",
        "bearer \xff",
        "Bearer " + "a" * 9000,
        "Digest x",
        "Bearer hf_é",
        "Bearer a b c",
        "=?",
    ):
        answer = ask(here, route, {"Authorization": odd.encode("utf-8", "replace")}, url=where)
        judge(answer, odd)
        assert answer.status_code in (401, 403, 404, 409, 422, 429), (odd, answer.text)
