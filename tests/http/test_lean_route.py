"""A lean route answers as an ordinary one does, whatever is sent."""

from __future__ import annotations

import json
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from holdfast.kernel.errors import Denied, HoldfastError
from holdfast.web.errors import render
from holdfast.web.lean import LeanRoute
from holdfast.web.wire import In


class Asked(In):
    text: str
    count: int = 1
    anything: object = None


async def who(request: Request) -> str:
    if request.headers.get("who") == "stranger":
        raise Denied("not you")
    return request.headers.get("who", "nobody")


def app_of(route: type[APIRoute]) -> FastAPI:
    app, router = FastAPI(), APIRouter(route_class=route)

    @router.post("/things/{name}", operation_id="thing_ask", response_model=Asked)
    async def ask(body: Asked, request: Request, actor: Annotated[str, Depends(who)], name: str) -> JSONResponse:
        return JSONResponse([repr(body), actor, name, request.method])

    async def ours(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HoldfastError)
        return render(error)  # type: ignore[return-value]

    app.include_router(router, prefix="/api")
    app.add_exception_handler(HoldfastError, ours)
    return app


LEAN, ORDINARY = (TestClient(app_of(each), raise_server_exceptions=False) for each in (LeanRoute, APIRoute))
bodies = st.one_of(
    st.sampled_from([b"", b"{", b"[]", b"null", b'{"text": "\\ud800"}', b"\xff", b'{"text": NaN}', b"[" * 3000]),
    st.fixed_dictionaries(
        {"text": st.text(max_size=5) | st.integers()},
        optional={"count": st.integers() | st.just("7") | st.just("x"), "more": st.none(), "anything": st.floats()},
    ).map(lambda body: json.dumps(body).encode()),
)
types = st.sampled_from(["application/json", "application/json; charset=utf-8", "text/plain", "APPLICATION/JSON", None])


@given(bodies, types, st.sampled_from(["ann", "stranger"]), st.sampled_from(["x", "%20", "a%2Fb"]))
def test_the_same_answer_as_an_ordinary_route(body: bytes, kind: str | None, actor: str, name: str) -> None:
    headers = {"who": actor} | ({"content-type": kind} if kind else {})
    one, other = (client.post(f"/api/things/{name}", content=body, headers=headers) for client in (LEAN, ORDINARY))
    assert (one.status_code, one.content) == (other.status_code, other.content)


def test_it_is_documented_as_an_ordinary_route() -> None:
    assert LEAN.app.openapi() == ORDINARY.app.openapi()  # type: ignore[attr-defined]


def test_an_endpoint_that_wants_more_is_refused() -> None:
    router = APIRouter(route_class=LeanRoute)

    async def endpoint(body: Asked, page: int = 1) -> JSONResponse:
        return JSONResponse([body.text, page])

    with pytest.raises(ValueError, match="more than a lean route gives"):
        router.post("/things")(endpoint)
