"""Workers in the shape of Cloudflare's published examples that use the bindings we have: a query of D1, and the to-do
backends on FastAPI and on Flask, which waits for its database with `run_sync`. Real sandboxes and databases.

The published ones without such a binding are in tests/runtime/host/examples.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from pool_sandboxes import Deployed, deployed

FOLDER = Path(__file__).with_name("behaviours")


async def journey(at: Deployed, name: str) -> None:
    """As the published test of these backends goes."""
    assert await at.ask(name, "/todos") == (200, [])
    status, made = await at.ask(name, "/todos", "POST", b'{"title": "walk the dog", "order": 95}')
    assert (status, made["title"], made["completed"], made["order"]) == (200, "walk the dog", False, 95)
    path = f"/todos/{made['id']}"
    assert made["url"].endswith(path)
    changed = {"title": "bathe the cat", "completed": True}
    assert (await at.ask(name, path, "PATCH", json.dumps(changed).encode()))[1] == {**made, **changed}
    told = await asyncio.gather(*(at.ask(name, path) for _ in range(8)))
    assert told == [(200, {**made, **changed})] * 8, "many at once"
    assert await at.ask(name, path, "DELETE") == (200, [])
    assert await at.ask(name, path) == (200, {"error": "not found"})
    assert await at.ask(name, "/todos") == (200, [])


def test_a_random_quote(short: Path) -> None:
    async def work() -> None:
        async with deployed(short, ("quotes", FOLDER / "quotes")) as at:
            quote = {"quote": "Simplicity is prerequisite for reliability.", "author": "Edsger Dijkstra"}
            assert await at.ask("quotes") == (200, quote)

    asyncio.run(work())


@pytest.mark.slow
def test_to_do_lists_on_fastapi(short: Path) -> None:
    async def work() -> None:
        async with deployed(short, ("todo-async", FOLDER / "todo-async")) as at:
            await journey(at, "todo-async")

    asyncio.run(work())


def test_to_do_lists_on_flask(short: Path) -> None:
    """A synchronous application: each request in a thread, which waits for the binding on the loop."""

    async def work() -> None:
        async with deployed(short, ("todo-sync", FOLDER / "todo-sync")) as at:
            await journey(at, "todo-sync")
            wrong = 'D1_ERROR: near "NONSENSE": syntax error at offset 0: SQLITE_ERROR'
            assert await at.ask("todo-sync", "/wrong") == (200, {"caught": wrong})
            assert await at.ask("todo-sync", "/nowhere") == (404, {"detail": "Not Found"})

    asyncio.run(work())
