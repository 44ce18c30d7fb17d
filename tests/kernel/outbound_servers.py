"""Real servers for the tests of outbound calls: each knows who reached it, and with what."""

from __future__ import annotations

import datetime
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Answer = Callable[["Asked", BaseHTTPRequestHandler], None]


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes


@dataclass
class Served:
    """`asked`: every request in order; `connections`: how many there were, requests or not."""

    port: int
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    names: list[str | None] = field(default_factory=list)  # what TLS was asked for

    def at(self, path: str = "/", host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"


@contextmanager
def serving(
    answers: dict[str, Answer] | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
) -> Iterator[Served]:
    """Answers 200 "inside" where `answers` has nothing for the path."""
    known = answers or {}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def respond(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            asked = Asked(
                self.command,
                self.path,
                {name.lower(): value for name, value in self.headers.items()},
                self.rfile.read(length),
            )
            made.asked.append(asked)
            known.get(self.path.partition("?")[0], plain(b"inside"))(asked, self)

        do_GET = do_POST = do_HEAD = do_PUT = respond  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        daemon_threads = True

        def get_request(self) -> Any:
            found = super().get_request()
            made.connections += 1
            return found

        def handle_error(self, *_: Any) -> None:
            pass

    server = Server((host, port), Handler)
    made = Served(server.server_address[1])
    if tls is not None:
        tls.sni_callback = lambda _socket, name, _context: made.names.append(name)
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def plain(body: bytes, status: int = 200, **headers: str) -> Answer:
    def answer(_asked: Asked, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)

    return answer


def redirect(location: str, status: int = 302, **headers: str) -> Answer:
    return plain(b"", status, location=location, **headers)


def certified(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """(a server's context for `name`, a client's that trusts it)."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    form = serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    file = folder / "server.pem"
    file.write_bytes(secret + pem)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cadata=pem.decode())


_watching: list[list[Any]] = []


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and _watching and isinstance(arguments[1], tuple):
        for seen in _watching:
            seen.append(arguments[1])


@contextmanager
def connects() -> Iterator[list[Any]]:
    """Every address that any socket of this process is told to connect to, asyncio's included; paths of unix sockets
    are not among them: threads of earlier tests may still end their connections."""
    if not getattr(sys, "_holdfast_watches_connects", False):
        sys.addaudithook(_heard)  # cannot be taken off again; it does nothing while nobody watches
        sys._holdfast_watches_connects = True  # type: ignore[attr-defined]
    seen: list[Any] = []
    _watching.append(seen)
    try:
        yield seen
    finally:
        _watching.remove(seen)
