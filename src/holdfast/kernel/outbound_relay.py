"""A way out for libraries with sockets of their own: a proxy on loopback whose every pass leads to one place.

    way = relay.admit("s3.example.org", 443)
    S3Store(..., client_options={"proxy_url": way.url, "proxy_excludes": ""})

Each connection resolves the name anew, judges every address by `OutboundPolicy` and goes to a judged one, so neither a
redirect nor a name that changes its address leads anywhere else. TLS stays between the library and the server (a
CONNECT tunnel); of plain http each request is read, its redirects are refused and its connection is used once.
A pass is a secret in the proxy's URL: others on this machine cannot use the relay (RFC 9110, 11.7).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import secrets
import socket
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import uvloop

from holdfast.kernel import log
from holdfast.kernel.outbound_head import ABSOLUTE, Head, seconds_of
from holdfast.kernel.outbound_pipe import CHUNK, both_ways, copy
from holdfast.kernel.outbound_policy import OutboundPolicy
from holdfast.kernel.outbound_url import Refused

REFUSED = "HoldfastRefused"  # the S3 error code of our own refusals over plain http
CONNECT_SECONDS = 10.0
HEAD_SECONDS = 120.0
MOST_WAIT_SECONDS = 60.0
TRIES = 4  # addresses tried of one name
_USER = "holdfast"
_log = log.get("holdfast.outbound")


@dataclass
class Pass:
    """Leave to reach one host and port. `url` is the proxy's, with the secret in it."""

    host: str
    port: int
    url: str = field(repr=False)
    _refused: Refused | None = None
    _wait_until: float = 0.0

    def refuse(self, error: Refused) -> None:
        self._refused = error

    def refusal(self) -> Refused | None:
        """Why the relay last said no, once: the library only tells that it did."""
        found, self._refused = self._refused, None
        return found

    def asked_to_wait(self, seconds: float) -> None:
        """The server said so. It counts for everybody who calls there."""
        self._wait_until = max(self._wait_until, time.monotonic() + min(seconds, MOST_WAIT_SECONDS))

    def waiting(self) -> float:
        """Seconds that the server still wants to be left alone (`Retry-After`, bounded); 0 = it said nothing, or it is
        over. Of an https tunnel nothing is seen."""
        return max(0.0, self._wait_until - time.monotonic())

    def leads_to(self, authority: str, default: int) -> bool:
        """Whether `host`, `host:port` or `[v6]:port` is where this pass leads."""
        host, colon, port = authority.rpartition(":")
        if not colon or authority.endswith("]"):
            host, port = authority, str(default)
        return port.isdigit() and (host.strip("[]").lower(), int(port)) == (self.host, self.port)


