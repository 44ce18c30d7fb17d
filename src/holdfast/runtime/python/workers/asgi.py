"""ASGI applications as workers (specification 3.0): `entrypoint(app)`, `fetch(app, request, env)`.

Where Cloudflare starts and ends the lifespan with each request, it begins here with the first request and ends with
the process.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, MutableMapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from holdfast.runtime.python.workers.context import Context, current_env, wait_until
from holdfast.runtime.python.workers.context import invocation as _current
from holdfast.runtime.python.workers.entrypoints import WorkerEntrypoint
from holdfast.runtime.python.workers.headers import Headers
from holdfast.runtime.python.workers.messages import Request, Response
from holdfast.runtime.python.workers.sockets import WebSocketPair

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
App = Callable[[Scope, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]
logger = logging.getLogger("asgi")
_VERSION = {"version": "3.0", "spec_version": "2.3"}


@dataclass(frozen=True)
class Options:
    """`encode_body` is accepted for what was written for Cloudflare: bodies are bytes here either way."""

    encode_body: Literal["automatic", "manual"] = "automatic"


class Lifespan:
    """The lifespan of one application in this process."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.state: dict[str, Any] = {}
        self._ready: asyncio.Task[None] | None = None
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self._from_app: asyncio.Queue[Message | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self.started = False

    async def start(self) -> None:
        """Once; concurrent callers wait. Raises RuntimeError when the application says that it failed to start."""
        if self._ready is None:
            self._ready = contextvars.Context().run(asyncio.ensure_future, self._start())
        await asyncio.shield(self._ready)

    async def _start(self) -> None:
        self._task = asyncio.ensure_future(self._run())
        await self._to_app.put({"type": "lifespan.startup"})
        answer = await self._from_app.get()
        if answer is not None and answer["type"] == "lifespan.startup.failed":
            raise RuntimeError(f"the application failed to start: {answer.get('message', '')}")
        self.started = True

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": _VERSION, "state": self.state, "env": current_env()}
        try:
            await self.app(scope, self._to_app.get, self._from_app.put)
        except Exception as error:
            if not self.started and not _says_unsupported(error):
                logger.debug("the application does not support lifespan: %r", error)
            elif self.started:
                logger.error("the application failed while ending", exc_info=error)
        finally:
            await self._from_app.put(None)

    async def stop(self) -> None:
        """Let the application clean up."""
        if self._task is not None and not self._task.done():
            await self._to_app.put({"type": "lifespan.shutdown"})
            while (answer := await self._from_app.get()) is not None:
                if answer["type"].startswith("lifespan.shutdown"):
                    break


def _says_unsupported(error: Exception) -> bool:
    return isinstance(error, AssertionError | KeyError | NotImplementedError | ValueError)


_lifespans: dict[int, Lifespan] = {}


def lifespan_of(app: App) -> Lifespan:
    return _lifespans.get(id(app)) or _lifespans.setdefault(id(app), Lifespan(app))


async def stop_all() -> None:
    for each in list(_lifespans.values()):
        await each.stop()


def make_scope(kind: str, method: str, url: str, headers: list[tuple[bytes, bytes]], env: Any) -> dict[str, Any]:
    begin, slash, end = url.partition("://")[2].partition("/")
    if slash and "?" not in begin and "#" not in url:
        raw_path, _, query = end.partition("?")
        raw_path = "/" + raw_path
    else:
        parts = urlsplit(url)
        raw_path, query = parts.path or "/", parts.query
    scheme, server = _origin(url[: len(url) - len(slash) - len(end)])
    if kind != "http":
        scheme = "wss" if scheme in ("https", "wss") else "ws"
    scope: dict[str, Any] = {
        "type": kind,
        "asgi": _VERSION,
        "http_version": "1.1",
        "scheme": scheme,
        "path": unquote(raw_path),
        "raw_path": raw_path.encode("ascii", "replace"),
        "query_string": query.encode("latin-1", "replace"),
        "root_path": "",
        "headers": headers,
        "server": server,
        "client": client_of(headers),
        "env": env,
    }
    if kind == "http":
        scope["method"] = method
    return scope


@functools.lru_cache(maxsize=256)  # a worker is asked by the same few names again and again
def _origin(url: str) -> tuple[str, tuple[str, int]]:
    """(scheme, (host, port)) of a URL without its path."""
    parts = urlsplit(url)
    return parts.scheme, (
        parts.hostname or "localhost",
        parts.port or (443 if parts.scheme in ("https", "wss") else 80),
    )


def client_of(headers: list[tuple[bytes, bytes]]) -> tuple[str, int]:
    """The client's address, which the edge has put into `cf-connecting-ip`; the port is not known."""
    for name, value in headers:
        if name == b"cf-connecting-ip":
            return value.decode("latin-1"), 0
    return "127.0.0.1", 0


def request_to_scope(req: Request, env: Any, ws: bool = False) -> dict[str, Any]:
    scope = make_scope("websocket" if ws else "http", str(req.method), req.url, req.headers.wire(), env)
    if ws:
        offered = req.headers.get("sec-websocket-protocol", "")
        scope["subprotocols"] = [each.strip() for each in offered.split(",") if each.strip()]
    return scope


def run_in_background(work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Go on with `work` after the answer; its failure is logged."""
    task = asyncio.ensure_future(work)
    task.add_done_callback(_log_failure)
    if _current.get() is not None:
        wait_until(task)
    return task


def _log_failure(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("a background task failed", exc_info=error)


class _Exchange:
    """The application's side of one request, which becomes a Response as soon as its head is there."""

    def __init__(self, request: Request) -> None:
        self._body = request.body
        self._body_over = False
        self._gone = asyncio.Event()
        self.head: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self.pieces: asyncio.Queue[bytes | None] = asyncio.Queue(4)
        self.whole: bytes | None = None
        self._begun: Message | None = None

    async def receive(self) -> Message:
        if not self._body_over:
            piece = await self._body.read() if self._body is not None else b""
            self._body_over = not piece
            return {"type": "http.request", "body": bytes(piece), "more_body": bool(piece)}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            self._begun = message
        elif kind == "http.response.body":
            if self._begun is None:
                raise RuntimeError("the application sent a body before http.response.start")
            await self._add(bytes(message.get("body", b"")), bool(message.get("more_body", False)))

    async def _add(self, piece: bytes, more: bool) -> None:
        assert self._begun is not None  # noqa: S101 - for the type checker
        if not self.head.done():
            if not more:
                self.whole = piece
            self.head.set_result(self._begun)
            if not more:
                self._gone.set()
                return
        if self._gone.is_set():
            return
        if piece:
            await self.pieces.put(piece)
        if not more:
            await self.pieces.put(None)
            self._gone.set()

    async def stream(self, task: asyncio.Task[None]) -> AsyncGenerator[bytes, None]:
        try:
            while (piece := await self._next(task)) is not None:
                yield piece
        finally:
            self._gone.set()
            while not self.pieces.empty():
                self.pieces.get_nowait()

    async def _next(self, task: asyncio.Task[None]) -> bytes | None:
        if self.pieces.empty() and not task.done():
            getting = asyncio.ensure_future(self.pieces.get())
            await asyncio.wait((getting, task), return_when=asyncio.FIRST_COMPLETED)
            if getting.done():
                return getting.result()
            getting.cancel()
        if not self.pieces.empty():
            return self.pieces.get_nowait()
        if self._gone.is_set():
            return None
        task.result()
        raise RuntimeError("the application ended before its answer was complete")


async def fetch(app: Any, req: Any, env: Any = None, ctx: Any = None, *, options: Options | None = None) -> Response:
    """The application's answer. What it does after the answer goes on as with waitUntil.

    Raises what the application raised before its answer began, RuntimeError when it never began one.
    """
    env = current_env() if env is None else env
    if str(req.headers.get("upgrade", "")).lower() == "websocket":
        return await websocket(app, req, env)
    lifespan = lifespan_of(app)
    if not lifespan.started:
        await lifespan.start()
    scope = request_to_scope(req, env)
    scope["state"] = dict(lifespan.state)
    exchange = _Exchange(req)
    task: asyncio.Task[None] = asyncio.ensure_future(app(scope, exchange.receive, exchange.send))
    try:
        await asyncio.wait((task, exchange.head), return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if not exchange.head.done():
        if error := task.exception():
            logger.error("ASGI request failed: %r", error)
            raise error
        raise RuntimeError("the application returned without an answer")
    if (running := _current.get()) is not None:
        running.keep(task)
    else:
        task.add_done_callback(_log_failure)
    head = exchange.head.result()
    body = exchange.whole if exchange.whole is not None else exchange.stream(task)
    return _response(head, body)


def _response(head: Message, body: Any) -> Response:
    status = head["status"]
    answer = Response(None if status in (101, 204, 205, 304) else body, status=status)
    answer.headers = Headers.from_wire([(name.lower(), value) for name, value in head.get("headers", ())])
    return answer


async def websocket(app: Any, req: Any, env: Any = None) -> Response:
    """Join the client's socket to the application. Without an accept the client gets 403, as the standard says."""
    env = current_env() if env is None else env
    lifespan = lifespan_of(app)
    if not lifespan.started:
        await lifespan.start()
    client, server = WebSocketPair()
    scope = request_to_scope(req, env, ws=True)
    scope["state"] = dict(lifespan.state)
    first: list[Message] = [{"type": "websocket.connect"}]
    accepted: asyncio.Future[Message | None] = asyncio.get_running_loop().create_future()

    async def receive() -> Message:
        if first:
            return first.pop()
        event = await server.next_event()
        if event.type == "close":
            return {"type": "websocket.disconnect", "code": event.code, "reason": event.reason}
        key = "text" if isinstance(event.data, str) else "bytes"
        return {"type": "websocket.receive", key: event.data}

    async def send(message: Message) -> None:
        kind = message["type"]
        if kind == "websocket.accept":
            server.accept()
            accepted.set_result(message)
        elif kind == "websocket.close":
            if not accepted.done():
                accepted.set_result(None)
            else:
                server.close(message.get("code", 1000), message.get("reason") or "")
        elif kind == "websocket.send":
            text = message.get("text")
            server.send(text if text is not None else message.get("bytes") or b"")
            await server.drain()

    async def run() -> None:
        try:
            await app(scope, receive, send)
        except Exception as error:
            if server.readyState != server.CLOSED or type(error).__name__ != "WebSocketDisconnect":
                raise  # starlette raises the other when the client leaves and nobody asked to hear of it
        finally:
            if accepted.done() and server.readyState == server.OPEN:
                server.close(1000)

    task = asyncio.ensure_future(run())
    await asyncio.wait((task, accepted), return_when=asyncio.FIRST_COMPLETED)
    if not accepted.done():
        task.result()
        raise RuntimeError("the application neither accepted nor closed the socket")
    answer = accepted.result()
    if answer is None:
        return Response("the socket was refused", status=403)
    server.follow(task)
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.get("headers") or ()]
    if answer.get("subprotocol"):
        headers.append(("sec-websocket-protocol", answer["subprotocol"]))
    return Response(None, status=101, web_socket=client, headers=headers)


def entrypoint(app: Any, *, options: Options | None = None) -> type[WorkerEntrypoint]:
    """An entrypoint class whose `fetch` is the application: `Default = asgi.entrypoint(app)`."""

    class Application(WorkerEntrypoint):
        async def fetch(self, request: Request) -> Response:
            return await fetch(app, request, self.env, self.ctx, options=options)

    Application.asgi_app = app  # type: ignore[attr-defined]
    return Application


def _env_of(request: Any) -> Any:
    return request.scope["env"]


def __getattr__(name: str) -> Any:
    """`asgi.env`: a FastAPI dependency that gives the environment; made when asked for, FastAPI is the worker's own."""
    if name == "env":
        from fastapi import Depends
        from fastapi.requests import HTTPConnection

        def environment(connection: HTTPConnection) -> Any:
            return connection.scope["env"]

        environment.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [inspect.Parameter("connection", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=HTTPConnection)]
        )
        found = Depends(environment)
        globals()["env"] = found
        return found
    raise AttributeError(f"module 'workers.asgi' has no attribute {name!r}")


__all__ = ["Context", "Options", "entrypoint", "fetch", "request_to_scope", "run_in_background", "websocket"]
