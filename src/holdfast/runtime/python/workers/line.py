"""One connection to a server outside: exchanges of HTTP/1.1 (RFC 9112), or what comes after an upgrade."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import httptools

from holdfast.runtime.python.network.handshake import Handshake
from holdfast.runtime.python.workers.headers import Headers
from holdfast.runtime.python.workers.streams import ReadableStream
from holdfast.runtime.python.workers.url import URL

_HIGH = 1 << 20  # bytes of an answer kept before reading stops


class FetchError(ConnectionError):
    """The request has no answer: the message says whether the proxy, the name, the host or its certificate was why."""


class Ended(Exception):
    """The connection ended before an answer began."""


class Line(asyncio.Protocol):
    """A connection: one exchange at a time. `keep` is called when it can take another. `absolute`: its requests are
    the proxy's, which is told the whole address."""

    def __init__(self, keep: Callable[[Line], None], *, absolute: bool) -> None:
        self.transport: asyncio.Transport | None = None
        self._keep = keep
        self._absolute = absolute
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
        self._upgrading = self._raw = False
        self._event = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()

    # -- transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        if self._tunnel_head is not None:
            self._tunnel_head += data
        elif self._raw:
            self.on_body(data)
        elif self._parser is not None:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                self._upgraded(data[upgrade.args[0] :])
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

    async def writable(self) -> None:
        """Wait while the server takes no more."""
        await self._writable.wait()

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
        self,
        method: str,
        url: URL,
        headers: list[tuple[bytes, bytes]],
        body: bytes | ReadableStream | None,
        *,
        upgrade: bool = False,
    ) -> tuple[int, str, Headers]:
        """Send a request; the status, the reason and the headers of its answer. Raises Ended, FetchError."""
        self._reset(method)
        self._upgrading = upgrade
        target = url.pathname + url.search
        if self._absolute:
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
                raise FetchError(f"{url.host} answered without sense") if self._broken else Ended
            self._event.clear()
            await self._event.wait()
        return self._parser.get_status_code(), self._status_text, Headers.from_wire(self._headers)

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
            self._keep(self)
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
        if status == 101 and self._upgrading:
            self._begun = True
            return
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
        if self._begun and not self._complete and not (self._upgrading and self._parser.get_status_code() == 101):
            self._over(reusable=self._keep_alive and not self._to_end)

    def _upgraded(self, rest: bytes) -> None:
        if not (self._upgrading and self._begun):
            self._broken = True  # nobody asked it to
            self.close()
            return
        self._raw = True
        if rest:
            self.on_body(rest)

    def _over(self, *, reusable: bool) -> None:
        self._complete = True
        self._reusable = reusable
        if reusable and not self._pieces:
            self._keep(self)
        elif reusable:
            return  # kept once what has come is read: the next answer uses the same queue
        elif self.transport is not None and not self.lost:
            self.transport.close()


class Upgraded:
    """The bytes of a connection after its upgrade, with the face of a transport."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def write(self, data: bytes) -> None:
        """Never waits; `get_write_buffer_size` says what has not gone."""
        self._line.send(data)

    def get_write_buffer_size(self) -> int:
        return 0 if self._line.transport is None else self._line.transport.get_write_buffer_size()

    def is_closing(self) -> bool:
        return self._line.lost or self._line.transport is None or self._line.transport.is_closing()

    def close(self) -> None:
        """What was written still goes."""
        if self._line.transport is not None:
            self._line.transport.close()

    def abort(self) -> None:
        self._line.close()

    async def drain(self) -> None:
        """Wait while the server takes no more."""
        await self._line.writable()

    async def read(self) -> bytes | None:
        """What came; None at the end."""
        try:
            return await self._line.read()
        except FetchError:
            return None
