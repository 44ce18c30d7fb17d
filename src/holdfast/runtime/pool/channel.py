"""Our end of a process' channel: its lines and invocations go to telemetry, the rest is told on.

It never waits for the process, and a process that writes without end gets no more than its share of this one: beyond
it the channel is left alone until the second is over, and the process' side drops and counts by itself.
"""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from holdfast.runtime.live import LiveVersion
from holdfast.runtime.pool import messages
from holdfast.runtime.telemetry import Invocation

if TYPE_CHECKING:
    from holdfast.runtime.pool.process import Parts

_PER_TURN = 128
_PACKETS = 20_000  # a second
_BYTES = 8 * 1024 * 1024  # a second
Value = str | float | tuple[str, ...]
Said = Callable[[str, Value], None]


class ChannelReader:
    """`said(kind, value)`: ready, fatal (words), idle (seconds), standby, imported (names of modules)."""

    def __init__(self, ours: socket.socket, version: LiveVersion, parts: Parts, said: Said) -> None:
        ours.setblocking(False)
        self._socket = ours
        self._version = version
        self._telemetry = parts.telemetry
        self._lost = parts.lost
        self._lines = parts.policy.lines_per_second
        self._said = said
        self._second = 0
        self._packets, self._bytes, self._written = 0, 0, 0
        self._resume: asyncio.TimerHandle | None = None
        self.heard_at = time.monotonic()
        asyncio.get_running_loop().add_reader(ours, self._readable)

    def tell(self, message: Mapping[str, Any]) -> None:
        """To the process; one that does not listen is killed by its grace."""
        try:
            self._socket.send(json.dumps(message).encode(), socket.MSG_NOSIGNAL)
        except OSError:
            return  # full or gone: whoever told it to stop ends it when its time is over

    def drain(self) -> None:
        """Read what is there, within a bound; the process is gone."""
        for _ in range(40):
            if self._socket.fileno() < 0 or not self._turn():
                return

    def close(self) -> None:
        """Idempotent."""
        if self._socket.fileno() >= 0:
            self._leave()
            self._socket.close()

    def _leave(self) -> None:
        if self._resume is not None:
            self._resume.cancel()
            self._resume = None
        asyncio.get_running_loop().remove_reader(self._socket)

    def _readable(self) -> None:
        if not self._turn():
            return
        if self._packets > _PACKETS or self._bytes > _BYTES:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._socket)
            self._resume = loop.call_later(1.0 - time.monotonic() % 1.0 + 0.001, self._again)

    def _again(self) -> None:
        self._resume = None
        if self._socket.fileno() >= 0:
            asyncio.get_running_loop().add_reader(self._socket, self._readable)

    def _turn(self) -> bool:
        """False when nothing is left, now or for good."""
        now = time.monotonic()
        if int(now) != self._second:
            self._second, self._packets, self._bytes, self._written = int(now), 0, 0, 0
        self.heard_at = now
        now_ms = int(time.time() * 1000)
        for _ in range(_PER_TURN):
            try:
                packet = self._socket.recv(messages.LARGEST)
            except (BlockingIOError, InterruptedError):
                return False
            except OSError:
                packet = b""
            if not packet:
                self._leave()
                return False
            self._packets += 1
            self._bytes += len(packet)
            self._heard(packet, now_ms)
        return True

    def _heard(self, packet: bytes, now_ms: int) -> None:
        message = messages.read(packet)
        kind = None if message is None else message["t"]
        if message is None:
            self._telemetry.dropped(self._version.worker_id, self._version.id, 1)
        elif kind == "log":
            self._written += 1
            if self._written > self._lines:
                self._telemetry.dropped(self._version.worker_id, self._version.id, 1)
            else:
                line = messages.line(self._version, message, now_ms)
                self._lost.named(self._version, messages.text(message.get("ray"), 64), line.invocation)
                self._telemetry.log(line)
        elif kind == "invocation":
            self._ended(messages.invocation(self._version, message, now_ms))
        elif kind == "tally":
            self._tallied(message, now_ms)
        elif kind == "unfit":
            if (counted := messages.unfit(message, now_ms)) is not None:
                self._telemetry.unfit(self._version.worker_id, self._version.id, *counted)
        elif kind == "fatal":
            self._fatal(message, now_ms)
        else:
            self._of_process(str(kind), message)

    def _ended(self, invocation: Invocation) -> None:
        if invocation.outcome != "ok" or invocation.trigger == "websocket":
            self._lost.told(self._version, invocation)
        self._telemetry.invocation(invocation)

    def _of_process(self, kind: str, message: Mapping[str, Any]) -> None:
        if kind in ("ready", "standby"):
            self._said(kind, "")
        elif kind == "idle":
            self._said(kind, messages.number(message.get("seconds")) or 0.0)
        elif kind == "imported":
            self._said(kind, messages.modules(message.get("names")))

    def _tallied(self, message: Mapping[str, Any], now_ms: int) -> None:
        found = messages.tally(self._version, message, now_ms)
        if found is None:
            self._telemetry.dropped(self._version.worker_id, self._version.id, 1)
        else:
            self._telemetry.tally(found)

    def _fatal(self, message: Mapping[str, Any], now_ms: int) -> None:
        found = messages.error(message.get("error")) or {}
        text = found.get("stack") or messages.words(found)
        self._telemetry.log(messages.line(self._version, {"level": "error", "text": text}, now_ms))
        self._said("fatal", messages.words(found))
