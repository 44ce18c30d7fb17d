"""Requests to a version's `inner` socket: HTTP/1.1 of our own making, one connection each, bodies as streams.

The head is written here and nowhere else: what a worker gives is checked, and the headers that its runtime trusts
(`holdfast-*`) are only ours.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
import secrets
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

import httptools

from holdfast.runtime.bindings.handling import Failure

_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_HOP: Final = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_HANDSHAKE: Final = frozenset({"sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions"})
_METHODS_REFUSED: Final = frozenset({"CONNECT", "TRACE"})
_HEAD_BYTES: Final = 64 * 1024
_READ: Final = 64 * 1024
_PATIENCE: Final = 3.0  # seconds until the pool listens for a version that was just made
_SAFE: Final = "/%:@!$&'()*+,;=-._~?[]"


class Answer:
    """The head of an answer, and its body as it comes. `close` when it is not read to its end."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, method: str, upgrading: bool
    ) -> None:
        self._reader, self._writer, self._upgrading = reader, writer, upgrading
        self._after = b""  # what came behind the head of an answer 101
        self._parser = httptools.HttpResponseParser(self)
        self._bodyless = method == "HEAD"
        self._parts: list[bytes] = []
        self._ended = self._ready = False
        self._seen = 0
        self.status = 0
        self.headers: list[tuple[str, str]] = []

    async def head(self) -> None:
        """Read as far as the body. Raises Failure."""
        while not self._ready:
            await self._more()
        if self.status == 101 and not self._upgrading:
            raise Failure("Error", "the worker upgraded a connection that was not to be upgraded")

    async def body(self) -> AsyncIterator[bytes]:
        """The body's parts. Raises Failure when the worker ends in the middle."""
        while True:
            parts, self._parts = self._parts, []
            for part in parts:
                yield part
            if self._ended:
                return
            if not self._parts:
                await self._more()

    async def raw(self) -> AsyncIterator[bytes]:
        """After an answer 101: what the worker says, to its end."""
        data = self._after
        while True:
            if data:
                yield data
            try:
                data = await self._reader.read(_READ)
            except OSError:
                return
            if not data:
                return

    async def say(self, data: bytes) -> None:
        """After an answer 101: on to the worker, as fast as it takes it."""
        with contextlib.suppress(OSError):
            self._writer.write(data)
            await self._writer.drain()

    async def whole(self, most: int) -> bytes:
        """The body at once. Raises Failure beyond `most` bytes."""
        found = bytearray()
        async for part in self.body():
            found += part
            if len(found) > most:
                raise Failure("Error", f"the answer is longer than the {most} bytes allowed")
        return bytes(found)

    def close(self) -> None:
        self._writer.close()

    async def _more(self) -> None:
        try:
            data = await self._reader.read(_READ)
        except OSError as error:
            raise _ended_early() from error
        if not data:
            if self._ready and not self._framed:
                self._ended = True  # a body that lasts until the end of the connection
                return
            raise _ended_early()
        if not self._ready:
            self._seen += len(data)
            if self._seen > _HEAD_BYTES + _READ:
                raise Failure("Error", "the worker's answer has too long a head")
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._after, self._ended = data[upgrade.args[0] :], True
        except httptools.HttpParserError as error:
            raise Failure("Error", "the worker answered with something that is not HTTP") from error

    @property
    def _framed(self) -> bool:
        return any(name in ("content-length", "transfer-encoding") for name, _ in self.headers)

    # httptools calls these

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if 100 <= status < 200 and status != 101:
            self.headers.clear()
            return
        self.status, self._ready = status, True
        if self._bodyless or status in (204, 304):
            self._ended = True

    def on_body(self, body: bytes) -> None:
        self._parts.append(body)

    def on_message_complete(self) -> None:
        if self._ready:
            self._ended = True


def _ended_early() -> Failure:
    return Failure("Error", "the worker ended before it had answered")


