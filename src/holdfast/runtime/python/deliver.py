"""Events to the user's code: requests, schedules, calls from other workers; and what came of them."""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
import re
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from holdfast.runtime.python.asgi_direct import serve_asgi
from holdfast.runtime.python.exchange import Exchange, Raw
from holdfast.runtime.python.invocations import CpuExceeded, Invocation, Invocations
from holdfast.runtime.python.loading import Worker
from holdfast.runtime.python.plain import call_plain
from holdfast.runtime.python.respond import PLAIN, judge, refuse, respond
from holdfast.runtime.python.workers import Context, Headers, ReadableStream, Request, Response, wsgi
from holdfast.runtime.python.workers.entrypoints import fitting, taken

if TYPE_CHECKING:
    from holdfast.runtime.python.schemas.checks import Checks, Met

_JSON = [(b"content-type", b"application/json")]
_VALUES = [(b"content-type", b"application/octet-stream")]
_HOST = re.compile(rb"[A-Za-z0-9.\-_]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")
_NOT_CALLED = frozenset(("fetch", "scheduled", "queue", "email", "tail", "trace", "test", "connect", "alarm"))


class NoEntrypoint(LookupError):
    """The worker has no entrypoint, method or handler of that name."""


class Delivery:
    """Delivers to one loaded worker."""

    def __init__(self, worker: Worker, env: Any, registry: Invocations) -> None:
        self.worker = worker
        self.env = env
        self.registry = registry
        self.stopping = False
        self.over: Callable[[Invocation], None] = lambda _: None
        self.checks: Checks | None = None

    # -- listeners

    def public(self, exchange: Exchange) -> None:
        """A request from the edge."""
        url, ray = address(exchange)
        self._request(exchange, url, ray, None)

    def inner(self, exchange: Exchange) -> None:
        """A request from our own processes; its headers are trusted."""
        headers = exchange.named
        if (depth := headers.get(b"holdfast-depth", b"")).isdigit():
            _set_depth(int(depth))
        if b"holdfast-service" in headers:
            url, ray = address(exchange)
            url = headers.get(b"holdfast-url", url.encode()).decode("latin-1")
            exchange.headers = [
                pair for pair in exchange.headers if pair[0] not in (b"holdfast-service", b"holdfast-url")
            ]
            self._request(exchange, url, ray, headers[b"holdfast-service"].decode("latin-1") or None)
            return
        path, _, query = exchange.target.decode("latin-1").partition("?")
        ray = headers.get(b"holdfast-request-id", b"").decode("latin-1") or None
        if exchange.method == b"POST" and path == "/scheduled":
            self._event(exchange, "scheduled", path, ray, self._scheduled)
        elif exchange.method == b"POST" and path.startswith("/rpc/"):
            method = unquote(path[5:])
            entrypoint = parse_qs(query).get("entrypoint", [None])[0]
            self._event(
                exchange, "rpc", method, ray, functools.partial(self._rpc, method=method, entrypoint=entrypoint)
            )
        else:
            exchange.answer(404, PLAIN, b"there is nothing here")

    def _busy(self, exchange: Exchange) -> bool:
        if not self.registry.full():
            return False
        headers = [*PLAIN, (b"retry-after", b"1")]
        exchange.keep_alive = exchange.keep_alive and not exchange.has_body
        exchange.answer(503, headers, b"the worker is busy: all its places are taken; try again in a second")
        return True

    def _request(self, exchange: Exchange, url: str, ray: str | None, entrypoint: str | None) -> None:
        if self._busy(exchange):
            return
        path = exchange.target.decode("latin-1").partition("?")[0]
        invocation = Invocation(self.registry, "http", exchange.method.decode("latin-1"), path, ray)
        exchange.on_gone = lambda: invocation.cancel("cancelled")
        if exchange.has_body:
            exchange.on_progress = invocation.renew
        invocation.run(self._fetch(exchange, invocation, url, entrypoint))

    def _event(
        self,
        exchange: Exchange,
        trigger: Any,
        path: str,
        ray: str | None,
        work: Callable[[Exchange, Invocation], Coroutine[Any, Any, None]],
    ) -> None:
        if self._busy(exchange):
            return
        invocation = Invocation(self.registry, trigger, "POST", path, ray)
        exchange.on_gone = lambda: invocation.cancel("cancelled")
        invocation.run(work(exchange, invocation))

    # -- requests

    async def _fetch(self, exchange: Exchange, invocation: Invocation, url: str, entrypoint: str | None) -> None:
        answering = exchange
        try:
            if self.checks is not None and entrypoint is None:
                met = self.checks.met(exchange)
                if met and await self._refused(self.checks, exchange, invocation, met):
                    return
                answering = self.checks.watched(exchange, invocation, met)
            if self.worker.kind == "asgi" and entrypoint is None:
                await serve_asgi(self.worker.main, answering, invocation, url, self.env)
            else:
                method = exchange.method.decode("latin-1")
                body = ReadableStream(exchange.read) if exchange.has_body else None
                request = Request.from_wire(method, url, Headers.from_wire(exchange.headers), body)
                await respond(answering, await self.answer(request, entrypoint), invocation)
        except BaseException as error:  # noqa: BLE001 - whatever user code raises is its outcome
            self._failed(exchange, invocation, error)
        finally:
            self.over(invocation)

    async def _refused(self, checks: Checks, exchange: Exchange, invocation: Invocation, met: Met) -> bool:
        """Whether the declared schemas refuse it; then it is answered, and the worker's code does not hear of it."""
        refusal = await checks.refusal(exchange, met)
        if refusal is None:
            return False
        invocation.status = refusal.status
        refusal.answer(exchange, invocation.ray)
        return True

    async def answer(self, request: Request, entrypoint: str | None = None) -> Response:
        """The worker's answer. Raises what it raises, TypeError when it is no Response."""
        worker = self.worker
        if worker.kind == "wsgi" and entrypoint is None:
            return await wsgi.fetch(worker.main, request, self.env)
        if worker.kind == "plain" and entrypoint is None:
            return await call_plain(worker.main, request, self.env)
        if worker.kind == "functions" and entrypoint is None:
            if (function := getattr(worker.main, "on_fetch", None)) is None:
                raise NoEntrypoint("this worker has no on_fetch: it takes no requests")
            result = function(*fitting(function, (request, self.env, Context())))
        else:
            instance = self._instance(entrypoint)
            if (function := getattr(instance, "fetch", None)) is None:
                raise NoEntrypoint(f"the entrypoint {type(instance).__name__} has no fetch: it takes no requests")
            count = taken(function)
            result = function(*((request,) if count == 1 else (request, self.env, Context())[:count]))
        if inspect.isawaitable(result):
            result = await result
        if not isinstance(result, Response):
            raise TypeError(
                f"fetch must return a Response, not {type(result).__name__}: return Response(...) or Response.json(...)"
            )
        return result

    def _instance(self, entrypoint: str | None) -> Any:
        if entrypoint is None:
            if self.worker.kind != "class":
                raise NoEntrypoint("this worker has no entrypoint class: its methods cannot be called")
            return self.worker.main(Context(), self.env)
        if entrypoint not in self.worker.entrypoints:
            raise NoEntrypoint(f"this worker has no entrypoint {entrypoint!r}")
        return self.worker.entrypoints[entrypoint](Context(), self.env)

    def _failed(self, exchange: Exchange, invocation: Invocation, error: BaseException) -> None:
        if isinstance(error, CpuExceeded) or invocation.forced:
            limits = self.registry.limits
            if invocation.outcome == "timeout":
                status, text = 504, "the worker took too long"
                why = f"it blocked the event loop for more than {limits.timeout_seconds:g} s"
            else:
                status, text = 503, "the worker used too much processor time"
                why = f"its limit is {limits.cpu_ms} ms"
            invocation.failed("exceededCpu")
            invocation.log("error", f"{text}: {why}")
            refuse(exchange, invocation, status, text)
        elif invocation.cancelled_at is not None:
            if invocation.outcome == "timeout":
                seconds = self.registry.limits.timeout_seconds
                invocation.log("error", f"the worker did not answer within {seconds:g} s")
                refuse(exchange, invocation, 504, "the worker took too long")
            else:
                refuse(exchange, invocation, 503, "the worker is being stopped")
        elif not judge(exchange, invocation, error):
            self._record(invocation, error)
            refuse(exchange, invocation, 500, f"the worker failed (invocation {invocation.id})")

    def _record(self, invocation: Invocation, error: BaseException) -> dict[str, Any]:
        told = self.registry.describe(error)
        invocation.failed("cancelled" if isinstance(error, asyncio.CancelledError) else "exception", told)
        invocation.log("error", told["stack"])
        return told

    # -- events

    async def _scheduled(self, exchange: Exchange, invocation: Invocation) -> None:
        answer: dict[str, Any] = {"outcome": "ok"}
        try:
            told = json.loads(await _whole(exchange))
            await self._call_scheduled(Controller(str(told["cron"]), told["scheduledTime"]))
        except BaseException as error:  # noqa: BLE001 - whatever user code raises is its outcome
            answer = {"outcome": "exception", "error": self.event_failed(invocation, error)}
        finally:
            self.over(invocation)
        if not exchange.finished:
            exchange.answer(200, _JSON, json.dumps(answer).encode())

    async def _call_scheduled(self, controller: Controller) -> None:
        context = Context()
        if self.worker.kind == "functions":
            function = getattr(self.worker.main, "on_scheduled", None)
        else:
            function = getattr(self._instance(None), "scheduled", None) if self.worker.kind == "class" else None
        if function is None:
            raise NoEntrypoint("this worker has no handler for schedules: define scheduled(self, controller)")
        result = function(*fitting(function, (controller, self.env, context)))
        if inspect.isawaitable(result):
            await result

    async def _rpc(self, exchange: Exchange, invocation: Invocation, method: str, entrypoint: str | None) -> None:
        from holdfast.runtime.python.rpc import serving

        await serving.serve(self, exchange, invocation, method, entrypoint)

    def method(self, name: str, entrypoint: str | None) -> Callable[..., Any]:
        """A public method of a new instance of the entrypoint's class. Raises NoEntrypoint: attributes of the instance
        are not callable from outside, nor what begins with an underscore, nor the handlers of events."""
        instance = self._instance(entrypoint)
        found = getattr(type(instance), name, None)
        if name.startswith("_") or name in _NOT_CALLED or not inspect.isroutine(found):
            raise NoEntrypoint(f"the entrypoint {type(instance).__name__} has no method {name!r}")
        return getattr(instance, name)  # type: ignore[no-any-return]

    def event_failed(self, invocation: Invocation, error: BaseException) -> dict[str, Any]:
        """Keep what came of it, with its stack; the name and the message are for whoever caused the event."""
        if isinstance(error, CpuExceeded) or invocation.forced:
            invocation.failed("exceededCpu")
        elif invocation.cancelled_at is not None:
            pass  # its outcome was said when it was cancelled
        else:
            return self._record(invocation, error)
        told = {"type": invocation.outcome or "exception", "message": f"the event ended by {invocation.outcome}"}
        invocation.log("error", told["message"])
        return told


