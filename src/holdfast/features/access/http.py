"""Who a request comes from: an API key, a browser's cookie, or the peer of admin.sock. Never an address."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import Depends, Header, Request, Response
from starlette.concurrency import run_in_threadpool

from holdfast.features.access.actor import Actor, local_actor
from holdfast.features.access.factors.model import Site
from holdfast.features.access.hashing import QUEUE
from holdfast.features.access.keys import KeyService
from holdfast.features.access.lockout import network_of
from holdfast.features.access.service import SESSION_LIFE, AccessService
from holdfast.features.access.tokens.access_token import looks_like_one
from holdfast.features.access.tokens.service import TokenService
from holdfast.kernel.errors import Denied, Unauthenticated
from holdfast.web.guards import PEER_UID
from holdfast.web.idempotency import Once, request_hash
from holdfast.web.origin import COOKIE, SECURE_COOKIE

T = TypeVar("T")
_WITHOUT_FACTOR = ("/api/v1/session", "/api/v1/account/")


def session_token(request: Request) -> str | None:
    """The cookie's token; behind TLS only the `__Host-` one counts, which no other origin can have set."""
    return request.cookies.get(SECURE_COOKIE if request.url.scheme in ("https", "wss") else COOKIE)


def set_session(request: Request, response: Response, token: str) -> None:
    secure = request.url.scheme == "https"
    response.set_cookie(
        SECURE_COOKIE if secure else COOKIE,
        token,
        max_age=int(SESSION_LIFE.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=secure,
        path="/",
    )


def clear_session(request: Request, response: Response) -> None:
    secure = request.url.scheme == "https"
    name = SECURE_COOKIE if secure else COOKIE
    response.delete_cookie(name, path="/", httponly=True, samesite="strict", secure=secure)
    response.headers["clear-site-data"] = '"cache", "storage"'  # what a page kept must not wait for the next person


async def current_actor(request: Request) -> Actor:
    """The request's actor, also kept for the record of a denial. Counted, and refused when a limit is reached."""
    held = request.app.state
    try:
        actor = await _actor(request)
    except Unauthenticated:
        held.turn_away(request)
        raise
    request.state.actor = actor
    held.admit(request, actor)
    if actor.must_enrol and not request.url.path.startswith(_WITHOUT_FACTOR):
        raise Denied(
            "this installation asks for a second factor, and you have none",
            code="second_factor_enrolment_required",
            hint="POST /api/v1/account/totp, or add a passkey: then everything is open again.",
        )
    return actor


async def _actor(request: Request) -> Actor:
    """Raises Unauthenticated. A request with two credentials is the key's: the browser did not add that by itself."""
    parts = request.app.state.parts
    if header := request.headers.get("authorization"):
        scheme, _, given = header.partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthenticated("send the API key as Authorization: Bearer hf_…")
        if looks_like_one(given):
            tokens: TokenService = parts[TokenService]
            return await run_in_threadpool(tokens.actor_of, given.strip())
        keys: KeyService = parts[KeyService]
        if known := keys.known(given.strip()):
            return known
        return await run_in_threadpool(keys.actor_of, given.strip())
    peer = request.scope.get(PEER_UID)
    if isinstance(peer, int):
        return local_actor(peer)
    token = session_token(request)
    if token is None:
        raise Unauthenticated(
            "sign in first", hint="POST /api/v1/session, or send an API key as Authorization: Bearer."
        )
    access: AccessService = parts[AccessService]
    if known := access.known(token):
        return known
    return await run_in_threadpool(access.actor_of, token)


def site_of(request: Request) -> Site | None:
    """Where the browser is, by the Host that was checked; None on admin.sock, which no browser reaches."""
    name = request.url.hostname
    if name is None or PEER_UID in request.scope:
        return None
    return Site(name, f"{request.url.scheme}://{request.url.netloc}")


async def by_queue(request: Request, work: Callable[[], T]) -> T:
    """Work that hashes a password, on threads of its own. Raises Busy."""
    return await QUEUE.run(work, network_of(request.client.host if request.client else None))


CurrentActor = Annotated[Actor, Depends(current_actor)]


async def _once(
    request: Request,
    actor: CurrentActor,
    idempotency_key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=200,
            description="The same key and request again: the first answer again.",
        ),
    ] = None,
) -> Once:
    """The route is the path: creating in two projects with one key is two creations."""
    if idempotency_key is None:
        return Once()
    url = request.url
    return Once(
        actor.id,
        f"{request.method} {url.path}"[:200],
        idempotency_key,
        request_hash(request.method, url.path, url.query, await request.body()),
    )


IdempotencyKey = Annotated[Once, Depends(_once)]
