"""Where calls are counted: strangers before anything else is done for them, everyone else once it is known who asks."""

from __future__ import annotations

import re

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.features.access.actor import Actor
from holdfast.features.access.http import current_actor
from holdfast.features.limits.admission import Admission
from holdfast.features.limits.errors import Limited
from holdfast.features.limits.meter import Standing
from holdfast.features.limits.refusals import Refusals
from holdfast.web.errors import render
from holdfast.web.guards import PEER_UID, refuse
from holdfast.web.origin import has_session_cookie

_FREE = "/health/live"  # a probe asks often, and the answer costs nothing
_STANDINGS = "holdfast.limits"


class LimitGuard:
    """Counts calls without a credential by address, and tells every counted caller what is left.

    `RateLimit` and `RateLimit-Policy` are those of draft-ietf-httpapi-ratelimit-headers-09. The parts it needs are in
    `app.state`: `admission`, `refusals` and `anonymous`, the routes whose calls are a stranger's whatever they carry.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start" and (standings := state.get(_STANDINGS)):
                policy, left = fields(standings)
                told = [(b"ratelimit-policy", policy.encode()), (b"ratelimit", left.encode())]
                message["headers"] = [*message["headers"], *told]
            await send(message)

        held = scope["app"].state
        if PEER_UID not in scope and scope["path"] != _FREE and _is_stranger(scope, held.anonymous):
            try:
                state[_STANDINGS] = held.admission.stranger(address_of(scope))
            except Limited as limited:
                await run_in_threadpool(held.refusals.record, None, limited)
                await refuse(render(limited), scope, receive, send)
                return
        await self.app(scope, receive, marked)


def install(app: FastAPI) -> None:
    """Once every route is there."""
    parts = app.state.parts
    app.state.admission, app.state.refusals = parts[Admission], parts[Refusals]
    app.state.admit, app.state.turn_away = admit, turn_away
    open_to_all = [
        f"(?:{'|'.join(sorted(context.methods or ()))}) {compile_path(context.path)[0].pattern.strip('^$')}"
        for context in iter_route_contexts(app.routes)
        if context.path and not _asks_who(context.original_route)
    ]
    app.state.anonymous = re.compile(re.sub(r"\?P<\w+>", "?:", "|".join(open_to_all)))


def _asks_who(route: object) -> bool:
    """Whether some dependency of the route is the request's actor."""
    waiting = [route.dependant] if isinstance(route, APIRoute) else []
    while waiting:
        each = waiting.pop()
        if each.call is current_actor:
            return True
        waiting += each.dependencies
    return False


def admit(request: Request, actor: Actor) -> None:
    """Count a call whose actor is known. Raises Limited."""
    admission: Admission = request.app.state.admission
    if standings := admission.actor(actor):
        setattr(request.state, _STANDINGS, standings)


def turn_away(request: Request) -> None:
    """Count a call whose credential is no good. Raises Limited instead of letting anyone go on guessing."""
    if PEER_UID not in request.scope and not hasattr(request.state, _STANDINGS):
        admission: Admission = request.app.state.admission
        admission.stranger(address_of(request.scope))


async def record_limited(request: Request, limited: Limited) -> None:
    refusals: Refusals = request.app.state.refusals
    actor: Actor | None = getattr(request.state, "actor", None)
    await run_in_threadpool(refusals.record, actor, limited)


def fields(standings: list[Standing]) -> tuple[str, str]:
    """The two header fields' values, structured lists (RFC 9651)."""
    names = [(f"project-{each.what}" if each.subject.kind == "project" else each.what, each) for each in standings]
    policy = ", ".join(f'"{name}";q={each.limit};w={each.window}' for name, each in names)
    left = ", ".join(f'"{name}";r={each.remaining};t={round(each.reset_in)}' for name, each in names)
    return policy, left


def address_of(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else "unknown"


def _is_stranger(scope: Scope, anonymous: re.Pattern[str]) -> bool:
    if anonymous.fullmatch(f"{scope['method']} {scope['path']}"):
        return True
    headers = Headers(scope=scope)
    return "authorization" not in headers and not has_session_cookie(headers)
