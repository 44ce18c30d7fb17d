"""WebSockets to servers outside: the client's side of the handshake (RFC 6455, 4.1)."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable

from holdfast.runtime.python.workers.headers import Headers
from holdfast.runtime.python.workers.line import FetchError, Upgraded
from holdfast.runtime.python.workers.sockets import WebSocket
from holdfast.runtime.python.workers.url import URL

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_OWN = ("sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions", "sec-websocket-accept")

_join: list[Callable[[Upgraded], WebSocket]] = []


def use(join: Callable[[Upgraded], WebSocket]) -> None:
    """Who speaks frames on a connection, and gives the worker's end."""
    _join[:] = [join]


def asked(method: str, headers: Headers) -> bool:
    """Whether a request is the beginning of a WebSocket. Raises TypeError when its method cannot begin one."""
    if headers.get("upgrade", "").strip().lower() != "websocket":
        return False
    if method != "GET":
        raise TypeError("a WebSocket begins with a GET without a body")
    return True


class Offer:
    """One handshake: what is sent, and whether the answer is one to it."""

    def __init__(self) -> None:
        self._key = base64.b64encode(os.urandom(16))

    def headers(self, wire: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """A request's headers with those of the handshake; frames are ours, so extensions of others are not offered."""
        kept = [pair for pair in wire if pair[0].decode() not in (*_OWN, "accept-encoding")]
        own = [(b"connection", b"Upgrade"), (b"upgrade", b"websocket"), (b"sec-websocket-version", b"13")]
        return [*kept, *own, (b"sec-websocket-key", self._key)]

    def judge(self, headers: Headers, url: URL) -> None:
        """Take the handshake's own headers off: who passes the answer on has one of his own. Raises FetchError when a
        101 does not answer this handshake."""
        wanted = base64.b64encode(hashlib.sha1(self._key + _MAGIC, usedforsecurity=False).digest()).decode()
        if headers.get("upgrade", "").lower() != "websocket" or headers.get("sec-websocket-accept") != wanted:
            raise FetchError(f"{url.host} took the connection over, but not for this WebSocket's handshake")
        if headers.has("sec-websocket-extensions"):
            raise FetchError(f"{url.host} answered with an extension of WebSockets that was not offered")
        for name in ("upgrade", "connection", "sec-websocket-accept"):
            headers.delete(name)


def joined(connection: Upgraded) -> WebSocket:
    """The worker's end of a socket on this connection."""
    return _join[0](connection)
