"""The same for asyncio: uvloop connects in C, past `socket.socket`, so its loop's own methods are replaced."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Any

import uvloop
from uvloop.loop import Loop as _Loop  # what uvloop.Loop inherits from

from holdfast.runtime.python.network.handshake import Handshake
from holdfast.runtime.python.network.resolving import INTERNET
from holdfast.runtime.python.network.sockets import (
    PATIENCE,
    PAUSE,
    Way,
    no,
    replace,
    reset_unless_connected,
    unconnected,
)

_way: list[Way] = []


async def dial(loop: asyncio.AbstractEventLoop, way: Way, sock: socket.socket, address: Any) -> None:
    """Connect a socket that does not block. Raises OSError."""
    target = way.resolver.target(address)
    unconnected(sock)
    shake = Handshake(*target)
    with reset_unless_connected(sock):
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    way.enter(sock, shake)
                    break
                except BlockingIOError:
                    await asyncio.sleep(PAUSE)
            while not shake.over:
                await _readable(loop, sock)
                with contextlib.suppress(BlockingIOError):
                    way.advance(sock, shake)
        way.arrived(sock, shake, target)


async def _readable(loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
    ready: asyncio.Future[None] = loop.create_future()

    def tell() -> None:
        if not ready.done():
            ready.set_result(None)

    number = sock.fileno()
    loop.add_reader(number, tell)
    try:
        await ready
    finally:
        loop.remove_reader(number)


def _below(sock: socket.socket) -> socket.socket:
    """The unix socket that it is; the caller's object is empty afterwards, as the transport owns the connection."""
    return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, sock.detach())


async def _connected(loop: asyncio.AbstractEventLoop, way: Way, host: Any, port: Any) -> socket.socket:
    number = way.resolver.getaddrinfo(None, port)[0][4][1] if not isinstance(port, int) else port
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        await dial(loop, way, made, (host, number))
    except BaseException:
        made.close()
        raise
    return made


class InternetLoop(uvloop.Loop):
    """Never made: its methods replace those of `uvloop.Loop`."""

    async def getaddrinfo(
        self, host: Any, port: Any, *, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> Any:
        return _way[0].resolver.getaddrinfo(host, port, family, type, proto, flags)

    async def getnameinfo(self, sockaddr: Any, flags: int = 0) -> Any:
        return _way[0].resolver.getnameinfo(sockaddr, flags)

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        if sock.family in INTERNET:
            await dial(self, _way[0], sock, address)
        else:
            await _Loop.sock_connect(self, sock, address)

    async def create_connection(
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        host: Any = None,
        port: Any = None,
        *,
        ssl: Any = None,
        sock: socket.socket | None = None,
        local_addr: Any = None,
        server_hostname: str | None = None,
        **options: Any,
    ) -> Any:
        if sock is None and (host is not None or port is not None):
            if local_addr is not None:
                raise no("addresses to bind")
            if ssl and server_hostname is None:
                server_hostname = host
            sock = await _connected(self, _way[0], host, port)
        elif sock is None or host is not None or port is not None or sock.family not in INTERNET:
            return await _Loop.create_connection(
                self, protocol_factory, host, port, ssl=ssl, sock=sock, server_hostname=server_hostname, **options
            )
        known = {name: options[name] for name in ("ssl_handshake_timeout", "ssl_shutdown_timeout") if name in options}
        return await _Loop.create_unix_connection(
            self, protocol_factory, ssl=ssl, sock=_below(sock), server_hostname=server_hostname, **known
        )

    async def create_server(self, protocol_factory: Any, host: Any = None, port: Any = None, **options: Any) -> Any:
        if options.get("sock") is None:
            raise no("listening sockets")
        return await _Loop.create_server(self, protocol_factory, host, port, **options)

    async def create_datagram_endpoint(self, protocol_factory: Any, *args: Any, **options: Any) -> Any:
        if options.get("sock") is None and options.get("family") != socket.AF_UNIX:
            raise no("UDP and raw sockets")
        return await _Loop.create_datagram_endpoint(self, protocol_factory, *args, **options)


def install(way: Way) -> None:
    _way[:] = [way]
    replace(uvloop.Loop, InternetLoop)
