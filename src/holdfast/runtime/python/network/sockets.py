"""Sockets of the internet that are sockets to the egress process: `socket.socket` of user code, blocking or not.

The methods of the class itself are replaced, so that every copy of the name, every subclass (`ssl.SSLSocket`) and every
library gets them. Such a socket says AF_INET or AF_INET6; below is a unix socket, all that the kernel allows here. From
`connect` on it is a stream like any other, and the C code that reads and writes by its number notices nothing.
"""

from __future__ import annotations

import _socket
import contextlib
import errno
import inspect
import os
import socket
import sys
import time
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from holdfast.runtime.python.network.handshake import PEEK, Handshake
from holdfast.runtime.python.network.resolving import INTERNET, Resolver

PATIENCE = 60.0  # seconds for a connection where the caller sets none; the proxy itself gives up earlier
PAUSE = 0.01  # seconds before the proxy's full queue is tried again
_MOST_PEERS = 8192
_FLAGS = socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
_make = socket.socket.__init__
_way: list[Way] = []

Base = _socket.socket  # the class below, whose methods nobody has replaced or overridden

Peer = tuple[str, int]


class Way:
    """To the egress process at `path`; remembers who is at the other end of each connection."""

    def __init__(self, path: str, resolver: Resolver) -> None:
        self.path, self.resolver = path, resolver
        self._peers: OrderedDict[int, Peer] = OrderedDict()  # by inode: a descriptor changes hands, the socket stays

    def enter(self, sock: _socket.socket, shake: Handshake) -> None:
        """Connect to the proxy and ask. Raises BlockingIOError while its queue is full; OSError."""
        below = Base(socket.AF_UNIX, socket.SOCK_STREAM, 0, sock.fileno())  # the same, not called AF_INET
        try:
            below.settimeout(Base.gettimeout(sock))
            below.connect(self.path)
        except (FileNotFoundError, ConnectionRefusedError):
            text = f"{shake.authority} cannot be reached: this worker has no way out now"
            raise ConnectionRefusedError(errno.ECONNREFUSED, text) from None
        finally:
            below.detach()
        Base.sendall(sock, shake.request)  # some hundred bytes into an empty buffer

    def advance(self, sock: _socket.socket, shake: Handshake) -> None:
        """Take what there is of the proxy's answer and no byte behind it. Raises BlockingIOError; OSError."""
        left = shake.take(Base.recv(sock, PEEK, socket.MSG_PEEK))
        while left:
            left -= len(Base.recv(sock, left))

    def arrived(self, sock: _socket.socket, shake: Handshake, target: Peer) -> None:
        """Raises OSError when the proxy refused."""
        try:
            shake.judge()
        except PermissionError as error:
            print(error, file=sys.stderr)  # noqa: T201 - the worker's log: clients lose the words (httpx, of async ones)
            raise
        inode = _inode(sock)
        self._peers[inode] = self.resolver.shown(target[0]), target[1]
        self._peers.move_to_end(inode)
        while len(self._peers) > _MOST_PEERS:
            self._peers.popitem(last=False)

    def peer(self, sock: _socket.socket) -> Any:
        """As `getpeername` says it; None: it is none of ours. Raises OSError."""
        found = self._peers.get(_inode(sock))
        if found is None:
            return None
        host, port = found
        if sock.family == socket.AF_INET6 and ":" not in host:
            host = f"::ffff:{host}"
        return (host, port, 0, 0) if ":" in host else (host, port)

    def dial(self, sock: _socket.socket, address: Any) -> None:
        """Blocks for the socket's timeout at most. One that must not block blocks all the same: nothing here could say
        later that the connection stands. Raises OSError."""
        target = self.resolver.target(address)
        unconnected(sock)
        shake = Handshake(*target)
        timeout = Base.gettimeout(sock)
        end = time.monotonic() + (timeout or PATIENCE)
        with reset_unless_connected(sock):
            try:
                self._enter_by(sock, shake, end)
                while not shake.over:
                    _wait_until(sock, end)
                    self.advance(sock, shake)
                self.arrived(sock, shake, target)
            finally:
                Base.settimeout(sock, timeout)

    def _enter_by(self, sock: _socket.socket, shake: Handshake, end: float) -> None:
        while True:
            _wait_until(sock, end)
            try:
                self.enter(sock, shake)
                return
            except BlockingIOError:
                time.sleep(PAUSE)


