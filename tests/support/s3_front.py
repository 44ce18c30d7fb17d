"""A front of an S3 server that goes wrong on purpose: gone, busy, slow, or no longer knowing the key."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

Request = tuple[str, str]  # method and path


@dataclass
class Trouble:
    """What happens to a request that is one of `when`: `status` and `code` are answered, or it is dropped (status 0),
    or only `delay`ed (status None). It ends after `times` requests."""

    when: Callable[[Request], bool]
    status: int | None = 0
    code: str = ""
    delay: float = 0.0
    times: int = 1_000_000
    met: int = 0


@dataclass
class Front:
    endpoint: str
    trouble: Trouble | None = None
    seen: list[Request] = field(default_factory=list)
    stalled: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def meets(self, request: Request) -> Trouble | None:
        with self.lock:
            self.seen.append(request)
            trouble = self.trouble
            if trouble is None or trouble.met >= trouble.times or not trouble.when(request):
                return None
            trouble.met += 1
            return trouble


def writes_data(request: Request) -> bool:
    """A pack on its way up."""
    return request[0] == "PUT" and "/data/" in request[1]


def anything(_: Request) -> bool:
    return True


@contextlib.contextmanager
def front_of(endpoint: str) -> Iterator[Front]:
    target = urlsplit(endpoint)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            trouble = front.meets((self.command, self.path))
            if trouble is not None and trouble.status == 0:
                front.stalled.set()
                time.sleep(trouble.delay)
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            if trouble is not None:
                time.sleep(trouble.delay)
                if trouble.status is not None:
                    text = f"<Error><Code>{trouble.code}</Code><Message>no</Message></Error>".encode()
                    self.answer(trouble.status, {}, text)
                    return
            line = http.client.HTTPConnection(target.hostname or "", target.port, timeout=60)
            try:
                line.request(self.command, self.path, body, dict(self.headers))
                given = line.getresponse()
                self.answer(given.status, dict(given.getheaders()), given.read())
            finally:
                line.close()

        def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            kept = {"etag", "last-modified", "content-type", "content-range", "x-amz-version-id"}
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() in kept:
                    self.send_header(name, value)
            length = headers.get("content-length") or headers.get("Content-Length") if self.command == "HEAD" else None
            self.send_header("content-length", length or str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = handle_one  # noqa: N815 - the names http.server calls

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    front = Front(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield front
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