async def request(
    path: Path,
    worker: str,
    method: str,
    url: str,
    headers: Iterable[tuple[str, str]],
    ours: Iterable[tuple[str, str]],
    body: AsyncIterable[bytes] | bytes | None,
    length: int | None = None,
    upgrade: bool = False,
    session: bool = False,
) -> tuple[Answer, asyncio.Task[None]]:
    """Send it; the answer's head is read. `headers` are the worker's and are checked, `ours` are trusted. With
    `upgrade` it is a WebSocket's handshake (RFC 6455, 4.1), with a key of ours and without extensions; with `session`
    the answer may be the beginning of one between the runtimes.

    The task sends the body; cancel it when the answer has been used. Raises Failure.
    """
    if isinstance(body, bytes):
        length = len(body)
    head = _head(method, url, headers, ours, None if body is None else length, body is not None, upgrade)
    reader, writer = await _connect(path, worker)
    sending: asyncio.Task[None] | None = None
    try:
        writer.write(head)
        sending = asyncio.ensure_future(_send(writer, body, length is None))
        answer = Answer(reader, writer, method, upgrade or session)
        await answer.head()
    except BaseException:
        if sending is not None:
            sending.cancel()
        writer.close()
        raise
    return answer, sending


async def _connect(path: Path, worker: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    loop = asyncio.get_running_loop()
    until = loop.time() + _PATIENCE
    while True:
        try:
            return await asyncio.open_unix_connection(str(path), limit=_READ * 2)
        except OSError as error:
            if loop.time() >= until:
                raise Failure("Unavailable", f"the worker {worker} cannot be reached now; try again") from error
            await asyncio.sleep(0.05)


async def _send(writer: asyncio.StreamWriter, body: AsyncIterable[bytes] | bytes | None, chunked: bool) -> None:
    """What goes wrong here shows in the answer: the worker may answer before it has read everything."""
    with contextlib.suppress(OSError):
        if isinstance(body, bytes):
            writer.write(body)
        elif body is not None:
            async for part in body:
                if part:
                    writer.write(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
                    await writer.drain()
            if chunked:
                writer.write(b"0\r\n\r\n")
        await writer.drain()


def _head(
    method: str,
    url: str,
    headers: Iterable[tuple[str, str]],
    ours: Iterable[tuple[str, str]],
    length: int | None,
    has_body: bool,
    upgrade: bool,
) -> bytes:
    if not _TOKEN.fullmatch(method) or method in _METHODS_REFUSED:
        raise Failure("TypeError", f"{method[:20]!r} is not a method that can be sent")
    host, target = _split(url)
    lines = [f"{method} {target} HTTP/1.1", f"host: {host}"]
    for name, value in headers:
        lowered = name.lower()
        if not _TOKEN.fullmatch(name) or _CONTROL.search(value):
            raise Failure("TypeError", f"the header {name[:40]!r} has a name or a value that cannot be sent")
        if lowered not in _HOP and not lowered.startswith("holdfast-") and lowered not in _HANDSHAKE:
            lines.append(f"{lowered}: {value}")
    lines += [f"{name}: {value}" for name, value in ours]
    if has_body:
        lines.append("transfer-encoding: chunked" if length is None else f"content-length: {length}")
    lines += _upgrading() if upgrade else ["connection: close"]
    data = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
    if len(data) > _HEAD_BYTES:
        raise Failure("TypeError", f"the request's head is longer than {_HEAD_BYTES} bytes")
    return data


def _upgrading() -> list[str]:
    key = base64.b64encode(secrets.token_bytes(16)).decode()
    return ["connection: Upgrade", "upgrade: websocket", "sec-websocket-version: 13", f"sec-websocket-key: {key}"]


def clean_url(url: str) -> str:
    """The URL as it may stand in a header. Raises Failure for what is no http(s) URL."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2].encode("idna").decode() if parts.netloc else ""
    except (ValueError, UnicodeError) as error:
        raise Failure("TypeError", f"Invalid URL: {url[:200]}") from error
    if parts.scheme not in ("http", "https") or not host or _CONTROL.search(host) or " " in host:
        raise Failure("TypeError", f"Invalid URL: {url[:200]}")
    path = quote(parts.path or "/", safe=_SAFE)
    query = f"?{quote(parts.query, safe=_SAFE)}" if parts.query else ""
    return f"{parts.scheme}://{host}{path}{query}"


def _split(url: str) -> tuple[str, str]:
    clean = clean_url(url)
    host, slash, rest = clean.partition("://")[2].partition("/")
    return host, slash + rest
