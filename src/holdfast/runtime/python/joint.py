"""WebSocket frames (RFC 6455, by wsproto) on a wire, and an end of a worker's pair behind them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import Any, Protocol

from wsproto.connection import Connection, ConnectionState
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from holdfast.runtime.python.workers.sockets import Event

MESSAGE_BYTES = 32 * 1024 * 1024
_MOST_UNSENT = 16 * 1024 * 1024  # bytes for a peer that does not read; then the socket is cut


class Transport(Protocol):
    """What frames are written to."""

    def write(self, data: bytes) -> None: ...

    def get_write_buffer_size(self) -> int: ...

    def is_closing(self) -> bool: ...

    def close(self) -> None: ...

    def abort(self) -> None: ...


class Joint(ABC):
    """Frames in and out; who derives from it says where bytes come from (`_next`) and what a cut is told as."""

    def __init__(self, frames: Connection, transport: Transport) -> None:
        self._frames = frames
        self._transport = transport

    @abstractmethod
    async def _next(self) -> bytes | None:
        """Bytes of the other side; None when there come no more."""

    @abstractmethod
    def _cut(self) -> None:
        """Before a peer that does not read is cut."""

    def _send(self, event: Event) -> None:
        """What the worker sends. Never waits: a peer that reads nothing is cut at 16 MiB."""
        if self._transport.is_closing():
            return
        if event.type == "close":
            self.close(1000 if event.code == 1005 else event.code, event.reason)
            return
        if self._frames.state is not ConnectionState.OPEN:
            return
        message = TextMessage(event.data) if isinstance(event.data, str) else BytesMessage(event.data)
        self._transport.write(self._frames.send(message))
        if self._transport.get_write_buffer_size() > _MOST_UNSENT:
            self._cut()
            self._transport.abort()

    def close(self, code: int, reason: str = "") -> None:
        """Begin the closing handshake, if nobody has."""
        if self._frames.state is ConnectionState.OPEN and not self._transport.is_closing():
            short = reason.encode()[:120].decode(errors="ignore")
            self._transport.write(self._frames.send(CloseConnection(code, short or None)))

    async def _events(self) -> AsyncIterator[Event]:
        parts: list[Any] = []
        size = 0
        while True:
            data = await self._next()
            if data is None:
                yield Event("close", code=1006, reason="", wasClean=False)
                return
            try:
                self._frames.receive_data(data)
                for frame in self._frames.events():
                    if isinstance(frame, Ping):
                        self._transport.write(self._frames.send(Pong(frame.payload)))
                    elif isinstance(frame, CloseConnection):
                        self._answer_close(frame)
                        yield Event("close", code=frame.code, reason=frame.reason or "", wasClean=True)
                        return
                    elif isinstance(frame, TextMessage | BytesMessage):
                        parts.append(frame.data)
                        size += len(frame.data)
                        if size > MESSAGE_BYTES:
                            self.close(1009, "the message is too large")
                            yield Event("close", code=1009, reason="the message is too large", wasClean=False)
                            return
                        if frame.message_finished:
                            text = isinstance(frame, TextMessage)
                            whole: Any = "".join(parts) if text else b"".join(bytes(part) for part in parts)
                            parts, size = [], 0
                            yield Event("message", data=whole)
            except RemoteProtocolError as error:
                if error.event_hint is not None and isinstance(error.event_hint, CloseConnection):
                    self._transport.write(self._frames.send(error.event_hint))
                yield Event("close", code=1002, reason=str(error), wasClean=False)
                return

    def _answer_close(self, frame: CloseConnection) -> None:
        if self._frames.state is ConnectionState.OPEN:  # no frame of the client's: what it sent could not be parsed
            self.close(frame.code, frame.reason or "")
        elif self._frames.state is ConnectionState.REMOTE_CLOSING:
            try:
                self._transport.write(self._frames.send(frame.response()))
            except LocalProtocolError:
                self._transport.close()
