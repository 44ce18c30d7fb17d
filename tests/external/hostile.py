"""Servers that mean ill, on real sockets: each speaks just enough PostgreSQL to be dangerous."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator

Act = Callable[[socket.socket, list[bytes]], None]


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", 4 + len(body)) + body


def startup(client: socket.socket, heard: list[bytes]) -> None:
    size = struct.unpack("!i", client.recv(4, socket.MSG_WAITALL))[0]
    heard.append(client.recv(size - 4, socket.MSG_WAITALL))


def hear(client: socket.socket, heard: list[bytes]) -> None:
    client.settimeout(3)
    with contextlib.suppress(OSError):
        while data := client.recv(65536):
            heard.append(data)


def wants_cleartext(client: socket.socket, heard: list[bytes]) -> None:
    startup(client, heard)
    client.sendall(message(b"R", struct.pack("!i", 3)))
    hear(client, heard)


def let_in(client: socket.socket, heard: list[bytes]) -> None:
    startup(client, heard)
    client.sendall(message(b"R", struct.pack("!i", 0)))
    for key, value in (
        (b"server_version", b"18.4"),
        (b"client_encoding", b"UTF8"),
        (b"standard_conforming_strings", b"on"),
    ):
        client.sendall(message(b"S", key + b"\0" + value + b"\0"))
    client.sendall(message(b"K", struct.pack("!ii", 1, 2)) + message(b"Z", b"I"))


def asks_for_a_file(client: socket.socket, heard: list[bytes]) -> None:
    """CopyInResponse to whatever is asked: a client that obeyed would send what it has."""
    let_in(client, heard)
    client.recv(65536)
    client.sendall(message(b"G", struct.pack("!bh", 0, 0)))
    hear(client, heard)


def never_answers(client: socket.socket, heard: list[bytes]) -> None:
    hear(client, heard)
    threading.Event().wait(40)


def takes_and_never_answers(client: socket.socket, heard: list[bytes]) -> None:
    let_in(client, heard)
    hear(client, heard)
    threading.Event().wait(40)


def closes_midway(client: socket.socket, heard: list[bytes]) -> None:
    let_in(client, heard)
    client.recv(65536)
    client.sendall(b"T\0\0\0\xff\0\x0a half a row descr")


def garbage(client: socket.socket, heard: list[bytes]) -> None:
    client.recv(65536)
    client.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n" * 50)


def endless(client: socket.socket, heard: list[bytes]) -> None:
    """A message that says it is two gigabytes long."""
    startup(client, heard)
    client.sendall(b"R" + struct.pack("!i", 2**31 - 10))
    with contextlib.suppress(OSError):
        for _ in range(200):
            client.sendall(b"\0" * 65536)


@contextlib.contextmanager
def hostile(act: Act) -> Iterator[tuple[int, list[bytes]]]:
    """(port, everything that clients said)."""
    listener = socket.create_server(("127.0.0.1", 0))
    heard: list[bytes] = []
    clients: list[socket.socket] = []

    def serve(client: socket.socket) -> None:
        with contextlib.suppress(OSError, struct.error):
            act(client, heard)
        client.close()

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            clients.append(client)
            threading.Thread(target=serve, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield int(listener.getsockname()[1]), heard
    finally:
        listener.close()
        for client in clients:
            client.close()
