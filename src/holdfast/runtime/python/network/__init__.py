"""The network of user code: connections that libraries open themselves go through the egress socket.

There is none in a sandbox but unix sockets, so this is no wall: code that goes round it finds nothing. Who may be
reached is judged by the egress process, as for `fetch`.
"""

from __future__ import annotations

import socket

from holdfast.runtime.python.network import certificates, loops, sockets
from holdfast.runtime.python.network.names import Names
from holdfast.runtime.python.network.resolving import Resolver

_RESOLVING = ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr", "getnameinfo")


def install(path: str) -> None:
    """Once in a process, before user code; also for code that has imported `socket` before. `path`: the socket of the
    egress process, which need not be there yet."""
    resolver = Resolver(Names())
    way = sockets.Way(path, resolver)
    sockets.install(way)
    loops.install(way)
    for name in _RESOLVING:
        setattr(socket, name, getattr(resolver, name))
    certificates.install()


__all__ = ["install"]
