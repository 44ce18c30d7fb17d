"""WSGI applications as workers (PEP 3333): run in threads, bodies whole in and streamed out."""

from __future__ import annotations

import asyncio
import contextvars
import io
import sys
from collections.abc import AsyncGenerator, Iterable
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from holdfast.runtime.python.workers.asgi import client_of
from holdfast.runtime.python.workers.context import current_env
from holdfast.runtime.python.workers.entrypoints import WorkerEntrypoint
from holdfast.runtime.python.workers.headers import Headers
from holdfast.runtime.python.workers.messages import Request, Response


def build_environ(req: Request, env: Any, body: bytes) -> dict[str, Any]:
    parts = urlsplit(req.url)
    headers = req.headers.wire()
    environ: dict[str, Any] = {
        "REQUEST_METHOD": str(req.method),
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(parts.path or "/").decode("latin-1"),
        "QUERY_STRING": parts.query,
        "SERVER_NAME": parts.hostname or "localhost",
        "SERVER_PORT": str(parts.port or (443 if parts.scheme == "https" else 80)),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": client_of(headers)[0],
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": parts.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "workers.env": env,
    }
    for name, value in headers:
        key, text = name.decode("latin-1").upper().replace("-", "_"), value.decode("latin-1")
        if key == "CONTENT_TYPE":
            environ[key] = text
        elif key != "CONTENT_LENGTH" and b"_" not in name:  # "a_b" could pose as "a-b", which the edge vouches for
            known = environ.get(f"HTTP_{key}")
            joint = "; " if key == "COOKIE" else ", "
            environ[f"HTTP_{key}"] = text if known is None else f"{known}{joint}{text}"
    return environ


async def fetch(app: Any, req: Any, env: Any = None, ctx: Any = None) -> Response:
    """The application's answer. Raises what it raised before its answer began."""
    env = current_env() if env is None else env
    environ = build_environ(req, env, await req.bytes())
    begun: dict[str, Any] = {}

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        begun["status"], begun["headers"] = int(status.split(" ", 1)[0]), headers
        begun["reason"] = status.partition(" ")[2]
        return begun.setdefault("written", io.BytesIO()).write

    def run() -> tuple[Any, bytes | None]:
        pieces = app(environ, start_response)
        if isinstance(pieces, list | tuple):
            whole = b"".join(pieces)
            if close := getattr(pieces, "close", None):
                close()
            return None, whole
        iterator = iter(pieces)
        first = next(iterator, b"")  # the application may call start_response as late as here
        return (pieces, iterator), first

    rest, first = await _in_thread(run)
    if "status" not in begun:
        raise RuntimeError("the application returned without calling start_response")
    written = begun["written"].getvalue() if "written" in begun else b""
    body: Any = written + (first or b"") if rest is None else _stream(rest, written + (first or b""))
    answer = Response(None if begun["status"] in (101, 204, 205, 304) else body, status=begun["status"])
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in begun["headers"]]
    answer.headers = Headers.from_wire(raw)
    return answer


async def _stream(rest: tuple[Any, Iterable[bytes]], first: bytes) -> AsyncGenerator[bytes, None]:
    pieces, iterator = rest
    try:
        if first:
            yield first
        while (piece := await _in_thread(lambda: next(iterator, None))) is not None:  # type: ignore[call-overload]
            if piece:
                yield piece
    finally:
        if close := getattr(pieces, "close", None):
            await _in_thread(close)


async def _in_thread(function: Any) -> Any:
    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(None, context.run, function)


def entrypoint(app: Any) -> type[WorkerEntrypoint]:
    """An entrypoint class whose `fetch` is the application."""

    class Application(WorkerEntrypoint):
        async def fetch(self, request: Request) -> Response:
            return await fetch(app, request, self.env, self.ctx)

    return Application


__all__ = ["build_environ", "entrypoint", "fetch"]
