"""`fetch`: requests to the outside, through the egress socket.

The egress process is an HTTP proxy on a unix socket (RFC 9110, 7.6; RFC 9112, 3.2.2): `http` goes in absolute form,
`https` by CONNECT with TLS inside the worker, so that the proxy sees the host's name and no content.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

from holdfast.runtime.bindings.attributes import guarded
from holdfast.runtime.python.workers import upgrading
from holdfast.runtime.python.workers.aborting import AbortSignal
from holdfast.runtime.python.workers.egress import Outcome, Way, exchange, tls_context, use
from holdfast.runtime.python.workers.headers import Headers
from holdfast.runtime.python.workers.line import FetchError
from holdfast.runtime.python.workers.messages import Request, Response
from holdfast.runtime.python.workers.streams import ReadableStream
from holdfast.runtime.python.workers.upgrading import Offer
from holdfast.runtime.python.workers.url import URL

MOST_REDIRECTS = 20
_ALWAYS = 60.0  # seconds for the head of an answer where no timeout is given
_EMPTY = (101, 204, 205, 304)


async def fetch(resource: Any, /, **options: Any) -> Response:
    """Ask `resource` (a URL or a Request): `method`, `headers`, `body`, `redirect` ("follow", "manual", "error").

    `timeout` (seconds, ours) bounds the wait for the answer's head; `signal`, an AbortSignal, ends that wait and the
    body, and raises its reason. With the header `upgrade: websocket` an answer 101 has the socket as its `web_socket`.
    Raises FetchError when no answer comes: the worker may not reach that host, the host does not answer, or its
    certificate is wrong; TimeoutError; ValueError for an address that is none. Options unknown here are accepted and
    without effect.
    """
    timeout = float(options.pop("timeout", None) or _ALWAYS)
    request = Request(resource, **options)
    with guarded(request.signal):
        return await _follow(request, timeout)


async def _follow(request: Request, seconds: float) -> Response:
    """To the answer that is not a redirect, within so many seconds."""
    body = await _replayable(request)
    url, method, headers = URL(request.url), str(request.method), request.headers.copy()
    offer = Offer() if upgrading.asked(method, headers) else None
    try:
        async with asyncio.timeout(seconds):
            for hop in range(MOST_REDIRECTS + 1):
                outcome = await _ask(offer, method, url, _sent(headers, url), body)
                if not (target := _redirected(outcome, url)) or request.redirect == "manual":
                    return _response(outcome, url, hop > 0, request.signal)
                await outcome.discard()
                if request.redirect == "error":
                    raise FetchError(f"{url} redirects to {target}, which redirect='error' forbids")
                method, body = _after_redirect(outcome.status, method, body, headers)
                if target.origin != url.origin:
                    for name in ("authorization", "cookie", "proxy-authorization"):
                        headers.delete(name)
                url = target
    except TimeoutError as error:
        raise TimeoutError(f"{url} did not answer within {seconds:g} s") from error
    raise FetchError(f"{request.url} redirects more than {MOST_REDIRECTS} times")


async def _ask(
    offer: Offer | None, method: str, url: URL, sent: list[tuple[bytes, bytes]], body: bytes | ReadableStream | None
) -> Outcome:
    if offer is None:
        return await exchange(Way.to(url), method, url, sent, body)
    outcome = await exchange(Way.to(url, upgrade=True), method, url, offer.headers(sent), body, upgrade=True)
    if outcome.status == 101:
        try:
            offer.judge(outcome.headers, url)
        except FetchError:
            await outcome.discard()
            raise
    return outcome


async def _replayable(request: Request) -> bytes | ReadableStream | None:
    if request._data is not None:
        return request._data
    return request.body


def _sent(headers: Headers, url: URL) -> list[tuple[bytes, bytes]]:
    """What goes out: the worker's headers without those that belong to one connection."""
    own = ("host", "connection", "transfer-encoding", "content-length", "keep-alive", "upgrade", "te", "expect")
    wire = [(b"host", url.host.encode())]
    wire += [pair for pair in headers.wire() if pair[0].decode() not in own]
    names = {name for name, _ in wire}
    if b"accept-encoding" not in names:
        wire.append((b"accept-encoding", b"gzip, deflate"))
    if b"accept" not in names:
        wire.append((b"accept", b"*/*"))
    return wire


