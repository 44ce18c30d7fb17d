"""Calls that have become sessions and wait for their caller, which joins them on a connection of their own."""

from __future__ import annotations

import asyncio
import secrets
from typing import Final

from holdfast.runtime.bindings.handling import Failure
from holdfast.runtime.bindings.inner import Answer

MOST: Final = 64  # of one binding at once
SECONDS: Final = 5.0  # until one that nobody joins is ended


class Begun:
    """Those of one binding of one version: no other can take them, whatever it knows."""

    def __init__(self) -> None:
        self._waiting: dict[bytes, tuple[Answer, asyncio.TimerHandle]] = {}

    def keep(self, answer: Answer) -> bytes:
        """A ticket that is good once. Raises Failure when too many wait."""
        if len(self._waiting) >= MOST:
            answer.close()
            raise Failure("Overloaded", f"{MOST} calls have given stubs or streams and nobody has taken them yet")
        ticket = secrets.token_bytes(16)
        timer = asyncio.get_running_loop().call_later(SECONDS, self._expire, ticket)
        self._waiting[ticket] = (answer, timer)
        return ticket

    def take(self, ticket: bytes) -> Answer:
        """Raises Failure for one that was taken, has expired, or never was."""
        answer, timer = self._waiting.pop(ticket, (None, None))
        if answer is None or timer is None:
            raise Failure("Error", "there is no such session: it was taken already, or nobody came in time")
        timer.cancel()
        return answer

    def _expire(self, ticket: bytes) -> None:
        answer, _ = self._waiting.pop(ticket)
        answer.close()
