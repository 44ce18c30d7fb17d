"""A living version: its doors always open, its processes as they are needed."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from dataclasses import replace
from itertools import count

from holdfast.runtime.live import LiveVersion, Sockets
from holdfast.runtime.pool.doors import Doors
from holdfast.runtime.pool.process import Ended, Parts, Process, Stage
from holdfast.runtime.telemetry import LogLine, VersionState

_log = logging.getLogger("holdfast.pool")


class VersionKeeper:
    """All on the event loop's thread. Make it, then `open`."""

    def __init__(self, version: LiveVersion, sockets: Sockets, parts: Parts) -> None:
        self.version = version
        self.doors = Doors(sockets, self._waiting)
        self.error: str | None = None
        self.retiring = False
        self._parts = parts
        self._numbers = count(1)
        self._processes: dict[Process, asyncio.Task[None]] = {}
        self._outdated: set[Process] = set()
        self._standby: Process | None = None
        self._sleeping: asyncio.TimerHandle | None = None
        self._imported: tuple[str, ...] = ()
        self._failures = 0
        self._retry: asyncio.TimerHandle | None = None
        self._retry_at: float | None = None
        self._wanted = False
        self._closed = False
        self._starts, self._crashes, self._oom_kills = 0, 0, 0
        self._cpu = 0.0
        self._start_ms: float | None = None
        self._state, self._since = "", 0

    def open(self, *, now: bool = False) -> None:
        """Begin to answer. `now`: a process at once, because the version before it had one."""
        self._wanted = now
        self._settle()

    def update(self, version: LiveVersion) -> None:
        """The version as it is to be from now on. More than another weight: new processes, and when one of them is
        ready, the old ones stop."""
        before, self.version = self.version, version
        if replace(before, weight=version.weight) != version:
            self._pause_over()
            self._renew()

    def restart(self) -> None:
        """New processes in place of those there are; a version that is left alone after failures is tried now."""
        self._pause_over()
        self._renew()

    def kill(self) -> None:
        """Its processes at once, with what runs in them."""
        for process in list(self._processes):
            process.kill()

    @property
    def warm(self) -> bool:
        """Whether it has a process that takes work."""
        return any(each.accepting for each in self._processes)

    @property
    def pids(self) -> list[int]:
        return [each.pid for each in self._at_work if each.pid is not None]

    @property
    def standby(self) -> int | None:
        """The process that stands still until somebody comes."""
        return None if self._standby is None else self._standby.pid

    @property
    def _at_work(self) -> list[Process]:
        return [each for each in self._processes if each is not self._standby]

    def begin_start(self) -> None:
        """Start a process if there is none, as if somebody waited."""
        self._wanted = True
        self._settle()

    async def close(self, grace: float) -> None:
        """No new work, `grace` seconds for the rest, then nothing is left of it."""
        if self._closed:
            return
        self._closed = True
        self._pause_over()
        self._no_standby()
        self.doors.leave()
        for process in self._processes:
            process.stop(grace)
        if self._processes:
            await asyncio.wait(list(self._processes.values()), timeout=grace + 5.0)
        for process, task in list(self._processes.items()):
            process.kill()
            task.cancel()
        if left := list(self._processes.values()):
            await asyncio.wait(left, timeout=5.0)
        self.doors.close()
        self._tell("gone")

    @property
    def groups(self) -> list[tuple[str, ...]]:
        """The control groups of each of its processes."""
        return [each.groups for each in self._processes if each.pid is not None and each.groups]

    def sample(self) -> None:
        for process in list(self._processes):
            process.sample()
        if self._state:
            self._tell(self._state)

    def state(self) -> VersionState:
        memory = [each.used.memory_bytes for each in self._processes if each.used.memory_bytes is not None]
        return VersionState(
            version_id=self.version.id,
            worker_id=self.version.worker_id,
            state=self._state,
            since=self._since,
            processes=len(self.pids),
            memory_bytes=sum(memory) if memory else None,
            cpu_seconds=self._cpu + sum(each.used.cpu_seconds or 0.0 for each in self._processes),
            starts=self._starts,
            crashes=self._crashes,
            oom_kills=self._oom_kills,
            error=self.error,
            retry_at=None if self._retry_at is None else int(self._retry_at * 1000),
            start_ms=self._start_ms,
        )

    def _settle(self) -> None:
        """Make it as it should be. Called after everything that changes it."""
        if self._closed:
            return
        if self._retry is not None:
            if not any(each.accepting for each in self._processes):
                self.doors.refuse(self._refusal)
                self._tell("backoff")
            return
        current = [each for each in self._processes if each.accepting and each not in self._outdated]
        goal = 0 if self.retiring else self.version.warm
        wanted = self._wanted or any(each.accepting for each in self._outdated)
        while len(current) < max(goal, int(wanted)):
            current.append(self._start())
        self._wanted = False
        if self.warm:
            self.doors.leave()
        else:
            self.doors.watch()
        self._tell(self._shown())

    def _shown(self) -> str:
        if any(each.stage is Stage.READY for each in self._processes):
            return "running"
        if self.warm:
            return "starting"
        return "stopping" if self._at_work else "cold"

    def _waiting(self) -> None:
        """Somebody is at a door and no process accepts."""
        self._wanted = True
        self._settle()

    def _start(self) -> Process:
        self._starts += 1
        if (process := self._standby) is not None and process.stage is Stage.STANDBY:
            self._standby = None
            self._parts.standbys.over(self)
            process.go()
            return process
        return self._make()

    def _make(self, standby: tuple[str, ...] | None = None) -> Process:
        process = Process(
            self.version, next(self._numbers), self.doors, self._parts, self._became_ready, self._became_idle, standby
        )
        self._processes[process] = asyncio.get_running_loop().create_task(self._life(process))
        return process

    async def _life(self, process: Process) -> None:
        ended = await process.run()
        del self._processes[process]
        self._outdated.discard(process)
        self._cpu += process.used.cpu_seconds or 0.0
        self._oom_kills += ended.out_of_memory
        if process is self._standby:
            self._standby = None
            self._parts.standbys.over(self)
            if ended.failure is not None:  # no other is tried until a start has gone well
                self._imported = ()
                _log.info("no process of %s stands by: %s", self.version.worker, ended.failure)
        elif ended.failure is None:
            self._imported = process.imported or self._imported
            self._settle()
            self._fall_asleep()
        else:
            self._failed(ended)

    def _fall_asleep(self) -> None:
        """After a while without a process, one stands by: where packages would take their time to be imported. Not
        where it could start others, which nothing would stop."""
        ours = self.version.packages is not None and self._imported and not self.version.permits.subprocess
        if ours and not (self._processes or self._closed or self.retiring or self._sleeping):
            loop = asyncio.get_running_loop()
            self._sleeping = loop.call_later(self._parts.policy.standby_pause, self._have_standby)

    def _have_standby(self) -> None:
        self._sleeping = None
        if self._processes or self._closed or self.retiring or self._retry is not None:
            return
        if self._parts.standbys.offer(self, self._no_standby):
            self._standby = self._make(self._imported)

    def _no_standby(self) -> None:
        """Also none that is about to be."""
        if self._sleeping is not None:
            self._sleeping.cancel()
            self._sleeping = None
        if self._standby is not None:
            self._parts.standbys.over(self)
            self._standby.kill()

    def _failed(self, ended: Ended) -> None:
        words = ended.failure or ""
        self._crashes += 1
        self._failures = 1 if ended.lived >= self._parts.policy.steady_seconds else self._failures + 1
        self.error = words
        pause = self._parts.policy.pause(self._failures, ended.ready)
        then = f"; the next try is in {pause:.1f} s" if pause else ""
        self.line(f"{'the process ended' if ended.ready else 'the process did not start'}: {words}{then}")
        if pause and not self._closed:
            loop = asyncio.get_running_loop()
            self._pause_over()
            self._retry_at = time.time() + pause
            self._retry = loop.call_later(pause, self._try_again)
        self._settle()

    def _try_again(self) -> None:
        self._pause_over()
        self._settle()

    def _pause_over(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
        self._retry, self._retry_at = None, None

    def _renew(self) -> None:
        self._no_standby()
        self._outdated = set(self._at_work)
        self._wanted = self._wanted or self.warm
        self._settle()

    def _became_ready(self, process: Process) -> None:
        self.error = None
        asyncio.get_running_loop().call_later(self._parts.policy.steady_seconds, self._steady, process)
        if process not in self._outdated:
            for old in self._outdated:
                old.stop(self._parts.policy.grace_seconds)
        self._start_ms = process.start_ms
        self._settle()

    def _steady(self, process: Process) -> None:
        if process.stage is Stage.READY:
            self._failures = 0

    def _became_idle(self, process: Process, seconds: float) -> None:
        current = [each for each in self._processes if each.accepting]
        goal = 0 if self.retiring else self.version.warm
        if seconds >= self.version.idle_seconds and len(current) > goal:
            process.stop(self._parts.policy.grace_seconds)
            self._settle()

    def _refusal(self) -> bytes:
        left = max(1, math.ceil((self._retry_at or 0.0) - time.time()))
        body = b"The worker could not be started. It is tried again in a moment.\n"
        head = (
            "HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\n"
            f"retry-after: {left}\r\ncontent-length: {len(body)}\r\ncache-control: no-store\r\n"
            "holdfast-refused: backoff\r\nconnection: close\r\n\r\n"
        )
        return head.encode() + body

    def line(self, text: str) -> None:
        """Of ours, in the worker's log and in our own."""
        at = int(time.time() * 1000)
        self._parts.telemetry.log(LogLine(self.version.worker_id, self.version.id, at, "system", text))
        _log.warning("%s version %d: %s", self.version.worker, self.version.number, text)

    def _tell(self, state: str) -> None:
        if state != self._state:
            self._state, self._since = state, int(time.time() * 1000)
        self._parts.telemetry.state(self.state())
