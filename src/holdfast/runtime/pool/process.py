"""One process of a version: made, heard, told to stop, and how it ended."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from pathlib import Path
from typing import cast

from holdfast.kernel.errors import HoldfastError
from holdfast.runtime.live import LiveVersion
from holdfast.runtime.pool import tree
from holdfast.runtime.pool.channel import ChannelReader, Value
from holdfast.runtime.pool.doors import Doors
from holdfast.runtime.pool.face import Groups, Order, Running, Secrets, Spawn, Used
from holdfast.runtime.pool.lost import End, Lost
from holdfast.runtime.pool.payload import payload
from holdfast.runtime.pool.policy import Policy
from holdfast.runtime.pool.standbys import Standbys
from holdfast.runtime.python.guard import EXIT_FROZEN, EXIT_STUCK
from holdfast.runtime.telemetry import TelemetryWriter

_log = logging.getLogger("holdfast.pool")
_GIVEN_UP = {
    EXIT_STUCK: "an invocation did not end although its time was over, and the process was given up",
    EXIT_FROZEN: "a call held the interpreter long after its time was over, and the kernel ended the process",
}


class Stage(Enum):
    """From first to last; only `QUEUED`, `STARTING` and `READY` take new work. A process that stands by begins as
    `STANDBY`, and goes on as `STARTING` when it is wanted."""

    STANDBY = auto()
    QUEUED = auto()
    STARTING = auto()
    READY = auto()
    STOPPING = auto()
    ENDED = auto()


@dataclass(frozen=True)
class Parts:
    """What every process is made with."""

    spawn: Spawn
    telemetry: TelemetryWriter
    secrets: Secrets
    groups: Groups
    policy: Policy
    starting: asyncio.Semaphore
    standbys: Standbys
    lost: Lost
    cleaning: set[asyncio.Task[None]] = field(default_factory=set)

    def clean(self, directories: tuple[str, ...]) -> None:
        """Remove groups without anyone waiting for it: the kernel takes its time."""
        task = asyncio.get_running_loop().create_task(asyncio.to_thread(self.groups.remove, directories))
        self.cleaning.add(task)
        task.add_done_callback(self.cleaning.discard)


@dataclass(frozen=True)
class Ended:
    """`failure`: in words, None when it stopped because it was asked to. `ready`: it had been."""

    failure: str | None
    ready: bool
    out_of_memory: bool
    lived: float  # seconds since it was ready


class Process:
    """`run` is its whole life. `changed` is called when it has become ready, `idle` with seconds while nothing runs.
    `standby`: modules to import; then it stands still, in STANDBY, until `go`."""

    def __init__(
        self,
        version: LiveVersion,
        number: int,
        doors: Doors,
        parts: Parts,
        changed: Callable[[Process], None],
        idle: Callable[[Process, float], None],
        standby: Sequence[str] | None = None,
    ) -> None:
        self.version = version
        self.stage = Stage.QUEUED if standby is None else Stage.STANDBY
        self.imported: tuple[str, ...] | None = None  # what it says it has imported, for one that stands by
        self._standby = standby
        self._imports = asyncio.Event()
        self._wanted = asyncio.Event()
        if standby is None:
            self._wanted.set()
        self.used = Used()
        self.start_ms: float | None = None
        self._began = 0.0
        self._out_of_memory = False
        self._cpu_at_end: float | None = None
        self._name = f"w-{version.token[:24]}-{number}"
        self._doors = doors
        self._parts = parts
        self._changed = changed
        self._running: Running | None = None
        self._channel: ChannelReader | None = None
        self._idle = idle
        self._groups: tuple[str, ...] = ()
        self._ready = asyncio.Event()
        self._ready_at: float | None = None
        self._ended_at: float | None = None
        self._failure: str | None = None
        self._asked = False
        self._killing: asyncio.TimerHandle | None = None
        self._watching: asyncio.Task[None] | None = None
        self._suspect: float | None = None  # when a process that is silent too long was last heard

    @property
    def accepting(self) -> bool:
        return self.stage in (Stage.QUEUED, Stage.STARTING, Stage.READY)

    @property
    def pid(self) -> int | None:
        return None if self._running is None else self._running.pid

    @property
    def groups(self) -> tuple[str, ...]:
        """Its control groups; none before it starts and where there are none."""
        return self._groups

    async def run(self) -> Ended:
        """Waits in line for its start; returns when the process is gone and nothing of it is left."""
        try:
            async with self._parts.starting:
                if not self._asked:
                    running = await self._start()
                    await self._settled(running, self._parts.policy.place_seconds, self._ready, self._imports)
            if self._running is not None:
                if await self._stand_by(self._running):
                    await self._until_ready(self._running)
                await self._finish(self._running)
        except HoldfastError as error:
            self._failure = self._failure or error.message
        except Exception as error:  # noqa: BLE001 - told as this version's failure: the pool and the others go on
            _log.exception("starting %s", self._name)
            self._failure = self._failure or f"{type(error).__name__}: {error}"
        finally:
            self.stage = Stage.ENDED
            self._clean()
        lived = 0.0 if self._ready_at is None else time.monotonic() - self._ready_at
        failure = None if self._asked and self._failure is None else self._failure or "it ended by itself"
        if self._ended_at is not None:
            self._parts.lost.ended(End(self.version, failure, self._out_of_memory, self._began, self._ended_at))
        return Ended(failure, self._ready_at is not None, self._out_of_memory, lived)

    def go(self) -> None:
        """One that stands by is wanted now: it goes on as any other. It may not have come so far yet."""
        self.stage, self._began = Stage.STARTING, time.monotonic()
        self._wanted.set()
        if self._running is not None:
            self._resume(self._running)

    def stop(self, grace: float) -> None:
        """No new work; what runs may take `grace` seconds, then it is killed. Idempotent."""
        if self.stage is Stage.STANDBY:
            self.kill()
            return
        self._asked = True
        if self.stage not in (Stage.STARTING, Stage.READY):
            self.stage = Stage.STOPPING if self.stage is Stage.QUEUED else self.stage
            return
        self.stage = Stage.STOPPING
        if self._channel is not None:
            self._channel.tell({"t": "stop", "grace": grace})
        self._killing = asyncio.get_running_loop().call_later(grace + 1.0, self.kill)

    def kill(self, failure: str | None = None) -> None:
        """At once. `failure`: why, when nobody asked for it."""
        if failure is not None:
            self._failure = self._failure or failure
        else:
            self._asked = True
        if self.stage is not Stage.ENDED:
            self.stage = Stage.STOPPING
        if self._running is not None:
            self._running.kill()

    def sample(self) -> None:
        """Read what it uses; give it up when its event loop turns no more."""
        if self._running is None:
            return
        self._measure(self._running)
        if self._channel is not None and self.stage is Stage.READY:
            self._judge_silence(self._channel.heard_at)

    def _measure(self, running: Running) -> bool:
        """By its groups. Whether they count memory: where they do not, what it has in sum is judged here."""
        grouped = self._parts.groups.used(self._groups) if self._groups else Used()
        if grouped.memory_bytes is not None:
            self.used = grouped
            return True
        seen = tree.used(running.pid)
        self.used = seen if grouped.cpu_seconds is None else replace(seen, cpu_seconds=grouped.cpu_seconds)
        if (seen.memory_bytes or 0) > self.version.limits.memory_bytes and not self._out_of_memory:
            self._out_of_memory = True
            self.kill(f"{self._too_much()} by the pool")
        return False

    async def _watch(self, running: Running) -> None:
        """One that may start processes: each has the limit to itself, all of them together would have far more."""
        while True:
            if self._measure(running):
                return
            await asyncio.sleep(self._parts.policy.watch_seconds)

    def _too_much(self) -> str:
        return f"it used more memory than its limit of {self.version.limits.memory_bytes >> 20} MiB and was ended"

    def _judge_silence(self, heard_at: float) -> None:
        """It says something every few seconds, whatever it does, unless a turn of its event loop does not end: then
        its own watcher should have ended that, and did not. Two looks in a row: what it said may not be read yet."""
        silent = time.monotonic() - heard_at
        if silent <= max(self._parts.policy.silent_seconds, 2 * self.version.limits.timeout_seconds):
            self._suspect = None
        elif self._suspect != heard_at:
            self._suspect = heard_at
        else:
            self.kill(f"it said nothing for {silent:.0f} s: {self._looks()}, and it was given up")

    def _looks(self) -> str:
        """What a silent process is at, in words."""
        if self.pid and _process_state(self.pid) in ("T", "t"):
            return "it was stopped by a signal"
        return "its event loop is held by code that does not end"

    async def _start(self) -> Running:
        if self._wanted.is_set():
            self._began = time.monotonic()
            self.stage = Stage.STARTING
        secrets = await self._prepared()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._channel = ChannelReader(ours, self.version, self._parts, self._said)
            order = Order(
                self.version,
                self._doors.sockets,
                self._doors.descriptors,
                theirs.fileno(),
                self._groups,
                payload(self.version, secrets, self._standby),
            )
            self._running = await self._parts.spawn(order)
        if self.version.permits.subprocess:
            self._watching = asyncio.get_running_loop().create_task(self._watch(self._running))
        if self._asked:
            self._running.kill()  # it was told to stop while its walls were built
        elif self._standby is not None and self._wanted.is_set():
            self._resume(self._running)
        return self._running

    def _resume(self, running: Running) -> None:
        running.signal(signal.SIGCONT)
        if self._channel is not None:
            self._channel.tell({"t": "go"})

    async def _stand_by(self, running: Running) -> bool:
        """Until it is wanted or gone: whether it is wanted. It is stopped meanwhile, so that nothing of it takes
        processor time, and ended when it does not come to rest or takes much memory."""
        if self._wanted.is_set():
            return True
        policy = self._parts.policy
        settled = await self._settled(running, policy.start_seconds, self._imports, self._wanted)
        if self._wanted.is_set():
            return True
        running.signal(signal.SIGSTOP)
        self.sample()
        if not settled:
            self.kill("it was still importing its packages")
        elif (self.used.memory_bytes or 0) > policy.standby_bytes:
            self.kill(f"its packages take more than {policy.standby_bytes >> 20} MiB")
        await self._settled(running, None, self._wanted)
        return self._wanted.is_set()

    async def _prepared(self) -> dict[str, str]:
        """Its groups and, at the same time, its secrets."""
        groups, secrets = await asyncio.gather(
            asyncio.to_thread(self._parts.groups.make, self._name, self.version),
            asyncio.to_thread(self._parts.secrets, self.version),
            return_exceptions=True,
        )
        if not isinstance(groups, BaseException):
            self._groups = groups  # also when there are no secrets: they are removed then
        for each in (groups, secrets):
            if isinstance(each, BaseException):
                raise each
        return cast("dict[str, str]", secrets)

    async def _settled(self, running: Running, seconds: float | None, *events: asyncio.Event) -> bool:
        """Whether one of these happened or it ended within so long."""
        waiting = [asyncio.create_task(each.wait()) for each in events]
        gone = asyncio.create_task(running.wait())  # the exit itself is asked for again in `_finish`
        try:
            done, _ = await asyncio.wait((*waiting, gone), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in (*waiting, gone):
                each.cancel()
        return bool(done)

    async def _until_ready(self, running: Running) -> None:
        seconds = self._parts.policy.start_seconds
        left = self._began + seconds - time.monotonic()
        if not await self._settled(running, max(0.0, left), self._ready):
            why = "its main module was still being imported, and it was ended"
            self.kill(f"it was not ready after {seconds:g} s: {why}")

    async def _finish(self, running: Running) -> None:
        ended = await running.wait()
        self._ended_at = time.monotonic()
        if self._channel is not None:
            self._channel.drain()  # its last words came before its end
        self._out_of_memory |= ended.out_of_memory
        self._cpu_at_end = ended.cpu_seconds
        if ended.out_of_memory:
            self._failure = f"{self._too_much()} by the kernel"
        elif self._failure is None and not (self._asked or ended.status == 0):
            self._failure = _GIVEN_UP.get(ended.status, ended.words)
        elif self._failure is None and not self._asked:
            self._failure = "it ended by itself"

    def _clean(self) -> None:
        if self._killing is not None:
            self._killing.cancel()
        if self._watching is not None:
            self._watching.cancel()
        if self._channel is not None:
            self._channel.close()
        if self._groups:
            counted = self._parts.groups.used(self._groups).cpu_seconds
            self._cpu_at_end = self._cpu_at_end if counted is None else counted
            self._parts.clean(self._groups)
        last = self.used.cpu_seconds if self._cpu_at_end is None else self._cpu_at_end
        self.used = Used(cpu_seconds=last)

    def _said(self, kind: str, value: Value) -> None:
        if kind == "ready" and self.stage is Stage.STARTING and not self._ready.is_set():
            self.stage, self._ready_at = Stage.READY, time.monotonic()
            self.start_ms = (self._ready_at - self._began) * 1000
            self._ready.set()
            self._changed(self)
        elif kind == "standby" and self.stage is Stage.STANDBY:
            self._imports.set()
        elif kind == "imported" and isinstance(value, tuple):
            self.imported = value
        elif kind == "fatal":
            self._failure = self._failure or str(value)
        elif kind == "idle" and self.stage is Stage.READY and isinstance(value, float):
            self._idle(self, value)


def _process_state(pid: int) -> str:
    """One letter, as proc_pid_stat(5) has it; "" when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""
