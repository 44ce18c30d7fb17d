"""The live line from a terminal: hear that something changed in place of asking again and again (RFC 6455)."""

from __future__ import annotations

import json
import socket
import ssl
import time
from pathlib import Path
from urllib.parse import urlsplit

from holdfast.client import API, LineBroken, NotRunning, error_from_wire
from holdfast.formats.websocket import BadFrame, Opcode, Parser, accept_key, encode, new_key

_SECONDS = 30.0
_PIECE = 64 * 1024
_MOST = 1 << 20


class LiveLine:
    """Open while it lives. `line` is the client's (URL, unix socket, key).

    Raises NotRunning when nobody answers, LineBroken when it was lost, and the server's own refusal.
    """

    def __init__(self, line: tuple[str, Path | None, str | None]) -> None:
        self._url, self._path, self._key = line
        self._parser = Parser(masked_frames=False, limit=_MOST)
        try:
            self._socket = self._connected()
        except OSError as error:
            raise NotRunning(f"nobody answers at {self._path or self._url}: {error}") from error
        try:
            self._shake()
        except BaseException:
            self._socket.close()
            raise

    def wait(self, seconds: float) -> set[str]:
        """Nouns that changed, as soon as one did; empty after so long."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                data = self._socket.recv(_PIECE)
                if not data:
                    raise LineBroken("the live line was closed")
                nouns = self._heard(data)
            except TimeoutError:
                return set()
            except (OSError, BadFrame) as error:
                raise LineBroken(f"the live line broke: {error}") from error
            if nouns:
                return nouns
        return set()

    def close(self) -> None:
        self._socket.close()

    def _heard(self, data: bytes) -> set[str]:
        nouns: set[str] = set()
        for message in self._parser.feed(data):
            if message.opcode is Opcode.PING:
                self._socket.sendall(encode(Opcode.PONG, message.data, mask=True))
            elif message.opcode is Opcode.CLOSE:
                raise LineBroken("the server closed the live line")
            elif message.opcode is Opcode.TEXT:
                said = json.loads(message.data)
                if said.get("type") == "changed":
                    nouns |= set(said["nouns"])
        return nouns

    def _connected(self) -> socket.socket:
        if self._path is not None:
            made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
            made.settimeout(_SECONDS)
            made.connect(str(self._path))
            return made
        where = urlsplit(self._url)
        secure, host = where.scheme == "https", where.hostname or ""
        made = socket.create_connection((host, where.port or (443 if secure else 80)), _SECONDS)
        return ssl.create_default_context().wrap_socket(made, server_hostname=host) if secure else made

    def _shake(self) -> None:
        key, host = new_key(), urlsplit(self._url).netloc.rpartition("@")[2]
        lines = [f"GET {API}/live HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade"]
        lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "User-Agent: holdfast-cli"]
        lines += [f"Authorization: Bearer {self._key}"] if self._key else []
        try:
            self._socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
            head = self._head()
        except OSError as error:
            raise LineBroken(f"the live line broke: {error}") from error
        status, accepted, body = head
        if status != 101:
            raise error_from_wire(status if status >= 400 else 502, body)
        if accepted != accept_key(key):
            raise error_from_wire(502, None)

    def _head(self) -> tuple[int, str | None, object]:
        """(status, Sec-WebSocket-Accept, what a refusal says). Byte by byte, so that no frame behind it is lost."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = self._socket.recv(1)
            if not byte or len(head) > _PIECE:
                raise LineBroken("the server hung up")
            head += byte
        first, *rest = head.decode("latin-1").split("\r\n")
        named = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in rest)}
        words = first.split()
        status = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
        return status, named.get("sec-websocket-accept"), None if status == 101 else self._refusal(named)

    def _refusal(self, headers: dict[str, str]) -> object:
        left, body = min(_MOST, int(headers.get("content-length") or 0)), b""
        while len(body) < left and (part := self._socket.recv(left - len(body))):
            body += part
        try:
            return json.loads(body)
        except ValueError:
            return None
