"""Connections through the egress socket, kept alive for a while, and one HTTP/1.1 exchange on one of them."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

import httptools

from holdfast.runtime.python.network.handshake import Handshake
from holdfast.runtime.python.workers.headers import Headers
from holdfast.runtime.python.workers.streams import ReadableStream
from holdfast.runtime.python.workers.url import URL

_HIGH = 1 << 20  # bytes of an answer kept before reading stops
_IDLE = 15.0  # seconds a connection is kept for the next request
_KEPT = 16  # connections kept in all
_CONNECT = 10.0  # seconds

_path = ["/run/egress"]
_tls: list[ssl.SSLContext] = []
_kept: deque[tuple[float, Way, _Line]] = deque()


class FetchError(ConnectionError):
    """The request has no answer: the message says whether the proxy, the name, the host or its certificate was why."""


def use(path: str) -> None:
    """Where the egress process listens."""
    _path[0] = path


def tls_context() -> ssl.SSLContext:
    """The certificates this machine trusts; read once, before the walls stand where a zygote calls it."""
    if not _tls:
        context = ssl.create_default_context()
        context.set_alpn_protocols(["http/1.1"])
        _tls.append(context)
    return _tls[0]


@dataclass(frozen=True)
class Way:
    """To which server, by what."""

    host: str
    port: int
    secure: bool

    @classmethod
    def to(cls, url: URL) -> Way:
        if url.protocol not in ("http:", "https:"):
            raise ValueError(f"fetch takes http and https addresses, not {url.protocol}")
        secure = url.protocol == "https:"
        return cls(url.hostname, int(url.port or (443 if secure else 80)), secure)


class Outcome:
    """The head of an answer and its body, which `read` gives piece by piece (b"" at the end)."""

    def __init__(self, status: int, reason: str, headers: Headers, line: _Line) -> None:
        self.status, self.reason, self.headers = status, reason, headers
        self._line = line
        self._turn = line.turn

    async def read(self) -> bytes:
        """b"" once the line serves another request: this answer was complete then."""
        return await self._line.read() if self._line.turn == self._turn else b""

    async def discard(self) -> None:
        """Nothing more is wanted: the connection is kept when the rest is there already, else ended."""
        if self._line.turn == self._turn:
            self._line.discard()


async def exchange(
    way: Way, method: str, url: URL, headers: list[tuple[bytes, bytes]], body: bytes | ReadableStream | None
) -> Outcome:
    """One request and the head of its answer. A kept connection that has ended meanwhile is replaced once, unless the
    body is a stream, part of which may be gone."""
    while True:
        line, fresh = _take(way), False
        if line is None:
            line, fresh = await _connect(way), True
        try:
            return await line.ask(method, url, headers, body)
        except _Ended as error:
            line.close()
            if fresh or isinstance(body, ReadableStream) or method not in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS"):
                raise FetchError(f"{url.host} closed the connection without an answer") from error
        except BaseException:
            line.close()
            raise


class _Ended(Exception):
    """The connection ended before an answer began."""


def _take(way: Way) -> _Line | None:
    now = time.monotonic()
    while _kept and (now - _kept[0][0] > _IDLE or _kept[0][2].lost):
        _kept.popleft()[2].close()
    for at, (_, known, line) in enumerate(_kept):
        if known == way and not line.lost:
            del _kept[at]
            return line
    return None


def _keep(line: _Line) -> None:
    if line.lost or line.way is None:
        return
    _kept.append((time.monotonic(), line.way, line))
    if len(_kept) > _KEPT:
        _kept.popleft()[2].close()


async def _connect(way: Way) -> _Line:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_CONNECT):
            _, line = await loop.create_unix_connection(_Line, _path[0])
            if way.secure:
                await _secure(loop, line, way)
            line.way = way
            return line
    except TimeoutError as error:
        raise FetchError(f"{way.host} could not be reached within {_CONNECT:g} s") from error
    except ssl.SSLCertVerificationError as error:
        raise FetchError(f"the certificate of {way.host} is not trusted: {error.verify_message}") from error
    except FileNotFoundError as error:
        raise FetchError("this worker has no way out: the network is not permitted to it") from error
    except (ssl.SSLError, ConnectionError) as error:
        if isinstance(error, FetchError):
            raise
        raise FetchError(f"{way.host} could not be reached: {error}") from error


async def _secure(loop: asyncio.AbstractEventLoop, line: _Line, way: Way) -> None:
    shake = Handshake(way.host.strip("[]"), way.port)
    line.send(shake.request)
    try:
        await line.shaken(shake)
        shake.judge()
    except OSError as error:
        raise FetchError(error.strerror) from error
    raw = line.transport
    if raw is None:
        raise FetchError(f"{way.host} could not be reached: the connection ended")
    transport = await loop.start_tls(raw, line, tls_context(), server_hostname=way.host.strip("[]"))
    if transport is None:
        raise FetchError(f"{way.host} ended the connection while it was being secured")
    line.transport = transport


class _Line(asyncio.Protocol):
    """A connection: one exchange at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.way: Way | None = None
        self.lost = False
        self.turn = 0
        self._tunnel_head: bytearray | None = None
        self._parser: Any = None
        self._status_text = ""
        self._headers: list[tuple[bytes, bytes]] = []
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._begun = self._complete = self._broken = False
        self._keep_alive = False
        self._head_only = self._reusable = False
        self._to_end = False
        self._event = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()

    # -- transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        if self._tunnel_head is not None:
            self._tunnel_head += data
        elif self._parser is not None:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserError:
                self._broken = True
                self.close()
        else:
            self.close()  # a server that speaks unasked
        self._event.set()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        if self._begun and not self._complete and self._to_end and error is None:
            self._complete = True
        self._event.set()
        self._writable.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def close(self) -> None:
        self.lost = True
        if self.transport is not None:
            self.transport.abort()

    def send(self, data: bytes) -> None:
        if self.transport is not None and not self.lost:
            self.transport.write(data)

    async def shaken(self, shake: Handshake) -> None:
        """The proxy's answer to CONNECT. Raises ConnectionResetError."""
        self._tunnel_head = head = bytearray()
        while not shake.over:
            if head or self.lost:
                shake.take(bytes(head))
                head.clear()
            else:
                self._event.clear()
                await self._event.wait()
        self._tunnel_head = None

    # -- an exchange

    async def ask(
        self, method: str, url: URL, headers: list[tuple[bytes, bytes]], body: bytes | ReadableStream | None
    ) -> Outcome:
        self._reset(method)
        target = url.pathname + url.search
        if self.way is not None and not self.way.secure:
            target = f"http://{url.host}{target}"
        lines = [f"{method} {target} HTTP/1.1\r\n".encode("latin-1"), *(b"%b: %b\r\n" % pair for pair in headers)]
        if isinstance(body, bytes):
            lines.append(b"content-length: %d\r\n\r\n" % len(body))
            lines.append(body)
        elif body is not None:
            lines.append(b"transfer-encoding: chunked\r\n\r\n")
        else:
            lines.append(b"content-length: 0\r\n\r\n" if method in ("POST", "PUT", "PATCH") else b"\r\n")
        self.send(b"".join(lines))
        if isinstance(body, ReadableStream):
            await self._send_stream(body)
        while not self._begun:
            if self.lost:
                raise FetchError(f"{url.host} answered without sense") if self._broken else _Ended
            self._event.clear()
            await self._event.wait()
        return Outcome(self._parser.get_status_code(), self._status_text, Headers.from_wire(self._headers), self)

    def _reset(self, method: str) -> None:
        self.turn += 1
        self._parser = httptools.HttpResponseParser(self)
        self._status_text, self._headers = "", []
        self._pieces.clear()
        self._size = 0
        self._begun = self._complete = self._keep_alive = self._to_end = False
        self._head_only = method == "HEAD"

    async def _send_stream(self, body: ReadableStream) -> None:
        while piece := await body.read():
            if self.lost or self._begun:
                return  # answered before it had everything
            self.send(b"%x\r\n%b\r\n" % (len(piece), piece))
            await self._writable.wait()
        self.send(b"0\r\n\r\n")

    async def read(self) -> bytes:
        while not self._pieces:
            if self._complete:
                return b""
            if self.lost:
                raise FetchError("the connection ended before the answer was complete")
            self._event.clear()
            await self._event.wait()
        piece = self._pieces.popleft()
        self._size -= len(piece)
        if self._complete and self._reusable and not self._pieces:
            self._reusable = False
            _keep(self)
            return piece
        if self._size < _HIGH and self.transport is not None and not self.lost and not self.transport.is_closing():
            self.transport.resume_reading()
        return piece

    def discard(self) -> None:
        if not self._complete:
            self.close()

    # -- parser

    def on_status(self, status: bytes) -> None:
        self._status_text += status.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if 100 <= status < 200:
            self._headers, self._status_text = [], ""
            return
        self._begun = True
        self._keep_alive = self._parser.should_keep_alive()
        names = {name for name, _ in self._headers}
        self._to_end = not names & {b"content-length", b"transfer-encoding"}
        if self._head_only or status in (204, 304):
            self._over(reusable=not (names & {b"content-length", b"transfer-encoding"}) and self._keep_alive)

    def on_body(self, body: bytes) -> None:
        self._pieces.append(body)
        self._size += len(body)
        if self._size > _HIGH and self.transport is not None:
            self.transport.pause_reading()

    def on_message_complete(self) -> None:
        if self._begun and not self._complete:
            self._over(reusable=self._keep_alive and not self._to_end)

    def _over(self, *, reusable: bool) -> None:
        self._complete = True
        self._reusable = reusable
        if reusable and not self._pieces:
            _keep(self)
        elif reusable:
            return  # kept once what has come is read: the next answer uses the same queue
        elif self.transport is not None and not self.lost:
            self.transport.close()
