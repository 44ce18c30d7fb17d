"""Connections through the egress socket, kept alive for a while, and one HTTP/1.1 exchange on one of them."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import deque
from dataclasses import dataclass
from functools import partial

from holdfast.runtime.python.network.handshake import Handshake
from holdfast.runtime.python.workers.headers import Headers
from holdfast.runtime.python.workers.line import Ended, FetchError, Line, Upgraded
from holdfast.runtime.python.workers.streams import ReadableStream
from holdfast.runtime.python.workers.url import URL

_IDLE = 15.0  # seconds a connection is kept for the next request
_KEPT = 16  # connections kept in all
_CONNECT = 10.0  # seconds

_path = ["/run/egress"]
_tls: list[ssl.SSLContext] = []
_kept: deque[tuple[float, Way, Line]] = deque()


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
    tunnel: bool  # by CONNECT: what is said is the server's alone

    @classmethod
    def to(cls, url: URL, *, upgrade: bool = False) -> Way:
        if url.protocol not in ("http:", "https:"):
            raise ValueError(f"fetch takes http and https addresses, not {url.protocol}")
        secure = url.protocol == "https:"
        return cls(url.hostname, int(url.port or (443 if secure else 80)), secure, secure or upgrade)


class Outcome:
    """The head of an answer and its body, which `read` gives piece by piece (b"" at the end)."""

    def __init__(self, status: int, reason: str, headers: Headers, line: Line) -> None:
        self.status, self.reason, self.headers = status, reason, headers
        self._line = line
        self._turn = line.turn

    async def read(self) -> bytes:
        """b"" once the line serves another request: this answer was complete then."""
        return await self._line.read() if self._line.turn == self._turn else b""

    def upgraded(self) -> Upgraded:
        """The connection itself, after a 101."""
        return Upgraded(self._line)

    async def discard(self) -> None:
        """Nothing more is wanted: the connection is kept when the rest is there already, else ended."""
        if self._line.turn == self._turn:
            self._line.discard()


async def exchange(
    way: Way,
    method: str,
    url: URL,
    headers: list[tuple[bytes, bytes]],
    body: bytes | ReadableStream | None,
    *,
    upgrade: bool = False,
) -> Outcome:
    """One request and the head of its answer. A kept connection that has ended meanwhile is replaced once, unless the
    body is a stream, part of which may be gone. An `upgrade` has a connection of its own."""
    while True:
        line, fresh = None if upgrade else _take(way), False
        if line is None:
            line, fresh = await _connect(way), True
        try:
            return Outcome(*await line.ask(method, url, headers, body, upgrade=upgrade), line)
        except Ended as error:
            line.close()
            if fresh or isinstance(body, ReadableStream) or method not in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS"):
                raise FetchError(f"{url.host} closed the connection without an answer") from error
        except BaseException:
            line.close()
            raise


def _take(way: Way) -> Line | None:
    now = time.monotonic()
    while _kept and (now - _kept[0][0] > _IDLE or _kept[0][2].lost):
        _kept.popleft()[2].close()
    for at, (_, known, line) in enumerate(_kept):
        if known == way and not line.lost:
            del _kept[at]
            return line
    return None


def _keep(way: Way, line: Line) -> None:
    if line.lost:
        return
    _kept.append((time.monotonic(), way, line))
    if len(_kept) > _KEPT:
        _kept.popleft()[2].close()


async def _connect(way: Way) -> Line:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_CONNECT):
            make = partial(Line, partial(_keep, way), absolute=not way.tunnel)
            _, line = await loop.create_unix_connection(make, _path[0])
            try:
                if way.tunnel:
                    await _tunnel(line, way)
                if way.secure:
                    await _secure(loop, line, way)
            except BaseException:
                line.close()
                raise
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


async def _tunnel(line: Line, way: Way) -> None:
    shake = Handshake(way.host.strip("[]"), way.port)
    line.send(shake.request)
    try:
        await line.shaken(shake)
        shake.judge()
    except OSError as error:
        raise FetchError(error.strerror) from error


async def _secure(loop: asyncio.AbstractEventLoop, line: Line, way: Way) -> None:
    raw = line.transport
    if raw is None:
        raise FetchError(f"{way.host} could not be reached: the connection ended")
    transport = await loop.start_tls(raw, line, tls_context(), server_hostname=way.host.strip("[]"))
    if transport is None:
        raise FetchError(f"{way.host} ended the connection while it was being secured")
    line.transport = transport
