"""The line to the pool: one JSON message per packet, both ways, on a SOCK_SEQPACKET socket.

It never blocks a request.
"""

from __future__ import annotations

import asyncio
import json
import select
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Any

LARGEST = 60 * 1024  # of a packet; the pool reads 64 KiB
_WAITING = 1024  # messages kept while the pool is behind; more are dropped and counted
_BURST = 0.005  # seconds
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True, default=str).encode


class Channel:
    """Says what happens. A full line drops messages, counts them, and says how many as soon as it can."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(False)
        self._waiting: deque[bytes] = deque()
        self._burst: list[bytes] = []
        self._dropped = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    def attach(self, loop: asyncio.AbstractEventLoop, told: Callable[[dict[str, Any]], None]) -> None:
        """Read messages in `loop` from now on. The end of the line comes as `{"t": "stop", "grace": 0}`."""
        self._loop = loop
        loop.add_reader(self._socket.fileno(), self._read, told)

    def hear(self) -> dict[str, Any]:
        """The next message; blocks until it is there. Before `attach` only; the end of the line as there."""
        select.select([self._socket], [], [])
        try:
            packet = self._socket.recv(LARGEST + 4096)
        except OSError:
            packet = b""
        return json.loads(packet) if packet else {"t": "stop", "grace": 0}

    def send(self, message: dict[str, Any]) -> None:
        packet = _encode(message).encode()
        if len(packet) > LARGEST:
            packet = _encode(_shortened(message)).encode()
        if self._waiting or not self._try(packet):
            self._later(packet)

    def send_soon(self, packet: bytes) -> None:
        """Records of invocations go in bursts: waking the pool for each would cost more than a small request."""
        if self._loop is None or len(packet) > LARGEST:
            self.send(json.loads(packet))
            return
        self._burst.append(packet)
        if len(self._burst) == 1:
            self._loop.call_later(_BURST, self.flush)
        elif len(self._burst) >= _WAITING:
            self.flush()

    def flush(self) -> None:
        """Pass on what waits for its burst."""
        burst, self._burst = self._burst, []
        for packet in burst:
            if self._waiting or not self._try(packet):
                self._later(packet)

    def send_now(self, message: dict[str, Any] | bytes, seconds: float = 2.0) -> None:
        """For last words: waits for room, up to `seconds`; the process is about to end."""
        last = message if isinstance(message, bytes) else _encode(_shortened(message)).encode()
        self._burst.append(last)
        self.empty(seconds)

    def empty(self, seconds: float = 2.0) -> None:
        """Pass on all that waits, for up to `seconds`."""
        packets = [*self._waiting, *self._burst]
        self._waiting.clear()
        self._burst = []
        end = time.monotonic() + seconds
        for packet in packets:
            while not self._try(packet):
                left = end - time.monotonic()
                if left <= 0:
                    return
                select.select([], [self._socket], [], left)

    def _try(self, packet: bytes) -> bool:
        try:
            self._socket.send(packet, socket.MSG_NOSIGNAL)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            return True  # nobody listens any more; `_read` sees the end and stops the process
        return True

    def _later(self, packet: bytes) -> None:
        if len(self._waiting) >= _WAITING:
            self._dropped += 1
            return
        self._waiting.append(packet)
        if self._loop is not None and len(self._waiting) == 1:
            self._loop.add_writer(self._socket.fileno(), self._flush)

    def _flush(self) -> None:
        while self._waiting:
            if not self._try(self._waiting[0]):
                return
            self._waiting.popleft()
        if self._loop is not None:
            self._loop.remove_writer(self._socket.fileno())
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            text = f"{dropped} messages were lost: the log was written faster than it could be stored"
            self.send({"t": "log", "invocation": None, "at": int(time.time() * 1000), "level": "warn", "text": text})

    def _read(self, told: Callable[[dict[str, Any]], None]) -> None:
        try:
            packet = self._socket.recv(LARGEST + 4096)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            packet = b""
        if packet:
            told(json.loads(packet))
            return
        if self._loop is not None:
            self._loop.remove_reader(self._socket.fileno())
        told({"t": "stop", "grace": 0})


def _shortened(message: dict[str, Any]) -> dict[str, Any]:
    """The message with its long texts cut, so that it fits a packet."""

    def cut(value: Any) -> Any:
        if isinstance(value, str) and len(value) > 4096:
            return value[:4096] + " ..."
        if isinstance(value, dict):
            return {name: cut(each) for name, each in value.items()}
        return value

    return {name: cut(value) for name, value in message.items()}
