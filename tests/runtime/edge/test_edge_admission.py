"""Who may ask, from where, and which version answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from edge_kit import Running, running, saying, table, telling, worker

CORS = {
    "origins": ["https://shop.example", "http://localhost:3000"],
    "methods": ["GET", "PUT"],
    "headers": ["content-type", "x-own"],
    "credentials": True,
    "max_age": 600,
}
SHOP = "Origin: https://shop.example"


@pytest.fixture
def it(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path / "r") as made:
        made.serve("app", telling)
        yield made


def put(it: Running, revision: int = 2, **more: Any) -> None:
    it.routes(table(worker(**more), revision=revision))


def test_a_preflight_is_answered_at_the_edge(it: Running) -> None:
    put(it, cors=CORS, keys=["0" * 64])
    asked = "Access-Control-Request-Method: PUT"
    answer = it.get("/", "app.localhost", SHOP, asked, method="OPTIONS")
    assert answer.status == 204
    assert answer["access-control-allow-origin"] == "https://shop.example"
    assert answer["access-control-allow-methods"] == "GET, PUT"
    assert answer["access-control-allow-headers"] == "content-type, x-own, authorization, x-api-key", "it asks for one"
    assert answer["access-control-allow-credentials"] == "true"
    assert answer["access-control-max-age"] == "600"
    assert answer["vary"] == "origin"
    for origin in ("https://evil.example", "null", "https://shop.example.evil", "https://SHOP.example"):
        refused = it.get("/", "app.localhost", f"Origin: {origin}", asked, method="OPTIONS")
        assert (refused.status, refused["access-control-allow-origin"]) == (403, "")
    assert it.connections.get("app", 0) == 0


def test_answers_say_who_may_read_them_whatever_the_worker_says(it: Running) -> None:
    put(it, cors=CORS)
    lies = b"Access-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: x\r\ncontent-length: 2\r\n\r\nok"
    it.serve("app", saying(b"HTTP/1.1 200 OK\r\n" + lies))
    answer = it.get("/", "app.localhost", SHOP)
    assert [value for name, value in answer.fields if name == "access-control-allow-origin"] == ["https://shop.example"]
    for more in ((), ("Origin: https://evil.example",)):
        assert "access-control-allow-origin" not in dict(it.get("/", "app.localhost", *more).fields)
    put(it, 3)
    assert it.get("/", "app.localhost", SHOP)["access-control-allow-origin"] == "*", "its own business without ours"


def test_refusals_can_be_read_from_the_other_origin_too(it: Running) -> None:
    put(it, cors=CORS, keys=["0" * 64])
    answer = it.get("/", "app.localhost", SHOP)
    assert (answer.status, answer["access-control-allow-origin"]) == (401, "https://shop.example")


def test_every_origin(it: Running) -> None:
    put(it, cors=CORS | {"origins": ["*"], "credentials": True})
    answer = it.get("/", "app.localhost", "Origin: https://any.example")
    assert answer["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in dict(answer.fields)


def test_options_without_a_preflight_goes_to_the_worker(it: Running) -> None:
    put(it, cors=CORS)
    assert it.get(method="OPTIONS").json["start"] == "OPTIONS / HTTP/1.1"
    assert it.get("/", "app.localhost", SHOP, method="OPTIONS").json["start"] == "OPTIONS / HTTP/1.1"


def test_an_api_key(it: Running) -> None:
    keys = [hashlib.sha256(key).hexdigest() for key in (b"key-one", b"key-two")]
    put(it, keys=keys)
    refused = it.get()
    assert (refused.status, refused["www-authenticate"], refused.json["error"]["code"]) == (
        *(401, "Bearer"),
        "key_required",
    )
    good = ("Authorization: Bearer key-one", "authorization: bearer key-two", "X-Api-Key: key-two")
    bad = ("Authorization: Basic key-one", "Authorization: Bearer", "X-Api-Key: key", "Authorization: Bearer key-one x")
    bad += ("X-Api-Key: " + keys[0], "X-Api-Key:")
    assert [it.get("/", "app.localhost", line).status for line in good] == [200] * 3
    assert [it.get("/", "app.localhost", line).status for line in bad] == [401] * len(bad)
    put(it, 3, keys=[])
    assert it.get("/", "app.localhost", good[0]).status == 401, "no key at all lets nobody in"


def test_one_that_is_switched_off(it: Running) -> None:
    put(it, enabled=False)
    answer = it.get()
    assert (answer.status, answer.json["error"]["code"]) == (503, "worker_disabled")
    assert it.connections.get("app", 0) == 0


def versions(*weights: int) -> list[dict[str, Any]]:
    return [{"id": f"v{n}", "token": f"t{n}", "weight": weight, "tag": f"tag{n}"} for n, weight in enumerate(weights)]


def answering(it: Running, count: int) -> None:
    for n in range(count):
        it.serve(f"t{n}", saying(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nv%d" % n))


def test_a_version_is_asked_for_by_header_or_cookie(it: Running) -> None:
    put(it, versions=versions(100, 0))
    answering(it, 2)
    assert it.get().body == b"v0"
    for line in ("Holdfast-Version: v1", "Holdfast-Version: tag1", "Cookie: a=b; holdfast-version=tag1"):
        assert it.get("/", "app.localhost", line).body == b"v1"
    assert it.get("/", "app.localhost", "Holdfast-Version: v9").json["error"]["code"] == "version_unknown"
    assert it.get("/", "app.localhost", "Cookie: holdfast-version=gone").body == b"v0"
    put(it, 3, versions=versions(0, 0))
    assert it.get().json["error"]["code"] == "no_version"
    put(it, 4, versions=[])
    assert it.get().json["error"]["code"] == "no_version"


def test_weights_hold_over_clients_and_each_keeps_its_version(it: Running) -> None:
    put(it, versions=versions(90, 10))
    route = it.edge.table.routes[0]
    found = [route.pick(f"203.0.{n // 256}.{n % 256}".encode()) for n in range(5000)]
    again = [route.pick(f"203.0.{n // 256}.{n % 256}".encode()) for n in range(5000)]
    assert found == again
    share = sum(1 for version in found if version is not None and version.id == "v1") / len(found)
    assert 0.07 < share < 0.13
    answering(it, 2)
    assert len({it.get().body for _ in range(10)}) == 1


BAD_TABLES = {
    "no_json": b"{",
    "twice": table(worker()).replace(b'"revision": 1', b'"revision": 1, "revision": 2'),
    "no_object": b"[]",
    "unknown_key": json.dumps({**json.loads(table()), "more": 1}).encode(),
    "missing_key": b'{"revision": 1, "suffixes": []}',
    "slug": table(worker("-a")),
    "slug_path": table(worker("a/b")),
    "token_path": table(worker(versions=[{"id": "v", "token": "../x", "weight": 1, "tag": None}])),
    "weight": table(worker(versions=[{"id": "v", "token": "x", "weight": -1, "tag": None}])),
    "weight_bool": table(worker(versions=[{"id": "v", "token": "x", "weight": True, "tag": None}])),
    "slug_twice": table(worker(), worker()),
    "host_twice": table(worker(hosts=["a.example"]), worker("b", hosts=["a.example"])),
    "host_of_another": table(worker(hosts=["b.localhost"]), worker("b")),
    "host_bare": table(worker(hosts=["localhost"])),
    "host_upper": table(worker(hosts=["A.example"])),
    "host_line": table(worker(hosts=["a.example\r\nx: y"])),
    "cors_line": table(worker(cors=CORS | {"origins": ["https://x\r\ny: z"]})),
    "key": table(worker(keys=["secret"])),
    "key_until": table(worker(keys=["0" * 64 + ":soon"])),
    "rate": table(worker(rate={"requests": 0, "seconds": 1, "by": "client"})),
    "rate_by": table(worker(rate={"requests": 1, "seconds": 1, "by": "cookie"})),
    "expose_line": table(worker(cors=CORS | {"expose": ["a\r\nb: c"]})),
    "seconds": table(worker(timeout_seconds=0)),
    "seconds_nan": table(worker()).replace(b'"timeout_seconds": 10', b'"timeout_seconds": NaN'),
    "bytes": table(worker(body_bytes=1.5)),
    "enabled": table(worker(enabled=1)),
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_a_table_that_is_none_changes_nothing(name: str, tmp_path: Path) -> None:
    from holdfast.runtime.edge.routes import BadRoutes, parse

    assert parse(table(worker()), tmp_path).revision == 1
    with pytest.raises(BadRoutes):
        parse(BAD_TABLES[name], tmp_path)


def test_a_broken_file_leaves_the_table_and_the_next_good_one_holds(it: Running) -> None:
    from edge_kit import write_routes

    write_routes(it.runtime, b"{broken")
    assert it.get().status == 200
    (it.runtime / "routes.json").unlink()
    assert it.get().status == 200
    put(it, 5, enabled=False)
    assert it.get().status == 503
