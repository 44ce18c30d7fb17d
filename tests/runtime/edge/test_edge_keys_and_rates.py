"""Keys that end, what is told of their use, how often a worker may be asked, and which pages may call it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from edge_kit import QUICK, Running, running, table, telling, worker

from holdfast.runtime.edge import key_uses
from holdfast.runtime.edge.rates import Rate, Rates, network

CORS = {"origins": ["https://shop.example"], "methods": ["GET"], "headers": [], "credentials": True, "max_age": 5}


@pytest.fixture
def it(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path / "r") as made:
        made.serve("app", telling)
        yield made


def put(it: Running, revision: int = 2, **more: Any) -> None:
    it.routes(table(worker(**more), revision=revision))


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_key_ends_by_the_clock_though_nobody_writes_the_table(it: Running) -> None:
    now = int(time.time())
    put(it, keys=[f"{digest('short')}:{now + 4}", f"{digest('gone')}:{now - 1}", digest("long")])
    assert [it.get("/", "app.localhost", f"X-Api-Key: {key}").status for key in ("short", "gone", "long")] == [
        200, 401, 200
    ]  # fmt: skip
    while time.time() < now + 4:
        time.sleep(0.05)
    assert it.get("/", "app.localhost", "X-Api-Key: short").status == 401
    assert it.get("/", "app.localhost", "X-Api-Key: long").status == 200


def test_when_a_key_was_used_last_outlives_the_edge(tmp_path: Path) -> None:
    keys = [digest("one"), digest("two")]
    raw = table(worker(keys=keys), revision=2)
    before = int(time.time())
    for key in ("one", "two"):
        with running(tmp_path / "r", QUICK, raw) as it:
            it.serve("app", telling)
            assert it.get("/", "app.localhost", f"X-Api-Key: {key}").status == 200
            assert it.get("/", "app.localhost", "X-Api-Key: three").status == 401
    seen = key_uses.read(tmp_path / "r")
    assert set(seen) == set(keys), "and nothing of a key that is none"
    assert all(before <= at <= time.time() for at in seen.values())
    assert (tmp_path / "r" / key_uses.FILE).stat().st_mode & 0o777 == 0o600


def test_what_is_over_the_rate_never_reaches_the_worker(it: Running) -> None:
    put(it, rate={"requests": 3, "seconds": 60, "by": "client"}, cors=CORS)
    found = [it.get("/", "app.localhost", "Origin: https://shop.example") for _ in range(5)]
    assert [each.status for each in found] == [200, 200, 200, 429, 429]
    assert found[3].json["error"]["code"] == "rate_limited"
    assert 15 <= int(found[3]["retry-after"]) <= 20
    assert found[3]["access-control-allow-origin"] == "https://shop.example", "a page may read why"
    heard = it.connections["app"]
    assert it.get().status == 429
    assert it.connections["app"] == heard


def test_rates_by_key_and_all_together(it: Running) -> None:
    keys = [digest("one"), digest("two")]
    put(it, keys=keys, rate={"requests": 1, "seconds": 60, "by": "key"})
    asked = ["X-Api-Key: one", "X-Api-Key: one", "X-Api-Key: two", "X-Api-Key: none"]
    assert [it.get("/", "app.localhost", each).status for each in asked] == [200, 429, 200, 401]
    put(it, 3, worker_id="wrk_all", keys=keys, rate={"requests": 1, "seconds": 60, "by": "worker"})
    assert [it.get("/", "app.localhost", each).status for each in asked] == [200, 429, 429, 401]


def test_the_rate_lets_through_what_it_says() -> None:
    rates, rate = Rates(), Rate(10, 5.0, "client")
    at, passed = 100.0, list[float]()
    while at < 120:
        if not rates.wait("w", rate, b"c", at):
            passed.append(at)
        at += 0.01
    assert all(sum(1 for each in passed if at <= each < at + 4.98) <= 20 for at in passed)
    assert 10 + 20 * 2 - 1 <= len(passed) <= 10 + 20 * 2 + 1, "ten at once, then two a second"
    while not (late := rates.wait("w", rate, b"c", 120.0)):
        pass
    assert late <= 0.5
    assert rates.wait("w", rate, b"c", 120.0 + late) == 0, "what retry-after says holds"
    assert rates.wait("other", rate, b"c", 120.0) == 0


def test_who_counts_as_one_client() -> None:
    assert network(b"203.0.113.7") == network(b"::ffff:203.0.113.7") == b"203.0.113.7"
    assert network(b"2001:db8:1:2::1") == network(b"2001:db8:1:2:ffff::9") != network(b"2001:db8:1:3::1")
    assert network(b"no:address") == b"no:address"


def test_caches_are_told_that_the_origin_counts(it: Running) -> None:
    put(it, cors=CORS | {"expose": ["x-total"]})
    good = it.get("/", "app.localhost", "Origin: https://shop.example")
    assert (good["vary"], good["access-control-expose-headers"]) == ("origin", "x-total")
    for more in ((), ("Origin: https://evil.example",)):
        answer = it.get("/", "app.localhost", *more)
        assert (answer["vary"], answer["access-control-allow-origin"]) == ("origin", "")
    put(it, 3, cors=CORS | {"origins": ["*"]})
    assert it.get("/", "app.localhost", "Origin: https://any.example")["vary"] == ""


def test_a_page_that_may_not_call_opens_no_socket_either(it: Running) -> None:
    put(it, cors=CORS)
    upgrade = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: eA==", "Sec-WebSocket-Version: 13")
    refused = it.get("/", "app.localhost", "Origin: https://evil.example", *upgrade)
    assert (refused.status, refused.json["error"]["code"]) == (403, "origin_refused")
    assert it.connections.get("app", 0) == 0
    for origin in ("https://shop.example", "http://app.localhost"):
        answer = it.get("/", "app.localhost", f"Origin: {origin}", *upgrade)
        assert answer.status == 200, "the worker decides"
