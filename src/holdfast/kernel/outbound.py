"""The only way out over HTTP: no call reaches this machine, its network or a cloud's metadata, whatever the URL says.

    with guarded_client(OutboundPolicy.of(settings)) as client:
        client.get("https://example.org/")

A URL is read once and refused when it can be read in two ways; its name is resolved once, every address judged, and
the connection goes to a judged address itself (TLS and `Host` keep the name). Redirects are followed here, each hop
judged as the first. No proxy or netrc of the environment counts. Raises Refused; what fails on the way is httpx's own.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from holdfast.kernel.outbound_addresses import Network
from holdfast.kernel.outbound_policy import OutboundPolicy, allowance
from holdfast.kernel.outbound_transport import END, AsyncGuardedTransport, Bounds, GuardedTransport
from holdfast.kernel.outbound_url import Refused, target_of

__all__ = [
    "AsyncGuardedClient",
    "AsyncGuardedTransport",
    "Bounds",
    "GuardedClient",
    "GuardedTransport",
    "Network",
    "OutboundPolicy",
    "Refused",
    "allowance",
    "guarded_async_client",
    "guarded_client",
]

MAX_REDIRECTS = 5
# What may follow to another origin; everything else could be a credential.
_HARMLESS = frozenset({"accept", "accept-encoding", "accept-language", "user-agent"})


def guarded_client(
    policy: OutboundPolicy,
    *,
    deadline: float = 30.0,
    timeout: float = 10.0,
    max_bytes: int = 10 * 1024 * 1024,
    max_redirects: int = MAX_REDIRECTS,
    verify: ssl.SSLContext | None = None,
    headers: dict[str, str] | None = None,
) -> GuardedClient:
    """`deadline`: seconds for a whole call with its redirects; `timeout`: for one wait. `max_redirects` 0 follows none:
    the redirect is the answer."""
    bounds = Bounds(deadline, timeout, max_bytes)
    return GuardedClient(GuardedTransport(policy, bounds, verify), bounds, max_redirects, headers)


def guarded_async_client(
    policy: OutboundPolicy,
    *,
    deadline: float = 30.0,
    timeout: float = 10.0,
    max_bytes: int = 10 * 1024 * 1024,
    max_redirects: int = MAX_REDIRECTS,
    verify: ssl.SSLContext | None = None,
    headers: dict[str, str] | None = None,
) -> AsyncGuardedClient:
    """`guarded_client` for the event loop."""
    bounds = Bounds(deadline, timeout, max_bytes)
    return AsyncGuardedClient(AsyncGuardedTransport(policy, bounds, verify), bounds, max_redirects, headers)


class GuardedClient(httpx.Client):
    """An httpx client; `follow_redirects` of a call counts, its way of following does not."""

    def __init__(
        self, transport: GuardedTransport, bounds: Bounds, redirects: int, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(transport=transport, **_options(bounds, redirects, headers))
        self._most, self._bounds = redirects, bounds

    def build_request(self, method: str, url: httpx.URL | str, **more: Any) -> httpx.Request:
        target_of(str(url))
        return super().build_request(method, url, **more)

    def send(
        self, request: httpx.Request, *, stream: bool = False, follow_redirects: Any = None, **more: Any
    ) -> httpx.Response:
        trail = _Trail(self, request, self._bounds, self._most, follow_redirects)
        while True:
            with _readable_redirects(trail.request):
                answer = super().send(trail.request, stream=True, follow_redirects=False, **(more | trail.without))
            try:
                if not trail.goes_on(answer):
                    if not stream:
                        answer.read()
                    return answer
                answer.close()
                trail.follow(answer)
            except BaseException:
                answer.close()
                raise


class AsyncGuardedClient(httpx.AsyncClient):
    """`GuardedClient` for the event loop."""

    def __init__(
        self, transport: AsyncGuardedTransport, bounds: Bounds, redirects: int, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(transport=transport, **_options(bounds, redirects, headers))
        self._most, self._bounds = redirects, bounds

    def build_request(self, method: str, url: httpx.URL | str, **more: Any) -> httpx.Request:
        target_of(str(url))
        return super().build_request(method, url, **more)

    async def send(
        self, request: httpx.Request, *, stream: bool = False, follow_redirects: Any = None, **more: Any
    ) -> httpx.Response:
        trail = _Trail(self, request, self._bounds, self._most, follow_redirects)
        while True:
            with _readable_redirects(trail.request):
                answer = await super().send(
                    trail.request, stream=True, follow_redirects=False, **{**more, **trail.without}
                )
            try:
                if not trail.goes_on(answer):
                    if not stream:
                        await answer.aread()
                    return answer
                await answer.aclose()
                trail.follow(answer)
            except BaseException:
                await answer.aclose()
                raise


class _Trail:
    """One call's way over its redirects. The two clients differ only in how they wait."""

    def __init__(
        self,
        client: httpx.Client | httpx.AsyncClient,
        request: httpx.Request,
        bounds: Bounds,
        most: int,
        follow: object,
    ) -> None:
        request.extensions[END] = time.monotonic() + bounds.deadline
        self.request = request
        self.without: dict[str, Any] = {}  # once elsewhere, no credential is added again
        self._client, self._most = client, most
        self._follow = follow if isinstance(follow, bool) else client.follow_redirects
        self._history: list[httpx.Response] = []

    def goes_on(self, answer: httpx.Response) -> bool:
        answer.history = list(self._history)
        return self._follow and answer.has_redirect_location

    def follow(self, answer: httpx.Response) -> None:
        """Make `request` the next hop's. Raises Refused."""
        self.request, same = _next(self.request, answer, len(self._history), self._most)
        if same and not self.without:
            self._client.cookies.set_cookie_header(self.request)
        else:
            self.without = {"auth": None}
        self._history.append(answer)


