"""What is said to the egress process for one connection (RFC 9110, 9.3.6), and what its answer means, without doing it.

shake = Handshake("db.example.org", 5432)
send(shake.request)
while not shake.over:
    consume(shake.take(peeked))     # never a byte that belongs to the server
shake.judge()
"""

from __future__ import annotations

import errno
import json
import os
import socket
from typing import Any

PEEK = 4096  # bytes looked at together
LONGEST = 65_536  # bytes of an answer that refuses
_END = b"\r\n\r\n"
_ERRNO = {
    "port_closed": errno.ECONNREFUSED,
    "server_unreachable": errno.EHOSTUNREACH,
    "server_silent": errno.ETIMEDOUT,
}


class Handshake:
    def __init__(self, host: str, port: int) -> None:
        self.authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.request = f"CONNECT {self.authority} HTTP/1.1\r\nhost: {self.authority}\r\n\r\n".encode()
        self.over = False
        self._got = bytearray()
        self._end = -1
        self._whole = 0
        self._status = 0

    def take(self, peeked: bytes) -> int:
        """How many of these bytes are the proxy's; b"" says that it ended. Raises ConnectionResetError."""
        if not peeked:
            if self._end < 0:
                raise ConnectionResetError(errno.ECONNRESET, f"{self.authority}: the way out was closed")
            self.over = True
            return 0
        before = len(self._got)
        self._got += peeked
        if self._end < 0:
            self._find_head(max(before - 3, 0))
        if self._end < 0:
            self.over = len(self._got) > LONGEST
            return len(peeked)
        if self._status == 200:
            self.over = True
            taken = self._end - before
            del self._got[self._end :]
            return taken
        self.over = len(self._got) >= min(self._whole, LONGEST)
        return len(peeked)

    def judge(self) -> None:
        """Raises OSError, of the kind that the network's own failure would have, in the proxy's words and with its
        code; PermissionError when it does not permit the connection."""
        if self._status == 200:
            return
        code, words = self._told()
        text = f"{self.authority} cannot be reached: {words} ({code})"
        if code == "host_unresolved":
            raise socket.gaierror(socket.EAI_NONAME, text)
        if code == "server_silent":
            raise TimeoutError(errno.ETIMEDOUT, text)
        number = errno.EACCES if self._status == 403 else _ERRNO.get(code, errno.ECONNREFUSED)
        raise OSError(number, text)

    def _find_head(self, start: int) -> None:
        found = self._got.find(_END, start)
        if found < 0:
            return
        self._end = found + len(_END)
        lines = self._got[:found].decode("latin-1").split("\r\n")
        words = lines[0].split(" ", 2)
        self._status = int(words[1]) if len(words) > 1 and words[1].isdecimal() else 0
        self._whole = LONGEST
        for line in lines[1:]:
            name, _, value = line.partition(":")
            if name.strip().lower() == "content-length" and value.strip().isdecimal():
                self._whole = self._end + int(value)

    def _told(self) -> tuple[str, str]:
        try:
            error: Any = json.loads(self._got[max(self._end, 0) :])["error"]
            words = str(error["message"]).rstrip(".")
            hint = f". {error['hint']}" if error.get("hint") else ""
            return str(error["code"]), words + hint
        except (ValueError, KeyError, TypeError):
            line = self._got.split(b"\r\n", 1)[0].decode("latin-1", "replace")[:200]
            return str(self._status or "no answer"), line or os.strerror(errno.EPROTO)
