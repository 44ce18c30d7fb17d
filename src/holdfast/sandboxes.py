"""Orders of the pool as sandboxes of this machine: a zygote for each environment, a user for each version, control
groups for each process. What the pool's own process and `holdfast dev` are composed of."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Coroutine, Sequence
from pathlib import Path

from holdfast.contract.spec import Limits
from holdfast.hosts import limits as groups
from holdfast.kernel.errors import HoldfastError
from holdfast.runtime.live import LiveVersion, WorkerLimits
from holdfast.runtime.pool import Order, Running, Used
from holdfast.runtime.sandbox.cell import Cell
from holdfast.runtime.sandbox.forked import Spare
from holdfast.runtime.sandbox.stock import Stock
from holdfast.runtime.sandbox.users import uid_of
from holdfast.runtime.sandbox.zygotes import Zygotes

_log = logging.getLogger("holdfast.pool")


class ControlGroups:
    """`hosts/limits` for sandboxes, under a label of their own: the keeper removes the empty groups of its servers."""

    def __init__(self, label: str) -> None:
        self._groups = groups.Groups(f"{label}-w")
        self._groups.sweep()
        if self._groups.reason:
            _log.warning("workers are not limited by control groups: %s", self._groups.reason)

    @property
    def able(self) -> bool:
        """Whether there are any here."""
        return bool(self._groups.controllers)

    def make(self, name: str, version: LiveVersion) -> tuple[str, ...]:
        return self.limited(name, version.limits)

    def limited(self, name: str, limits: WorkerLimits) -> tuple[str, ...]:
        """Groups of this name with these limits, those that are there already too."""
        return self._groups.create(name, Limits(limits.memory_bytes, limits.cpus, limits.tasks))

    def used(self, directories: tuple[str, ...]) -> Used:
        found = groups.usage(directories)
        return Used(found.memory_bytes, found.cpu_seconds, found.oom_kills)

    def spent(self, directories: tuple[str, ...]) -> float | None:
        return groups.cpu_seconds(directories)

    def members(self, directories: tuple[str, ...]) -> set[int]:
        return groups.members(directories)

    def idle(self, directories: tuple[str, ...], *, only: bool) -> None:
        groups.idle(directories, only=only)

    def remove(self, directories: tuple[str, ...]) -> None:
        groups.remove(directories)

    def close(self) -> None:
        self._groups.sweep()


class Sandboxes:
    """Starts processes. One zygote per project and environment, one user per version."""

    def __init__(self, data: Path, zygotes: Zygotes) -> None:
        self._data = data
        self._zygotes = zygotes
        self._domains: set[str] = set()
        self._users: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def spawn(self, order: Order) -> Running:
        return await self.started(order, None)

    async def started(self, order: Order, spare: Spare | None) -> Running:
        """`spare`: in the order's groups; taken over."""
        version = order.version
        self._domains.add(domain_of(version))  # one that is only tried too: its zygote is retired when that is over
        cell = Cell(
            name=f"{version.worker} v{version.number}",
            domain=domain_of(version),
            uid=await self._uid(version.token),
            code=version.code,
            packages=version.packages,
            sockets=order.sockets,
            listeners=order.listeners,
            channel=order.channel,
            limits=version.limits,
            permits=version.permits,
            payload=order.payload,
            groups=order.groups,
        )
        return await self._zygotes.spawn(cell, spare)

    async def _uid(self, token: str) -> int:
        """Read from the file once for as long as the version is followed: it is not forgotten while it is."""
        if os.geteuid() != 0:
            return os.geteuid()
        if (found := self._users.get(token)) is None:
            found = self._users[token] = await asyncio.to_thread(uid_of, self._data, token)
        return found

    def follow(self, versions: Sequence[LiveVersion]) -> None:
        """Have the zygotes of these ready, so that a first request need not wait for their imports; end the others."""
        domains = {domain_of(version) for version in versions}
        tokens = {version.token for version in versions}
        self._users = {token: uid for token, uid in self._users.items() if token in tokens}
        for domain in domains - self._domains:
            self._do(self._zygotes.warm(domain))
        for domain in self._domains - domains:
            self._do(self._zygotes.retire(domain))
        self._domains = domains

    def _do(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(_told(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class ReadySandboxes(Sandboxes):
    """Keeps a process of every environment ready for whichever version is asked for next. The pool's `groups` too: a
    process that is ready has its control groups already, and the version's limits are written to those."""

    def __init__(self, data: Path, zygotes: Zygotes, limited: ControlGroups) -> None:
        super().__init__(data, zygotes)
        self._limited = limited
        self._stock = Stock(zygotes, lambda name: limited.limited(name, WorkerLimits()), limited.remove)
        self._taken: dict[tuple[str, ...], Spare] = {}

    def make(self, name: str, version: LiveVersion) -> tuple[str, ...]:
        """Of a process that is ready, else new ones. In a thread."""
        spare = self._stock.take(domain_of(version)) if self._limited.able else None
        if spare is None:
            return self._limited.make(name, version)
        self._taken[spare.groups] = spare
        try:
            return self._limited.make(Path(spare.groups[0]).name, version)
        except HoldfastError:
            self.remove(spare.groups)
            raise

    @property
    def ready(self) -> frozenset[str]:
        """The environments that have one, as `domain_of` names them."""
        return self._stock.ready

    def used(self, directories: tuple[str, ...]) -> Used:
        return self._limited.used(directories)

    def spent(self, directories: tuple[str, ...]) -> float | None:
        return self._limited.spent(directories)

    def members(self, directories: tuple[str, ...]) -> set[int]:
        return self._limited.members(directories)

    def idle(self, directories: tuple[str, ...], *, only: bool) -> None:
        self._limited.idle(directories, only=only)

    def remove(self, directories: tuple[str, ...]) -> None:
        """Also of a process that was ready and has not been started."""
        if (spare := self._taken.pop(directories, None)) is not None:
            spare.drop()
        self._limited.remove(directories)

    async def spawn(self, order: Order) -> Running:
        domain = domain_of(order.version)
        try:
            spare = self._taken.pop(order.groups, None) if order.groups else self._stock.take(domain)
            return await self.started(order, spare)
        finally:
            self._stock.refill(domain)

    def follow(self, versions: Sequence[LiveVersion]) -> None:
        super().follow(versions)
        self._stock.keep(frozenset(self._domains))

    async def close(self) -> None:
        """Before the zygotes are closed."""
        for directories in list(self._taken):
            await asyncio.to_thread(self.remove, directories)
        await self._stock.close()


async def _told(work: Coroutine[None, None, None]) -> None:
    try:
        await work
    except HoldfastError as error:  # the start of a process says it again, to the worker's owner
        _log.warning("%s", error.message)


def domain_of(version: LiveVersion) -> str:
    """Who shares a zygote: the workers of one environment."""
    return f"{version.project_id}.{version.environment_id}"
