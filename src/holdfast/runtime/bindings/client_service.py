"""`env.SERVICE`: another worker, called like a local object. Runs inside the sandbox: standard library only."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from holdfast.runtime.bindings import frames
from holdfast.runtime.bindings.attributes import BindingError, BindingLost, JsDict, NotAList, guarded, options
from holdfast.runtime.bindings.frames import CHUNK, METHODS
from holdfast.runtime.bindings.link import Link, failed
from holdfast.runtime.bindings.values import decode, encode, encode_call
from holdfast.runtime.bindings.wire import Wire

if TYPE_CHECKING:
    from holdfast.runtime.bindings.client import Client

_RPC, _FETCH, _SESSION, _JOIN = range(len(METHODS["service"]))
_RESERVED: Final = frozenset({"then", "connect"})

depth: ContextVar[int] = ContextVar("holdfast_depth", default=0)
"""How many service bindings lie behind the call that is being served; the runtime sets it from `holdfast-depth`."""


class ByteStream:
    """An answer's body, read once: `async for`, or `await read()` for all that is left."""

    def __init__(self, parts: AsyncIterator[bytes]) -> None:
        self._parts = parts

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._parts

    async def read(self) -> bytes:
        return b"".join([part async for part in self._parts])


class ServiceResponse:
    """What `fetch` gives where the runtime has put no Response of its own in its place."""

    def __init__(self, status: int, headers: list[tuple[str, str]], body: AsyncIterator[bytes]) -> None:
        self.status, self.headers, self.body = status, headers, ByteStream(body)

    async def bytes(self) -> bytes:
        return await self.body.read()

    async def text(self) -> str:
        return (await self.bytes()).decode(errors="replace")

    async def json(self) -> Any:
        return json.loads(await self.bytes())


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


@dataclass(frozen=True)
class Hooks:
    """How the runtime's own types are made: `request(input, init)` makes what has `url`, `method`, `headers` and a
    `body` of bytes or a stream, out of whatever a worker gives to `fetch`; `response(status, headers, body)` what it
    gets; `stream(data)` a KV value of the type "stream"; `upgraded(headers, wire)` the answer 101 to a WebSocket's
    handshake; `call(service, method, args, named)` calls a method of another worker, where more than plain values may
    be given and taken."""

    request: Callable[[Any, dict[str, Any]], Any] | None = None
    response: Callable[[int, list[tuple[str, str]], AsyncIterator[bytes]], Any] = ServiceResponse
    stream: Callable[[bytes], Any] = lambda data: ByteStream(_once(data))
    upgraded: Callable[[list[tuple[str, str]], Wire], Any] | None = None
    call: Callable[[Service, str, tuple[Any, ...], dict[str, Any]], Awaitable[Any]] | None = None


class Service:
    """The other worker, as the runtime calls its methods."""

    def __init__(self, client: Client, name: str) -> None:
        self._client, self._name = client, name

    async def call(self, method: str, body: bytes) -> bytes:
        """The answer's bytes, or a ticket for `join`. Raises BindingError, TypeError."""
        return await self._client.call(self._name, _RPC, encode([method, depth.get(), body]))

    async def session(self, method: str) -> Wire:
        """Begin a session with this method. Raises BindingError, TypeError."""
        return await self._wire(_SESSION, [method, depth.get()])

    async def join(self, ticket: bytes) -> Wire:
        """The session that a call has become. Raises BindingError."""
        return await self._wire(_JOIN, [ticket])

    async def _wire(self, method: int, arguments: list[Any]) -> Wire:
        link = await self._client.dial()
        try:
            parts = link.begin(self._client.index(self._name), method, encode(arguments))
            kind, payload = await parts.get()
            if kind != frames.HEADERS:
                raise _error(kind, payload)
        except BaseException:
            link.close()
            raise
        return Wire(link, parts)


class Fetcher(NotAList):
    """`await env.SVC.fetch(request_or_url, ...)`, and every other name as a method of the other worker."""

    def __init__(self, client: Client, name: str) -> None:
        self._client, self._name = client, name

    def __getattr__(self, method: str) -> Callable[..., Any]:
        if method.startswith("_") or method in _RESERVED:
            raise AttributeError(method)

        async def call(*args: Any, **named: Any) -> Any:
            """Bytes arrive as a memoryview, as Cloudflare's do. Raises TypeError or Uncloneable for what cannot be
            sent, BindingError for what the other worker raised."""
            service = Service(self._client, self._name)
            if (calls := self._client.hooks.call) is not None:
                return await calls(service, method, args, named)
            return decode(await service.call(method, encode_call(args, named)), JsDict, memoryview)

        call.__name__ = method
        return call

    async def fetch(self, request: Any, given: Any = None, /, **named: Any) -> Any:
        """As `fetch` of a URL; the host name only names, nothing is looked up. Bodies stream both ways.
        `signal` ends it, and the answer's body, and raises its reason. Raises BindingError, TypeError."""
        init = options(given, named)
        if (make := self._client.hooks.request) is not None:
            request, init = make(request, init), {}
        signal = getattr(request, "signal", None)
        with guarded(signal):
            return await self._ask(request, init, signal)

    async def _ask(self, request: Any, init: dict[str, Any], signal: Any) -> Any:
        head, body = _request(request, init)
        link = await self._client.dial()
        try:
            parts = link.begin(self._client.index(self._name), _FETCH, encode([head, depth.get()]))
            sending = asyncio.ensure_future(_sent() if head["upgrade"] else _send(link, body))
            kind, payload = await parts.get()
            if kind != frames.HEADERS:
                sending.cancel()
                raise _error(kind, payload)
            status, headers = decode(payload)
            pairs = [(str(name), str(value)) for name, value in headers]
            if status == 101:
                return self._upgraded(pairs, Wire(link, parts))
        except BaseException:
            link.close()
            raise
        return self._client.hooks.response(int(status), pairs, _Body(link, parts, sending, signal))

    def _upgraded(self, headers: list[tuple[str, str]], wire: Wire) -> Any:
        if self._client.hooks.upgraded is None:
            raise BindingError("Error", "this runtime carries no WebSocket through a service binding")
        return self._client.hooks.upgraded(headers, wire)


