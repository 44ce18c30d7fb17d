"""Whoever signs in waits for a turn; nobody else waits for them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from inside import Inside, inside
from test_canary_inputs import secret_inputs

from holdfast.http import HASHING
from holdfast.web import turns
from holdfast.web.turns import Turns

SEALED_ONLY = {  # secrets that are sealed, looked up by a plain hash, or tokens: nothing costs time here
    "POST /api/v1/tokens/refresh",
}


@pytest.fixture(scope="module")
def here() -> Iterator[Inside]:
    with inside() as made:
        yield made


def test_every_route_that_takes_a_password_waits_for_its_turn(here) -> None:
    """By the description: a new route with a password field that has no turn is named here."""
    taking = {
        route
        for route, paths in secret_inputs(here).items()
        if any(re.search("password|passphrase", at[-1]) for at in paths) and route not in SEALED_ONLY
    }
    assert taking - HASHING == set()
    routes = {
        f"{method.upper()} {path}" for path, found in here.client.app.openapi()["paths"].items() for method in found
    }
    assert HASHING - routes == set(), "no longer served"


class Slow:
    """An application whose requests end when they are told to; it counts how many were in it at once."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.inside = self.most = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.inside += 1
        self.most = max(self.most, self.inside)
        if scope["path"] == "/slow":
            await self.gate.wait()
        self.inside -= 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def client(slow: Slow) -> httpx.AsyncClient:
    app = Turns(slow, routes=frozenset({"POST /slow"}))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://x", timeout=30)


def test_four_at_a_time_and_the_others_are_not_in_the_way() -> None:
    async def story() -> None:
        slow = Slow()
        async with client(slow) as http:
            waiting = [asyncio.create_task(http.post("/slow")) for _ in range(50)]
            await asyncio.sleep(0.05)
            assert slow.inside == turns.AT_ONCE
            assert (await asyncio.wait_for(http.get("/slow-not"), 2)).status_code == 200
            slow.gate.set()
            assert {answer.status_code for answer in await asyncio.gather(*waiting)} == {200}
            assert slow.most <= turns.AT_ONCE + 1

    asyncio.run(story())


def test_the_line_has_an_end_and_whoever_leaves_it_takes_no_place(monkeypatch) -> None:
    monkeypatch.setattr(turns, "MOST_WAITING", 3)

    async def story() -> None:
        slow = Slow()
        async with client(slow) as http:
            first = [asyncio.create_task(http.post("/slow")) for _ in range(turns.AT_ONCE + 3)]
            await asyncio.sleep(0.05)
            refused = await http.post("/slow")
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "busy")
            assert refused.headers["retry-after"] == "10"
            first[-1].cancel()
            await asyncio.sleep(0.05)
            late = asyncio.create_task(http.post("/slow"))
            await asyncio.sleep(0.05)
            slow.gate.set()
            assert (await late).status_code == 200
            await asyncio.gather(*first, return_exceptions=True)
            assert (await http.post("/slow")).status_code == 200

    asyncio.run(story())
