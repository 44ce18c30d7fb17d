"""One worker's connection to its bindings: frames in, answers out, nobody's memory without bounds.

Reading stops while answers wait to be taken, while the version has its number of calls in flight, and while a long
frame waits for room; a peer that takes nothing for `stall_seconds` is cut off.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Sequence
from typing import Any, cast

from holdfast.runtime.bindings import frames
from holdfast.runtime.bindings.exchange import PartsExchange
from holdfast.runtime.bindings.frames import BODY, END, ERROR, FAULT, HEAD, HEAD_BYTES, STREAM, VALUE, frame
from holdfast.runtime.bindings.handling import Answer, Batch, Charged, Failure, Handler, Quota
from holdfast.runtime.bindings.values import Malformed, TooLong, Unsendable, encode

_log = logging.getLogger(__name__)
_LONG = 64 * 1024  # bytes from which a frame needs room
_FLUSH = 256 * 1024
_HIGH = 1024 * 1024


class Connection(asyncio.Protocol):
    """`table` is the version's: a binding is its place in it. `greeting` is the payload of the first frame."""

    def __init__(self, table: Sequence[Handler], greeting: bytes, quota: Quota, open_ones: set[Connection]) -> None:
        self._table, self._greeting, self._quota, self._open = table, greeting, quota, open_ones
        self._transport: asyncio.Transport
        self._loop = asyncio.get_running_loop()
        self._rest = bytearray()
        self._need = 0
        self._out: list[bytes] = []
        self._out_bytes = 0
        self._flushing = self._closed = self._stopped = False
        self._blocked = self._held = self._waiting_room = False
        self._room = 0  # reserved for the frame that is arriving
        self._sent = 0  # room of answers that the peer has not taken yet
        self._calls: set[asyncio.Future[Any]] = set()
        self._taking: asyncio.TimerHandle | None = None  # until the peer takes its answers
        self._finishing: asyncio.TimerHandle | None = None  # until a long frame is whole
        self._stream: PartsExchange | None = None
        self._drained: list[asyncio.Future[None]] = []

    # the transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one without being a subclass
        self._transport.set_write_buffer_limits(high=_HIGH)
        if len(self._open) >= self._quota.limits.connections:
            self._transport.write(frame(0, FAULT, 0, encode(["Overloaded", "this version has too many connections"])))
            self._closed = True
            transport.close()
            return
        self._open.add(self)
        self._transport.write(frame(0, frames.HELLO, 0, self._greeting))

    def connection_lost(self, _error: Exception | None) -> None:
        self._closed = True
        self._open.discard(self)
        for timer in (self._taking, self._finishing):
            if timer is not None:
                timer.cancel()
        for call in list(self._calls):
            call.cancel()
        if self._stream is not None:
            self._stream.lost()
        for waiting in self._drained:
            if not waiting.done():
                waiting.set_exception(ConnectionResetError("the worker has gone"))
        if not self._waiting_room:
            self._quota.arriving.release(self._room)
            self._room = 0
        self._quota.answers.release(self._sent)
        self._sent = 0
        self._rest.clear()

    def data_received(self, data: bytes) -> None:
        if self._rest or self._stopped:
            self._rest += data
            if self._stopped or len(self._rest) < self._need:
                return
            data = bytes(self._rest)
            self._rest.clear()
        self._process(data)

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        self._blocked = True
        self._taking = self._loop.call_later(self._quota.limits.stall_seconds, self._stalled)
        self._hold_back()

    def resume_writing(self) -> None:
        self._blocked = False
        if self._taking is not None:
            self._taking.cancel()
        sent, self._sent = self._sent, 0
        self._quota.answers.release(sent)
        drained, self._drained = self._drained, []
        for waiting in drained:
            if not waiting.done():
                waiting.set_result(None)
        self._go_on()

    def abort(self) -> None:
        """Cut it off at once."""
        self._closed = True
        self._transport.abort()

    # frames in

    def _process(self, data: bytes) -> None:
        at, end, call = 0, len(data), 0
        quota, since = self._quota, time.perf_counter()
        Batch.number += 1
        table, unpack = self._table, HEAD.unpack_from
        while end - at >= HEAD_BYTES and not self._stopped:
            if quota.share.tired:
                self._rest_a_turn()
                break
            length, call, index, method = unpack(data, at)
            after = at + HEAD_BYTES + length
            if length > _LONG and not self._room and not self._room_for(length, call):
                break
            if after > end:
                break
            payload = data[at + HEAD_BYTES : after]
            at = after
            if index < len(table) and self._stream is None:
                self._call(table[index], call, method, payload)
            elif not self._other(call, index, method, payload):
                return
            if self._room:
                self._quota.arriving.release(self._take_room())
            now = time.perf_counter()
            quota.share.spend(now - since, now)
            since = now
        self._need = 0
        if at < end and not self._closed:
            self._rest[:0] = data[at:]
            if not self._stopped:
                self._need = self._wanted()
        self._flush()

    def _rest_a_turn(self) -> None:
        """Its version had its share of this turn of the event loop."""
        self._hold_back()
        self._quota.share.rest(self._go_on)

    def _wanted(self) -> int:
        if len(self._rest) < HEAD_BYTES:
            return HEAD_BYTES
        return int(HEAD.unpack_from(self._rest)[0]) + HEAD_BYTES

    def _room_for(self, length: int, call: int) -> bool:
        """Whether a long frame may be read now; its sender has to finish it in time."""
        if length > frames.LONGEST_FRAME:
            self._fault(call, f"a frame of {length} bytes is longer than the {frames.LONGEST_FRAME} allowed")
            return False
        if not self._quota.arriving.reserve(length, self._given):
            self._room, self._waiting_room = length, True
            self._hold_back()
            return False
        self._room = length
        self._expect_rest()
        return True

    def _given(self) -> None:
        self._waiting_room = False
        if self._closed:
            self._quota.arriving.release(self._take_room())
            return
        self._expect_rest()
        self._go_on()

    def _expect_rest(self) -> None:
        self._finishing = self._loop.call_later(self._quota.limits.stall_seconds, self._stalled)

    def _take_room(self) -> int:
        """The room of the frame that has arrived: from now on its call's."""
        room, self._room = self._room, 0
        if self._finishing is not None:
            self._finishing.cancel()
            self._finishing = None
        return room

    def _other(self, call: int, index: int, method: int, payload: bytes) -> bool:
        """What is no ordinary call: a part of a stream, or a binding that is not in the table."""
        if index == STREAM and self._stream is not None and method in (BODY, END):
            self._stream.feed(payload if method == BODY else None)
        elif index < len(self._table):
            self._fault(call, "the connection carries a stream: no other call until it has ended")
            return False
        elif index == STREAM:
            return True  # the tail of a stream that was answered before it was read to its end
        else:
            self._error(call, "NotBound", f"this worker has no binding number {index}")
        return True

    def _call(self, handler: Handler, call: int, method: int, payload: bytes) -> None:
        streams = getattr(handler, "streams", None)
        if streams is not None and method in streams:
            self._begin_stream(handler, call, method, payload)
            return
        try:
            answer = handler.call(method, payload)
        except Exception as error:  # noqa: BLE001  answered, and logged when it is ours
            self._failed(call, error)
            return
        if isinstance(answer, bytes | Charged):
            self._answer(call, answer)
            return
        self._later(call, answer)

    def _later(self, call: int, answer: Awaitable[Answer]) -> None:
        future = asyncio.ensure_future(answer)
        room = self._take_room()
        self._calls.add(future)
        self._quota.calls += 1

        def done(future: asyncio.Future[Answer]) -> None:
            self._calls.discard(future)
            self._quota.arriving.release(room)
            self._quota.ended()
            if future.cancelled():
                if not self._closed:
                    self._error(call, "Cancelled", "the call was cancelled")
            elif (error := future.exception()) is not None:
                self._failed(call, error)
            else:
                self._answer(call, future.result())
            self._flush_soon()

        future.add_done_callback(done)
        if self._quota.calls >= self._quota.limits.calls:
            self._held = True
            self._hold_back()
            self._quota.hold(self._released)

    def _released(self) -> None:
        self._held = False
        if not self._closed:
            self._go_on()

    def _begin_stream(self, handler: Any, call: int, method: int, payload: bytes) -> None:
        self._stream = exchange = PartsExchange(self, call)

        async def run() -> bytes:
            try:
                await handler.stream(method, payload, exchange)
            finally:
                self._stream = None
                exchange.finish()
            return b""

        task = asyncio.ensure_future(run())
        self._calls.add(task)
        self._quota.calls += 1

        def done(task: asyncio.Future[Any]) -> None:
            self._calls.discard(task)
            self._quota.ended()
            if not task.cancelled() and (error := task.exception()) is not None:
                self._failed(call, error)
                self._flush()

        task.add_done_callback(done)

    # answers out

    def _answer(self, call: int, answer: Answer) -> None:
        if isinstance(answer, Charged):
            if self._closed:
                self._quota.answers.release(answer.charge)
                return
            self._put(frame(call, VALUE, 0, answer.payload))
            self._sent += answer.charge
            self._flush()
            if not self._blocked:
                sent, self._sent = self._sent, 0
                self._quota.answers.release(sent)
            return
        self._put(frame(call, VALUE, 0, answer))

    def _failed(self, call: int, error: BaseException) -> None:
        if isinstance(error, Failure):
            self._error(call, error.kind, error.message)
        elif isinstance(error, Malformed | Unsendable | TooLong):
            self._error(call, "TypeError", str(error))
        elif isinstance(error, ConnectionResetError):
            return
        else:
            _log.error("a binding failed", exc_info=error)
            self._error(call, "InternalError", "the binding failed; the server's log says why")

    def _error(self, call: int, kind: str, message: str) -> None:
        self._put(frame(call, ERROR, 0, encode([kind, message[:4000]])))

    def _fault(self, call: int, message: str) -> None:
        """Tell, and end the connection: what follows cannot be understood."""
        self._put(frame(call, FAULT, 0, encode(["ProtocolError", message])))
        self._flush()
        self._closed = True
        self._stopped = True
        self._transport.close()

    def _put(self, data: bytes) -> None:
        if self._closed:
            return
        self._out.append(data)
        self._out_bytes += len(data)
        if self._out_bytes > _FLUSH:
            self._flush()

    def _flush_soon(self) -> None:
        if self._out and not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if self._out and not self._closed:
            data = self._out[0] if len(self._out) == 1 else b"".join(self._out)
            self._out.clear()
            self._out_bytes = 0
            self._transport.write(data)

    # waiting

    async def drain(self) -> None:
        """Wait until the peer has taken enough. Raises ConnectionResetError when it has gone."""
        self._flush()
        if self._closed:
            raise ConnectionResetError("the worker has gone")
        if self._blocked:
            waiting: asyncio.Future[None] = self._loop.create_future()
            self._drained.append(waiting)
            await waiting

    def send(self, call: int, kind: int, payload: bytes) -> None:
        """A part of a streamed answer."""
        self._put(frame(call, kind, 0, payload))

    def _hold_back(self) -> None:
        if not self._stopped and not self._closed:
            self._stopped = True
            self._transport.pause_reading()

    def _go_on(self) -> None:
        stream_full = self._stream is not None and self._stream.full
        if self._closed or self._blocked or self._held or self._waiting_room or stream_full:
            return
        if not self._stopped:
            return
        self._stopped = False
        self._loop.call_soon(self._again)

    def _again(self) -> None:
        if self._closed or self._stopped:
            return
        data = bytes(self._rest)
        self._rest.clear()
        self._process(data)
        self._read_on()

    def _read_on(self) -> None:
        if not (self._stopped or self._closed):
            self._transport.resume_reading()

    def stream_changed(self) -> None:
        """A stream's reader has taken something, or has too much."""
        if self._stream is not None and self._stream.full:
            self._hold_back()
        else:
            self._go_on()

    def _stalled(self) -> None:
        _log.info("a worker's connection moved nothing for too long and was cut off")
        self.abort()
