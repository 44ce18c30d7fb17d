"""One connection to the state process, from inside the sandbox. Standard library only."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from holdfast.runtime.bindings import frames
from holdfast.runtime.bindings.attributes import BindingLost, raised
from holdfast.runtime.bindings.frames import HEAD, HEAD_BYTES
from holdfast.runtime.bindings.values import Malformed, decode

_LAST = 0xFFFFFFFF
_LOST = "the connection to the bindings was lost during the call; a write may have been made or not"
_Parts = asyncio.Queue[tuple[int, bytes]]


class Link(asyncio.Protocol):
    """Calls and their answers. `greeting` is there once the other side has spoken; `lost` once it has gone."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._next = 1
        self._out: list[bytes] = []
        self._rest = bytearray()
        self._need = 0
        self._parts: _Parts | None = None
        self._fault: Exception | None = None
        self.greeting: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        self.lost = False
        self.blocked: asyncio.Future[None] | None = None

    def call(self, index: int, method: int, payload: bytes) -> asyncio.Future[bytes]:
        """Resolves to the answer's payload. Sent at the end of this turn of the loop, with all others."""
        answer = self._loop.create_future()
        if self.lost:
            answer.set_exception(BindingLost("Unavailable", _LOST))
            return answer
        number = self._next
        self._next = number + 1 if number < _LAST else 1
        self._waiting[number] = answer
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(HEAD.pack(len(payload), number, index, method))
        self._out.append(payload)
        return answer

    def begin(self, index: int, method: int, payload: bytes) -> _Parts:
        """A streamed call; the parts of its answer come by the queue: (kind, payload), FAULT at a loss."""
        self._parts = asyncio.Queue()
        self._transport.write(frames.frame(1, index, method, payload))
        return self._parts

    async def send(self, kind: int, payload: bytes) -> None:
        """A part of a streamed call; waits while the other side does not take it. Raises BindingLost."""
        if self.lost:
            raise BindingLost("Unavailable", _LOST)
        self._transport.write(frames.frame(1, frames.STREAM, kind, payload))
        if self.blocked is not None:
            await asyncio.wait([self.blocked])

    def push(self, kind: int, payload: bytes) -> None:
        """As `send`, without waiting; lost when the connection is."""
        if not self.lost:
            self._transport.write(frames.frame(1, frames.STREAM, kind, payload))

    def unsent(self) -> int:
        """Bytes that the other side has not taken."""
        return 0 if self.lost else self._transport.get_write_buffer_size()

    def took(self) -> None:
        """A part of the answer was used: go on reading when few are left."""
        if self._parts is not None and self._parts.qsize() < 4 and not self.lost:
            self._transport.resume_reading()

    def close(self) -> None:
        """End it; what waits fails."""
        self._transport.close()

    # the transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one without being a subclass

    def connection_lost(self, _error: Exception | None) -> None:
        self.lost = True
        error = self._fault or BindingLost("Unavailable", _LOST)
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(error)
        self._waiting.clear()
        if not self.greeting.done():
            told = ConnectionResetError("closed before it greeted")
            told.__cause__ = self._fault  # why, where it was said
            self.greeting.set_exception(told)
            self.greeting.exception()  # nobody may be waiting any more
        if self._parts is not None:
            self._parts.put_nowait((frames.FAULT, b""))
        self.resume_writing()

    def pause_writing(self) -> None:
        self.blocked = self._loop.create_future()

    def resume_writing(self) -> None:
        blocked, self.blocked = self.blocked, None
        if blocked is not None and not blocked.done():
            blocked.set_result(None)

    def data_received(self, data: bytes) -> None:
        if self._rest:
            self._rest += data
            if len(self._rest) < self._need:
                return
            data = bytes(self._rest)
            self._rest.clear()
        at, end = 0, len(data)
        unpack, waiting = HEAD.unpack_from, self._waiting
        while end - at >= HEAD_BYTES:
            length, number, kind, _ = unpack(data, at)
            after = at + HEAD_BYTES + length
            if after > end:
                break
            payload = data[at + HEAD_BYTES : after]
            at = after
            if kind == frames.VALUE and self._parts is None:
                answer = waiting.pop(number, None)
                if answer is not None and not answer.done():
                    answer.set_result(payload)
            else:
                self._rare(kind, number, payload)
        if at < end:
            self._rest += data[at:]
            known = end - at >= HEAD_BYTES
            self._need = HEAD_BYTES + (int(unpack(self._rest)[0]) if known else 0)

    def _rare(self, kind: int, number: int, payload: bytes) -> None:
        if self._parts is not None and kind not in (frames.HELLO, frames.FAULT):
            self._parts.put_nowait((kind, payload))
            if kind == frames.END:
                self._transport.close()  # also when nobody reads what came: connections are counted
            elif self._parts.qsize() > 8:
                self._transport.pause_reading()
        elif kind == frames.HELLO:
            self.greeting.set_result(decode(payload))
        elif kind == frames.ERROR:
            answer = self._waiting.pop(number, None)
            if answer is not None and not answer.done():
                answer.set_exception(failed(payload))
        elif kind == frames.FAULT:
            self._fault = failed(payload)

    def _flush(self) -> None:
        out, self._out = self._out, []
        if not self.lost:
            self._transport.write(b"".join(out))


def failed(payload: bytes) -> Exception:
    """The exception that an ERROR or FAULT frame tells."""
    try:
        name, message = decode(payload)
    except (Malformed, ValueError, TypeError):
        name, message = "InternalError", "the state process answered with an error that cannot be read"
    return raised(str(name), str(message))