def _redirected(outcome: Outcome, url: URL) -> URL | None:
    location = outcome.headers.get("location")
    if outcome.status not in (301, 302, 303, 307, 308) or location is None:
        return None
    try:
        target = URL(location, str(url))
    except ValueError as error:
        raise FetchError(f"{url} redirects to an address that is none: {location!r}") from error
    if target.protocol not in ("http:", "https:"):
        raise FetchError(f"{url} redirects to {target.protocol} which cannot be fetched")
    return target


def _after_redirect(
    status: int, method: str, body: bytes | ReadableStream | None, headers: Headers
) -> tuple[str, bytes | ReadableStream | None]:
    """Fetch standard, HTTP-redirect fetch: some redirects turn a POST into a GET; a stream cannot be sent twice."""
    if (status in (301, 302) and method == "POST") or (status == 303 and method not in ("GET", "HEAD")):
        for name in ("content-type", "content-encoding", "content-language", "content-location"):
            headers.delete(name)
        return "GET", None
    if isinstance(body, ReadableStream):
        raise FetchError(f"the answer {status} asks to send the body again, and a stream can be sent once")
    return method, body


def _response(outcome: Outcome, url: URL, redirected: bool, signal: AbortSignal | None) -> Response:
    answer = Response(None, status=outcome.status, status_text=outcome.reason)
    answer.headers, answer.url, answer.redirected = outcome.headers, str(url), redirected
    if outcome.status == 101:
        answer.web_socket = upgrading.joined(outcome.upgraded())
    elif outcome.status not in _EMPTY:
        encoding = outcome.headers.get("content-encoding", "").strip().lower()
        if encoding in ("gzip", "x-gzip", "deflate"):
            read = _Inflating(outcome, encoding).read
            outcome.headers.delete("content-encoding")
            outcome.headers.delete("content-length")
        else:
            read = outcome.read
        answer._stream = ReadableStream(_ended_by(signal, read, outcome), outcome.discard)
    return answer


def _ended_by(
    signal: AbortSignal | None, read: Callable[[], Awaitable[bytes]], outcome: Outcome
) -> Callable[[], Awaitable[bytes]]:
    """Pieces of a body until the signal is aborted; then its connection is ended."""
    if signal is None:
        return read

    async def piece() -> bytes:
        try:
            with signal.guard():
                return await read()
        except BaseException:
            await outcome.discard()
            raise

    return piece


class _Inflating:
    """gzip and deflate taken off while the body streams."""

    def __init__(self, outcome: Outcome, encoding: str) -> None:
        self._outcome = outcome
        self._inflater = zlib.decompressobj(47 if encoding != "deflate" else 15)
        self._first = encoding == "deflate"
        self._rest = b""

    async def read(self) -> bytes:
        while not self._inflater.eof:
            chunk = self._rest or await self._outcome.read()
            if not chunk:
                raise FetchError("the answer's compressed body is cut short")
            try:
                piece = self._inflater.decompress(chunk, 1 << 18)
            except zlib.error as error:
                if self._first:  # some servers send deflate without its header (RFC 9110, 8.4.1.2)
                    self._inflater, self._first, self._rest = zlib.decompressobj(-15), False, chunk
                    continue
                raise FetchError(f"the answer's compressed body is broken: {error}") from error
            self._first = False
            self._rest = self._inflater.unconsumed_tail
            if piece:
                return piece
        while await self._outcome.read():
            pass
        return b""


__all__ = ["FetchError", "fetch", "tls_context", "use"]
