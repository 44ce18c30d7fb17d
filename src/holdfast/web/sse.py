"""Server-sent events (WHATWG HTML, section 9.2): ids to resume from, heartbeats so that a dead line is noticed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Header
from starlette.requests import Request
from starlette.responses import StreamingResponse

LastEventId = Annotated[
    str | None, Header(alias="Last-Event-ID", max_length=200, description="Resume after this event.")
]
HEARTBEAT_SECONDS = 15.0
RECHECK_SECONDS = 5.0


@dataclass(frozen=True)
class Event:
    """`data` becomes JSON. `id` is what `Last-Event-ID` brings back."""

    data: Any
    event: str = "message"
    id: str | None = None

    def encode(self) -> bytes:
        lines = [f"id: {_one_line(self.id)}"] if self.id is not None else []
        lines += [
            f"event: {_one_line(self.event)}",
            f"data: {json.dumps(self.data, separators=(',', ':'), default=str)}",
        ]
        return ("\n".join(lines) + "\n\n").encode()


def _one_line(text: str) -> str:
    return text.replace("\r", " ").replace("\n", " ").replace("\0", " ")


def event_stream(
    request: Request, source: AsyncIterator[Event], *, heartbeat: float = HEARTBEAT_SECONDS
) -> StreamingResponse:
    """Answer with `source` until it ends, the client leaves, or the process stops. `source` is closed then.

    Every five seconds, however much there is to say, `app.state.still_in` is asked about the request: whoever lost the
    credential or a right it had when the stream was opened hears no more.
    """
    closing: asyncio.Event = request.app.state.closing
    still_in: Callable[[Request], Awaitable[bool]] = request.app.state.still_in
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    said = _bytes(source, closing, heartbeat, lambda: still_in(request))
    return StreamingResponse(said, media_type="text/event-stream", headers=headers)


async def _next(source: AsyncIterator[Event]) -> Event:
    return await anext(source)


async def _bytes(
    source: AsyncIterator[Event], closing: asyncio.Event, heartbeat: float, still_in: Callable[[], Awaitable[bool]]
) -> AsyncIterator[bytes]:
    """The pending read is kept across heartbeats: cancelling it would end the generator behind it."""
    stopping = asyncio.ensure_future(closing.wait())
    pending: asyncio.Future[Event] | None = None
    now = asyncio.get_running_loop().time
    checked = said = now()
    try:
        yield b": hello\n\n"
        while True:
            pending = pending or asyncio.ensure_future(_next(source))
            both: set[asyncio.Future[Any]] = {pending, stopping}
            wait = max(0.0, min(checked + RECHECK_SECONDS, said + heartbeat) - now())
            done, _ = await asyncio.wait(both, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
            if stopping in done:
                return
            if now() - checked >= RECHECK_SECONDS:
                if not await still_in():
                    return
                checked = now()
            if pending not in done:
                if now() - said >= heartbeat:
                    said = now()
                    yield b": still here\n\n"
                continue
            said = now()
            finished, pending = pending, None
            if isinstance(finished.exception(), StopAsyncIteration):
                return
            yield finished.result().encode()
    finally:
        stopping.cancel()
        if pending is not None:
            pending.cancel()
            with suppress(asyncio.CancelledError, StopAsyncIteration):
                await pending
        close = getattr(source, "aclose", None)
        if close is not None:
            await close()
