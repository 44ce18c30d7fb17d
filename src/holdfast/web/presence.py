"""Ending work whose caller has gone away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from starlette.requests import Request

from holdfast.kernel.errors import Cancelled

T = TypeVar("T")


async def until_gone(request: Request, work: Awaitable[T]) -> T:
    """The result of `work`; when the client disconnects first, the work is cancelled and ended. The body was read."""
    working = asyncio.ensure_future(work)
    watching = asyncio.create_task(_gone(request))
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return await working
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        raise Cancelled("the client went away", code="client_gone")
    finally:
        watching.cancel()
        if not working.done():
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
