"""TLS in front of a real PostgreSQL, as a pooler or stunnel stands there: the wheel's server is built without TLS.

The handshake, the certificates and the refusals are OpenSSL's own on a real socket; behind it is the real server.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from certificates import Pair

ASK = struct.pack("!ii", 8, 80877103)


class Front:
    """One listening port. `served` counts connections that got through the handshake."""

    def __init__(self, context: ssl.SSLContext, behind: int) -> None:
        self._context, self._behind = context, behind
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.served = 0
        self.names: list[str | None] = []
        context.sni_callback = lambda _sock, name, _context: self.names.append(name)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError, ssl.SSLError):
            if client.recv(8, socket.MSG_WAITALL) != ASK:
                client.close()
                return
            client.sendall(b"S")
            with self._context.wrap_socket(client, server_side=True) as inner:
                inner.settimeout(0.01)
                with socket.create_connection(("127.0.0.1", self._behind)) as server:
                    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self.served += 1
                    self._pump(inner, server)

    @staticmethod
    def _pump(inner: ssl.SSLSocket, server: socket.socket) -> None:
        """One thread for both ways: OpenSSL's connection is not for two at once."""
        import select

        while True:
            ready, _, _ = select.select([inner, server], [], [], 30)
            if inner in ready or inner.pending():
                try:
                    data = inner.recv(1 << 16)
                except (TimeoutError, ssl.SSLWantReadError):
                    data = None
                if data == b"":
                    return
                if data:
                    server.sendall(data)
            if server in ready:
                data = server.recv(1 << 16)
                if not data:
                    return
                inner.settimeout(30)
                inner.sendall(data)
                inner.settimeout(0.01)

    def close(self) -> None:
        self._listener.close()


@contextlib.contextmanager
def tls_front(behind: int, pair: Pair, *, clients: str | None = None) -> Iterator[Front]:
    """`clients`: the CA that client certificates must be signed by."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pair.pem"
        file.write_text(pair.certificate + pair.key)
        context.load_cert_chain(file)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=clients)
    front = Front(context, behind)
    try:
        yield front
    finally:
        front.close()