def unconnected(sock: _socket.socket) -> None:
    """Raises OSError when it is connected."""
    try:
        Base.getpeername(sock)
    except OSError:
        return
    raise OSError(errno.EISCONN, os.strerror(errno.EISCONN))


@contextlib.contextmanager
def reset_unless_connected(sock: _socket.socket) -> Iterator[None]:
    """After a failure the socket is as new: otherwise it would look connected, to a proxy that refused."""
    try:
        yield
    except BaseException:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as fresh:
            fresh.settimeout(Base.gettimeout(sock))
            os.dup2(fresh.fileno(), sock.fileno(), inheritable=False)
        raise


def _wait_until(sock: _socket.socket, end: float) -> None:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    Base.settimeout(sock, left)


def _inode(sock: _socket.socket) -> int:
    return os.fstat(sock.fileno()).st_ino


def no(what: str) -> PermissionError:
    return PermissionError(errno.EACCES, f"workers have no {what}: only connections (TCP) that they open themselves")


class InternetSocket(socket.socket):
    """Never made: its methods replace those of `socket.socket`."""

    def __init__(self, family: int = -1, type: int = -1, proto: int = -1, fileno: int | None = None) -> None:
        if fileno is not None or family not in (-1, *INTERNET):
            _make(self, family, type, proto, fileno)
            return
        kind = socket.SOCK_STREAM if type == -1 else type
        if kind & ~_FLAGS != socket.SOCK_STREAM:
            raise no("UDP and raw sockets")
        below = Base(socket.AF_UNIX, socket.SOCK_STREAM)
        _make(self, socket.AF_INET if family == -1 else family, kind, max(proto, 0), below.fileno())
        below.detach()

    def connect(self, address: Any, /) -> None:
        if self.family in INTERNET:
            _way[0].dial(self, address)
        else:
            Base.connect(self, address)

    def connect_ex(self, address: Any, /) -> int:
        if self.family not in INTERNET:
            return Base.connect_ex(self, address)
        try:
            _way[0].dial(self, address)
        except socket.gaierror:
            raise
        except OSError as error:
            return error.errno or errno.EAGAIN  # a timeout has none
        return 0

    def bind(self, address: Any, /) -> None:
        if self.family in INTERNET:
            raise no("addresses to bind")
        Base.bind(self, address)

    def listen(self, *backlog: int) -> None:
        if self.family in INTERNET:
            raise no("listening sockets")
        Base.listen(self, *backlog)

    def setsockopt(self, level: int, name: int, *value: Any) -> None:
        if level == socket.SOL_SOCKET or not _ours(self):
            Base.setsockopt(self, level, name, *value)

    def getsockopt(self, level: int, name: int, *size: int) -> Any:
        if level == socket.SOL_SOCKET or not _ours(self):
            return Base.getsockopt(self, level, name, *size)
        return bytes(size[0]) if size and size[0] else 0

    def getpeername(self) -> Any:
        found = Base.getpeername(self)
        return _way[0].peer(self) or found

    def getsockname(self) -> Any:
        found = Base.getsockname(self)
        return {socket.AF_INET: ("0.0.0.0", 0), socket.AF_INET6: ("::", 0, 0, 0)}.get(self.family, found)  # noqa: S104


def _ours(sock: socket.socket) -> bool:
    """Options of TCP and IP are without effect on these, and fail on other unix sockets."""
    return sock.family in INTERNET or (sock.family == socket.AF_UNIX and _way[0].peer(sock) is not None)


def install(way: Way) -> None:
    _way[:] = [way]
    replace(socket.socket, InternetSocket)


def replace(owner: type, by: type) -> None:
    for name, method in vars(by).items():
        if inspect.isfunction(method):
            setattr(owner, name, method)
