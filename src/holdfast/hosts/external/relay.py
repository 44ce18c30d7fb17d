"""A private unix socket whose every connection goes, checked and encrypted, to one server that is not ours.

Engines and their tools meet this socket only: they resolve no name, open no connection out, and need no TLS of their
own (the wheel's psql has none). Who may connect is decided by the kernel's word on the peer (SO_PEERCRED).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import struct
from collections.abc import Mapping
from pathlib import Path

import asyncssh

from holdfast.contract.external import Wire
from holdfast.hosts.external import dial, reasons
from holdfast.hosts.external.record import Where
from holdfast.hosts.external.tls import Encrypted, Reader, Writer, context_of
from holdfast.hosts.external.tunnel import Tunnel
from holdfast.kernel.errors import HoldfastError
from holdfast.kernel.outbound_dial import connect, unreachable
from holdfast.kernel.outbound_policy import OutboundPolicy

CHUNK = 1 << 18
HANDSHAKE_SECONDS = 10.0
_LOST = (OSError, ssl.SSLError, asyncssh.Error, TimeoutError)


class Relay:
    """One server's socket. `failure` is why the latest connection did not come about, None when it did."""

    def __init__(
        self, where: Where, secrets: Mapping[str, str], wire: Wire, policy: OutboundPolicy, allowed: frozenset[int]
    ) -> None:
        self._where, self._secrets, self._wire, self._policy = where, secrets, wire, policy
        self._allowed = allowed
        self._tunnel = Tunnel(where, secrets, policy) if where.ssh is not None else None
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._context: ssl.SSLContext | None = None
        self.failure: HoldfastError | None = None
        self.opened = 0

    async def start(self, directory: Path, private: Path) -> None:
        """Raises NeedsOperator (code "tls_material"). `directory` is the socket's, reachable by whom it is for."""
        if self._where.tls.mode != "disable":
            self._context = await asyncio.to_thread(context_of, self._where.tls, self._secrets, private)
        path = directory / self._wire.socket
        path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._accept, path=str(path), limit=CHUNK)
        path.chmod(0o666)  # the directory decides who comes near, the kernel's word on the peer who gets in

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._tunnel is not None:
            await self._tunnel.close()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sock = writer.get_extra_info("socket")
        _, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
        if uid not in self._allowed:
            writer.transport.abort()
            return
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream: Writer | None = None
        try:
            first = await reader.read(CHUNK)  # before anything is said: a refusal must not cross the client's words
            if not first:
                return
            there, upstream = await self._reach()
            self.opened += 1
            try:
                upstream.write(first)
                await upstream.drain()
                heard = await self._both(reader, writer, there, upstream)
            except ConnectionError:
                heard = False
            if not heard and self._wire.answered(first):
                await self._last_words()
                raise reasons.hung_up(self._where.host, self._where.port)
        except HoldfastError as error:
            await self._refuse(writer, error)
        except _LOST as error:
            await self._refuse(writer, unreachable(error, self._where.host, self._where.port))
        finally:
            for each in (upstream, writer):
                if each is not None:
                    with contextlib.suppress(*_LOST):
                        each.close()

    async def _last_words(self) -> None:
        """Why the server hung up without a word, where TLS may tell.

        In TLS 1.3 a missing client certificate is refused only after the handshake, and what we say meanwhile may
        break the line before the alert is read. Asked again without a word, the server's alert comes through.
        """
        if self._context is None:
            return
        there, upstream = await self._reach()
        try:
            async with asyncio.timeout(2.0):
                await there.read(1)
        except ssl.SSLError as error:
            raise reasons.tls_failed(error, self._where.host) from error
        except (TimeoutError, ConnectionError):
            return
        finally:
            upstream.close()

    async def _refuse(self, writer: asyncio.StreamWriter, error: HoldfastError) -> None:
        self.failure = error
        with contextlib.suppress(*_LOST):
            writer.write(self._wire.refusal(error.message))
            await writer.drain()

    async def _reach(self) -> tuple[Reader, Writer]:
        """The server's bytes, decrypted. Raises NeedsOperator or Retryable with the reason."""
        reader: Reader
        writer: Writer
        if self._tunnel is not None:
            reader, writer = await self._tunnel.open()
        else:
            sock, _ = await connect(self._policy, self._where.host, self._where.port)
            reader, writer = await dial.streams(sock, CHUNK)
        if self._context is None:
            return reader, writer
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                return await self._encrypt(reader, writer, self._context)
        except BaseException as error:
            writer.close()
            if isinstance(error, ssl.SSLError | ConnectionError | TimeoutError):
                raise reasons.tls_failed(error, self._where.host) from error
            raise

    async def _encrypt(self, reader: Reader, writer: Writer, context: ssl.SSLContext) -> tuple[Reader, Writer]:
        if self._wire.ask:
            writer.write(self._wire.ask)
            await writer.drain()
            if await reader.read(len(self._wire.granted)) != self._wire.granted:
                raise reasons.no_tls(self._where.host)
        both = Encrypted(reader, writer, context, self._where.host)
        await both.handshake()
        return both, both

    async def _both(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, there: Reader, upstream: Writer
    ) -> bool:
        """Until either side ends: no protocol here goes on with one half closed. False: the server hung up without
        having said anything."""
        ways = [
            asyncio.ensure_future(self._down(there, writer)),
            asyncio.ensure_future(_copy(reader, upstream)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            results = await asyncio.gather(*ways, return_exceptions=True)
        for result in results:
            if isinstance(result, HoldfastError):
                raise result
        return not (ways[0].done() and not ways[0].cancelled() and results[0] is False)

    async def _down(self, there: Reader, writer: asyncio.StreamWriter) -> bool:
        """Whether the server said anything."""
        opening = self._wire.opening() if self._context is not None else None
        heard = False
        while True:
            try:
                data = await there.read(CHUNK)
            except ssl.SSLError as error:
                if heard:
                    return True
                raise reasons.tls_failed(error, self._where.host) from error
            if not data:
                return heard
            if not heard:
                heard, self.failure = True, None
            if opening is not None:
                data = opening.feed(data)
                if opening.over:
                    opening = None
            if data:
                writer.write(data)
                await writer.drain()


async def _copy(reader: asyncio.StreamReader, upstream: Writer) -> None:
    while data := await reader.read(CHUNK):
        upstream.write(data)
        await upstream.drain()


def own_uid() -> int:
    return os.geteuid()
