"""What costs a password hash waits for its turn on the event loop, so that it takes no thread from anybody else.

Every ordinary route runs in one of 40 threads. A thousand sign-ins at once would hold all of them for minutes, each
waiting for one of the few hashes that memory allows at a time, and nobody with a key would be answered meanwhile.
"""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Receive, Scope, Send

from holdfast.kernel.errors import Retryable
from holdfast.web.errors import render

AT_ONCE = 4  # two hash at a time; two more are reading the database or writing their session
MOST_WAITING = 2000
RETRY_AFTER_SECONDS = 10


class Turns:
    """Requests of `routes` ("POST /api/v1/session"), four at a time and in the order they came.

    When 2,000 wait already, the next is told to come back: 503 with Retry-After.
    """

    def __init__(self, app: ASGIApp, routes: frozenset[str]) -> None:
        self.app = app
        self.routes = routes
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or f"{scope['method']} {scope['path']}" not in self.routes:
            await self.app(scope, receive, send)
            return
        if self._waiting >= MOST_WAITING:
            await render(_too_many())(scope, receive, send)
            return
        self._waiting += 1
        try:
            await self._turn.acquire()
        finally:
            self._waiting -= 1
        try:
            await self.app(scope, receive, send)
        finally:
            self._turn.release()


def _too_many() -> Retryable:
    return Retryable(
        "too many people are signing in at this moment",
        code="busy",
        hint=f"Try again in {RETRY_AFTER_SECONDS} s.",
        details={"retry_after_seconds": RETRY_AFTER_SECONDS},
    )
