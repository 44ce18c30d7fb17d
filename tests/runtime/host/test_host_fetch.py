"""`fetch` through an egress proxy of the test's own: plain and TLS, redirects, streams, failures."""

from __future__ import annotations

import contextlib
import gzip
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

Start = Callable[..., Any]
EXAMPLES = Path(__file__).parent / "examples"


class Site(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *parts: Any) -> None:
        """Silent."""

    def _say(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self) -> None:
        path = self.path
        if path == "/text":
            self._say(200, f"host {self.headers['host']} one {self.headers['x-one']}".encode())
        elif path == "/gzip":
            self._say(200, gzip.compress(b"z" * 500_000), content_encoding="gzip")
        elif path == "/deflate":
            self._say(200, zlib.compress(b"d" * 1000), content_encoding="deflate")
        elif path == "/raw-deflate":
            packer = zlib.compressobj(wbits=-15)
            self._say(200, packer.compress(b"r" * 1000) + packer.flush(), content_encoding="deflate")
        elif path == "/bomb":
            self._say(200, b"not gzip at all", content_encoding="gzip")
        elif path == "/chunks":
            self.send_response(200)
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for _ in range(3):
                self.wfile.write(b"3\r\nabc\r\n")
            self.wfile.write(b"0\r\n\r\n")
        elif path == "/cut":
            self.send_response(200)
            self.send_header("content-length", "100")
            self.end_headers()
            self.wfile.write(b"short")
            self.close_connection = True
        elif path == "/slow":
            time.sleep(1.5)
            self._say(200, b"late")
        elif path.startswith("/to/"):
            self._say(302, b"", location="/" + path[4:])
        elif path == "/loop":
            self._say(302, b"", location="/loop")
        elif path == "/elsewhere":
            self._say(301, b"", location="file:///etc/passwd")
        elif path == "/empty":
            self.send_response(204)
            self.end_headers()
        else:
            self._say(404, b"nothing")

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self) -> None:
        if self.headers.get("transfer-encoding") == "chunked":
            data = b""
            while size := int(self.rfile.readline(), 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            data = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path == "/see-other":
            self._say(303, b"", location="/text")
        else:
            self._say(200, f"{len(data)}".encode())


class Proxy:
    """The egress process's part: absolute form and CONNECT on a unix socket, to one server."""

    def __init__(self, path: str, port: int) -> None:
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(16)
        self.port = port
        self.accepted = 0
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            if not (data := client.recv(65536)):
                return
            head += data
        method, target = head.split(b" ")[:2]
        if b"forbidden" in target:
            body = b'{"error": {"code": "not_permitted", "message": "it is not on the list", "hint": null}}'
            client.sendall(b"HTTP/1.1 403 Forbidden\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
            client.close()
            return
        server = socket.create_connection(("127.0.0.1", self.port))
        if method == b"CONNECT":
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            server.sendall(head.replace(b"http://site.test", b"", 1))
        back = threading.Thread(target=self.pump, args=(server, client), daemon=True)
        back.start()
        self.pump(client, server, b"http://site.test" if method != b"CONNECT" else b"")

    @staticmethod
    def pump(source: socket.socket, target: socket.socket, strip: bytes = b"") -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data.replace(strip, b"") if strip else data)
        except OSError:
            pass
        finally:
            for each in (source, target):
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def site() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_fetch_of_plain_http(start: Start, site: ThreadingHTTPServer) -> None:
    host = start((EXAMPLES / "proxying.py").read_text())
    proxy = Proxy(str(host.directory / "egress"), site.server_port)
    with host.client() as client:

        def ask(path: str, method: str = "GET", **more: Any) -> Any:
            headers = {"x-target": f"http://site.test{path}", **more.pop("headers", {})}
            return client.request(method, "/", headers=headers, **more)

        assert ask("/text").text == "host site.test one 1"
        assert ask("/text").text == "host site.test one 1"
        assert proxy.accepted == 1, "the second request did not reuse the connection"
        assert ask("/gzip").text == "z" * 500_000
        assert ask("/deflate").text == "d" * 1000
        assert ask("/raw-deflate").text == "r" * 1000
        assert ask("/chunks").text == "abcabcabc"
        assert ask("/empty").status_code == 204
        assert ask("/nowhere").status_code == 404
        assert ask("/text", "HEAD").status_code == 200
        answer = ask("/to/text")
        assert (answer.text, answer.headers["x-url"]) == ("host site.test one 1", "http://site.test/text")
        assert answer.headers["x-redirected"] == "True"
        assert ask("/to/text", headers={"x-redirect": "manual"}).status_code == 302
        assert "forbids" in ask("/to/text", headers={"x-redirect": "error"}).text
        assert "redirects more than 20 times" in ask("/loop").text
        assert "cannot be fetched" in ask("/elsewhere").text
        assert ask("/", "POST", content=b"x" * 200_000).text == "200000"
        assert ask("/see-other", "POST", content=b"x").text == "host site.test one 1"
        assert ask("/slow", headers={"x-timeout": "0.3"}).text.startswith("TimeoutError: http://site.test/slow did not")
        assert ask("/text").text == "host site.test one 1"
        with pytest.raises(Exception, match=r"closed|ended|incomplete"):
            ask("/cut")
        with pytest.raises(Exception, match=r"closed|ended|incomplete"):
            ask("/bomb")


def test_fetch_by_the_name_that_pyodide_has_for_it(start: Start, site: ThreadingHTTPServer) -> None:
    host = start(
        "from pyodide.http import FetchResponse, pyfetch\n"
        "from workers import Response\n\n"
        "async def on_fetch(request):\n"
        "    found: FetchResponse = await pyfetch('http://site.test/text', method='GET', headers={'x-one': '1'})\n"
        "    return Response(f'{found.ok} {found.status} {await found.string()}')\n"
    )
    Proxy(str(host.directory / "egress"), site.server_port)
    assert host.get("/").text == "True 200 host site.test one 1"


def test_fetch_over_tls(start: Start, site: ThreadingHTTPServer, tmp_path: Path) -> None:
    certificate = _certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    site.socket = context.wrap_socket(site.socket, server_side=True)
    code = (EXAMPLES / "proxying.py").read_text()
    host = start(code, vars={"SSL_CERT_FILE": str(certificate)})
    Proxy(str(host.directory / "egress"), site.server_port)
    with host.client() as client:

        def ask(url: str) -> str:
            return client.get("/", headers={"x-target": url}).text

        assert ask("https://site.test/text") == "host site.test one 1"
        assert ask("https://site.test/gzip") == "z" * 500_000
        assert "certificate of other.test is not trusted" in ask("https://other.test/text")
        assert ask("https://forbidden.test/") == (
            "FetchError: forbidden.test:443 cannot be reached: it is not on the list (not_permitted)"
        )


def _certificate(directory: Path) -> Path:
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "site.test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("site.test")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = directory / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path
