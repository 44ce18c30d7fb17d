"""A worker that does what it is told, and what is outside: the real egress process's server, and real servers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import pytest
import uvloop
from certificates import Authority

from holdfast.kernel.outbound_policy import OutboundPolicy
from holdfast.runtime.egress.server import EgressServer
from holdfast.runtime.live import LiveVersion, Permits, Sockets

Start = Callable[..., Any]
WORKER = """
from workers import Response

async def on_fetch(request):
    scope = {}
    exec(await request.text(), scope)
    try:
        told = await scope["run"]()
    except Exception as error:
        kinds = [kind.__name__ for kind in type(error).__mro__]
        told = {"raised": kinds, "text": str(error)}
    return Response.json(told)
"""


class Site(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    left = threading.Event()  # the reader of /endless went away

    def log_message(self, *parts: Any) -> None:
        """Silent."""

    def do_GET(self) -> None:
        if self.path == "/slow":
            threading.Event().wait(1.5)
        if self.path == "/endless":
            self.wfile.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n")
            self.rfile.read(1)
            self.left.set()
            self.close_connection = True
            return
        body = f"{self.headers['host'].partition(':')[0]} {self.path} {self.client_address[1]}".encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    def do_POST(self) -> None:
        size = len(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.send_header("content-length", str(len(str(size))))
        self.end_headers()
        self.wfile.write(str(size).encode())


class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True

    def handle_error(self, *parts: Any) -> None:
        """Clients that refuse its certificate are part of the tests."""


@dataclass
class Outside:
    """Servers that are reached as site.test, and the proxy to them."""

    path: str
    authority: Path
    plain: int
    secure: int
    egress: EgressServer

    @property
    def calls(self) -> int:
        return self.egress.usage()["ver"].calls


@pytest.fixture(scope="module")
def outside() -> Iterator[Outside]:
    root = Path(tempfile.mkdtemp(prefix="hn"))
    loop = uvloop.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def resolve(host: str, port: int) -> list[str]:
        if host.endswith("nowhere.test"):
            raise socket.gaierror("no such name")
        return ["127.0.0.1"]

    policy = OutboundPolicy(frozenset({ip_network("127.0.0.0/8")}), resolver=resolve)
    egress = EgressServer(root, policy)
    version = LiveVersion(
        id="ver", number=1, tag=None, worker_id="w", worker="w", project_id="p", environment_id="e", code=root,
        main="main.py", packages=None, token="t", weight=100, created_at="2026-01-01T00:00:00Z",
        permits=Permits(network=("site.test", "*.nowhere.test", "127.0.0.1")),
    )  # fmt: skip
    asyncio.run_coroutine_threadsafe(egress.apply([version]), loop).result(10)
    authority = Authority()
    pair = authority.sign("site", host="site.test")
    (root / "ca.pem").write_text(authority.pem)
    (root / "site.pem").write_text(pair.key + pair.certificate)
    servers = [Server(("127.0.0.1", 0), Site) for _ in range(2)]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(root / "site.pem")
    servers[1].socket = context.wrap_socket(servers[1].socket, server_side=True, do_handshake_on_connect=False)
    for each in servers:
        threading.Thread(target=each.serve_forever, daemon=True).start()
    path = str(Sockets.of(root, "t").egress)
    yield Outside(path, root / "ca.pem", servers[0].server_port, servers[1].server_port, egress)
    for each in servers:
        each.shutdown()
        each.server_close()
    asyncio.run_coroutine_threadsafe(egress.close(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    loop.close()
    for found in sorted(root.rglob("*"), reverse=True):
        found.rmdir() if found.is_dir() else found.unlink()
    root.rmdir()


@dataclass
class Worker:
    host: Any
    outside: Outside

    def run(self, code: str) -> Any:
        """What `code`, the body of an async function, says as `told`. It knows `plain`, `secure`, `site`, `ports`."""
        at = self.outside
        known = f"""
            plain, secure = "http://site.test:{at.plain}", "https://site.test:{at.secure}"
            site, ports = "site.test", ({at.plain}, {at.secure})
        """
        text = f"async def run():\n{indent(dedent(known) + dedent(code), '    ')}\n    return told\n"
        with self.host.client() as client:
            answer = client.post("/", content=text)
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert not (isinstance(told, dict) and "raised" in told), told
        return told


@pytest.fixture
def worker(start: Start, outside: Outside) -> Worker:
    trusted = {"SSL_CERT_FILE": str(outside.authority), "REQUESTS_CA_BUNDLE": str(outside.authority)}
    return Worker(start(WORKER, egress=outside.path, vars=trusted), outside)