class Relay:
    """Thread-safe. Its loop runs in a thread of its own, begun with the first pass."""

    def __init__(self, policy: OutboundPolicy) -> None:
        self.policy = policy
        self._passes: dict[str, Pass] = {}
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closing = asyncio.Event()
        self._listener: socket.socket | None = None
        self._serving: set[asyncio.Task[Any]] = set()  # the loop itself refers to its tasks weakly
        self._pool = ThreadPoolExecutor(TRIES, thread_name_prefix="relay-resolve")

    def admit(self, host: str, port: int) -> Pass:
        """The same pass for the same place."""
        host = host.lower()
        with self._lock:
            for known in self._passes.values():
                if (known.host, known.port) == (host, port):
                    return known
            number = self._started()
            token = secrets.token_urlsafe(24)
            made = Pass(host, port, f"http://{_USER}:{token}@127.0.0.1:{number}")
            self._passes[token] = made
            return made

    def close(self) -> None:
        """End every connection. Nothing is admitted afterwards."""
        with self._lock:
            loop, thread, self._loop = self._loop, self._thread, None
            self._passes.clear()
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(self._closing.set)
            thread.join(5)
        if self._listener is not None:
            self._listener.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _started(self) -> int:
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
            self._loop = uvloop.new_event_loop()
            self._thread = threading.Thread(
                target=self._run, args=(self._loop, self._listener), name="relay", daemon=True
            )
            self._thread.start()
        return int(self._listener.getsockname()[1])

    def _run(self, loop: asyncio.AbstractEventLoop, listener: socket.socket) -> None:
        asyncio.set_event_loop(loop)
        server = loop.run_until_complete(asyncio.start_server(self._serve, sock=listener, limit=CHUNK))
        loop.run_until_complete(self._closing.wait())  # `loop.stop` would be forgotten when it came before this line
        server.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - start_server runs this as one
        self._serving.add(task)
        try:
            async with asyncio.timeout(HEAD_SECONDS):
                request = Head.parse(await reader.readuntil(b"\r\n\r\n"))
            way = self._passes.get(_token(request.headers))
            if way is None:
                await _answer(writer, 407, "ProxyAuthenticationRequired")
            elif request.start.startswith("CONNECT "):
                await self._tunnel(way, request, reader, writer)
            else:
                await self._forward(way, request, reader, writer)
        except (OSError, EOFError, ValueError, TimeoutError, asyncio.LimitOverrunError) as error:
            _log.debug("a relayed connection ended", error=type(error).__name__)
        except asyncio.CancelledError:  # the relay closes; start_server would report it as a failure
            return
        finally:
            self._serving.discard(task)
            writer.close()

    async def _tunnel(
        self, way: Pass, request: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        authority = request.start.split(" ")[1]
        upstream = await self._upstream(way, authority, 443, writer)
        if upstream is None:
            return
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await both_ways(reader, writer, *upstream)

    async def _forward(
        self, way: Pass, request: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """One request of plain http. Whatever follows on the connection goes to the same server, and it is closed."""
        method, target, version = request.start.split(" ")
        found = ABSOLUTE.fullmatch(target)
        if found is None:
            await _answer(writer, 400, "BadRequest")
            return
        upstream = await self._upstream(way, found[1], 80, writer)
        if upstream is None:
            return
        server, server_writer = upstream
        server_writer.write(request.with_start(f"{method} {found[2] or '/'} {version}"))
        sending = asyncio.ensure_future(copy(reader, server_writer))
        sending.add_done_callback(lambda _: server_writer.close())  # the library gave up: nobody waits for an answer
        try:
            answer = Head.parse(await server.readuntil(b"\r\n\r\n"))
            while answer.status < 200:
                writer.write(answer.as_sent())
                answer = Head.parse(await server.readuntil(b"\r\n\r\n"))
            if answer.status in (429, 503):
                way.asked_to_wait(seconds_of(answer.headers.get("retry-after", "")))
            if answer.status in (301, 302, 303, 307, 308):
                await self._refuse(way, writer, "redirect", "the store sends us elsewhere")
                return
            writer.write(answer.with_start(answer.start))
            await copy(server, writer)
        finally:
            sending.cancel()
            server_writer.close()

    async def _upstream(
        self, way: Pass, authority: str, default: int, writer: asyncio.StreamWriter
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """A connection to a judged address. None = refused and answered. Raises OSError when none answers."""
        if not way.leads_to(authority, default):
            await self._refuse(way, writer, "redirect", "the store sends us elsewhere")
            return None
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._pool, self.policy.addresses, way.host, way.port)
        except Refused as error:
            way.refuse(error)
            await _answer(writer, 403, REFUSED)
            return None
        failed: Exception = OSError("no address")
        for address in found[:TRIES]:
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    return await asyncio.open_connection(address, way.port, limit=CHUNK)
            except (OSError, TimeoutError) as error:
                failed = error
        raise failed

    async def _refuse(self, way: Pass, writer: asyncio.StreamWriter, reason: str, message: str) -> None:
        _log.warning("a relayed call was refused", host=way.host, reason=reason)
        way.refuse(Refused(message, reason=reason, host=way.host))
        await _answer(writer, 403, REFUSED)


def _token(headers: Mapping[str, str]) -> str:
    scheme, _, given = headers.get("proxy-authorization", "").partition(" ")
    try:
        user, _, token = base64.b64decode(given, validate=True).decode("ascii").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return token if scheme.lower() == "basic" and user == _USER else ""


async def _answer(writer: asyncio.StreamWriter, status: int, code: str) -> None:
    body = f"<Error><Code>{code}</Code></Error>"
    writer.write(f"HTTP/1.1 {status} {code}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
    await writer.drain()
