"""WebSockets that a worker opens to servers outside: through the real egress process's server, to a real server."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn
from outside import Outside, Worker
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from test_host_sockets import Client
from wsproto.events import AcceptConnection, CloseConnection, TextMessage
from wsproto.utilities import generate_accept_token as accept_token


@dataclass
class Room:
    """What a server of sockets saw."""

    ends: list[int]

    async def echo(self, client: WebSocket) -> None:
        offered = ", ".join(client.scope["subprotocols"])
        await client.accept(
            "better" if offered else None, headers=[(b"x-seen", client.headers.get("x-own", "").encode())]
        )
        try:
            await client.send_text(f"welcome {offered or 'nobody'}")
            while True:
                message = await client.receive()
                if message["type"] == "websocket.disconnect":
                    self.ends.append(message["code"])
                    return
                if message.get("text") == "close":
                    await client.close(4001, "asked to")
                elif message.get("text") is not None:
                    await client.send_text(message["text"])
                else:
                    await client.send_bytes(message["bytes"])
        except WebSocketDisconnect as left:
            self.ends.append(left.code)


@dataclass
class Served:
    room: Room
    plain: int
    secure: int


@pytest.fixture(scope="module")
def served(outside: Outside) -> Iterator[Served]:
    room = Room([])
    routes = [WebSocketRoute("/echo", room.echo), Route("/page", lambda request: PlainTextResponse("a page"))]
    tls: Any = {"ssl_certfile": str(outside.authority.with_name("site.pem"))}
    servers = [_server(Starlette(routes=routes)), _server(Starlette(routes=routes), **tls)]
    yield Served(room, *(each.servers[0].sockets[0].getsockname()[1] for each in servers))
    for each in servers:
        each.should_exit = True


def _server(app: Starlette, **options: Any) -> uvicorn.Server:
    config = uvicorn.Config(app, host="127.0.0.1", port=0, ws="wsproto", log_level="warning", lifespan="off", **options)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.01)
    return server


@pytest.mark.parametrize("secure", [False, True])
def test_a_socket_by_its_events_as_javascript_has_it(worker: Worker, served: Served, secure: bool) -> None:
    where = f"wss://site.test:{served.secure}/echo" if secure else f"ws://site.test:{served.plain}/echo"
    told = worker.run(f"""
        import asyncio
        import js
        from pyodide.ffi import create_proxy
        told, over = [], asyncio.Event()
        socket = js.WebSocket.new({where!r})
        told.append([socket.readyState, socket.url])
        try:
            socket.send("too early")
        except RuntimeError as error:
            told.append(str(error))

        def opened(event):
            told.append([event.type, socket.readyState])
            socket.send("x" * 200000)
            socket.send(bytes(1000))
            socket.send("close")

        async def said(event):
            told.append(event.data if len(event.data) < 100 else [type(event.data).__name__, len(event.data)])

        async def closed(event):
            told.append([event.type, event.code, event.reason, event.wasClean])
            over.set()

        for name, listener in {{"open": opened, "message": said, "close": closed}}.items():
            socket.addEventListener(name, create_proxy(listener))
        await asyncio.wait([asyncio.ensure_future(over.wait())], timeout=5)
        told.append(socket.readyState)
    """)
    assert told == [
        [0, where], "the socket is not open yet: send after its open event", ["open", 1], "welcome nobody",
        ["str", 200000], ["bytes", 1000], ["close", 4001, "asked to", True], 3,
    ]  # fmt: skip


def test_a_socket_without_listeners_and_with_protocols(worker: Worker, served: Served) -> None:
    told = worker.run(f"""
        from js import WebSocket
        told = []
        socket = WebSocket.new("ws://site.test:{served.plain}/echo", ["chat", "better"])
        told += [await socket.receive(), socket.protocol]
        socket.send("one")
        told.append(await socket.receive())
        socket.send("close")
        async for message in socket:
            told.append(message)
    """)
    assert told == ["welcome chat, better", "better", "one"]


def test_a_socket_by_fetch_as_published(worker: Worker, served: Served) -> None:
    told = worker.run(f"""
        from workers import fetch
        site = "http://site.test:{served.plain}"
        given = {{"Upgrade": "websocket", "X-Own": "mine", "Sec-WebSocket-Key": "x"}}
        answer = await fetch(site + "/echo", headers=given)
        told = [answer.status, answer.headers["x-seen"], answer.body is None]
        socket = answer.webSocket
        socket.accept()
        told.append(await socket.receive())
        socket.close(1000, "done")
        page = await fetch(site + "/page", headers={{"upgrade": "websocket"}})
        told += [page.status, page.web_socket]
        for method in ("POST", "HEAD"):
            try:
                await fetch(site + "/echo", method=method, headers={{"upgrade": "websocket"}})
            except TypeError as error:
                told.append(str(error))
    """)
    refused = "a WebSocket begins with a GET without a body"
    assert told == [101, "mine", True, "welcome nobody", 403, None, refused, refused]


def test_what_cannot_be_opened_says_why(worker: Worker, served: Served) -> None:
    told = worker.run(f"""
        import asyncio
        from js import WebSocket
        told = []
        for where in ("ws://site.test:{served.plain}/page", "wss://other.test/", "ws://site.test:1/", "ws://127.0.0.1:1/"):
            events = []
            socket = WebSocket.new(where)
            socket.onerror = lambda event: events.append([event.type, event.message])
            socket.onclose = lambda event: events.append([event.type, event.code, event.wasClean])
            while len(events) < 2:
                await asyncio.sleep(0.01)
            told += [events, socket.readyState]
        for where in ("mailto:a@b", "nonsense"):
            try:
                WebSocket.new(where)
            except ValueError as error:
                told.append(str(error))
        early = WebSocket.new("ws://site.test:{served.plain}/echo")
        early.close()
        told.append([(await early.next_event()).code, early.readyState])
    """)
    closed = ["close", 1006, False]
    page = f"ws://site.test:{served.plain}/page answered 403, not with a WebSocket"
    refused = "other.test:443 cannot be reached: other.test is not among the hosts that this worker may reach"
    assert [told[0], told[1]] == [[["error", page], closed], 3]
    assert (told[2][0][1].startswith(refused), told[2][1], told[3]) == (True, closed, 3)
    assert "site.test:1 cannot be reached" in told[4][0][1]
    assert "127.0.0.1:1 cannot be reached" in told[6][0][1]
    assert told[8] == "a WebSocket's address begins with ws: or wss:, not mailto:"
    assert "nonsense" in told[9]
    assert told[10:] == [[1006, 3]]


def _answering(head: str) -> Iterator[int]:
    """A server that answers every request with `head`, in which KEY stands for the right answer to its handshake."""

    def serve(connection: socket.socket) -> None:
        asked = connection.recv(65536).decode()
        key = re.search(r"sec-websocket-key: (\S+)", asked)
        right = accept_token(key[1].encode()).decode() if key else ""
        connection.sendall(head.replace("KEY", right).replace("\n", "\r\n").encode())
        connection.recv(1)
        connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=serve, args=listener.accept()[:1], daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield port


_SWITCHED = "HTTP/1.1 101 Switching\nupgrade: websocket\nconnection: Upgrade\n"


@pytest.mark.parametrize(
    ("head", "plain", "told"),
    [
        (
            _SWITCHED + "sec-websocket-accept: wrong\n\n",
            False,
            "but not for this WebSocket's handshake",
        ),
        (_SWITCHED.replace("websocket", "other") + "sec-websocket-accept: KEY\n\n", False, "took the connection over"),
        (_SWITCHED + "sec-websocket-accept: KEY\nsec-websocket-extensions: x\n\n", False, "an extension"),
        (
            _SWITCHED + "sec-websocket-accept: KEY\nsec-websocket-protocol: lies\n\n",
            False,
            "speaks 'lies'",
        ),
        (_SWITCHED + "\nmore", True, "answered without sense"),
        ("HTTP/1.1 200 OK\ncontent-length: 0\n\n", False, "answered 200, not with a WebSocket"),
    ],
)
def test_a_server_that_answers_wrongly_is_told(worker: Worker, head: str, plain: bool, told: str) -> None:
    serving = _answering(head)
    port = next(serving)
    code = f"""
        from js import WebSocket
        from workers import fetch
        try:
            if {plain}:
                await fetch("http://site.test:{port}/")
            else:
                await WebSocket.new("ws://site.test:{port}/").receive()
        except ConnectionError as error:
            told = str(error)
    """
    assert told in worker.run(code)
    serving.close()


PASSED_ON = """
from workers import Response, fetch

async def on_fetch(request, env):
    if request.url.endswith("/left"):
        await fetch(env.SITE, headers={"upgrade": "websocket"})
        return Response("left open")
    return await fetch(env.SITE, headers=request.headers)
"""


def test_a_client_is_joined_to_a_server_outside_and_what_is_left_open_ends(
    start: Any, outside: Outside, served: Served
) -> None:
    host = start(PASSED_ON, egress=outside.path, vars={"SITE": f"http://site.test:{served.plain}/echo"})
    client = Client(host)
    assert isinstance(client.next(), AcceptConnection)
    assert client.whole() == "welcome nobody"
    client.send(TextMessage("through"))
    assert client.whole() == "through"
    served.room.ends.clear()
    client.send(CloseConnection(4002, "gone"))
    _until(lambda: served.room.ends == [4002])
    assert host.get("/left").text == "left open"
    _until(lambda: len(served.room.ends) == 2)


def _until(true: Any) -> None:
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)
