"""The transports of guarded clients: each request judged again as it is sent, each answer bounded."""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import certifi
import httpcore
import httpx

from holdfast.kernel.outbound_policy import OutboundPolicy
from holdfast.kernel.outbound_streams import AsyncPinnedBackend, PinnedBackend, until
from holdfast.kernel.outbound_url import Refused, Target, target_of

END = "holdfast.end"  # the extension that carries the end of the whole call from hop to hop
IDLE_SECONDS = 5.0


@dataclass(frozen=True)
class Bounds:
    """Of one call, with all its redirects: seconds in all, and for one wait; bytes of the answer's body."""

    deadline: float = 30.0
    wait: float = 10.0
    max_bytes: int = 10 * 1024 * 1024

    @property
    def timeout(self) -> httpx.Timeout:
        return httpx.Timeout(min(self.wait, self.deadline))


@lru_cache(maxsize=1)
def trusted() -> ssl.SSLContext:
    """The authorities this machine trusts, and those the certifi package lists."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


class GuardedTransport(httpx.BaseTransport):
    """For clients that must be other classes than ours; their own redirect loops pass the same checks at every hop."""

    def __init__(self, policy: OutboundPolicy, bounds: Bounds, verify: ssl.SSLContext | None = None) -> None:
        self._policy = policy
        self._bounds = bounds
        self._pool = httpcore.ConnectionPool(
            ssl_context=verify or trusted(), keepalive_expiry=IDLE_SECONDS, network_backend=PinnedBackend(policy)
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._policy.check(admitted(request))
        end = _end(request, self._bounds)
        with _as_httpx(), until(end):
            answer = self._pool.handle_request(_plain(request))
        body = cast(Iterator[bytes], answer.stream)
        stream = _Body(body, answer, end, _Counter(self._bounds, request))
        made = httpx.Response(answer.status, headers=answer.headers, stream=stream, extensions=answer.extensions)
        try:
            _require_readable(made, request, self._bounds)
        except Refused:
            answer.close()
            raise
        return made

    def close(self) -> None:
        self._pool.close()


class AsyncGuardedTransport(httpx.AsyncBaseTransport):
    """`GuardedTransport` for the event loop."""

    def __init__(self, policy: OutboundPolicy, bounds: Bounds, verify: ssl.SSLContext | None = None) -> None:
        self._policy = policy
        self._bounds = bounds
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=verify or trusted(), keepalive_expiry=IDLE_SECONDS, network_backend=AsyncPinnedBackend(policy)
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._policy.check(admitted(request))
        end = _end(request, self._bounds)
        with _as_httpx(), until(end):
            answer = await self._pool.handle_async_request(_plain(request))
        body = cast(AsyncIterator[bytes], answer.stream)
        stream = _AsyncBody(body, answer, end, _Counter(self._bounds, request))
        made = httpx.Response(answer.status, headers=answer.headers, stream=stream, extensions=answer.extensions)
        try:
            _require_readable(made, request, self._bounds)
        except Refused:
            await answer.aclose()
            raise
        return made

    async def aclose(self) -> None:
        await self._pool.aclose()


def admitted(request: httpx.Request) -> Target:
    """Raises Refused: a request whose URL or Host header could mean another host."""
    target = target_of(str(request.url))
    if request.headers.get_list("host") != [request.url.netloc.decode("ascii")]:
        raise Refused("the Host header names another host than the URL", reason="host_header", host=target.host)
    return target


class _Counter:
    def __init__(self, bounds: Bounds, request: httpx.Request) -> None:
        self._bounds = bounds
        self._host = request.url.host
        self._seen = 0

    def add(self, chunk: bytes) -> bytes:
        self._seen += len(chunk)
        if self._seen > self._bounds.max_bytes:
            raise _too_large(self._host, self._bounds)
        return chunk


class _Body(httpx.SyncByteStream):
    def __init__(self, body: Iterator[bytes], answer: httpcore.Response, end: float, counter: _Counter) -> None:
        self._body, self._answer, self._end, self._counter = body, answer, end, counter

    def __iter__(self) -> Iterator[bytes]:
        chunks = iter(self._body)
        while True:
            with _as_httpx(), until(self._end):
                chunk = next(chunks, None)
            if chunk is None:
                return
            yield self._counter.add(chunk)

    def close(self) -> None:
        self._answer.close()


class _AsyncBody(httpx.AsyncByteStream):
    def __init__(self, body: AsyncIterator[bytes], answer: httpcore.Response, end: float, counter: _Counter) -> None:
        self._body, self._answer, self._end, self._counter = body, answer, end, counter

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks = aiter(self._body)
        while True:
            with _as_httpx(), until(self._end):
                chunk = await anext(chunks, None)
            if chunk is None:
                return
            yield self._counter.add(chunk)

    async def aclose(self) -> None:
        await self._answer.aclose()


def _end(request: httpx.Request, bounds: Bounds) -> float:
    given = request.extensions.get(END)
    return given if isinstance(given, float) else time.monotonic() + bounds.deadline


def _plain(request: httpx.Request) -> httpcore.Request:
    """Without extensions that would name another server (`sni_hostname`) or target: the URL alone decides."""
    return httpcore.Request(
        method=request.method,
        url=httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        ),
        headers=request.headers.raw,
        content=cast(httpx.SyncByteStream, request.stream),
        extensions={"timeout": request.extensions.get("timeout", {})},
    )


def _require_readable(answer: httpx.Response, request: httpx.Request, bounds: Bounds) -> None:
    """A compressed answer can be a thousand times as big as it looks, so none is taken: we ask for none."""
    encoding = answer.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", ""):
        raise Refused("the answer is compressed, which was not asked for", reason="encoding", host=request.url.host)
    told = answer.headers.get("content-length", "")
    if request.method != "HEAD" and told.isascii() and told.isdigit() and int(told) > bounds.max_bytes:
        raise _too_large(request.url.host, bounds)


def _too_large(host: str, bounds: Bounds) -> Refused:
    return Refused(f"the answer is larger than {bounds.max_bytes} bytes", reason="too_large", host=host)


@contextmanager
def _as_httpx() -> Iterator[None]:
    """The two libraries have the same names for what goes wrong on the network."""
    try:
        yield
    except (
        httpcore.NetworkError,
        httpcore.TimeoutException,
        httpcore.ProtocolError,
        httpcore.UnsupportedProtocol,
    ) as e:
        kind: type[httpx.TransportError] = getattr(httpx, type(e).__name__)
        raise kind(str(e)) from e
