"""The calls that ask for addresses, answered with made-up ones (names.py). Whether a name exists shows when it is
connected to: the egress process looks it up."""

from __future__ import annotations

import errno
import socket
from typing import Any

from holdfast.runtime.python.network.names import Names, literal, mapped, plain

INTERNET = (socket.AF_INET, socket.AF_INET6)
_SERVICES = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_plain_getaddrinfo = socket.getaddrinfo
_plain_getnameinfo = socket.getnameinfo

Entry = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]


class Resolver:
    def __init__(self, names: Names) -> None:
        self.names = names

    def getaddrinfo(
        self,
        host: str | bytes | None,
        port: str | bytes | int | None,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> list[Entry]:
        """As `socket.getaddrinfo`: one entry for a name. Raises socket.gaierror."""
        number = _port(port)
        text = host.decode("latin-1") if isinstance(host, bytes) else host
        if not text or flags & socket.AI_NUMERICHOST or literal(text) is not None:
            numeric = (flags | socket.AI_NUMERICHOST) & ~socket.AI_ADDRCONFIG
            return list(_plain_getaddrinfo(text, number, family, type, proto, numeric))
        if family not in (socket.AF_UNSPEC, *INTERNET):
            raise socket.gaierror(socket.EAI_FAMILY, "names are looked up for IPv4 and IPv6 only")
        name = plain(text)
        address = self.names.address(name)
        kind = socket.SocketKind(type or socket.SOCK_STREAM)
        protocol = proto or {socket.SOCK_STREAM: socket.IPPROTO_TCP, socket.SOCK_DGRAM: socket.IPPROTO_UDP}.get(kind, 0)
        shown = name if flags & socket.AI_CANONNAME else ""
        if family == socket.AF_INET6:
            return [(socket.AF_INET6, kind, protocol, shown, (mapped(address), number or 0, 0, 0))]
        return [(socket.AF_INET, kind, protocol, shown, (address, number or 0))]

    def gethostbyname(self, host: str) -> str:
        found = self.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)
        return str(found[0][4][0])

    def gethostbyname_ex(self, host: str) -> tuple[str, list[str], list[str]]:
        return host, [], [self.gethostbyname(host)]

    def gethostbyaddr(self, address: str) -> tuple[str, list[str], list[str]]:
        """Raises socket.herror for what stands for no name."""
        name = self.names.name(address)
        if name is None:
            raise socket.herror(1, f"the name of {address} is not looked up from here")
        return name, [], [address]

    def getnameinfo(self, sockaddr: Any, flags: int) -> tuple[str, str]:
        name = None if flags & socket.NI_NUMERICHOST else self.names.name(sockaddr[0])
        numeric = _plain_getnameinfo(sockaddr, flags | socket.NI_NUMERICHOST)
        return (name or numeric[0], numeric[1])

    def target(self, address: Any) -> tuple[str, int]:
        """What the proxy is asked for when `address` is connected to. Raises OSError, TypeError, OverflowError."""
        if not isinstance(address, tuple) or len(address) < 2 or not isinstance(address[1], int):
            raise TypeError("an address is a tuple of host and port")
        host, port = address[0], address[1]
        if not 0 < port <= 65535:
            raise OverflowError("a port is a number from 1 to 65535")
        text = host.decode("latin-1") if isinstance(host, (bytes, bytearray)) else str(host)
        found = literal(text)
        if found is None:
            return plain(text), port
        if self.names.made_up(text):
            name = self.names.name(text)
            if name is None:
                raise OSError(errno.EHOSTUNREACH, f"{text} stands for no name any more: look the name up again")
            return name, port
        return str(found).partition("%")[0], port

    def shown(self, host: str) -> str:
        """The address of a target, as a client is told of its peer."""
        return host if literal(host) is not None else self.names.address(host)


def _port(port: str | bytes | int | None) -> int | None:
    if port is None or isinstance(port, int):
        return port
    text = port.decode("latin-1") if isinstance(port, bytes) else port
    if text.isdecimal():
        return int(text)
    if text in _SERVICES:
        return _SERVICES[text]
    try:
        return socket.getservbyname(text)
    except OSError:
        raise socket.gaierror(socket.EAI_SERVICE, f"{text!r} is no service that is known here") from None
