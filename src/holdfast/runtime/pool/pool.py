"""All living versions of one node: brought to what is to run, again and again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from holdfast.kernel.errors import Conflict, HoldfastError, Invalid, NotFound
from holdfast.runtime.live import LiveVersion, Sockets
from holdfast.runtime.pool import doors
from holdfast.runtime.pool.confining import KEPT_SECONDS, LOOK_SECONDS, Confinement
from holdfast.runtime.pool.face import Groups, NoGroups, Secrets, Spawn, no_secrets
from holdfast.runtime.pool.lost import Lost
from holdfast.runtime.pool.policy import Policy
from holdfast.runtime.pool.process import Parts as ProcessParts
from holdfast.runtime.pool.standbys import Standbys
from holdfast.runtime.pool.ticks import Claim, Schedules
from holdfast.runtime.pool.trial import Trials
from holdfast.runtime.pool.version import VersionKeeper
from holdfast.runtime.telemetry import TelemetryWriter

_log = logging.getLogger("holdfast.pool")


@dataclass(frozen=True)
class Parts:
    """What a pool is made of. `living`, `secrets` and `candidate` (a version that may be deployed, by its id) are
    called in threads. `schedules`: the file that keeps the last turn of every schedule. `claim`: asked before each
    turn, where other nodes have the same schedules. `followed` is told, on the event loop, every version that may have
    a process. `trying`, if there is somebody who serves bindings and ways out: called when a trial begins and ends."""

    runtime: Path
    living: Callable[[], Sequence[LiveVersion]]
    spawn: Spawn
    telemetry: TelemetryWriter
    schedules: Path
    secrets: Secrets = no_secrets
    groups: Groups = field(default_factory=NoGroups)
    claim: Claim | None = None
    followed: Callable[[Sequence[LiveVersion]], None] = lambda _: None
    candidate: Callable[[str, Sequence[Mapping[str, Any]]], LiveVersion | None] = lambda *_: None
    trying: Callable[[], None] | None = None
    policy: Policy = field(default_factory=Policy)


class Pool:
    """`run` until it is cancelled or `stop` is set. Everything else on the same event loop."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._policy = parts.policy
        self._keepers: dict[str, VersionKeeper] = {}
        self._leaving: dict[str, asyncio.Task[None]] = {}
        self._closing: list[VersionKeeper] = []
        self._wake = asyncio.Event()
        self._process_parts = ProcessParts(
            parts.spawn,
            parts.telemetry,
            parts.secrets,
            parts.groups,
            parts.policy,
            asyncio.Semaphore(parts.policy.starting),
            Standbys(parts.policy.standby),
            Lost(parts.telemetry),
        )
        self._trials = Trials(parts.runtime, self._process_parts, parts.trying)
        self.schedules = Schedules(parts.schedules, parts.telemetry, parts.policy, parts.runtime, claim=parts.claim)

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`; then let what runs end within the policy's `drain_seconds`. Nothing is left behind."""
        self._process_parts.lost.open(self._parts.runtime)
        sampling = asyncio.create_task(self._sample())
        confining = asyncio.create_task(self._confine())
        ticking = asyncio.create_task(self.schedules.run())
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                await self.refresh()
                waking = asyncio.create_task(self._wake.wait())
                seconds = self._policy.refresh_seconds
                await asyncio.wait((waking, stopping), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
                waking.cancel()
                self._wake.clear()
        finally:
            for task in (sampling, confining, ticking, stopping):
                task.cancel()
            await self._drain()
            self._process_parts.lost.close()

    def wake(self) -> None:
        """Read what is to run now."""
        self._wake.set()

    async def refresh(self) -> None:
        """Once: what is to run is read and acted on. When it cannot be read, everything goes on as it is."""
        try:
            living = await asyncio.to_thread(self._parts.living)
        except Exception:  # noqa: BLE001 - the database is away or busy: told, and tried again in a moment
            _log.exception("what is to run cannot be read")
            return
        wanted = {version.id: version for version in living}
        served = {each.version.worker_id for each in self._keepers.values() if each.warm}
        for version_id in [each for each in self._keepers if each not in wanted]:
            self._retire(version_id)
        for version in wanted.values():
            self._bring(version, now=version.worker_id in served)
        async with self._trials.making:  # else the sockets of one that begins meanwhile would be swept away
            tokens = {each.version.token for each in (*self._keepers.values(), *self._closing)}
            tokens |= {each.token for each in self._trials.versions}
            await asyncio.to_thread(doors.sweep, self._parts.runtime, tokens)
        self.schedules.set(living)
        served_now = [each.version for each in (*self._keepers.values(), *self._closing)]
        self._parts.followed([*served_now, *self._trials.versions])

    def keeper(self, version_id: str) -> VersionKeeper:
        """Raises NotFound."""
        if (found := self._keepers.get(version_id)) is None:
            raise NotFound("no such version is running on this node", code="version_not_running")
        return found

    async def ask(self, verb: str, message: dict[str, Any]) -> Any:
        """A request from another process of ours: see `PoolClient`. Raises HoldfastError."""
        if verb == "restart":
            for each in self._chosen(message):
                each.restart()
            return None
        if verb == "kill":
            for each in self._chosen(message):
                each.kill()
            return None
        if verb == "start":
            for each in self._chosen(message):
                each.begin_start()
            return None
        if verb == "tick":
            return await self.schedules.now(str(message.get("worker_id")), str(message.get("cron")))
        if verb == "try":
            return await self._try(str(message.get("version_id")), message.get("bindings") or [])
        if verb == "refresh":
            await self.refresh()
            return None
        if verb == "status":
            return [each.state().__dict__ | {"pids": each.pids} for each in self._keepers.values()]
        raise Invalid("the pool knows no such verb", code="verb_unknown")

    async def _try(self, version_id: str, bindings: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
        version = await asyncio.to_thread(self._parts.candidate, version_id, bindings)
        if version is None:
            raise NotFound("there is no such version to try", code="version_not_running")
        failed = await self._trials.run(version, bindings)
        return None if failed is None else {"why": failed.why, "used": failed.used}

    def _chosen(self, message: dict[str, Any]) -> list[VersionKeeper]:
        version_id, worker_id = message.get("version_id"), message.get("worker_id")
        found = [
            each
            for each in self._keepers.values()
            if (version_id is None or each.version.id == version_id)
            and (worker_id is None or each.version.worker_id == worker_id)
        ]
        if version_id is None and worker_id is None:
            raise Invalid("a version or a worker is to be named", code="version_missing")
        if not found:
            raise NotFound("no such version is running on this node", code="version_not_running")
        return found

    def _bring(self, version: LiveVersion, *, now: bool) -> None:
        keeper = self._keepers.get(version.id)
        if keeper is not None:
            if (leaving := self._leaving.pop(version.id, None)) is not None:
                leaving.cancel()
                keeper.retiring = False
            keeper.update(version)
            return
        try:
            keeper = VersionKeeper(version, Sockets.of(self._parts.runtime, version.token), self._process_parts)
        except (HoldfastError, OSError) as error:
            _log.error("the sockets of %s cannot be made: %s", version.worker, error)
            return
        self._keepers[version.id] = keeper
        keeper.open(now=now)

    def _retire(self, version_id: str) -> None:
        """No weight any more: it answers what still comes for a while, then it is gone."""
        if version_id not in self._leaving:
            self._keepers[version_id].retiring = True
            self._leaving[version_id] = asyncio.create_task(self._leave(version_id))

    async def _leave(self, version_id: str) -> None:
        await asyncio.sleep(self._policy.grace_seconds)
        keeper = self._keepers.pop(version_id)
        del self._leaving[version_id]  # from here on the same version coming back is a new one
        self._closing.append(keeper)
        await keeper.close(self._policy.grace_seconds)
        self._closing.remove(keeper)

    async def _sample(self) -> None:
        while True:
            await asyncio.sleep(self._policy.sample_seconds)
            for keeper in list(self._keepers.values()):
                keeper.sample()

    async def _confine(self) -> None:
        confinement = Confinement(self._parts.groups, self._parts.policy.busy)
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            keepers = {each.version.id: each for each in (*self._closing, *self._keepers.values())}
            for begun in confinement.look([(each.version, each.groups) for each in keepers.values()]):
                what = "it" if keepers[begun].warm else "its start"
                keepers[begun].line(
                    f"{what} took all the processor time it may have for half a second: until it has been calm for "
                    f"{KEPT_SECONDS:.0f} s, it gives way to everyone else on a part of the processors"
                )

    async def _drain(self) -> None:
        for task in self._leaving.values():
            task.cancel()
        keepers = (*self._keepers.values(), *self._closing)
        self._keepers.clear()
        await asyncio.gather(*(each.close(self._policy.drain_seconds) for each in keepers))
        await self.schedules.close()
        while cleaning := self._process_parts.cleaning:
            await asyncio.wait(cleaning)


def require_alone(path: Path) -> int:
    """A lock that only one pool of an installation holds; its descriptor, to be kept. Raises Conflict ("pool_running"):
    two pools would replace each other's sockets and run every schedule twice."""
    import fcntl
    import os

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise Conflict("another pool runs on this data", code="pool_running") from None
    return descriptor
