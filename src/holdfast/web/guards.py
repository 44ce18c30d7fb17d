"""What every request passes before a route sees it. Plain ASGI: a stream is passed on as it comes, never gathered."""

from __future__ import annotations

import time

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.kernel import log
from holdfast.kernel.ids import is_id, new_id
from holdfast.web.errors import LARGER, plain, render_unexpected

PEER_UID = "holdfast.peer_uid"  # set by web/peer.py on admin.sock and by nothing a client sends
BODY_LIMIT = 10 * 1024 * 1024
_log = log.get("holdfast.http")

# Our plain pages: the sign-in page, the API's description, the way back from a provider.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_SECURITY = {
    # Whatever is no page of ours, files and rows of tenants first of all: a browser that shows it runs nothing of it,
    # loads nothing for it, and gives it an origin of its own.
    "content-security-policy": (
        "default-src 'none'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; sandbox"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}
_COMPLETING = tuple((name.encode(), value.encode()) for name, value in _SECURITY.items())
_REQUEST_ID = b"x-request-id"


class RequestContext:
    """Outermost: the request's id and address on every log and audit line, and an answer for what nobody expected."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if is_id(given, "req") else new_id("req")
        scope.setdefault("state", {})["request_id"] = request_id
        status: int | None = None

        async def marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _complete(message, request_id)
            await send(message)

        if scope["type"] == "websocket":
            with log.bound(request_id=request_id, address=_address(scope)):
                await self.app(scope, receive, send)
            return
        started = time.monotonic()
        with log.bound(request_id=request_id, address=_address(scope)):
            try:
                await self.app(scope, receive, marked)
            except Exception:  # the last place: past it, uvicorn answers without id, headers or a line in our log
                _log.exception("a request failed", method=scope["method"], path=scope["path"])
                if status is None:
                    await render_unexpected(request_id)(scope, receive, marked)
                else:
                    raise  # the connection must break: an answer cut short must not look whole
            finally:
                log.told(
                    "holdfast.http",
                    "request",
                    method=scope["method"],
                    path=scope["path"],
                    status=status,
                    ms=round((time.monotonic() - started) * 1000, 1),
                )


def _complete(message: Message, request_id: str) -> None:
    """The headers of every answer, but for those that the route has set itself. Names are in small letters (ASGI)."""
    given = [pair for pair in message["headers"] if pair[0] != _REQUEST_ID]
    present = {name for name, _ in given}
    given += [pair for pair in _COMPLETING if pair[0] not in present]
    message["headers"] = [*given, (_REQUEST_ID, request_id.encode())]


def _address(scope: Scope) -> str | None:
    if PEER_UID in scope:
        return "admin.sock"
    client = scope.get("client")
    return str(client[0]) if client else None


class HostGuard:
    """Refuses a Host that is not ours, which is how a page in a browser reaches a local server by DNS rebinding."""

    def __init__(self, app: ASGIApp, own: frozenset[str], configured: frozenset[str]) -> None:
        self.app = app
        self.own = own
        self.configured = configured

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or PEER_UID in scope or self._ours(scope):
            await self.app(scope, receive, send)
            return
        await refuse(
            plain(
                421,
                "host_not_allowed",
                "this Host is not served here",
                "Add it to HOLDFAST_ALLOWED_HOSTS if it should be.",
            ),
            scope,
            receive,
            send,
        )

    def _ours(self, scope: Scope) -> bool:
        """Exactly one Host header: a configured one as written, or one of ours with the port it arrived at."""
        given = Headers(scope=scope).getlist("host")
        if len(given) != 1:
            return False
        host = given[0].lower()
        if host in self.configured:
            return True
        name, port = split_host(host)
        server = scope.get("server")
        return name in self.own | self.configured and server is not None and port == server[1]


def split_host(host: str) -> tuple[str, int | None]:
    """`[::1]:7700` -> ("[::1]", 7700). A port that is no number gives one that never matches."""
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        return host, 80
    return name, int(port) if port.isascii() and port.isdigit() and len(port) < 6 else -1


class PeerGuard:
    """On admin.sock: only the data's owner and root, by the kernel's word."""

    def __init__(self, app: ASGIApp, uids: frozenset[int]) -> None:
        self.app = app
        self.uids = uids

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if PEER_UID in scope and scope[PEER_UID] not in self.uids:
            refusal = plain(403, "peer_refused", "this socket is for the data's owner and root")
            await refuse(refusal, scope, receive, send)
            return
        await self.app(scope, receive, send)


class BodyLimit:
    """Refuses a body over the limit, by its declared length or as soon as it has grown past it."""

    def __init__(self, app: ASGIApp, limit: int = BODY_LIMIT) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "0")
        if not (declared.isascii() and declared.isdigit()) or int(declared[:20]) > self.limit:
            await self._refuse(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.limit:
                # The framework turns any other exception raised while it reads a body into "400".
                raise HTTPException(413, f"a request body holds at most {self.limit} bytes", {"connection": "close"})
            return message

        await self.app(scope, counted, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = plain(
            413, "body_too_large", f"a request body holds at most {self.limit} bytes", LARGER, limit_bytes=self.limit
        )
        refusal.headers["connection"] = "close"
        await refusal(scope, receive, send)


async def refuse(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """A server that cannot answer a web socket before it is accepted is told to close it, which makes that a 403."""
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008})
        return
    await response(scope, receive, send)
