"""Answers against the schemas declared for them: told in the log, refused, or let pass."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

Start = Callable[..., Any]
CLASS = """
import json
from workers import ReadableStream, Response, WorkerEntrypoint

async def pieces(texts):
    for each in texts:
        yield each.encode()

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        made = json.loads(await request.text())
        texts, headers = made["texts"], {"content-type": made.get("type", "application/json")}
        status = made.get("status", 200)
        if made.get("as") == "whole":
            return Response("".join(texts), status=status, headers=headers)
        if made.get("as") == "measured":
            headers["content-length"] = str(made.get("length") or len("".join(texts).encode()))

        return Response(ReadableStream.of(pieces(texts)), status=status, headers=headers)
"""
ASGI = """
import json

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        told = await receive()
        body, more = body + told["body"], told["more_body"]
    made = json.loads(body)
    pieces = [each.encode() for each in made["texts"]]
    headers = [(b"content-type", made.get("type", "application/json").encode())]
    if made.get("as") == "measured":
        headers.append((b"content-length", b"%d" % (made.get("length") or len(b"".join(pieces)))))
    await send({"type": "http.response.start", "status": made.get("status", 200), "headers": headers})
    if made.get("as") == "whole":
        await send({"type": "http.response.body", "body": b"".join(pieces)})
        return
    for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
"""
TAG = {"$ref": "#/components/schemas/Tag"}
ROUTES = [
    {
        "method": "POST",
        "path": "/items/{id}",
        "responses": {
            "200": {
                "description": "It.",
                "schema": {
                    "type": "object",
                    "required": ["price"],
                    "properties": {"price": {"type": "number", "minimum": 0}, "tag": TAG},
                },
            },
            "404": {"description": "There is none."},
            "default": {"description": "Else.", "schema": {"required": ["error"]}},
        },
    }
]  # fmt: skip
SCHEMAS = {"Tag": {"pattern": "^[a-z]+$"}}
GOOD = ['{"price": 3.5, ', '"tag": "hot"}']
BAD = ['{"price": -1, ', '"tag": "HOT"}']
WAYS = ("whole", "measured")


@pytest.fixture(params=["class", "asgi"])
def code(request: pytest.FixtureRequest) -> str:
    return CLASS if request.param == "class" else ASGI


def ask(it: Any, path: str = "/items/7", **made: Any) -> Any:
    with it.client() as client:
        return client.post(path, json=made)


def warned(it: Any) -> list[str]:
    return [text for level, text in it.logs() if "is not what its schema says" in text and level in ("warn", "error")]


def counted(it: Any, count: int) -> None:
    end = time.monotonic() + 5
    while sum(each["count"] for each in it.told if each["t"] == "unfit") < count:
        assert time.monotonic() < end
        it.read()
    assert sum(each["count"] for each in it.told if each["t"] == "unfit") == count


def test_what_does_not_fit_is_told_and_counted(start: Start, code: str) -> None:
    """The default: the client gets what the worker answered."""
    it = start(code, routes=ROUTES, schemas=SCHEMAS)
    for way in WAYS:
        assert ask(it, texts=GOOD, **{"as": way}).json() == {"price": 3.5, "tag": "hot"}
        bad = ask(it, texts=BAD, **{"as": way})
        assert (bad.status_code, bad.json()["price"]) == (200, -1)
    assert ask(it, texts=["{}"], status=500, **{"as": "whole"}).status_code == 500
    assert ask(it, texts=["plain"], type="text/plain", **{"as": "whole"}).text == "plain"
    counted(it, 4)
    assert warned(it) == [
        *["the answer 200 of POST /items/{id} is not what its schema says: "
          "body.price must be at least 0 (and 1 more)"] * 2,
        "the answer 500 of POST /items/{id} is not what its schema says: body.error is missing",
        "the answer 200 of POST /items/{id} is not what its schema says: "
        "headers.content-type must be application/json",
    ]  # fmt: skip
    it.invocation(status=500, outcome="ok")


def test_what_does_not_fit_is_refused_where_that_is_set(start: Start, code: str) -> None:
    it = start(code, routes=ROUTES, schemas=SCHEMAS, answers="refuse")
    for way in WAYS:
        good = ask(it, texts=GOOD, **{"as": way})
        assert (good.status_code, good.json()["tag"], good.headers["content-length"]) == (200, "hot", "28")
        bad = ask(it, texts=BAD, **{"as": way})
        assert (bad.status_code, "HOT" in bad.text) == (502, False)
        error = bad.json()["error"]
        assert (error["code"], error["details"]["status"]) == ("response_invalid", 200)
        assert [(each["field"], each["rule"]) for each in error["details"]["fields"]] == [
            ("body.price", "minimum"), ("body.tag", "pattern")
        ]  # fmt: skip
        assert ask(it, texts=GOOD, **{"as": way}).status_code == 200, "the connection goes on"
    broken = ask(it, texts=["{"], **{"as": "whole"})
    assert (broken.status_code, broken.json()["error"]["details"]["fields"][0]["field"]) == (502, "body")
    told = it.invocation(status=502)
    assert (told["outcome"], told["error"]["type"]) == ("exception", "ResponseInvalid")
    assert "body.price must be at least 0" in told["error"]["message"]
    assert len(warned(it)) == 3
    counted(it, 3)


@pytest.mark.parametrize("mode", ["log", "refuse"])
def test_what_is_not_looked_at_passes(start: Start, code: str, mode: str) -> None:
    it = start(code, routes=ROUTES, schemas=SCHEMAS, answers=mode)
    large = ['{"price": "', "x" * 1_100_000, '"}']
    for made in (
        {"as": "streamed", "texts": BAD},  # without a length: it could be endless
        {"as": "whole", "texts": large},
        {"as": "measured", "texts": large},
        {"as": "whole", "texts": BAD, "status": 404},  # no schema is declared for it
    ):
        answer = ask(it, **made)
        assert (answer.status_code, answer.text) == (made.get("status", 200), "".join(made["texts"]))
    assert ask(it, "/elsewhere", texts=BAD, **{"as": "whole"}).status_code == 200
    it.invocation(path="/elsewhere")
    assert warned(it) == []


def test_an_answer_that_breaks_its_promise_is_no_answer(start: Start) -> None:
    """Held until it is whole, so that a failure can still be said in words."""
    it = start(CLASS, routes=ROUTES, schemas=SCHEMAS, answers="refuse")
    short = ask(it, texts=GOOD, length=100, **{"as": "measured"})
    assert (short.status_code, "the worker failed" in short.text) == (500, True)


def test_a_flood_of_them_is_counted_and_told_in_part(start: Start) -> None:
    it = start(CLASS, routes=ROUTES, schemas=SCHEMAS)
    with it.client() as client:
        for _ in range(60):
            client.post("/items/1", json={"texts": BAD, "as": "whole"})
    counted(it, 60)
    assert 10 <= len(warned(it)) < 60


def test_nobody_looks_where_that_is_set(start: Start) -> None:
    it = start(CLASS, routes=ROUTES, schemas=SCHEMAS, answers="off")
    assert ask(it, texts=BAD, **{"as": "whole"}).json()["tag"] == "HOT"
    it.invocation(status=200)
    assert warned(it) == []
