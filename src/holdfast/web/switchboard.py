"""All routes of the app by method and path, so that finding one does not mean trying hundreds in turn."""

from __future__ import annotations

import re

from fastapi import APIRouter
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from starlette.types import ASGIApp, Receive, Scope, Send

_WORD = 3  # /api/v1/WORD
_Key = tuple[str, int, str]


class _Line:
    """What there is to know of one route. `is_fixed`: by method, number of parts and word it can be looked up."""

    def __init__(self, context: RouteContext) -> None:
        template = context.path or ""
        self.path: re.Pattern[str] = context.path_regex
        self.convertors = context.param_convertors
        self.app: ASGIApp = context.app
        self.scope = {"route": context.original_route, "endpoint": context.endpoint}
        self.keys = [_key(method, template) for method in sorted(context.methods or ())]
        self._is_endless = ":path}" in template  # a part of the path may hold slashes
        self.is_fixed = not self._is_endless and not any("{" in word for _, _, word in self.keys)

    def may_take(self, key: _Key) -> bool:
        """Whether a request that is looked up there can be this route's."""
        if self.is_fixed:
            return key in self.keys
        return any(method == key[0] and (self._is_endless or count == key[1]) for method, count, _ in self.keys)


class Switchboard:
    """In front of a router: finds what it would find, in its order. What is not known here (another method, a path that
    is not there, a socket) the router answers."""

    def __init__(self, router: APIRouter) -> None:
        self._router = router
        self._rest: ASGIApp = router.middleware_stack
        known = [each for each in iter_route_contexts(router.routes) if isinstance(each.original_route, APIRoute)]
        lines = [_Line(each) for each in known]
        keys = {key for line in lines for key in line.keys if line.is_fixed}
        self._table = {key: [line for line in lines if line.may_take(key)] for key in keys}

    @classmethod
    def install(cls, router: APIRouter) -> None:
        """Once every route is there."""
        router.middleware_stack = cls(router)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self.find(scope) or self._rest
        await app(scope, receive, send)

    def find(self, scope: Scope) -> ASGIApp | None:
        """The route that answers, told to the scope as the router would tell it. None: the router is to look."""
        if scope["type"] != "http" or scope.get("root_path"):
            return None
        path = scope["path"]
        for line in self._table.get(_key(scope["method"], path), ()):
            if found := line.path.match(path):
                given = {name: line.convertors[name].convert(value) for name, value in found.groupdict().items()}
                scope.update(line.scope, path_params=given)
                scope.setdefault("router", self._router)
                return line.app
        return None


def _key(method: str, path: str) -> _Key:
    parts = path.split("/")
    return method, len(parts), parts[_WORD] if len(parts) > _WORD else ""
