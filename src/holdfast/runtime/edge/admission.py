"""Who may ask a worker, and which of its versions answers: decided at the edge, before the worker hears of it."""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Mapping

from holdfast.runtime.edge import answers
from holdfast.runtime.edge.answers import ORIGIN_REFUSED, Refusal
from holdfast.runtime.edge.heads import Request
from holdfast.runtime.edge.rates import Rates, network
from holdfast.runtime.edge.routes import Cors, Route, Version

_OURS = (b"holdfast_", b"holdfast-", b"__host-holdfast", b"__secure-holdfast")
_VERSION = b"holdfast-version"
Fields = tuple[tuple[bytes, bytes], ...]


_VARY = ((b"vary", b"origin"),)
_KEY_FIELDS = ("authorization", "x-api-key")


def preflight(cors: Cors, request: Request, *, protected: bool) -> Refusal | None:
    """The answer to a browser's question before a call (https://fetch.spec.whatwg.org/#cors-preflight-fetch). The
    fields that carry a key may be sent to a `protected` worker: without them no page could call it."""
    named = request.named
    if request.method != b"OPTIONS" or b"access-control-request-method" not in named or b"origin" not in named:
        return None
    if not cors.admits(named[b"origin"].decode("latin-1")):
        return ORIGIN_REFUSED
    headers = [*cors.headers]
    if protected:
        headers += [each for each in _KEY_FIELDS if each not in map(str.lower, cors.headers)]
    more = [(b"access-control-allow-methods", ", ".join(cors.methods).encode())]
    more.append((b"access-control-allow-headers", ", ".join(headers).encode()))
    more.append((b"access-control-max-age", b"%d" % cors.max_age))
    return Refusal(204, fields=(*_allowed(cors, named[b"origin"]), *(pair for pair in more if pair[1])))


def cors_fields(cors: Cors, request: Request) -> Fields:
    """What an answer to this request carries. `vary` also where its origin may not read it, or there is none: a cache
    would else give that answer to a page that may."""
    origin = request.named.get(b"origin")
    if origin is None or not cors.admits(origin.decode("latin-1")):
        return () if "*" in cors.origins else _VARY
    fields = _allowed(cors, origin)
    if not cors.expose:
        return fields
    return (*fields, (b"access-control-expose-headers", ", ".join(cors.expose).encode()))


def _allowed(cors: Cors, origin: bytes) -> Fields:
    if "*" in cors.origins:
        return ((b"access-control-allow-origin", b"*"),)
    fields = ((b"access-control-allow-origin", origin), *_VARY)
    return (*fields, (b"access-control-allow-credentials", b"true")) if cors.credentials else fields


def foreign_socket(cors: Cors, request: Request) -> bool:
    """Whether a page of an origin that may not call would open a WebSocket: browsers ask nobody before they do."""
    origin = request.named.get(b"origin")
    if not request.upgrade or origin is None or cors.admits(origin.decode("latin-1")):
        return False
    return origin.partition(b"://")[2] != request.authority


def key_of(keys: Mapping[str, float], request: Request, now: float) -> str | None:
    """The digest of the key that the request carries; None: it carries none of these, or one that has expired. Every
    key is compared, whichever it is. `now`: seconds since 1970."""
    given = [request.named.get(b"x-api-key", b"")]
    scheme, _, token = request.named.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer":
        given.append(token.strip())
    found = None
    for each in filter(None, given):
        digest = hashlib.sha256(each).hexdigest()
        for key, until in keys.items():
            if hmac.compare_digest(digest, key) and until > now:
                found = key
    return found


def over_rate(route: Route, rates: Rates, client: bytes, key: str | None, now: float) -> Refusal | None:
    """`now`: the loop's seconds."""
    rate = route.rate
    if rate is None:
        return None
    subject = b""
    if rate.by == "key" and key is not None:
        subject = key.encode()
    elif rate.by != "worker":
        subject = network(client)
    late = rates.wait(route.worker_id, rate, subject, now)
    if not late:
        return None
    fields = ((b"retry-after", b"%d" % max(1, math.ceil(late))),)
    return Refusal(429, answers.RATE_LIMITED.code, answers.RATE_LIMITED.message, answers.RATE_LIMITED.hint, fields)


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
