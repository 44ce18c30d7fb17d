"""HTTP/1.1 with an end to what a stranger may send before anyone knows who they are.

uvicorn on httptools bounds neither the size of a request's head nor the time it may take: one connection could fill the
memory, a thousand silent ones use up all descriptors. Status codes: RFC 9110 (400), RFC 6585 (431).
"""

from __future__ import annotations

import asyncio
from typing import Any, cast
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from holdfast.web.websocket import App, WebSocketProtocol

HEAD_LIMIT = 64 * 1024
HEAD_LINES = 200
WAIT_SECONDS = 20.0


class BoundedProtocol(HttpToolsProtocol):
    """At most 64 KiB and 200 lines of head, complete within 20 seconds; a body that goes on at least every 20.

    Whoever exceeds it gets 431 or nothing, and the connection ends. An answer that takes long, such as a stream of
    events, is not waited for: only what the client still has to say.
    """

    _timer: asyncio.TimerHandle | None = None
    _in_head = True
    _head_bytes = 0
    _too_large = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """A head that is not complete after 64 KiB is refused even when it is one endless line."""
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > HEAD_LIMIT and not self.transport.is_closing():
            self._too_large = True
            self.send_400_response("The head of this request is too large.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        if self._timer is None:  # the next request of this connection
            self._wait()

    def on_headers_complete(self) -> None:
        """An error raised here makes the parser give up, and uvicorn answer by `send_400_response`."""
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > HEAD_LIMIT or len(self.headers) > HEAD_LINES:
            self._too_large = True
            raise ValueError("the head of this request is too large")
        self._in_head = False
        self._head_bytes = 0
        self._wait()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._wait()
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._wait_no_more()
        super().on_message_complete()

    def _should_upgrade_to_ws(self) -> bool:
        return True

    def handle_websocket_upgrade(self) -> None:
        """The request becomes a socket: from here on its bytes are not ours."""
        self._wait_no_more()
        self.connections.discard(self)
        running: RequestResponseCycle | None = self.cycle  # uvicorn's stub says it is always there
        if running is not None and not running.response_complete:
            self.transport.close()  # an answer is still on its way on this line
            return
        scope = cast(dict[str, Any], self.scope)
        parsed = httptools.parse_url(self.url)
        path = parsed.path.decode("latin-1")
        scope |= {"path": unquote(path), "raw_path": parsed.path, "query_string": parsed.query or b""}
        WebSocketProtocol(cast(App, self.app), scope, self.transport, self.loop, self.tasks)

    def send_400_response(self, msg: str) -> None:
        status = 431 if self._too_large else 400
        words = b"The head of this request is too large." if self._too_large else msg.encode("ascii")
        head = [STATUS_LINE[status], b"content-type: text/plain; charset=utf-8\r\n", b"cache-control: no-store\r\n"]
        head += [b"x-content-type-options: nosniff\r\n", b"connection: close\r\n"]
        self.transport.write(b"".join([*head, b"content-length: %d\r\n\r\n" % len(words), words]))
        self.transport.close()

    def _wait(self) -> None:
        self._wait_no_more()
        self._timer = self.loop.call_later(WAIT_SECONDS, self._gone_quiet)

    def _wait_no_more(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _gone_quiet(self) -> None:
        if self.flow.read_paused:  # it is we who are not reading
            self._wait()
            return
        self._timer = None
        self.transport.close()
