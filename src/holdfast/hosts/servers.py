"""Database servers under the keeper: started, adopted after a keeper's death, limited, reported."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from holdfast.contract.spec import Limits
from holdfast.hosts import limits, logs
from holdfast.hosts.launching import spawn
from holdfast.hosts.layout import Layout
from holdfast.hosts.process import Handle, Identity, boot_id, group_memory, identify, read_identity
from holdfast.hosts.quarters import restore_runtime
from holdfast.hosts.records import Records, ServerRecord
from holdfast.hosts.supervisor import Policy, State, Supervisor
from holdfast.kernel.clock import Clock, parse_timestamp, timestamp
from holdfast.kernel.errors import HoldfastError, NeedsOperator


@dataclass(frozen=True)
class ServerStatus:
    """`since`: when the state was entered. `cpu_seconds` only rises while the server runs.

    `limited`: None = no limit asked for, False = asked for, not enforced.
    """

    state: State
    pid: int | None = None
    since: datetime | None = None
    restarts: int = 0
    memory_bytes: int | None = None
    error: str | None = None
    peak_bytes: int | None = None
    oom_kills: int = 0
    limited: bool | None = None
    cpu_seconds: float | None = None

    def as_dict(self) -> dict[str, Any]:
        return self.__dict__ | {"since": timestamp(self.since) if self.since else None}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> ServerStatus:
        return cls(**{**raw, "since": parse_timestamp(raw["since"]) if raw["since"] else None})


class Servers:
    """All servers of one installation, by resource id. On the keeper's event loop."""

    def __init__(self, layout: Layout, clock: Clock, policy: Policy) -> None:
        self._layout = layout
        self._clock = clock
        self._policy = policy
        self._records = Records(layout.servers)
        self.groups = limits.Groups(layout.label)
        self._supervisors: dict[str, Supervisor] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self.damaged: dict[str, str] = {}

    async def resume(self) -> None:
        """Adopt what still runs; start what should run. One that cannot start does not hold up the rest."""
        names = self._records.names()
        await asyncio.gather(*(self._resume(name) for name in names))

    async def start(self, record: ServerRecord) -> ServerStatus:
        """Make it run as recorded: running as such is success, under other limits it is given those as it runs (raises
        Permanent, code "limits_refused", and nothing changes), running otherwise it is stopped first."""
        async with self._lock(record.resource_id):
            before = self._records.load(record.resource_id)
            supervisor = self._supervisors.get(record.resource_id)
            if supervisor is not None and before is not None and not record.same_server(before):
                await self._halt(record.resource_id, supervisor)
                supervisor = None
            elif before is not None and before.limits != record.limits and before.cgroups:
                await asyncio.to_thread(self._limit, before, record.limits)
            record = replace(record, desired="running", cgroups=before.cgroups if before else ())
            self._records.save(record)
            if supervisor is None:
                supervisor = self._supervisor(record)
            await supervisor.start()
        return await self.status(record.resource_id)

    def _limit(self, before: ServerRecord, wanted: Limits) -> None:
        try:
            self.groups.create(before.resource_id, wanted)
        except HoldfastError:
            self.groups.create(before.resource_id, before.limits)  # the kernel took some of them
            raise

    async def stop(self, resource_id: str) -> ServerStatus:
        """Stop it and remember that it should stay so. Unknown is success."""
        async with self._lock(resource_id):
            record = self._records.load(resource_id)
            if record is not None:
                self._records.save(replace(record, desired="stopped"))
            if supervisor := self._supervisors.get(resource_id):
                await self._halt(resource_id, supervisor)
        return await self.status(resource_id)

    async def forget(self, resource_id: str) -> None:
        """Stop it and drop everything known about it."""
        await self.stop(resource_id)
        self._supervisors.pop(resource_id, None)
        self._records.delete(resource_id)
        for suffix in ("log", "log.1"):
            (self._layout.logs / f"{resource_id}.{suffix}").unlink(missing_ok=True)

    async def status(self, resource_id: str) -> ServerStatus:
        supervisor = self._supervisors.get(resource_id)
        record = self._records.load(resource_id)
        if record is None:
            return ServerStatus("none")
        if supervisor is None:
            return ServerStatus("stopped")
        used = limits.usage(record.cgroups)
        memory = used.memory_bytes
        if memory is None and supervisor.pid is not None:
            memory = await asyncio.to_thread(group_memory, supervisor.pid)
        return ServerStatus(
            supervisor.state,
            supervisor.pid,
            supervisor.since,
            supervisor.restarts,
            memory if supervisor.pid is not None else None,
            supervisor.error,
            used.peak_bytes,
            used.oom_kills,
            self._limited(record),
            used.cpu_seconds,
        )

    async def list(self) -> dict[str, ServerStatus]:
        return {name: await self.status(name) for name in self._records.names() if name not in self.damaged}

    async def halt_all(self, *, keep: bool) -> None:
        """At shutdown: stop every server (it starts again with the next keeper), or leave them all running."""

        async def one(name: str, supervisor: Supervisor) -> None:
            await (supervisor.release() if keep else self._halt(name, supervisor))

        await asyncio.gather(*(one(name, supervisor) for name, supervisor in self._supervisors.items()))
        if not keep:
            self.groups.sweep()

    def kill_all(self) -> None:
        for supervisor in self._supervisors.values():
            supervisor.kill()

    def rotate_logs(self) -> None:
        for name in self._supervisors:
            logs.rotate(self._layout.logs / f"{name}.log")

    async def _resume(self, name: str) -> None:
        try:
            record = self._records.load(name)
            if record is None:
                return
            supervisor = self._supervisor(record)
            found = read_identity(self._records.pidfile(name))
            if found is not None:
                try:
                    supervisor.adopt(Handle(found))
                except ProcessLookupError:
                    found = None
            if found is not None and record.desired == "stopped":
                await self._halt(name, supervisor)  # the keeper died between writing "stopped" and stopping it
            elif found is None and record.desired == "running":
                await supervisor.start()
        except HoldfastError as error:
            if name in self._supervisors:
                self._supervisors[name].state, self._supervisors[name].error = "failed", error.message
            else:
                self.damaged[name] = error.message

    def _supervisor(self, record: ServerRecord) -> Supervisor:
        name = record.resource_id
        log = self._layout.logs / f"{name}.log"

        async def start() -> Handle:
            return await asyncio.to_thread(self._spawn, name)

        made = Supervisor(
            name,
            start,
            clock=self._clock,
            policy=self._policy,
            stop_signal=record.stop_signal,
            stop_timeout=record.stop_timeout,
            last_words=lambda: self._last_words(name, log),
        )
        self._supervisors[name] = made
        return made

    def _spawn(self, name: str) -> Handle:
        record = self._records.load(name)
        if record is None:
            raise NeedsOperator(f"{name} has no launch record", hint="start the resource again")
        limits.empty(record.cgroups)  # what the last life left behind would hold its files and its port
        groups = self.groups.create(name, record.limits)
        if groups != record.cgroups:
            limits.remove(tuple(set(record.cgroups) - set(groups)))
            self._records.save(replace(record, cgroups=groups))
        launch = replace(record.launch, cgroups=groups, pidfile=str(self._records.pidfile(name)), death_signal=0)
        restore_runtime(self._layout, launch)
        log = logs.open_log(self._layout.logs / f"{name}.log")
        try:
            child = spawn(launch, stdout=log, stderr=log)
        finally:
            os.close(log)
        identity = identify(child.pid) or read_identity(self._records.pidfile(name))
        if identity is None:  # gone already: the watcher sees it end at once
            identity = Identity(child.pid, 0, boot_id())
        return Handle(identity, child)

    def _last_words(self, name: str, log: Path) -> str:
        record = self._records.load(name)
        kills = limits.usage(record.cgroups).oom_kills if record is not None else 0
        said = logs.tail(log)
        return f"out of memory: the kernel ended {kills} of its processes at the limit\n{said}" if kills else said

    async def _halt(self, name: str, supervisor: Supervisor) -> None:
        await supervisor.stop()
        record = self._records.load(name)
        if record is not None:
            await asyncio.to_thread(limits.remove, record.cgroups)
        self._records.pidfile(name).unlink(missing_ok=True)

    def _limited(self, record: ServerRecord) -> bool | None:
        wanted = {"memory": record.limits.memory_bytes, "cpu": record.limits.cpus, "pids": record.limits.tasks}
        asked = [name for name, value in wanted.items() if value is not None]
        return None if not asked else all(name in self.groups.controllers for name in asked)

    def _lock(self, name: str) -> asyncio.Lock:
        return self._locks.setdefault(name, asyncio.Lock())
