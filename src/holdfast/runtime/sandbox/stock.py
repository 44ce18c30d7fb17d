"""A process of each domain that is kept ready: forked, in control groups and namespaces of its own, and nobody's yet.

A start that finds one waits neither for a fork nor for the kernel, which takes up to tens of milliseconds to move a
process into control groups v1. It is what the zygote would fork for that start, made earlier: no code, secret or socket
of a version is in it, and every other wall is put up when it is told whose it is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Set
from itertools import count

from holdfast.kernel.errors import HoldfastError
from holdfast.runtime.sandbox.forked import Spare
from holdfast.runtime.sandbox.zygotes import Zygotes

_log = logging.getLogger("holdfast.pool")
_PAUSE = 0.2  # seconds after a start: the next spare is not to slow down the first answer
MakeGroups = Callable[[str], tuple[str, ...]]


class Stock:
    """One spare at most for each domain. `make(name)` makes control groups with narrow limits, `remove` ends what is in
    groups and removes them; both are called in threads. All else on the event loop's thread, `take` on any."""

    def __init__(self, zygotes: Zygotes, make: MakeGroups, remove: Callable[[tuple[str, ...]], None]) -> None:
        self._zygotes, self._make, self._remove = zygotes, make, remove
        self._numbers = count(1)
        self._spares: dict[str, Spare] = {}
        self._kept: Set[str] = frozenset()
        self._filling: dict[str, asyncio.Task[None]] = {}
        self._clearing: set[asyncio.Task[None]] = set()

    def keep(self, domains: Set[str]) -> None:
        """Of these domains from now on; the spares of all others end."""
        added, self._kept = domains - self._kept, domains
        for domain in [each for each in self._filling if each not in domains]:
            self._filling[domain].cancel()  # else it would start a zygote that is being ended
        for domain in [each for each in list(self._spares) if each not in domains]:
            self._clear(self.take(domain))
        for domain in added:
            self.refill(domain)

    @property
    def ready(self) -> frozenset[str]:
        """The domains that have one."""
        return frozenset(self._spares)

    def take(self, domain: str) -> Spare | None:
        """It is the caller's then, with its groups."""
        return self._spares.pop(domain, None)

    def refill(self, domain: str) -> None:
        """Soon, if there is none and the domain is kept."""
        if domain in self._kept and domain not in self._spares and domain not in self._filling:
            self._filling[domain] = asyncio.get_running_loop().create_task(self._fill(domain))

    async def close(self) -> None:
        """Nothing of it is left."""
        self._kept = frozenset()
        for task in self._filling.values():
            task.cancel()
        await asyncio.gather(*self._filling.values(), return_exceptions=True)
        for domain in list(self._spares):
            self._clear(self.take(domain))
        while self._clearing:
            await asyncio.wait(self._clearing)

    async def _fill(self, domain: str) -> None:
        groups: tuple[str, ...] = ()
        spare = None
        try:
            await asyncio.sleep(_PAUSE)
            groups = await asyncio.to_thread(self._make, f"spare-{next(self._numbers)}")
            spare = await self._zygotes.prepare(domain, groups)
        except (HoldfastError, OSError) as error:  # the next start forks for itself, and says what is wrong then
            _log.warning("no process can be kept ready: %s", error)
        finally:
            self._filling.pop(domain, None)
            if spare is not None and domain in self._kept:
                self._spares[domain] = spare
            else:
                self._clear(spare, groups)

    def _clear(self, spare: Spare | None, groups: tuple[str, ...] = ()) -> None:
        if spare is not None:
            spare.drop()
            groups = spare.groups
        if not groups:
            return
        task = asyncio.get_running_loop().create_task(asyncio.to_thread(self._remove, groups))
        self._clearing.add(task)
        task.add_done_callback(self._clearing.discard)