def _options(bounds: Bounds, redirects: int, headers: dict[str, str] | None) -> dict[str, Any]:
    return {
        "timeout": bounds.timeout,
        "trust_env": False,
        "follow_redirects": redirects > 0,
        "headers": {"Accept-Encoding": "identity", "User-Agent": "holdfast", **(headers or {})},
    }


@contextmanager
def _readable_redirects(request: httpx.Request) -> Iterator[None]:
    """httpx reads a redirect's target even when it is not to follow it."""
    try:
        yield
    except httpx.InvalidURL:
        host = request.url.host
        raise Refused("it was redirected to a malformed URL", reason="redirect", host=host) from None


def _next(request: httpx.Request, answer: httpx.Response, taken: int, most: int) -> tuple[httpx.Request, bool]:
    """The request that a redirect asks for (RFC 9110, 15.4), and whether its origin is the same.

    Raises Refused rather than take a credential along.

    301, 302 and 303 become a GET; 307 and 308 repeat the body, but only to the same origin: it may hold a secret.
    """
    was = target_of(str(request.url))
    if taken >= most:
        raise Refused(f"it was redirected more than {most} times", reason="redirects", host=was.host)
    location = answer.headers["location"]
    try:
        url = request.url.join(location)
    except httpx.InvalidURL:
        raise Refused("it was redirected to a malformed URL", reason="redirect", host=was.host) from None
    target = target_of(location if "://" in location[:10] else str(url))
    if was.scheme == "https" and target.scheme == "http":
        raise Refused("it was redirected from https to http", reason="downgrade", host=was.host)
    same = target.origin == was.origin
    again = answer.status_code in (307, 308) and request.method not in ("GET", "HEAD")
    if again and not same:
        raise Refused("what was sent is not sent on to another origin", reason="redirect", host=was.host)
    headers = [(name, value) for name, value in request.headers.multi_items() if _goes_on(name, same, again)]
    made = httpx.Request(
        request.method if again or request.method == "HEAD" else "GET",
        url,
        headers=headers,
        content=request.read() if again else None,
        extensions={key: value for key, value in request.extensions.items() if key in (END, "timeout")},
    )
    return made, same


def _goes_on(name: str, same_origin: bool, with_body: bool) -> bool:
    if name in _HARMLESS:
        return True
    if name in ("host", "cookie", "content-length", "transfer-encoding"):
        return False
    return same_origin and (with_body or not name.startswith("content-"))
