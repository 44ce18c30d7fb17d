"""Signing in to a Valkey by its URL, as a program would."""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import unquote, urlsplit

from holdfast.engines.valkey.link import Link, Refused


class Door:
    """One signed-in connection; `execute` says a command whatever it is given."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.link = Link(sock, 5)

    def execute(self, _: str) -> Any:
        return self.link.command("PING")

    def close(self) -> None:
        self._sock.close()


def sign_in(url: str) -> Door:
    """Raises PermissionError when the server refuses."""
    there = urlsplit(url)
    door = Door(socket.create_connection((there.hostname or "", there.port or 0), timeout=5))
    try:
        door.link.command("HELLO", 3, "AUTH", unquote(there.username or ""), unquote(there.password or ""))
    except Refused as error:
        door.close()
        raise PermissionError(str(error)) from error
    return door
