"""WebSockets by wsproto's client over real sockets."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Ping,
    Pong,
    RejectConnection,
    Request,
    TextMessage,
)
from wsproto.extensions import PerMessageDeflate

Start = Callable[..., Any]
EXAMPLES = Path(__file__).parent / "examples"


class Client:
    def __init__(self, host: Any, path: str = "/", **options: Any) -> None:
        self.wire = WSConnection(ConnectionType.CLIENT)
        self.socket: socket.socket = host.raw()
        self.events: list[Any] = []
        self.send(Request(host="shop.example", target=path, **options))

    def send(self, event: Any) -> None:
        self.socket.sendall(self.wire.send(event))

    def next(self) -> Any:
        while not self.events:
            data = self.socket.recv(65536)
            self.wire.receive_data(data or None)
            self.events.extend(self.wire.events())
            if not data and not self.events:
                raise AssertionError("the connection ended")
        return self.events.pop(0)

    def whole(self) -> Any:
        """The next message, its parts joined."""
        event = self.next()
        data = event.data
        while not event.message_finished:
            event = self.next()
            data += event.data
        return data


@pytest.mark.parametrize("extensions", [[], [PerMessageDeflate()]])
def test_echo_by_a_pair(start: Start, extensions: list[Any]) -> None:
    host = start((EXAMPLES / "socket_echo.py").read_text(), limits={"timeout_seconds": 0.5})
    client = Client(host, extensions=extensions)
    accepted = client.next()
    assert isinstance(accepted, AcceptConnection)
    assert len(accepted.extensions) == len(extensions)
    assert client.whole() == "welcome"
    client.send(TextMessage("hé" * 100_000))
    assert client.whole() == "hé" * 100_000
    client.send(BytesMessage(b"\0\1" * 1000))
    assert bytes(client.whole()) == b"\0\1" * 1000
    client.send(Ping(b"p"))
    assert isinstance(client.next(), Pong)
    client.socket.settimeout(1)
    with pytest.raises(TimeoutError):  # longer than the version's timeout: an open socket is not a slow answer
        client.socket.recv(1)
    client.socket.settimeout(10)
    client.send(CloseConnection(4123, "enough"))
    assert isinstance(client.next(), CloseConnection)
    record = host.invocation(trigger="websocket")
    assert (record["outcome"], record["status"]) == ("ok", 101)
    assert ("info", "closed 4123 enough") in host.logs(record["id"])


def test_the_worker_closes_and_a_listener_that_fails(start: Start) -> None:
    host = start((EXAMPLES / "socket_echo.py").read_text())
    client = Client(host)
    client.next()
    assert client.whole() == "welcome"
    client.send(TextMessage("close"))
    closed = client.next()
    assert (closed.code, closed.reason) == (4000, "bye")
    client.send(closed.response())
    second = Client(host)
    second.next()
    assert second.whole() == "welcome"
    second.send(TextMessage("fail"))
    assert second.next().code == 1011
    second.send(CloseConnection(1011))
    record = host.invocation(outcome="exception")
    assert record["error"]["message"] == "in the listener"


def test_asgi_websocket(start: Start) -> None:
    host = start((EXAMPLES / "fastapi_app.py").read_text(), vars={"MESSAGE": "env"})
    client = Client(host, "/ws", subprotocols=["echo"])
    assert client.next().subprotocol == "echo"
    for word in ("a", "b"):
        client.send(TextMessage(word))
        assert client.whole() == f"env {word}"
    client.send(TextMessage("bye"))
    assert client.next().code == 4001
    client.socket.close()
    refused = Client(host, "/refused").next()
    assert isinstance(refused, RejectConnection)
    assert refused.status_code == 403
    gone = Client(host, "/ws")
    gone.next()
    gone.socket.close()
    host.invocation(trigger="websocket", path="/ws", outcome="ok")
    assert host.get("/").status_code == 200


def test_no_handshake_no_socket(start: Start) -> None:
    host = start((EXAMPLES / "socket_echo.py").read_text())
    assert host.get("/").status_code == 426
    with host.raw() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 400 ")


def test_broken_frames_end_the_socket(start: Start) -> None:
    host = start((EXAMPLES / "socket_echo.py").read_text())
    client = Client(host)
    client.next()
    client.socket.sendall(b"\xff\xff\xff\xff")
    seen = []
    while data := client.socket.recv(65536):
        seen.append(data)
    assert b"\x88" in b"".join(seen)
    assert host.invocation(trigger="websocket")["status"] == 101
