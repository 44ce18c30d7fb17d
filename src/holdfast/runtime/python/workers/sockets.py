"""WebSockets as workers see them: a pair of ends, of which one is given to the client with the answer."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from holdfast.runtime.python.workers.streams import to_bytes

_LOG = logging.getLogger("websocket")
Data = str | bytes


class Event:
    """What a listener is given: `type`, and by type `data`, or `code`, `reason`, `wasClean`, or `error`."""

    def __init__(self, type: str, **parts: Any) -> None:
        self.type = type
        self.__dict__.update(parts)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return None

    def __repr__(self) -> str:
        return f"Event({self.__dict__!r})"


class WebSocket:
    """One end. `accept()` begins it; then `send`, `close`, listeners, or `async for message in socket`.

    Raises RuntimeError when something is sent before `accept()` or after the close.
    """

    CONNECTING, OPEN, CLOSING, CLOSED = 0, 1, 2, 3

    def __init__(self) -> None:
        self.readyState = self.CONNECTING
        self._peer: WebSocket | None = None
        self._wire: Callable[[Event], None] | None = None
        self._drain: Callable[[], Awaitable[None]] | None = None
        self._listeners: dict[str, list[Any]] = {}
        self._waiting: deque[Event] = deque()
        self._arrived: asyncio.Event | None = None
        self._tasks: set[asyncio.Future[Any]] = set()
        self._attachment: Any = None
        self.failed: Callable[[BaseException], None] | None = None

    def accept(self, options: Any = None) -> None:
        self.readyState = self.OPEN
        if self._listeners:
            self._flush()

    def send(self, data: Any) -> None:
        if self.readyState != self.OPEN:
            raise RuntimeError("accept() the socket before sending" if not self.readyState else "the socket is closed")
        self._pass(Event("message", data=data if isinstance(data, str) else to_bytes(data)))

    def close(self, code: int | None = None, reason: str = "") -> None:
        if self.readyState in (self.CLOSING, self.CLOSED):
            return
        if code is not None and code != 1000 and not 1001 <= code <= 4999:
            raise ValueError(f"not a close code: {code}")
        self.readyState = self.CLOSING
        self._pass(Event("close", code=1005 if code is None else code, reason=reason, wasClean=True))

    def addEventListener(self, type: str, listener: Any, options: Any = None) -> None:  # noqa: N802 - as published
        self._listeners.setdefault(type, []).append(listener)
        if self.readyState != self.CONNECTING:
            self._flush()

    def removeEventListener(self, type: str, listener: Any) -> None:  # noqa: N802 - as published
        if listener in self._listeners.get(type, []):
            self._listeners[type].remove(listener)

    def serializeAttachment(self, value: Any) -> None:  # noqa: N802 - as published
        self._attachment = value

    def deserializeAttachment(self) -> Any:  # noqa: N802 - as published
        return self._attachment

    async def receive(self) -> Data:
        """The next message. Raises ConnectionError when the socket has been closed."""
        event = await self.next_event()
        if event.type == "message":
            return event.data  # type: ignore[no-any-return]
        raise ConnectionError(f"the socket was closed: {event.code} {event.reason or ''}".rstrip())

    async def next_event(self) -> Event:
        """The next `message` or `close`, for code without listeners."""
        if self.readyState == self.CONNECTING:
            self.accept()
        while not self._waiting:
            if self.readyState == self.CLOSED:
                return Event("close", code=1005, reason="", wasClean=True)
            if self._arrived is None:
                self._arrived = asyncio.Event()
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.popleft()

    async def drain(self) -> None:
        """Wait while the client takes no more. Raises ConnectionError when it has gone."""
        if self._peer is not None and self._peer._drain is not None:
            await self._peer._drain()

    def __aiter__(self) -> WebSocket:
        return self

    async def __anext__(self) -> Data:
        event = await self.next_event()
        if event.type != "message":
            raise StopAsyncIteration
        return event.data  # type: ignore[no-any-return]

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("onmessage", "onclose", "onerror", "onopen"):
            self._listeners[name[2:]] = [value]
            return
        object.__setattr__(self, name, value)

    # -- the other side

    def deliver(self, event: Event) -> None:
        """Something came over the network for the peer of this end."""
        self._pass(event)

    def _pass(self, event: Event) -> None:
        peer = self._peer
        if peer is None:
            raise RuntimeError("this end of the pair was given away")
        if peer._wire is not None:
            peer._wire(event)
        else:
            peer.arrive(event)

    def arrive(self, event: Event) -> None:
        """Something came from the other end."""
        if self._wire is not None:  # both ends are the network's: a socket that is passed on
            self._wire(event)
            return
        if self.readyState == self.CLOSED:
            return
        if event.type == "close":
            clean_end = self.readyState == self.CLOSING
            self._waiting.append(event)
            if self._heard() or clean_end:
                self._flush()
            self.readyState = self.CLOSED
        else:
            self._waiting.append(event)
            if self.readyState == self.OPEN and self._heard():
                self._flush()
        if self._arrived is not None:
            self._arrived.set()

    def attach(self, wire: Callable[[Event], None], drain: Callable[[], Awaitable[None]]) -> WebSocket:
        """This end is the network's now: what the worker's end sends goes to `wire`. Returns the worker's end."""
        if self._peer is None:
            raise RuntimeError("only an end of a WebSocketPair can be given to a client")
        self._wire, self._drain = wire, drain
        waiting, self._waiting = self._waiting, deque()
        for event in waiting:
            wire(event)
        return self._peer

    def replace(self, other: WebSocket) -> None:
        """This end takes the place of `other` in its pair, with what has come for it."""
        if other._peer is None:
            raise RuntimeError("only an end of a pair can be replaced")
        self._peer, other._peer._peer = other._peer, self
        self._waiting.extend(other._waiting)
        other._waiting.clear()

    @property
    def busy(self) -> set[asyncio.Future[Any]]:
        """Listeners still at work."""
        return self._tasks

    def _heard(self) -> bool:
        return any(self._listeners.get(kind) for kind in ("message", "close"))

    def _flush(self) -> None:
        while self._waiting and self._heard():
            self._dispatch(self._waiting.popleft())

    def _dispatch(self, event: Event) -> None:
        for listener in list(self._listeners.get(event.type, ())):
            try:
                result = listener(event)
            except Exception as error:  # noqa: BLE001 - told to the host, which logs it and closes the socket
                self._broke(error)
                continue
            if inspect.isawaitable(result):
                self.follow(asyncio.ensure_future(result))

    def follow(self, task: asyncio.Future[Any]) -> None:
        """The socket's invocation lasts as long as `task`; its failure is the socket's."""
        self._tasks.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Future[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._broke(error)

    def _broke(self, error: BaseException) -> None:
        if self.failed is None:
            _LOG.error("a listener failed", exc_info=error)
        else:
            self.failed(error)


class WebSocketPair:
    """Two ends that are joined: `client, server = WebSocketPair()`; also `pair[0]`, `Object.values(pair)`."""

    def __init__(self) -> None:
        self._ends = (WebSocket(), WebSocket())
        self._ends[0]._peer, self._ends[1]._peer = self._ends[1], self._ends[0]

    @classmethod
    def new(cls) -> WebSocketPair:
        """As `js.WebSocketPair.new()`."""
        return cls()

    def object_values(self) -> list[WebSocket]:
        return list(self._ends)

    values = object_values

    def __getitem__(self, index: Any) -> WebSocket:
        return self._ends[int(index)]

    def __iter__(self) -> Any:
        return iter(self._ends)

    def __len__(self) -> int:
        return 2
