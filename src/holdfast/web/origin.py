"""Another site's page must not act with our cookie."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from holdfast.web.errors import plain
from holdfast.web.guards import PEER_UID, refuse

COOKIE = "holdfast_session"
SECURE_COOKIE = "__Host-holdfast_session"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class OriginGuard:
    """Unsafe methods and sockets: the exact origin, or Sec-Fetch-Site same-origin when there is no Origin.

    With a cookie one of the two must be there. Without one (an API key, a first sign-in from a script) they may be
    missing, but a foreign origin is refused all the same: signing a browser in to another's account is an attack too.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        unsafe = scope["type"] == "websocket" or (scope["type"] == "http" and scope["method"] not in _SAFE)
        if unsafe and PEER_UID not in scope and not _same_site(scope):
            refusal = plain(
                403,
                "origin_refused",
                "this call comes from another site, or does not say where from",
                "Browsers send Origin by themselves; scripts use an API key instead of a cookie.",
            )
            await refuse(refusal, scope, receive, send)
            return
        await self.app(scope, receive, send)


def _same_site(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    origins = headers.getlist("origin")
    if origins:
        scheme = {"ws": "http", "wss": "https"}.get(scope["scheme"], scope["scheme"])
        return origins == [f"{scheme}://{headers.get('host', '').lower()}"]
    sites = headers.getlist("sec-fetch-site")
    if sites:
        return sites == ["same-origin"]
    return "authorization" in headers or not has_session_cookie(headers)


def has_session_cookie(headers: Headers) -> bool:
    """By name alone: a cookie that does not parse still counts."""
    return any(f"{COOKIE}=" in cookie for cookie in headers.getlist("cookie"))
