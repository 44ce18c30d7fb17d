"""Requests whose process ended under them get an invocation too: nobody else is left to tell of them.

The edge says which connections broke, the processes' ends are known here; either may come first.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from holdfast.runtime import losses
from holdfast.runtime.live import LiveVersion
from holdfast.runtime.losses import Loss
from holdfast.runtime.telemetry import Invocation, TelemetryWriter

_TOGETHER = 3.0  # seconds between the break of a connection and the end of its process, however busy the machine
_BEFORE = 0.2  # seconds by which an end may be seen before a request: a kept connection broke before it was noticed
_ENDS = 16  # of one version that are remembered
_PER_TURN = 64
_SETTLES = 0.2  # seconds in which a process that goes on tells of a connection that it cut itself
_REST = 1.0  # seconds
_MOST = 4096  # of each thing that is remembered
_log = logging.getLogger("holdfast.pool")
_K = TypeVar("_K")
_V = TypeVar("_V")


@dataclass(frozen=True)
class End:
    """How a process ended. `failure` in words; None when it was asked to end. `began` and `at`: its life in seconds of
    the machine's monotonic clock, which is the edge's too."""

    version: LiveVersion
    failure: str | None
    out_of_memory: bool
    began: float
    at: float

    def fits(self, loss: Loss) -> bool:
        """Whether it may have been the process of this request: one begun later or ended earlier was another."""
        asked = loss.broke - loss.wall_ms / 1000
        return self.began <= loss.broke and asked <= self.at + _BEFORE and self.apart(loss) <= _TOGETHER

    def apart(self, loss: Loss) -> float:
        """Seconds between the two."""
        return abs(self.at - loss.broke)


class Lost:
    """On the event loop's thread. `open` begins to hear the edge."""

    def __init__(self, telemetry: TelemetryWriter) -> None:
        self._telemetry = telemetry
        self._ends: OrderedDict[str, deque[End]] = OrderedDict()
        self._waiting: OrderedDict[tuple[str, bool], Loss] = OrderedDict()
        self._told: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._named: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._sockets: set[socket.socket] = set()
        self._path: Path | None = None

    def open(self, runtime: Path) -> None:
        """Where it cannot listen, requests that are lost leave no invocation, and everything else goes on."""
        try:
            listening = losses.listener(runtime)
        except OSError as error:
            _log.error("lost requests will not be recorded: %s", error)
            return
        self._path = losses.socket_of(runtime)
        self._watch(listening, self._accept)

    def close(self) -> None:
        for each in list(self._sockets):
            self._leave(each)
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            self._path = None

    def named(self, version: LiveVersion, ray: str | None, invocation: str | None) -> None:
        """The process told under which name lines of this request are kept."""
        if ray and invocation:
            _remember(self._named, (version.id, ray), invocation)

    def told(self, version: LiveVersion, invocation: Invocation) -> None:
        """The process itself told of one whose connection it may have cut: it is not told twice."""
        if ray := invocation.ray:
            for key in ((ray, False), (ray, True)):
                if (waits := self._waiting.get(key)) is not None and waits.token == version.token:
                    del self._waiting[key]
            _remember(self._told, (version.id, ray), None)

    def ended(self, end: End) -> None:
        """A process is gone, and what it said was read."""
        token = end.version.token
        ends = self._ends.get(token, deque(maxlen=_ENDS))
        ends.append(end)
        _remember(self._ends, token, ends)
        for key in [key for key, loss in self._waiting.items() if loss.token == token]:
            self._judge(key)

    def lost(self, loss: Loss) -> None:
        """A connection to a process broke before the answer was whole."""
        key = (loss.ray, loss.again)
        _remember(self._waiting, key, loss)
        asyncio.get_running_loop().call_later(_SETTLES, self._judge, key)

    def _judge(self, key: tuple[str, bool]) -> None:
        """One whose process has ended. Else it waits for an end, and is forgotten among later ones."""
        if (loss := self._waiting.get(key)) is None:
            return
        ends = [each for each in self._ends.get(loss.token, ()) if each.fits(loss)]
        if ends:
            del self._waiting[key]
            self._record(loss, min(ends, key=lambda end: end.apart(loss)))

    def _record(self, loss: Loss, end: End) -> None:
        version = end.version
        known = (version.id, loss.ray)
        # Of a process that stopped as it should, sockets were closed, and what is sent again had not been heard.
        if known in self._told or (end.failure is None and (loss.websocket or loss.again)):
            return
        why = end.failure or "its process was told to end"
        why += "; the request was sent once more" if loss.again else ""
        outcome = "exceededMemory" if end.out_of_memory else "exception" if end.failure else "cancelled"
        self._telemetry.invocation(
            Invocation(
                id=self._named.pop(known, f"{loss.ray}-1" if loss.again else loss.ray),
                worker_id=version.worker_id,
                version_id=version.id,
                at=loss.at,
                trigger="websocket" if loss.websocket else "http",
                outcome=outcome,
                wall_ms=loss.wall_ms,
                method=loss.method,
                path=loss.path,
                status=loss.status,
                error={"type": "ProcessEnded", "message": why, "stack": ""},
                ray=loss.ray,
            )
        )

    def _watch(self, line: socket.socket, readable: Callable[[socket.socket], None]) -> None:
        self._sockets.add(line)
        asyncio.get_running_loop().add_reader(line, readable, line)

    def _leave(self, line: socket.socket) -> None:
        self._sockets.discard(line)
        asyncio.get_running_loop().remove_reader(line)
        line.close()

    def _accept(self, listening: socket.socket) -> None:
        try:
            line, _ = listening.accept()
        except (BlockingIOError, ConnectionError):
            return  # it has gone again
        except OSError as error:  # no descriptor is left: without a rest this would be asked again at once, and again
            _log.warning("the edge is not heard for a moment: %s", error)
            loop = asyncio.get_running_loop()
            loop.remove_reader(listening)
            loop.call_later(_REST, self._rested, listening)
            return
        line.setblocking(False)
        self._watch(line, self._readable)

    def _rested(self, listening: socket.socket) -> None:
        if listening in self._sockets:
            self._watch(listening, self._accept)

    def _readable(self, line: socket.socket) -> None:
        for _ in range(_PER_TURN):
            try:
                packet = line.recv(losses.LARGEST)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                packet = b""
            if not packet:
                self._leave(line)
                return
            if (loss := losses.read(packet)) is not None:
                self.lost(loss)


def _remember(kept: OrderedDict[_K, _V], key: _K, value: _V) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > _MOST:
        kept.popitem(last=False)
