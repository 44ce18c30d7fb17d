"""Server-sent events (WHATWG HTML, section 9.2): ids to resume from, heartbeats so that a dead line is noticed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
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
    """Answer with `source` until it ends, the client leaves, or the process stops. `source` is closed then."""
    closing: asyncio.Event = request.app.state.closing
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(_bytes(source, closing, heartbeat), media_type="text/event-stream", headers=headers)


async def _next(source: AsyncIterator[Event]) -> Event:
    return await anext(source)


async def _bytes(source: AsyncIterator[Event], closing: asyncio.Event, heartbeat: float) -> AsyncIterator[bytes]:
    """The pending read is kept across heartbeats: cancelling it would end the generator behind it."""
    stopping = asyncio.ensure_future(closing.wait())
    pending: asyncio.Future[Event] | None = None
    try:
        yield b": hello\n\n"
        while True:
            pending = pending or asyncio.ensure_future(_next(source))
            both: set[asyncio.Future[Any]] = {pending, stopping}
            done, _ = await asyncio.wait(both, timeout=heartbeat, return_when=asyncio.FIRST_COMPLETED)
            if stopping in done:
                return
            if pending not in done:
                yield b": still here\n\n"
                continue
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
