"""A slice's routes: written down where they are declared, built once where the app takes them in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, FastAPI


class Routes(APIRouter):
    """An APIRouter that builds no route by itself.

    FastAPI builds each route where it is declared and again, under its prefix, where its router is included: for 400
    routes that is a fifth of the api's start. `include_router` on one of these would find nothing; `into` adds them.
    """

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._written: list[tuple[str, Callable[..., Any], dict[str, Any]]] = []

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **given: Any) -> None:
        self._written.append((path, endpoint, given))

    def into(self, app: FastAPI, prefix: str = "") -> None:
        """Add every route to the app, in the order they were declared; sockets as any router's."""
        for path, endpoint, given in self._written:
            own = {"tags": [*self.tags, *(given["tags"] or ())], "route_class_override": self.route_class}
            app.router.add_api_route(prefix + self.prefix + path, endpoint, **{**given, **own})
        if self.routes:
            app.include_router(self, prefix=prefix)
