"""A connection to a worker: its answers, framed and handed on piece by piece; and the pool of those that wait."""

from __future__ import annotations

import asyncio
import errno
from typing import Protocol, cast

from holdfast.runtime.edge.chunks import BadChunks, Chunks
from holdfast.runtime.edge.heads import CHUNKED, UNTIL_END, BadHead, Response, read_response
from holdfast.runtime.edge.limits import Limits

_HEAD, _LENGTH, _CHUNKED, _UNTIL_END, _TUNNEL, _OVER = range(6)
_MOST_INTERIM = 8
_WITHOUT_BODY = (204, 304)
_PAUSE_SECONDS = 0.02  # until a socket is asked again that is not there, or takes nobody now


class Away(Exception):
    """Nobody listens at this version's socket."""


class Busy(Exception):
    """It takes no more connections."""


class Asker(Protocol):
    """Who waits for the answer. After `ended`, `failed` or `tunnel_ended` nothing more is called."""

    head_only: bool

    def interim(self, head: Response) -> None: ...
    def answered(self, head: Response, length: int) -> None: ...
    def tunnelled(self, head: Response) -> bool: ...
    def content(self, data: bytes) -> None: ...
    def ended(self, *, reusable: bool) -> None: ...
    def failed(self, why: str, *, heard: bool, malformed: bool) -> None: ...
    def tunnel_ended(self) -> None: ...
    def upstream_blocked(self) -> None: ...
    def upstream_free(self) -> None: ...


class Upstream(asyncio.Protocol):
    """One request at a time. Whatever comes while nobody asks ends the connection."""

    __slots__ = (
        "_buffer",
        "_chunks",
        "_interim",
        "_known",
        "_left",
        "_limits",
        "_mode",
        "_pool",
        "_reading",
        "_reusable",
        "asker",
        "blocked",
        "connected",
        "idle_since",
        "path",
        "reused",
        "transport",
    )

    def __init__(self, pool: Pool, path: str, limits: Limits) -> None:
        self._pool, self.path, self._limits = pool, path, limits
        self._buffer = b""
        self._mode = _OVER
        self._left = self._interim = 0
        self._chunks: Chunks | None = None
        self._known: tuple[bytes, Response] | None = None  # the last head: most answers of a worker begin alike
        self._reusable = False
        self._reading = True
        self.asker: Asker | None = None
        self.blocked = False
        self.connected = False
        self.reused = False
        self.idle_since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=self._limits.buffer_bytes)
        self.connected = True

    def ask(self, asker: Asker, data: bytes) -> None:
        """Send the beginning of a request; what comes back is `asker`'s."""
        self.asker = asker
        self._mode, self._interim = _HEAD, 0
        self.transport.write(data)

    def write(self, data: bytes) -> None:
        self.transport.write(data)

    def pause(self) -> None:
        """Read nothing more until `resume`: whoever should get it does not take it."""
        if self._reading and not self.transport.is_closing():
            self._reading = False
            self.transport.pause_reading()

    def resume(self) -> None:
        if not self._reading and not self.transport.is_closing():
            self._reading = True
            self.transport.resume_reading()

    def give_up(self) -> None:
        """Nobody waits any more: the worker learns it by the end of the connection."""
        self.asker = None
        self.transport.abort()

    def finish(self) -> None:
        """End a tunnel once everything written has gone."""
        self.asker = None
        self.transport.close()

    @property
    def usable(self) -> bool:
        return not self.transport.is_closing()

    def data_received(self, data: bytes) -> None:
        asker = self.asker
        if asker is None:
            self.transport.abort()
            return
        try:
            if self._mode == _HEAD:
                self._heads(asker, data)
            else:
                self._body(asker, data)
        except (BadHead, BadChunks) as error:
            heard = self._mode != _HEAD
            self.give_up()
            asker.failed(str(error), heard=heard, malformed=True)

    def _heads(self, asker: Asker, data: bytes) -> None:
        if self._buffer:
            data, self._buffer = self._buffer + data, b""
        while self._mode == _HEAD:
            end = data.find(b"\r\n\r\n")
            if (end if end >= 0 else len(data)) > self._limits.answer_head_bytes:
                raise BadHead(502, "answer_malformed", "the head of the worker's answer is too large")
            if end < 0:
                self._buffer = data
                return
            head = self._read(data[: end + 4])
            data = data[end + 4 :]
            if head.status == 101:
                if not asker.tunnelled(head):
                    raise BadHead(502, "answer_malformed", "the worker upgraded what nobody asked to")
                self._mode = _TUNNEL
            elif head.status < 200:
                self._interim += 1
                if self._interim > _MOST_INTERIM:
                    raise BadHead(502, "answer_malformed", "the worker does not come to an answer")
                asker.interim(head)
            else:
                self._begin(asker, head)
        if data:
            self._body(asker, data)
        elif self._mode == _OVER:
            self._end(asker)

    def _read(self, raw: bytes) -> Response:
        known = self._known
        if known is not None and known[0] == raw:
            return known[1]
        head = read_response(raw, self._limits)
        self._known = (raw, head) if len(raw) <= self._limits.known_head_bytes else None
        return head

    def _begin(self, asker: Asker, head: Response) -> None:
        length = head.length
        if asker.head_only or head.status in _WITHOUT_BODY:
            self._mode, self._left = _OVER, 0
            self._reusable = head.keep_alive
        else:
            self._reusable = head.keep_alive and length != UNTIL_END
            if length == CHUNKED:
                self._mode, self._chunks = _CHUNKED, Chunks()
            elif length == UNTIL_END:
                self._mode = _UNTIL_END
            else:
                self._mode, self._left = (_LENGTH if length else _OVER), length
        asker.answered(head, length)

    def _body(self, asker: Asker, data: bytes) -> None:
        mode = self._mode
        if mode == _LENGTH:
            extra = len(data) - self._left
            if extra > 0:
                data, self._reusable = data[: self._left], False
            self._left -= len(data)
            asker.content(data)
            if not self._left:
                self._end(asker)
        elif mode == _CHUNKED:
            chunks = self._chunks
            assert chunks is not None  # noqa: S101 - made with the mode
            if content := chunks.feed(data):
                asker.content(content)
            if chunks.done:
                self._reusable = self._reusable and not chunks.rest
                self._end(asker)
        elif mode == _OVER:  # a body where none may be
            self._reusable = False
            self._end(asker)
        else:
            asker.content(data)

    def _end(self, asker: Asker) -> None:
        self.asker, self._mode, self._chunks = None, _OVER, None
        reusable = self._reusable and not self.blocked and self.usable
        asker.ended(reusable=reusable)

    def connection_lost(self, exc: Exception | None) -> None:
        self._pool.lost(self)
        asker, self.asker = self.asker, None
        if asker is None:
            return
        if self._mode == _TUNNEL:
            asker.tunnel_ended()
        elif self._mode == _UNTIL_END and exc is None:
            asker.ended(reusable=False)
        else:
            heard = self._mode != _HEAD or bool(self._buffer) or self._interim > 0
            asker.failed(f"the connection ended: {exc or 'closed'}", heard=heard, malformed=False)

    def pause_writing(self) -> None:
        self.blocked = True
        if self.asker is not None:
            self.asker.upstream_blocked()

    def resume_writing(self) -> None:
        self.blocked = False
        if self.asker is not None:
            self.asker.upstream_free()


