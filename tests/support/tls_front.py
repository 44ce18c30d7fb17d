"""TLS in front of a plain server: bytes in both directions, behind a certificate of the test's choice."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from certificates import Pair


@contextlib.contextmanager
def tls_front(endpoint: str, pair: Pair) -> Iterator[str]:
    """Its own endpoint: https://127.0.0.1:PORT, whatever name the certificate is for."""
    target = urlsplit(endpoint)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with TemporaryDirectory(prefix="hf-tls-") as folder:
        file = Path(folder) / "server.pem"
        file.write_text(pair.key + pair.certificate)
        context.load_cert_chain(file)

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            while chunk := source.recv(65536):
                sink.sendall(chunk)
        for line in (source, sink):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def serve(raw: socket.socket) -> None:
        with contextlib.suppress(OSError), raw, context.wrap_socket(raw, server_side=True) as line:
            with socket.create_connection((target.hostname or "", target.port or 80), 10) as server:
                back = threading.Thread(target=pump, args=(server, line), daemon=True)
                back.start()
                pump(line, server)
                back.join(10)

    def accept() -> None:
        while True:
            try:
                raw, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(raw,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)
