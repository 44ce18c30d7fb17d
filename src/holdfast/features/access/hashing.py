"""Argon2 takes 64 MiB and 50 ms of a core: two at a time, and nobody else's threads wait for them.

Sign-ins have two threads of their own and a bounded queue before them; other routes that hash (a new password, an
invitation) do so on the request threads, few at a time. Over either bound the answer is 429 with Retry-After at once:
a thousand sign-ins cost a thousand small answers, not every request thread of the process.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from holdfast.kernel.errors import Retryable

T = TypeVar("T")
AT_ONCE = 2
WAITING = 64
OF_ONE_ADDRESS = 32  # so that one flood does not take every place from everybody else
ON_REQUEST_THREADS = 8
RETRY_SECONDS = 5


class Busy(Retryable):
    """More wait already than would be served soon."""

    default_code = "sign_in_busy"
    status = 429

    def __init__(self) -> None:
        super().__init__(
            "too many sign-ins at this moment",
            hint=f"Try again in {RETRY_SECONDS} s.",
            details={"retry_after_seconds": RETRY_SECONDS},
        )


class HashQueue:
    """One per process. `run` is for the event loop's thread, `turn` for any."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="sign-in")
        self._turns = threading.Semaphore(AT_ONCE)
        self._lock = threading.Lock()
        self._on_request_threads = 0
        self._waiting: Counter[str] = Counter()

    async def run(self, work: Callable[[], T], address: str) -> T:
        """`work` on a sign-in thread, with the request's log context. Raises Busy. A caller who hangs up keeps its
        place until its work was done: otherwise hanging up would be the way around the bound."""
        if self._waiting.total() >= WAITING or self._waiting[address] >= OF_ONE_ADDRESS:
            raise Busy
        self._waiting[address] += 1
        context = contextvars.copy_context()
        future = asyncio.get_running_loop().run_in_executor(self._pool, context.run, work)
        future.add_done_callback(lambda _done: self._left(address))
        return await asyncio.shield(future)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """While hashing. Raises Busy where too many request threads wait already."""
        if threading.current_thread().name.startswith("sign-in"):
            with self._turns:
                yield
            return
        with self._lock:
            if self._on_request_threads >= ON_REQUEST_THREADS:
                raise Busy
            self._on_request_threads += 1
        try:
            with self._turns:
                yield
        finally:
            with self._lock:
                self._on_request_threads -= 1

    def _left(self, address: str) -> None:
        self._waiting[address] -= 1
        if self._waiting[address] <= 0:
            del self._waiting[address]


QUEUE = HashQueue()
