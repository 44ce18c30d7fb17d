"""The edge: listeners, the route table that holds, connections on both sides, and the clock that ends what stalls."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.kernel import log
from holdfast.runtime.edge import routes
from holdfast.runtime.edge.client import Client
from holdfast.runtime.edge.key_uses import KeyUses
from holdfast.runtime.edge.limits import Limits
from holdfast.runtime.edge.rates import Rates
from holdfast.runtime.edge.routes import BadRoutes, Found, Table
from holdfast.runtime.edge.upstream import Pool
from holdfast.runtime.edge.watching import Watch
from holdfast.runtime.losses import Loss, Teller

if TYPE_CHECKING:
    from holdfast.runtime.edge.exchange import Exchange

ROUTES = "routes.json"
_LINES_A_SECOND = 10  # of our log about workers that fail: they may fail as often as they like
_LOOK_SECONDS = 5.0  # the table is looked at although nothing was heard
_log = log.get("holdfast.edge")


class Edge:
    """Belongs to one event loop. `start`, then `close`; closing again does no harm."""

    def __init__(
        self, runtime: Path, limits: Limits | None = None, changed: Callable[[Table], None] | None = None
    ) -> None:
        """`changed` hears of each table that holds from now on; what it raises (OSError) is told in the log."""
        self.runtime, self.limits = runtime, limits or Limits()
        self._changed = changed
        self.table = Table()
        self.pool = Pool(self.limits)
        self.rates = Rates()
        self.uses = KeyUses(runtime)
        self.losses = Teller(runtime)
        self.clients: set[Client] = set()
        self.closing = False
        self.refused = 0
        self.now = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []
        self._watch: Watch | None = None
        self._seen: tuple[int, int, int] | None = None
        self._looked = 0.0
        self._lines = float(_LINES_A_SECOND)
        self._unsaid = 0

    async def start(self, listeners: Iterable[socket.socket], fronts: Iterable[socket.socket] = ()) -> None:
        """Serve on listening sockets. `fronts` (unix): behind them only a server of ours speaks, and says who asks."""
        self.loop = asyncio.get_running_loop()
        self.now = self.pool.now = self.loop.time()
        self.reload()
        self._watch = Watch(self.runtime)
        self.loop.add_reader(self._watch.fileno(), self._heard)
        for each in listeners:
            self._servers.append(await self.loop.create_server(lambda: Client(self), sock=each))
        for each in fronts:
            made = await self.loop.create_unix_server(lambda: Client(self, front=True), sock=each)
            self._servers.append(made)
        self.loop.call_later(self.limits.tick_seconds, self._tick)

    async def close(self, seconds: float = 10.0) -> None:
        """Take nothing new, let answers end, then cut off what has not. Nothing is to be done for one never started."""
        self.closing = True
        if self._watch is None:
            return
        for server in self._servers:
            server.close()
        await asyncio.sleep(0)  # what was accepted just before is announced now, and nobody else would serve it
        for client in list(self.clients):
            client.wind_up()
        until = self.loop.time() + seconds
        while self.clients and self.loop.time() < until:  # noqa: ASYNC110 - their ends are many, and near
            await asyncio.sleep(0.02)
        for client in list(self.clients):
            client.transport.abort()
        for task in list(self._tasks):
            task.cancel()
        if (seen := self.uses.taken(self.table.keys)) is not None:
            await self._save(seen)
        self.pool.close()
        self.losses.close()
        if self._watch is not None:
            self.loop.remove_reader(self._watch.fileno())
            self._watch.close()
            self._watch = None

    def admit(self, client: Client) -> bool:
        if len(self.clients) >= self.limits.connections:
            return False
        self.clients.add(client)
        return True

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """The loop itself refers to its tasks weakly."""
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("the edge failed at a request", exc_info=error)

    def tell(self, event: str, exchange: Exchange, why: str) -> None:
        """A line for the operator, with what no client is told."""
        if self._lines < 1:
            self._unsaid += 1
            return
        self._lines -= 1
        slug = exchange.route.slug if exchange.route is not None else None
        _log.warning(event, request=exchange.id, worker=slug, reason=why[:300])

    def lost(
        self, exchange: Exchange, seconds: float, *, websocket: bool, status: int | None, again: bool = False
    ) -> None:
        """The worker's end of a request broke `seconds` after it was asked: the pool knows whether its process ended,
        and tells of it in its place."""
        request = exchange.request
        self.losses.tell(
            Loss(
                token=Path(exchange.path).parent.name,
                ray=exchange.id,
                method=request.method.decode("latin-1"),
                path=exchange.target.decode("latin-1").partition("?")[0],
                at=int((time.time() - seconds) * 1000),
                broke=time.monotonic(),
                wall_ms=round(seconds * 1000, 3),
                websocket=websocket,
                status=status,
                again=again,
            )
        )

    def find(self, host: bytes, target: bytes) -> Found | None:
        """Who answers. Before nobody does, the table is looked at: it may name them since a moment ago."""
        found = self.table.find(host, target)
        return self.table.find(host, target) if found is None and self.reload() else found

    def reload(self) -> bool:
        """Read the table if it has changed. A file that is none changes nothing; neither does one that is gone."""
        path = self.runtime / ROUTES
        try:
            facts = path.stat()
            seen = (facts.st_mtime_ns, facts.st_ino, facts.st_size)
            if seen == self._seen:
                return False
            self._seen = seen
            table = routes.read(path, self.runtime)
        except FileNotFoundError:
            return False
        except (BadRoutes, OSError) as error:
            _log.error("the route table cannot be read; the one before holds", path=str(path), reason=str(error)[:300])
            return False
        self.table = table
        _log.info("routes", revision=table.revision, workers=len(table.routes))
        self.pool.tend(table.sockets)
        try:
            if self._changed is not None:
                self._changed(table)
        except OSError as error:
            _log.error("what follows from the route table could not be written", reason=str(error)[:300])
        return True

    async def _save(self, seen: dict[str, int]) -> None:
        try:
            await asyncio.to_thread(self.uses.save, seen)
        except OSError as error:
            _log.warning("when keys were used could not be written", reason=str(error)[:300])

    def _heard(self) -> None:
        if self._watch is not None:
            self._watch.drain()
        self.reload()

    def _tick(self) -> None:
        self.loop.call_later(self.limits.tick_seconds, self._tick)
        now = self.now = self.pool.now = self.loop.time()
        for client in [each for each in self.clients if each.deadline < now]:
            client.expired()
        if now - self._looked >= _LOOK_SECONDS:
            self._looked = now
            if (seen := self.uses.taken(self.table.keys)) is not None:
                self.spawn(self._save(seen))
            self.reload()
            self.pool.tend(self.table.sockets)
        self._lines = min(float(_LINES_A_SECOND), self._lines + _LINES_A_SECOND * self.limits.tick_seconds)
        if self._unsaid and self._lines >= 1:
            _log.warning("more failures of workers were not told", count=self._unsaid)
            self._unsaid = 0
