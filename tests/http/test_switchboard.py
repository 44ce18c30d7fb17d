"""What stands before the router finds what the router would find, or leaves it to it."""

from __future__ import annotations

import re

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from holdfast.web.switchboard import Switchboard


def app_of(*, switched: bool) -> FastAPI:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    router = APIRouter()
    paths = [
        "/things/new",
        "/things/{name}",
        "/things/{name}/parts",
        "/files/{where:path}",
        "/{any}/parts/{number:int}",
    ]
    for number, path in enumerate(paths):

        @router.get(path, name=str(number))
        async def answer(_number: int = number) -> int:
            return _number

    @router.post("/things/{name}")
    async def make(name: str) -> str:
        return name

    app.include_router(router, prefix="/api/v1")

    @app.get("/")
    async def index() -> str:
        return "index"

    if switched:
        Switchboard.install(app.router)
    return app


PLAIN, SWITCHED = (TestClient(app_of(switched=each)) for each in (False, True))
words = st.sampled_from(["things", "new", "parts", "files", "", "7", "a b", "é", "..x", "%2F", "{name}"])


@settings(deadline=None)
@given(st.sampled_from(["GET", "POST", "DELETE", "HEAD"]), st.lists(words, max_size=5), st.booleans())
def test_the_same_answer_with_and_without(method: str, parts: list[str], api: bool) -> None:
    path = ("/api/v1/" if api else "/") + "/".join(parts)
    path = re.sub("/+", "/", path)  # two slashes at the start are a host to the client
    one, other = (client.request(method, path) for client in (PLAIN, SWITCHED))
    assert (one.status_code, one.content, one.headers.get("allow")) == (
        other.status_code,
        other.content,
        other.headers.get("allow"),
    )


@pytest.mark.parametrize("path", ["/api/v1/things/new", "/api/v1/things/x/parts", "/api/v1/files/a/b/c", "/"])
def test_it_is_the_switchboard_that_finds_them(path: str) -> None:
    board = SWITCHED.app.router.middleware_stack  # type: ignore[attr-defined]
    scope = {"type": "http", "method": "GET", "path": path, "root_path": ""}
    assert (board.find(scope) is not None) is ("files" not in path), "an endless path is left to its own route"
    assert "files" in path or isinstance(scope["route"], APIRoute)
