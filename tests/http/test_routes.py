"""Routes that are written down first and built when the app takes them in."""

from __future__ import annotations

import pytest
from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import PlainTextResponse
from starlette.testclient import TestClient

from holdfast.web.lean import LeanRoute
from holdfast.web.routes import Routes


def app_with(routes: Routes, prefix: str) -> FastAPI:
    app = FastAPI()
    routes.into(app, prefix)
    return app


def test_they_are_served_under_both_prefixes_in_order_with_all_tags() -> None:
    routes = Routes(prefix="/shop", tags=["shop"])

    @routes.get("/first", tags=["more"])
    def first() -> str:
        return "the first"

    @routes.get("/{name}")
    def any_other(name: str) -> str:
        return name

    assert routes.routes == []
    app = app_with(routes, "/api")
    client = TestClient(app)
    assert client.get("/api/shop/first").json() == "the first"
    assert client.get("/api/shop/second").json() == "second"
    assert client.get("/shop/first").status_code == 404
    assert app.openapi()["paths"]["/api/shop/first"]["get"]["tags"] == ["shop", "more"]


def test_the_routers_route_class_makes_them() -> None:
    routes = Routes(route_class=LeanRoute)

    @routes.post("/said", response_class=PlainTextResponse)
    async def said(body: dict[str, str]) -> PlainTextResponse:
        return PlainTextResponse(body["text"])

    with pytest.raises(ValueError, match="not a model"):  # a lean route takes models only: so it was one
        app_with(routes, "")


def test_sockets_are_served_too() -> None:
    routes = Routes()

    @routes.get("/path")
    def path(request: Request) -> str:
        return request.url.path

    @routes.websocket("/live")
    async def live(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("hello")
        await socket.close()

    client = TestClient(app_with(routes, "/api"))
    assert client.get("/api/path").json() == "/api/path"
    with client.websocket_connect("/api/live") as socket:
        assert socket.receive_text() == "hello"
