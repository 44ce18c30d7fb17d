"""Ending work whose caller has gone away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

from starlette.requests import Request

from holdfast.kernel.errors import Cancelled

T = TypeVar("T")
_SOON_SECONDS = 0.05


async def until_gone(request: Request, work: Awaitable[T]) -> T:
    """The result of `work`; when the client disconnects first, the work is cancelled and ended. The body was read.

    Only work that lasts is watched over: for the rest looking would cost as much as doing.
    """
    working = asyncio.ensure_future(work)
    try:
        await asyncio.wait({working}, timeout=_SOON_SECONDS)
        return await (working if working.done() else _watched(request, working))
    finally:
        if not working.done():
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)


async def _watched(request: Request, working: asyncio.Future[T]) -> T:
    watching = asyncio.create_task(_gone(request))
    try:
        both: set[asyncio.Future[Any]] = {working, watching}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    finally:
        watching.cancel()
    if working.done():
        return await working
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    raise Cancelled("the client went away", code="client_gone")


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