class Controller:
    """The first argument of `scheduled`: `cron`, `scheduledTime` (ms)."""

    type = "scheduled"

    def __init__(self, cron: str, scheduled_time: float) -> None:
        self.cron = cron
        self.scheduledTime = scheduled_time
        self.no_retry = False

    @property
    def scheduled_time(self) -> float:
        return self.scheduledTime

    def noRetry(self) -> None:  # noqa: N802 - as published
        self.no_retry = True


def _set_depth(depth: int) -> None:
    """How many service bindings lie behind this call, for the calls that it makes; the task copies it."""
    from holdfast.runtime.bindings import client_service

    client_service.depth.set(depth)


async def _whole(exchange: Exchange) -> bytes:
    pieces = []
    while piece := await exchange.read():
        pieces.append(piece)
    return b"".join(pieces)


def address(exchange: Exchange) -> tuple[str, str | None]:
    """The request's URL as the client wrote it, and the request id; from what the edge has vouched for."""
    named = exchange.named
    host = named.get(b"x-forwarded-host") or named.get(b"host") or b""
    ray = named.get(b"holdfast-request-id")
    target = exchange.target.decode("latin-1")
    if not target.startswith("/"):
        parts = urlsplit(target)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    origin = _origin(named.get(b"x-forwarded-proto") == b"https", host)
    return origin + target, None if ray is None else ray.decode("latin-1")


@functools.lru_cache(maxsize=256)  # a worker has few names, and is asked by them again and again
def _origin(secure: bool, host: bytes) -> str:
    name = host.decode("latin-1") if _HOST.fullmatch(host) else "localhost"
    return f"{'https' if secure else 'http'}://{name}"


__all__ = ["Controller", "Delivery", "Raw", "address"]
