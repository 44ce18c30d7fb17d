"""WebSockets on our own uvicorn protocol (RFC 6455): uvicorn brings none by itself. ASGI's websocket messages inside.

Bounded both ways: what the app has not received yet stops the reading, what the client does not read stops `send`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

from holdfast.formats.websocket import (
    BadFrame,
    Message,
    Opcode,
    Parser,
    accept_key,
    close_of,
    encode,
    encode_close,
    valid_key,
)
from holdfast.kernel import log

MESSAGE_LIMIT = 1024 * 1024
WAITING_BYTES = 256 * 1024  # received and not yet taken by the app
HANDSHAKE_SECONDS = 20.0
_CLOSE_SECONDS = 2.0
_OVERHEAD = 256  # a message of no bytes takes memory too
_log = log.get("holdfast.http")
Scope = MutableMapping[str, Any]
App = Callable[[Scope, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]


class WebSocketProtocol(asyncio.Protocol):
    """Takes a connection over from the HTTP protocol, whose `scope` the request was parsed into.

    The app accepts (101), answers something else (its own status), or closes (403). Whoever sends what is no frame is
    told so and cut off.
    """

    def __init__(
        self,
        app: App,
        scope: Scope,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        tasks: set[asyncio.Task[None]],
    ) -> None:
        self._app, self._transport, self._loop = app, transport, loop
        headers = dict(scope["headers"])
        self._key = headers.get(b"sec-websocket-key", b"").decode("latin-1")
        right = headers.get(b"sec-websocket-version") == b"13" and scope["method"] == "GET"
        self._good = right and valid_key(self._key)
        secure = scope["scheme"] == "https"
        self._scope: Scope = {
            **scope,
            "type": "websocket",
            "scheme": "wss" if secure else "ws",
            "subprotocols": [],
            "extensions": {"websocket.http.response": {}},
            "state": dict(scope.get("state") or {}),
        }
        self._parser = Parser(masked_frames=True, limit=MESSAGE_LIMIT)
        self._waiting: deque[Message] = deque()
        self._bytes = 0
        self._bell = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._state = "connecting"  # accepted, refused, closed
        self._code, self._reason = 1006, ""
        self._told_connect = False
        self._answer: tuple[int, list[tuple[bytes, bytes]]] | None = None
        transport.set_protocol(self)
        self._task = loop.create_task(self._run())
        tasks.add(self._task)
        self._task.add_done_callback(tasks.discard)
        self._timer = loop.call_later(HANDSHAKE_SECONDS, self._too_slow)

    async def _run(self) -> None:
        if not self._good:
            self._plain(400, [(b"sec-websocket-version", b"13")], b"This is not a WebSocket handshake.")
            return
        try:
            await self._app(self._scope, self._receive, self._send)
            if self._state == "connecting":
                self._plain(500, [], b"")
            else:
                self._close(1000, "")
        except Exception:  # noqa: BLE001  the app's failure ends this socket, not the process
            _log.exception("a socket failed", path=self._scope["path"])
            if self._state == "connecting":
                self._plain(500, [], b"")
            else:
                self._close(1011, "")
        finally:
            self._timer.cancel()

    async def _receive(self) -> dict[str, Any]:
        if not self._told_connect:
            self._told_connect = True
            return {"type": "websocket.connect"}
        while not self._waiting:
            if self._state in ("closed", "refused"):
                return {"type": "websocket.disconnect", "code": self._code, "reason": self._reason}
            self._bell.clear()
            await self._bell.wait()
        message = self._waiting.popleft()
        self._bytes -= len(message.data) + _OVERHEAD
        if self._bytes < WAITING_BYTES // 2 and self._state == "accepted":
            self._transport.resume_reading()
        if message.opcode is Opcode.TEXT:
            return {"type": "websocket.receive", "text": message.data.decode(errors="replace"), "bytes": None}
        return {"type": "websocket.receive", "bytes": message.data, "text": None}

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        kind = message["type"]
        if kind == "websocket.accept":
            self._accept(message)
        elif kind == "websocket.send":
            await self._data(message)
        elif kind == "websocket.close":
            if self._state == "connecting":
                self._plain(403, [], b"")
            else:
                self._close(int(message.get("code") or 1000), str(message.get("reason") or ""))
        elif kind == "websocket.http.response.start":
            self._answer = (int(message["status"]), list(message.get("headers", ())))
        elif kind == "websocket.http.response.body" and self._answer is not None:
            self._plain(*self._answer, message.get("body", b""))

    def _accept(self, message: MutableMapping[str, Any]) -> None:
        if self._state != "connecting":
            return
        lines = [b"HTTP/1.1 101 Switching Protocols", b"upgrade: websocket", b"connection: Upgrade"]
        lines.append(b"sec-websocket-accept: " + accept_key(self._key).encode())
        lines += [name + b": " + value for name, value in message.get("headers", ())]
        self._transport.write(b"\r\n".join(lines) + b"\r\n\r\n")
        self._state = "accepted"
        self._timer.cancel()

    async def _data(self, message: MutableMapping[str, Any]) -> None:
        """Returns once the client has read enough of what went before."""
        data, text = message.get("bytes"), message.get("text")
        await self._writable.wait()
        if self._state == "accepted":
            opcode = Opcode.TEXT if data is None else Opcode.BINARY
            self._transport.write(encode(opcode, str(text).encode() if data is None else data, mask=False))

    def _plain(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """An ordinary answer instead of a socket."""
        if self._state != "connecting":
            return
        self._state = "refused"
        own = [(b"content-length", b"%d" % len(body)), (b"connection", b"close")]
        kept = [pair for pair in headers if pair[0].lower() not in (b"content-length", b"connection")]
        lines = [b"HTTP/1.1 %d " % status, *(name + b": " + value for name, value in [*kept, *own])]
        self._transport.write(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        self._transport.close()
        self._bell.set()

    def _close(self, code: int, reason: str) -> None:
        """Say so, and hang up: a client that never answers is not waited for long."""
        if self._state != "accepted":
            return
        self._state, self._code, self._reason = "closed", code, reason
        self._transport.write(encode_close(code, reason, mask=False))
        self._transport.close()
        self._loop.call_later(_CLOSE_SECONDS, self._transport.abort)
        self._release()

    def _release(self) -> None:
        self._bell.set()
        self._writable.set()

    def _too_slow(self) -> None:
        if self._state == "connecting":
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        if self._state == "connecting":
            self._transport.abort()  # nobody speaks before the answer to the handshake
            return
        try:
            for message in self._parser.feed(data):
                self._heard(message)
        except BadFrame as error:
            self._close(error.code, str(error))

    def _heard(self, message: Message) -> None:
        if self._state != "accepted" or message.opcode is Opcode.PONG:
            return
        if message.opcode is Opcode.PING:
            if self._writable.is_set():  # a client that reads nothing is owed no answers
                self._transport.write(encode(Opcode.PONG, message.data, mask=False))
        elif message.opcode is Opcode.CLOSE:
            code, reason = close_of(message.data)
            self._close(code if 1000 <= code < 5000 and code not in (1005, 1006) else 1000, "")
            self._code, self._reason = code, reason
        else:
            self._waiting.append(message)
            self._bytes += len(message.data) + _OVERHEAD
            if self._bytes >= WAITING_BYTES:
                with suppress(RuntimeError):  # paused already
                    self._transport.pause_reading()
            self._bell.set()

    def eof_received(self) -> None:
        self._gone()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._gone()

    def _gone(self) -> None:
        if self._state != "closed":
            self._state = "closed" if self._state == "accepted" else "refused"
        self._release()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()
