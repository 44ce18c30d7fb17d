"""Open sessions of databases: reused, bounded, and closed when what is behind them changes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from holdfast.contract.engine import Session
from holdfast.contract.spec import Access
from holdfast.features.databases.external_reach import Lease
from holdfast.features.databases.model import Resource
from holdfast.features.databases.reach import Reach
from holdfast.kernel.errors import HoldfastError, Retryable
from holdfast.kernel.stop import Stop

AT_ONCE = 8  # statements of one database at once in this process
_WAIT_SECONDS = 10.0
_IDLE_SECONDS = 30.0


@dataclass
class _Idle:
    session: Session
    lease: Lease
    since: float

    async def close(self) -> None:
        await self.session.close()
        await asyncio.to_thread(self.lease.close)


@dataclass
class _Lane:
    """One database's turnstile, its idle sessions by (generation, access), and its running statements."""

    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    idle: dict[tuple[int, Access], list[_Idle]] = field(default_factory=dict)
    running: set[Stop] = field(default_factory=set)


class SessionPool:
    """For one event loop. A session is lent to one statement at a time and given back only after a clean end."""

    def __init__(self, reach: Reach, scratch: Path) -> None:
        self._reach = reach
        self._scratch = scratch
        self._lanes: dict[str, _Lane] = {}

    @asynccontextmanager
    async def turn(self, resource_id: str, stop: Stop) -> AsyncIterator[None]:
        """One of the database's turns. Raises Retryable (code "too_many_statements") when none comes free in 10 s."""
        lane = self._lanes.setdefault(resource_id, _Lane())
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                await lane.turns.acquire()
        except TimeoutError:
            raise Retryable(
                f"{AT_ONCE} statements are already running on this database", code="too_many_statements"
            ) from None
        lane.running.add(stop)
        try:
            yield
        finally:
            lane.running.discard(stop)
            lane.turns.release()

    def free(self, resource_id: str) -> bool:
        """Whether this process knows the database and `turn` would not wait."""
        lane = self._lanes.get(resource_id)
        return lane is not None and not lane.turns.locked()

    @asynccontextmanager
    async def session(self, resource: Resource, access: Access) -> AsyncIterator[Session]:
        lane = self._lanes.setdefault(resource.id, _Lane())
        key = (resource.generation, access)
        await self._close_stale(lane, resource.generation)
        waiting = lane.idle.get(key, [])
        line = waiting.pop() if waiting else await asyncio.to_thread(self._connect, resource, access)
        clean = False
        try:
            yield line.session
            clean = True
        except HoldfastError as error:
            clean = not error.retryable and error.status < 500
            line.lease.explain(error)
            raise
        finally:
            if clean:
                line.since = time.monotonic()
                lane.idle.setdefault(key, []).append(line)
            else:
                await asyncio.shield(line.close())

    def _connect(self, resource: Resource, access: Access) -> _Idle:
        self._scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        engine = self._reach.engine(resource)
        tools = self._reach.tools(resource, self._scratch)
        lease = self._reach.lease(resource)
        return _Idle(engine.connect(lease.endpoint, tools, access), lease, time.monotonic())

    async def drain(self, resource_id: str) -> None:
        """Cancel its statements and close its idle sessions; new ones are refused by the gate, not here."""
        lane = self._lanes.get(resource_id)
        if lane is None:
            return
        for stop in list(lane.running):
            stop.stop("the database is being stopped, swapped or deleted")
        await self._close_stale(lane, -1)
        if not lane.running:
            self._lanes.pop(resource_id, None)

    async def sweep(self) -> None:
        """Close sessions idle for half a minute."""
        limit = time.monotonic() - _IDLE_SECONDS
        for resource_id, lane in list(self._lanes.items()):
            for key, waiting in list(lane.idle.items()):
                old = [item for item in waiting if item.since < limit]
                lane.idle[key] = [item for item in waiting if item.since >= limit]
                for item in old:
                    await item.close()
            if not lane.running and not any(lane.idle.values()):
                self._lanes.pop(resource_id, None)

    async def close(self) -> None:
        for resource_id in list(self._lanes):
            await self.drain(resource_id)

    @staticmethod
    async def _close_stale(lane: _Lane, generation: int) -> None:
        for key in [key for key in lane.idle if key[0] != generation]:
            for item in lane.idle.pop(key):
                await item.close()