async def _sent() -> None:
    """What follows an upgrade is the socket's."""


async def _send(link: Link, body: AsyncIterable[bytes] | bytes | None) -> None:
    """The request's body; one that fails in the middle ends the call."""
    with contextlib.suppress(BindingLost):
        if isinstance(body, bytes):
            for at in range(0, len(body), CHUNK):
                await link.send(frames.BODY, body[at : at + CHUNK])
        elif body is not None:
            try:
                async for part in body:
                    for at in range(0, len(part), CHUNK):
                        await link.send(frames.BODY, bytes(part[at : at + CHUNK]))
            except BaseException:
                link.close()
                raise
        await link.send(frames.END, b"")


class _Body:
    """The parts of an answer's body. One that nobody reads to its end gives its connection back when it is dropped."""

    def __init__(
        self, link: Link, parts: asyncio.Queue[tuple[int, bytes]], sending: asyncio.Task[None], signal: Any
    ) -> None:
        self._link, self._parts, self._sending, self._signal = link, parts, sending, signal
        self._loop = asyncio.get_running_loop()
        self._ended = False

    def __aiter__(self) -> _Body:
        return self

    async def __anext__(self) -> bytes:
        if self._ended:
            raise StopAsyncIteration
        try:
            with guarded(self._signal):
                kind, payload = await self._parts.get()
        except BaseException:
            await self.aclose()
            raise
        if kind == frames.BODY:
            self._link.took()
            return payload
        await self.aclose()
        if kind == frames.END:
            raise StopAsyncIteration
        raise _error(kind, payload)

    async def aclose(self) -> None:
        """End the call, whatever is left of it."""
        self._close()

    def _close(self) -> None:
        if not self._ended:
            self._ended = True
            self._sending.cancel()
            self._link.close()

    def __del__(self) -> None:
        if not self._ended and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_drop, self._link, self._sending)


def _drop(link: Link, sending: asyncio.Task[None]) -> None:
    sending.cancel()
    link.close()


def _error(kind: int, payload: bytes) -> Exception:
    if kind == frames.ERROR:
        return failed(payload)
    return BindingLost("Unavailable", "the connection to the bindings was lost during the call")


def _request(request: Any, wanted: dict[str, Any]) -> tuple[dict[str, Any], AsyncIterable[bytes] | bytes | None]:
    """The head as plain values, and the body. A Request is anything with `url`, `method` and `headers`."""
    if isinstance(request, str):
        url, method, headers, body = request, "GET", None, None
    elif hasattr(request, "url") and hasattr(request, "method"):
        url, method, headers = str(request.url), str(request.method), request.headers
        body = None if method in ("GET", "HEAD") else getattr(request, "body", None)
    else:
        url, method, headers, body = str(request), "GET", None, None
    method = str(wanted.get("method") or method).upper()
    headers = _pairs(wanted["headers"] if wanted.get("headers") is not None else headers)
    body = wanted["body"] if wanted.get("body") is not None else body
    if body is not None and not isinstance(body, str | bytes | memoryview) and not hasattr(body, "__aiter__"):
        raise TypeError(f"a body is text, bytes or a stream, not {type(body).__name__}")
    if isinstance(body, str):
        if not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("content-type", "text/plain;charset=UTF-8"))
        body = body.encode()
    elif isinstance(body, memoryview):
        body = bytes(body)
    length = len(body) if isinstance(body, bytes) else None
    upgrade = any(name.lower() == "upgrade" and value.lower() == "websocket" for name, value in headers)
    if upgrade and (method != "GET" or body is not None):
        raise TypeError("a WebSocket begins with a GET without a body")
    head = {"method": method, "url": url, "headers": [list(pair) for pair in headers], "length": length}
    return {**head, "body": body is not None, "upgrade": upgrade}, body


def _pairs(headers: Any) -> list[tuple[str, str]]:
    if headers is None:
        return []
    given = headers.items() if isinstance(headers, Mapping) or hasattr(headers, "items") else headers
    return [(str(name), str(value)) for name, value in given]
