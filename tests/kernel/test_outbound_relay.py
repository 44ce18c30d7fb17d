"""The relay for libraries with sockets of their own: one place for each pass, judged addresses, no redirect."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from urllib.parse import urlsplit

import pytest

from holdfast.kernel.outbound import OutboundPolicy
from holdfast.kernel.outbound_relay import Pass, Relay

LOOPBACK = frozenset({ip_network("127.0.0.0/8")})
FOREIGN = "http://169.254.169.254/latest/meta-data"


class Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        self.server.seen.append((self.path, dict(self.headers)))  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path.startswith("/redirect"):
            self.send_response(307)
            self.send_header("location", FOREIGN)
            self.send_header("content-length", "0")
        else:
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        if not self.path.startswith("/redirect"):
            self.wfile.write(body)

    do_GET = do_PUT = answer  # noqa: N815 - the names http.server calls

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@dataclass
class Names:
    """A resolver whose answer can change."""

    answer: list[str] = field(default_factory=lambda: ["127.0.0.1"])
    asked: int = 0

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked += 1
        return self.answer


@dataclass
class Bench:
    server: ThreadingHTTPServer
    relay: Relay
    names: Names

    @property
    def port(self) -> int:
        return self.server.server_port

    @property
    def seen(self) -> list[tuple[str, dict[str, str]]]:
        return self.server.seen  # type: ignore[attr-defined,no-any-return]

    def admit(self, host: str = "store.test") -> Pass:
        return self.relay.admit(host, self.port)


@pytest.fixture
def bench() -> Iterator[Bench]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.seen = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    names = Names()
    allowed = LOOPBACK | {("store.test", server.server_port)}
    relay = Relay(OutboundPolicy(frozenset(allowed), resolver=names))
    try:
        yield Bench(server, relay, names)
    finally:
        relay.close()
        server.shutdown()
        server.server_close()
        thread.join()


def ask(way: Pass, lines: str, body: bytes = b"", *, token: str | None = None) -> bytes:
    """Send a request through the relay as a library would; everything that comes back."""
    url = urlsplit(way.url)
    secret = base64.b64encode(f"holdfast:{url.password if token is None else token}".encode()).decode()
    with socket.create_connection(("127.0.0.1", url.port or 0), timeout=10) as line:
        line.sendall(f"{lines}\r\nProxy-Authorization: Basic {secret}\r\n\r\n".encode() + body)
        found = b""
        while chunk := line.recv(65536):
            found += chunk
            if lines.startswith("CONNECT"):
                break
        return found


def test_plain_http_reaches_the_place_of_its_pass(bench: Bench) -> None:
    way = bench.admit()
    data = bytes(300_000)
    request = f"PUT http://store.test:{bench.port}/b/key?a=b HTTP/1.1\r\nHost: store.test:{bench.port}\r\n"
    found = ask(way, request + f"Content-Length: {len(data)}", data)
    assert found.startswith(b"HTTP/1.1 200")
    assert found.endswith(data)
    path, headers = bench.seen[0]
    assert path == "/b/key?a=b"
    assert headers["Host"] == f"store.test:{bench.port}"
    assert not any(name.lower().startswith("proxy-") for name in headers), "the secret went on to the store"


@pytest.mark.parametrize(
    "target",
    [
        FOREIGN,
        "http://store.test/",
        "http://other.test:{port}/",
        "http://store.test:{port}@169.254.169.254/",
        "http://127.0.0.1:{port}/",
        "/b/key",
        "https://store.test:{port}/",
        "http://store.test.:{port}/",
    ],
)
def test_another_place_is_refused(bench: Bench, target: str) -> None:
    way = bench.admit()
    found = ask(way, f"GET {target.format(port=bench.port)} HTTP/1.1\r\nHost: store.test:{bench.port}")
    assert found.startswith((b"HTTP/1.1 403", b"HTTP/1.1 400"))
    assert bench.seen == []
    if b"403" in found[:12]:
        refused = way.refusal()
        assert refused is not None
        assert refused.reason == "redirect"
        assert way.refusal() is None


@pytest.mark.parametrize("authority", ["169.254.169.254:80", "other.test:443", "store.test:1", "store.test", "x"])
def test_no_tunnel_leads_to_another_place(bench: Bench, authority: str) -> None:
    assert ask(bench.admit(), f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}").startswith(b"HTTP/1.1 403")
    assert bench.names.asked == 0


def test_a_redirect_is_not_handed_on(bench: Bench) -> None:
    found = ask(bench.admit(), f"GET http://store.test:{bench.port}/redirect HTTP/1.1\r\nHost: store.test:{bench.port}")
    assert found.startswith(b"HTTP/1.1 403")
    assert b"169.254" not in found


@pytest.mark.parametrize("token", ["", "wrong", "ü"])
def test_without_the_pass_nobody_goes_out(bench: Bench, token: str) -> None:
    way = bench.admit()
    found = ask(way, f"GET http://store.test:{bench.port}/b HTTP/1.1\r\nHost: x", token=token)
    assert found.startswith(b"HTTP/1.1 407")
    assert bench.seen == []
    assert urlsplit(way.url).password not in repr(way)


def test_a_name_that_moves_inside_is_refused_at_the_next_connection(bench: Bench) -> None:
    way = bench.admit()
    request = f"GET http://store.test:{bench.port}/b HTTP/1.1\r\nHost: store.test:{bench.port}"
    assert ask(way, request).startswith(b"HTTP/1.1 200")
    for inside in ("169.254.169.254", "10.0.0.1", "::ffff:169.254.169.254"):
        bench.names.answer = ["127.0.0.1", inside]  # one bad address condemns the name
        bench.relay.policy = OutboundPolicy(LOOPBACK, resolver=bench.names)
        assert ask(way, request).startswith(b"HTTP/1.1 403")
        refused = way.refusal()
        assert refused is not None
        assert refused.reason != "redirect"
        assert ask(way, f"CONNECT store.test:{bench.port} HTTP/1.1\r\nHost: x").startswith(b"HTTP/1.1 403")
    assert len(bench.seen) == 1


def test_a_tunnel_carries_bytes_both_ways(bench: Bench) -> None:
    way = bench.admit()
    url = urlsplit(way.url)
    secret = base64.b64encode(f"holdfast:{url.password}".encode()).decode()
    with socket.create_connection(("127.0.0.1", url.port or 0), timeout=10) as line:
        line.sendall(
            f"CONNECT store.test:{bench.port} HTTP/1.1\r\nProxy-Authorization: Basic {secret}\r\n\r\n".encode()
        )
        assert line.recv(200).startswith(b"HTTP/1.1 200")
        for number in range(3):  # the connection stays
            line.sendall(f"PUT /{number} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello".encode())
            found = b""
            while not found.endswith(b"hello"):
                found += line.recv(1000)
    assert [path for path, _ in bench.seen] == ["/0", "/1", "/2"]


def test_nobody_there_is_an_end_without_an_answer(bench: Bench) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        way = bench.relay.admit("127.0.0.1", port)
        assert ask(way, f"GET http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: x") == b""
    assert way.refusal() is None


def knock(port: int) -> None:
    """For up to 20 s: a relay's thread may end a moment later on a busy machine."""
    for _ in range(200):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as another:
            another.sendall(b"x")
        time.sleep(0.1)


def test_the_relay_ends_with_its_connections(bench: Bench) -> None:
    way = bench.admit()
    url = urlsplit(way.url)
    with socket.create_connection(("127.0.0.1", url.port or 0), timeout=10) as line:
        bench.relay.close()
        with pytest.raises(OSError, match=r"refused|reset"):
            knock(url.port or 0)
        line.settimeout(5)
        with contextlib.suppress(ConnectionError):
            assert line.recv(10) == b""


def test_a_relay_that_is_closed_at_once_ends_too() -> None:
    for _ in range(40):
        relay = Relay(OutboundPolicy(frozenset()))
        port = urlsplit(relay.admit("store.test", 80).url).port or 0
        relay.close()
        with pytest.raises(OSError, match=r"refused|reset"):
            knock(port)
