"""Lines to servers that are not ours: opened when first wanted, shared while wanted, closed with the last user."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import itertools
import os
import shutil
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from holdfast.contract.external import Wire
from holdfast.hosts.external.record import Where
from holdfast.kernel.errors import HoldfastError
from holdfast.kernel.outbound_policy import OutboundPolicy

if TYPE_CHECKING:
    from holdfast.hosts.external.relay import Relay  # loads asyncssh, which a start does not need

T = TypeVar("T")
_WORK_SECONDS = 60.0
_numbers = itertools.count(1)


class Line:
    """A relay somebody holds. `sockets` is where the engine's clients find it."""

    def __init__(self, relay: Relay, sockets: Path) -> None:
        self._relay = relay
        self.sockets = sockets

    @property
    def failure(self) -> HoldfastError | None:
        """Why the latest connection did not come about."""
        return self._relay.failure

    @property
    def opened(self) -> int:
        """Connections made so far."""
        return self._relay.opened


@dataclass
class _Held:
    line: Line
    relay: Relay
    holders: int


class Lines:
    """All lines of this process. Thread-safe; the event loop they run on is a thread of its own."""

    def __init__(
        self,
        policy: OutboundPolicy,
        sockets: Path,
        private: Path,
        quarter: Callable[[Path], frozenset[int]],
    ) -> None:
        """`quarter` makes a socket directory reachable for those whose uids it answers."""
        self._policy, self._sockets, self._private, self._quarter = policy, sockets, private, quarter
        self._held: dict[str, _Held] = {}
        self._turn = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        atexit.register(self.close)

    @contextmanager
    def open(self, where: Where, secrets: Mapping[str, str], wire: Wire) -> Iterator[Line]:
        """Nothing is connected yet: that happens, and fails, when the engine connects. Raises NeedsOperator
        (code "tls_material")."""
        mark = where.mark(secrets)
        line = self._take(mark, where, secrets, wire)
        try:
            yield line
        finally:
            self._give(mark)

    def hold(self, where: Where, secrets: Mapping[str, str], wire: Wire) -> Line:
        """The same until the process ends: for callers whose end nobody hears of."""
        return self._take(where.mark(secrets), where, secrets, wire)

    def host_key(self, host: str, port: int) -> tuple[str, str]:
        """See `tunnel.shown_host_key`."""
        from holdfast.kernel.ssh import shown_host_key

        return self._run(shown_host_key(self._policy, host, port))

    def _take(self, mark: str, where: Where, secrets: Mapping[str, str], wire: Wire) -> Line:
        with self._turn:
            held = self._held.get(mark)
            if held is None:
                held = self._held[mark] = self._start(where, secrets, wire)
            held.holders += 1
            return held.line

    def _give(self, mark: str) -> None:
        with self._turn:
            held = self._held.get(mark)
            if held is None:
                return
            held.holders -= 1
            if held.holders > 0:
                return
            del self._held[mark]
        self._end(held)

    def _start(self, where: Where, secrets: Mapping[str, str], wire: Wire) -> _Held:
        directory = self._sockets / f"x{os.getpid()}-{next(_numbers)}"
        allowed = self._quarter(directory)
        from holdfast.hosts.external.relay import Relay

        relay = Relay(where, secrets, wire, self._policy, allowed)
        try:
            self._run(relay.start(directory, self._private))
        except BaseException:
            shutil.rmtree(directory, ignore_errors=True)
            raise
        return _Held(Line(relay, directory), relay, 0)

    def _end(self, held: _Held) -> None:
        self._run(held.relay.close())
        shutil.rmtree(held.line.sockets, ignore_errors=True)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._own_loop()).result(_WORK_SECONDS)

    def _own_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._sweep()
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=self._loop.run_forever, name="external-lines", daemon=True).start()
        return self._loop

    def _sweep(self) -> None:
        """Sockets of processes that were killed."""
        for directory in self._sockets.glob("x*-*"):
            pid = directory.name[1:].partition("-")[0]
            if pid.isdigit() and not Path(f"/proc/{pid}").exists():
                shutil.rmtree(directory, ignore_errors=True)

    def close(self) -> None:
        """End everything. Idempotent; a later `open` starts again."""
        atexit.unregister(self.close)
        with self._turn:
            ended, self._held = list(self._held.values()), {}
            loop = self._loop
        for held in ended:
            with contextlib.suppress(HoldfastError, TimeoutError, RuntimeError):
                self._end(held)
        with self._turn:
            self._loop = None
        if loop is not None:
            loop.call_soon_threadsafe(loop.stop)