class Pool:
    """Connections by socket. A version may have so many, and keeps fewer when nothing asks."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._idle: dict[str, list[Upstream]] = {}
        self._count: dict[str, int] = {}
        self.now = 0.0

    def take(self, path: str) -> Upstream | None:
        """The one used last, so that the others may grow old."""
        waiting = self._idle.get(path)
        while waiting:
            found = waiting.pop()
            if found.usable:
                found.reused = True
                return found
        return None

    async def connect(self, path: str, seconds: float) -> Upstream:
        """A new one, or one that has become free. Raises Away, Busy. A socket that is not there yet, or whose queue is
        full, is asked again."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while True:
            failure: type[Away | Busy] = Busy
            if self._count.get(path, 0) < self._limits.upstreams:
                try:
                    return await self._open(path)
                except OSError as error:
                    if error.errno not in (errno.EAGAIN, errno.ENOENT, errno.ECONNREFUSED):
                        raise Away(str(error)) from error
                    failure = Busy if error.errno == errno.EAGAIN else Away
            if loop.time() >= until:
                raise failure(path)
            await asyncio.sleep(_PAUSE_SECONDS)
            if (freed := self.take(path)) is not None:  # somebody else's answer has ended meanwhile
                return freed

    async def _open(self, path: str) -> Upstream:
        """Counted from now on, so that those who ask at the same moment do not all find room."""
        made = Upstream(self, path, self._limits)
        self._count[path] = self._count.get(path, 0) + 1
        try:
            await asyncio.get_running_loop().create_unix_connection(lambda: made, path)
        except BaseException:
            if not made.connected:  # else its end says so itself
                self.lost(made)
            raise
        return made

    def lost(self, upstream: Upstream) -> None:
        left = self._count.get(upstream.path, 1) - 1
        if left:
            self._count[upstream.path] = left
        else:
            self._count.pop(upstream.path, None)
        waiting = self._idle.get(upstream.path)
        if waiting and upstream in waiting:
            waiting.remove(upstream)

    def give_back(self, upstream: Upstream) -> None:
        waiting = self._idle.setdefault(upstream.path, [])
        if len(waiting) >= self._limits.idle_upstreams:
            upstream.finish()
            return
        upstream.idle_since = self.now
        upstream.resume()
        waiting.append(upstream)

    def tend(self, wanted: frozenset[str]) -> None:
        """Close what has waited long, and what belongs to versions that are gone."""
        oldest = self.now - self._limits.upstream_idle_seconds
        for path, waiting in list(self._idle.items()):
            for each in list(waiting):
                if path not in wanted or each.idle_since < oldest:
                    waiting.remove(each)
                    each.finish()
            if not waiting:
                del self._idle[path]

    def close(self) -> None:
        self.now = float("inf")
        self.tend(frozenset())
