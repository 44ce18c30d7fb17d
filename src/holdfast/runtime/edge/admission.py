"""Who may ask a worker, and which of its versions answers: decided at the edge, before the worker hears of it."""

from __future__ import annotations

import hashlib
import hmac

from holdfast.runtime.edge import answers
from holdfast.runtime.edge.answers import Refusal
from holdfast.runtime.edge.heads import Request
from holdfast.runtime.edge.routes import Cors, Route, Version

_OURS = (b"holdfast_", b"holdfast-", b"__host-holdfast", b"__secure-holdfast")
_VERSION = b"holdfast-version"
Fields = tuple[tuple[bytes, bytes], ...]


def preflight(cors: Cors, request: Request) -> Refusal | None:
    """The answer to a browser's question before a call (https://fetch.spec.whatwg.org/#cors-preflight-fetch)."""
    named = request.named
    if request.method != b"OPTIONS" or b"access-control-request-method" not in named or b"origin" not in named:
        return None
    allowed = cors_fields(cors, request)
    if not allowed:
        return answers.ORIGIN_REFUSED
    more = [(b"access-control-allow-methods", ", ".join(cors.methods).encode())]
    more.append((b"access-control-allow-headers", ", ".join(cors.headers).encode()))
    more.append((b"access-control-max-age", b"%d" % cors.max_age))
    return Refusal(204, fields=(*allowed, *(pair for pair in more if pair[1])))


def cors_fields(cors: Cors, request: Request) -> Fields:
    """What an answer to this request carries. Empty when its origin may not read it, or there is none."""
    origin = request.named.get(b"origin")
    if origin is None or not cors.admits(origin.decode("latin-1")):
        return ()
    if "*" in cors.origins:
        return ((b"access-control-allow-origin", b"*"),)
    fields = ((b"access-control-allow-origin", origin), (b"vary", b"origin"))
    return (*fields, (b"access-control-allow-credentials", b"true")) if cors.credentials else fields


def may(keys: frozenset[str], request: Request) -> bool:
    """Whether the request carries one of these keys. Every key is compared, whichever it is."""
    given = [request.named.get(b"x-api-key", b"")]
    scheme, _, token = request.named.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer":
        given.append(token.strip())
    found = False
    for each in filter(None, given):
        digest = hashlib.sha256(each).hexdigest()
        for key in keys:
            found = hmac.compare_digest(digest, key) or found
    return found


def choose(route: Route, request: Request, client: bytes, cookie: str) -> Version | Refusal:
    """By header, by cookie (a version that is gone counts for nothing), else by weight."""
    asked = request.named.get(_VERSION)
    if asked is not None:
        return route.named.get(asked.decode("latin-1")) or answers.UNKNOWN_VERSION
    if cookie and (known := route.named.get(cookie)) is not None:
        return known
    return route.pick(client) or answers.NO_VERSION


def without_ours(cookies: bytes) -> tuple[bytes, str]:
    """A Cookie header without those of the control origin, which a browser sends to every port of a host; and the
    version that one of them asks for."""
    if b"holdfast" not in cookies.lower():
        return cookies, ""
    kept: list[bytes] = []
    version = ""
    for part in cookies.split(b";"):
        name, _, value = part.strip().partition(b"=")
        name = name.strip().lower()
        if name == _VERSION:
            version = value.strip().decode("latin-1")
        elif not name.startswith(_OURS):
            kept.append(part.strip())
    return b"; ".join(kept), version


def sets_ours(set_cookie: bytes) -> bool:
    """Whether a worker would plant a cookie of the control origin's: cookies do not know ports. A browser sends what
    has no name (`=holdfast_x=1`) as if its value had one."""
    return set_cookie.lstrip(b"= \t").lower().startswith(_OURS)
