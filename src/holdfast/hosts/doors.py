"""Listening sockets of databases that are open to a network: owned by the keeper, lent to the api that serves them."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from holdfast.hosts.control_plane import listen_tcp
from holdfast.kernel.errors import Conflict


@dataclass(frozen=True)
class Lent:
    """A door's real port and its descriptor here."""

    port: int
    descriptor: int


class Doors:
    """By resource id. Closed doors refuse; while nobody serves an open one, connections wait in its queue."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[str, int, socket.socket]] = {}

    def listen(self, name: str, host: str, port: int) -> Lent:
        """The same place again is the same socket; another place replaces it. Raises Conflict (code "port_in_use")."""
        there = self._open.get(name)
        if there is not None and (there[0], port) in ((host, there[1]), (there[0], 0)) and there[0] == host:
            return Lent(there[1], there[2].fileno())
        try:
            made = listen_tcp(host, port, "control", patience=0.2)
        except Conflict as error:
            raise Conflict(error.message, code=error.code, hint="choose another port", details=error.details) from error
        self.close(name)
        real = int(made.getsockname()[1])
        self._open[name] = (host, real, made)
        return Lent(real, made.fileno())

    def close(self, name: str) -> None:
        """None there is success."""
        if (there := self._open.pop(name, None)) is not None:
            there[2].close()

    def close_all(self) -> None:
        for name in list(self._open):
            self.close(name)
