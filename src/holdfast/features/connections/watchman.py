"""Ends what must not last: connections whose right, tunnel or database is gone, tunnels nobody uses, their logins."""

from __future__ import annotations

import asyncio
import time

import sqlalchemy as sa

from holdfast.features.audit.sequencer import WRITTEN
from holdfast.features.connections import store
from holdfast.features.connections.line import Line
from holdfast.features.connections.model import Tunnel
from holdfast.features.connections.tunnels import IDLE_SECONDS, TunnelService
from holdfast.kernel import log
from holdfast.kernel.clock import Clock
from holdfast.kernel.db import Database
from holdfast.kernel.errors import HoldfastError
from holdfast.web.hub import Hub

_LOOK_SECONDS = 2.0
_GATHER_SECONDS = 0.1  # what is written in one burst is looked at once
_SWEEP_SECONDS = 10.0
_BY = "system:tunnels"
_log = log.get("holdfast.connections")


class Watchman:
    """On the api's event loop, until cancelled. Woken by every audited change: a revoked key's lines end within a
    fraction of a second; without a wake-up within two."""

    def __init__(self, db: Database, tunnels: TunnelService, clock: Clock) -> None:
        self._db = db
        self._tunnels = tunnels
        self._clock = clock

    async def run(self, hub: Hub) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch(hub))
            group.create_task(self._drain(hub))
            group.create_task(self._sweep())

    async def _watch(self, hub: Hub) -> None:
        with hub.bell(WRITTEN) as bell:
            while True:
                try:
                    async with asyncio.timeout(_LOOK_SECONDS):
                        await bell.wait()
                except TimeoutError:
                    pass
                bell.clear()
                await self.look()
                await asyncio.sleep(_GATHER_SECONDS)

    async def _drain(self, hub: Hub) -> None:
        """A database that is being stopped waits for the gate that its lines hold."""
        async for _ in hub.topics("resource"):
            await self.look()

    async def look(self) -> None:
        lines = [line for each in self._tunnels.lines.values() for line in each if not line.over.is_set()]
        if not lines:
            return
        living = await asyncio.to_thread(self._living, {line.tunnel_id for line in lines})
        await asyncio.gather(*(self._judge(line, line.tunnel_id in living) for line in lines))

    async def _judge(self, line: Line, living: bool) -> None:
        if not living:
            line.end("the tunnel was closed")
        elif time.monotonic() - line.used > IDLE_SECONDS:
            line.end("nothing went through it for a while")
        else:
            try:
                allowed = await line.allowed()
            except (HoldfastError, sa.exc.SQLAlchemyError):
                allowed = False
            if not allowed:
                line.end("it may no longer be used")

    def _living(self, ids: set[str]) -> set[str]:
        with self._db.read() as conn:
            return set(store.living(conn, ids, self._clock.now()))

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            try:
                await self.sweep()
            except (HoldfastError, sa.exc.SQLAlchemyError):
                _log.exception("tunnels could not be looked after; trying again")

    async def sweep(self) -> None:
        """Close what expired or is used no more; remove logins of what is closed."""
        for tunnel in await asyncio.to_thread(self._undismissed):
            if tunnel.closed_at is not None:
                await asyncio.to_thread(self._tunnels.dismiss, tunnel)
            elif tunnel.expires_at <= self._clock.now():
                await self._tunnels.shut(tunnel, "expired", _BY)
            elif self._idle(tunnel):
                await self._tunnels.shut(tunnel, "unused", _BY)

    def _idle(self, tunnel: Tunnel) -> bool:
        used = (self._clock.now() - tunnel.used_at).total_seconds()
        return used > IDLE_SECONDS and not self._tunnels.lines.get(tunnel.id)

    def _undismissed(self) -> list[Tunnel]:
        with self._db.read() as conn:
            return list(store.undismissed(conn, self._tunnels.node))
