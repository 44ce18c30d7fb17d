"""JavaScript's `WebSocket` (HTML standard, WebSockets): a socket to a server outside that connects by itself."""

from __future__ import annotations

import asyncio
from typing import Any

from holdfast.runtime.python.workers.fetching import fetch
from holdfast.runtime.python.workers.line import FetchError
from holdfast.runtime.python.workers.sockets import Event, WebSocket
from holdfast.runtime.python.workers.url import URL

_SCHEMES = {"ws:": "http:", "wss:": "https:", "http:": "http:", "https:": "https:"}


class ClientWebSocket(WebSocket):
    """`js.WebSocket.new("wss://...")`: its events are `open`, `message`, `error` and `close`.

    `receive()` and `async for` wait for the opening first. Raises ValueError for an address that cannot be one of a
    socket, RuntimeError when something is sent before it is open.
    """

    def __init__(self, url: Any, protocols: Any = None) -> None:
        super().__init__()
        address = URL(str(url))
        if address.protocol not in _SCHEMES:
            raise ValueError(f"a WebSocket's address begins with ws: or wss:, not {address.protocol}")
        self.url, self.protocol, self.extensions = str(address), "", ""
        self._offered = [protocols] if isinstance(protocols, str) else [str(each) for each in protocols or ()]
        self._opening = asyncio.ensure_future(self._open(address))

    @classmethod
    def new(cls, url: Any, protocols: Any = None) -> ClientWebSocket:
        """As `js.WebSocket.new(url, protocols)`."""
        return cls(url, protocols)

    def accept(self, options: Any = None) -> None:
        """Without effect: it opens by itself."""

    def send(self, data: Any) -> None:
        if self.readyState == self.CONNECTING:
            raise RuntimeError("the socket is not open yet: send after its open event")
        super().send(data)

    def close(self, code: int | None = None, reason: str = "") -> None:
        if self.readyState == self.CONNECTING:
            self._opening.cancel()
            self._failed(FetchError(f"{self.url} was closed before it was open"))
        else:
            super().close(code, reason)

    async def next_event(self) -> Event:
        """The next `message` or `close`, for code without listeners."""
        if not self._opening.done():
            await asyncio.wait([self._opening])
        return await super().next_event()

    async def _open(self, address: URL) -> None:
        place = str(address).replace(address.protocol, _SCHEMES[address.protocol], 1)
        headers = {"upgrade": "websocket"}
        if self._offered:
            headers["sec-websocket-protocol"] = ", ".join(self._offered)
        try:
            answer = await fetch(place, headers=headers)
            if answer.web_socket is None:
                raise FetchError(f"{self.url} answered {answer.status}, not with a WebSocket")
            chosen = answer.headers.get("sec-websocket-protocol", "")
            if chosen and chosen not in self._offered:
                answer.web_socket.close(1002)
                raise FetchError(f"{self.url} speaks {chosen!r}, which was not offered")
        except Exception as error:  # noqa: BLE001 - told as JavaScript tells it: by the event
            self._failed(error)
            return
        self.protocol = chosen
        self.replace(answer.web_socket)
        self.readyState = self.OPEN
        self._dispatch(Event("open", target=self))
        self._flush()

    def _failed(self, error: Exception) -> None:
        self.readyState = self.OPEN  # as far as the event of its end is concerned
        self._dispatch(Event("error", error=error, message=str(error), target=self))
        self.arrive(Event("close", code=1006, reason=str(error), wasClean=False))
