"""One ear of the process for wake-ups, shared by everyone on its event loop."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from holdfast.kernel.wake import Wake


class Hub:
    """`run` listens until cancelled. Wake-ups are lossy: whoever waits looks again after a while anyway."""

    def __init__(self, wake: Wake) -> None:
        self._wake = wake
        self._bells: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._queues: dict[str, set[asyncio.Queue[str]]] = {}

    async def run(self) -> None:
        with self._wake.listen("api") as listener:
            async for topic in listener:
                self.ring(topic)

    def ring(self, topic: str) -> None:
        for bell in self._bells.get(topic, ()):
            bell.set()
        prefix = topic.partition(":")[0]
        for queue in self._queues.get(prefix, ()):
            queue.put_nowait(topic)

    @contextmanager
    def bell(self, topic: str) -> Iterator[asyncio.Event]:
        """An event set at every wake-up of `topic`; whoever waits clears it."""
        event = asyncio.Event()
        self._bells[topic].add(event)
        try:
            yield event
        finally:
            self._bells[topic].discard(event)
            if not self._bells[topic]:
                del self._bells[topic]

    async def topics(self, prefix: str) -> AsyncIterator[str]:
        """Every topic `<prefix>:...` heard from now on."""
        queue: asyncio.Queue[str] = asyncio.Queue()
        waiting = self._queues.setdefault(prefix, set())
        waiting.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            waiting.discard(queue)
