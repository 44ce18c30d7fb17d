"""One process of a version: made, heard, told to stop, and how it ended."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from enum import Enum, auto
from pathlib import Path

from holdfast.kernel.errors import HoldfastError, Retryable
from holdfast.runtime.live import LiveVersion
from holdfast.runtime.pool.channel import ChannelReader
from holdfast.runtime.pool.doors import Doors
from holdfast.runtime.pool.face import Groups, Order, Running, Secrets, Spawn, Used
from holdfast.runtime.pool.policy import Policy
from holdfast.runtime.python.guard import EXIT_FROZEN, EXIT_STUCK
from holdfast.runtime.telemetry import TelemetryWriter

_log = logging.getLogger("holdfast.pool")
_GIVEN_UP = {
    EXIT_STUCK: "an invocation did not end although its time was over, and the process was given up",
    EXIT_FROZEN: "a call held the interpreter long after its time was over, and the kernel ended the process",
}


class Stage(Enum):
    """From first to last; only `STARTING` and `READY` take new work."""

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
    """`run` is its whole life. `changed` is called when it has become ready, `idle` with seconds while nothing runs."""

    def __init__(
        self,
        version: LiveVersion,
        number: int,
        doors: Doors,
        parts: Parts,
        changed: Callable[[Process], None],
        idle: Callable[[Process, float], None],
    ) -> None:
        self.version = version
        self.stage = Stage.QUEUED
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
        self._failure: str | None = None
        self._asked = False
        self._killing: asyncio.TimerHandle | None = None
        self._suspect: float | None = None  # when a process that is silent too long was last heard

    @property
    def accepting(self) -> bool:
        return self.stage in (Stage.QUEUED, Stage.STARTING, Stage.READY)

    @property
    def pid(self) -> int | None:
        return None if self._running is None else self._running.pid

    async def run(self) -> Ended:
        """Waits in line for its start; returns when the process is gone and nothing of it is left."""
        try:
            async with self._parts.starting:
                if not self._asked:
                    running = await self._start()
                    await self._settled(running, self._parts.policy.place_seconds)
            if self._running is not None:
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
        return Ended(failure, self._ready_at is not None, self._out_of_memory, lived)

    def stop(self, grace: float) -> None:
        """No new work; what runs may take `grace` seconds, then it is killed. Idempotent."""
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
        """Read its groups; give it up when its event loop turns no more."""
        if self._running is None:
            return
        if self._groups:
            self.used = self._parts.groups.used(self._groups)
        if self._channel is not None and self.stage is Stage.READY:
            self._judge_silence(self._channel.heard_at)

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
        self._began = time.monotonic()
        self.stage = Stage.STARTING
        limits = self.version.limits
        self._groups = await asyncio.to_thread(self._parts.groups.make, self._name, limits)
        secrets = await asyncio.to_thread(self._parts.secrets, self.version)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._channel = ChannelReader(ours, self.version, self._parts, self._said)
            order = Order(
                self.version,
                self._doors.sockets,
                self._doors.descriptors,
                theirs.fileno(),
                self._groups,
                payload(self.version, secrets),
            )
            self._running = await self._parts.spawn(order)
        if self._asked:
            self._running.kill()  # it was told to stop while its walls were built
        return self._running

    async def _settled(self, running: Running, seconds: float) -> bool:
        """Whether it became ready or ended within so long."""
        ready = asyncio.create_task(self._ready.wait())
        gone = asyncio.create_task(running.wait())  # the exit itself is asked for again in `_finish`
        try:
            done, _ = await asyncio.wait((ready, gone), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
            gone.cancel()
        return bool(done)

    async def _until_ready(self, running: Running) -> None:
        seconds = self._parts.policy.start_seconds
        left = self._began + seconds - time.monotonic()
        if not await self._settled(running, max(0.0, left)):
            why = "its main module was still being imported, and it was ended"
            self.kill(f"it was not ready after {seconds:g} s: {why}")

    async def _finish(self, running: Running) -> None:
        ended = await running.wait()
        if self._channel is not None:
            self._channel.drain()  # its last words came before its end
        self._out_of_memory = ended.out_of_memory
        self._cpu_at_end = ended.cpu_seconds
        if ended.out_of_memory:
            mib = self.version.limits.memory_bytes // (1024 * 1024)
            self._failure = f"it used more memory than its limit of {mib} MiB and was ended by the kernel"
        elif self._failure is None and not (self._asked or ended.status == 0):
            self._failure = _GIVEN_UP.get(ended.status, ended.words)
        elif self._failure is None and not self._asked:
            self._failure = "it ended by itself"

    def _clean(self) -> None:
        if self._killing is not None:
            self._killing.cancel()
        if self._channel is not None:
            self._channel.close()
        if self._groups:
            counted = self._parts.groups.used(self._groups).cpu_seconds
            self._cpu_at_end = self._cpu_at_end if counted is None else counted
            self._parts.clean(self._groups)
        last = self.used.cpu_seconds if self._cpu_at_end is None else self._cpu_at_end
        self.used = Used(cpu_seconds=last)

    def _said(self, kind: str, value: str | float) -> None:
        if kind == "ready" and self.stage is Stage.STARTING and not self._ready.is_set():
            self.stage, self._ready_at = Stage.READY, time.monotonic()
            self.start_ms = (self._ready_at - self._began) * 1000
            self._ready.set()
            self._changed(self)
        elif kind == "fatal":
            self._failure = self._failure or str(value)
        elif kind == "idle" and self.stage is Stage.READY:
            self._idle(self, float(value))


def payload(version: LiveVersion, secrets: dict[str, str]) -> bytes:
    """What the host in the sandbox is told; targets without the paths of files, which it has no business to know.

    Raises Retryable when a secret has no value: it was deleted a moment ago.
    """
    if missing := sorted(set(version.secrets) - set(secrets)):
        raise Retryable(f"no value for the secret {missing[0]}", code="secret_missing")
    return json.dumps(
        {
            "version": {
                "id": version.id,
                "number": version.number,
                "tag": version.tag,
                "created_at": version.created_at,
                "worker": version.worker,
                "token": version.token,
            },
            "main": version.main,
            "compatibility_date": version.compatibility_date,
            "flags": list(version.flags),
            "vars": dict(version.vars),
            "secrets": {name: secrets[name] for name in version.secrets},
            "bindings": [
                {"name": one.name, "kind": one.kind, "target": {k: v for k, v in one.target.items() if k != "path"}}
                for one in version.bindings
            ],
            "limits": asdict(version.limits),
            "permits": asdict(version.permits),
            "crons": list(version.crons),
            "routes": list(version.routes),
            "schemas": dict(version.schemas),
        }
    ).encode()


def _process_state(pid: int) -> str:
    """One letter, as proc_pid_stat(5) has it; "" when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""
