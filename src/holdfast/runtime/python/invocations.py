"""Invocations: what runs now, for whom, until when, and what it used; the records and lines that go to the pool."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import resource
import time
from collections.abc import Callable, Coroutine
from functools import cached_property
from typing import Any, Literal

from holdfast.runtime.python.channel import Channel
from holdfast.runtime.python.payload import Limits
from holdfast.runtime.python.tally import Tallies
from holdfast.runtime.python.workers.context import invocation as current

Trigger = Literal["http", "scheduled", "rpc", "websocket"]
Outcome = Literal["ok", "exception", "timeout", "cancelled", "exceededCpu"]
TICK = 0.1  # seconds between looks at deadlines, while anything runs
GRACE = 2.0  # seconds a cancelled invocation may take to end
BACKGROUND = 30.0  # seconds waitUntil lasts after the answer
LONGEST_LINE = 8 * 1024  # characters
_FRESH = 0.00005  # seconds for which a reading of the thread's clock stands: another one costs a system call
_cpu = time.thread_time_ns
_now = time.monotonic
_quoted = json.encoder.encode_basestring_ascii


class CpuExceeded(BaseException):
    """Raised inside an invocation whose processor time, or patience with blocking code, is over.

    Not an Exception: `except Exception` in a loop must not keep it alive.
    """


class Invocation:
    """One handling of one event."""

    __slots__ = (
        "answered",
        "at",
        "background",
        "cancelled_at",
        "cpu_ns",
        "deadline",
        "ends",
        "error",
        "forced",
        "lines",
        "method",
        "number",
        "outcome",
        "path",
        "ray",
        "registry",
        "started",
        "status",
        "task",
        "trigger",
    )

    def __init__(self, registry: Invocations, trigger: Trigger, method: str, path: str, ray: str | None) -> None:
        self.registry = registry
        self.number = next(registry.numbers)
        self.trigger: Trigger = trigger
        self.method = method
        self.path = path
        self.ray = ray
        self.status: int | None = None
        self.at = time.time()
        self.started = time.monotonic()
        self.deadline: float | None = self.started + registry.limits.timeout_seconds
        self.cpu_ns = 0
        self.outcome: Outcome | None = None
        self.error: dict[str, Any] | None = None
        self.lines = 0
        self.task: asyncio.Task[Any] | None = None
        self.background: set[asyncio.Future[Any]] | None = None
        self.ends: list[Callable[[], None]] | None = None  # called when it is over
        self.cancelled_at: float | None = None
        self.forced = False
        self.answered = False

    @property
    def id(self) -> str:
        return f"{self.registry.prefix}{self.number:08x}"

    def keep(self, task: asyncio.Future[Any]) -> None:
        if self.background is None:
            self.background = set()
        self.background.add(task)

    def renew(self) -> None:
        """The client or the worker made progress: the time begins again."""
        if self.cancelled_at is None:
            self.deadline = time.monotonic() + self.registry.limits.timeout_seconds

    def suspend(self) -> None:
        """The client is slow or the connection is a socket: not the worker's time."""
        if self.cancelled_at is None:
            self.deadline = None

    def log(self, level: str, text: str) -> None:
        self.lines += 1
        most = self.registry.limits.log_lines
        if self.lines > most:
            return
        if self.lines == most:
            text, level = f"no more lines of this invocation are kept: the limit is {most}", "warn"
        # with the first line goes its request: should the process end under it, its lines are found by that
        self.registry.line(self.id, level, text, self.ray if self.lines == 1 else None)

    def failed(self, outcome: Outcome, error: dict[str, Any] | None = None) -> None:
        """The first failure counts."""
        if self.outcome is None or self.outcome == "ok":
            self.outcome, self.error = outcome, error

    def cancel(self, outcome: Outcome) -> None:
        """Ask it to end: its tasks are cancelled; after GRACE seconds the process is given up."""
        if self.cancelled_at is not None:
            return
        self.failed(outcome)
        self.cancelled_at = time.monotonic()
        if self.task is not None:
            self.task.cancel()
        for each in self.background or ():
            each.cancel()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        registry = self.registry
        registry.enter(self)
        current.set(self)
        try:
            self.task = asyncio.Task(Metered(work, self), loop=registry.loop)
        finally:
            current.set(None)
        self.task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self.answered = True
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failed("exception", {"type": type(error).__name__, "message": str(error), "stack": ""})
        if self.background and any(not each.done() for each in self.background):
            self.deadline = None
            waiting = asyncio.Task(self._rest(), loop=task.get_loop())
            waiting.add_done_callback(lambda _: self.registry.leave(self))
            return
        self._judge_background()
        self.registry.leave(self)

    async def _rest(self) -> None:
        """What waitUntil was given, within its bound."""
        end = time.monotonic() + BACKGROUND
        while self.background and (open_ := [each for each in self.background if not each.done()]):
            if (left := end - time.monotonic()) <= 0:
                for each in open_:
                    each.cancel()
                self.log("warn", f"waitUntil was cut off {BACKGROUND:.0f} s after the answer")
                self.failed("cancelled")
                await asyncio.wait(open_, timeout=GRACE)
                break
            await asyncio.wait(open_, timeout=left)
        self._judge_background()

    def _judge_background(self) -> None:
        for each in self.background or ():
            if each.done() and not each.cancelled() and (error := each.exception()) is not None:
                told = self.registry.describe(error)
                self.log("error", f"after the answer: {told['stack']}")
                self.failed("exceededCpu" if isinstance(error, CpuExceeded) else "exception", told)

    def record(self, wall: float | None = None) -> bytes:
        """Its message to the pool, `wall` milliseconds after its start. Written by hand: it is made often."""
        wall = (time.monotonic() - self.started) * 1000 if wall is None else wall
        status = "null" if self.status is None else self.status
        ray = "null" if self.ray is None else _quoted(self.ray[:256])
        error = "" if self.error is None else f',"error":{json.dumps(self.error)}'
        text = (
            f'{{"t":"invocation","id":"{self.id}","trigger":"{self.trigger}","at":{int(self.at * 1000)},'
            f'"method":{_quoted(self.method)},"path":{_quoted(self.path[:2048])},"status":{status},'
            f'"outcome":"{self.outcome or "ok"}","wall_ms":{wall:.3f},"cpu_ms":{self.cpu_ns / 1e6:.3f},'
            f'"memory_bytes":{self.registry.memory()},"ray":{ray}{error}}}'
        )
        return text.encode()


class Invocations:
    """All that run in this process. `stuck` is called with the invocation that would not end."""

    def __init__(
        self,
        channel: Channel,
        limits: Limits,
        describe: Callable[[BaseException], dict[str, Any]],
        stuck: Callable[[Invocation], None],
    ) -> None:
        self.channel = channel
        self.limits = limits
        self.describe = describe
        self.active: set[Invocation] = set()
        self.idle_since = time.monotonic()
        self.watch: Callable[[], None] = lambda: None
        self.watched = False  # whether whoever watches looks by itself; what enters while it does not says `watch`
        self._stuck = stuck
        self._ticking = False
        self._quiet: asyncio.Event | None = None
        self.numbers = itertools.count(1)
        self.prefix = f"{int(time.time()):08x}{os.urandom(4).hex()}"
        self._memory = (0.0, 0)
        self.tallies = Tallies(channel.send, self.memory)
        self.running: Invocation | None = None  # whose code has the processor
        self.since = 0  # nanoseconds of the main thread's clock when it got it
        self.since_wall = 0.0
        self.read = 0  # that clock when the last turn ended
        self.read_at = -1.0  # and the wall's
        self.step = 0  # counts turns, so that a watcher can tell one long turn from many

    @cached_property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop of this process; asked for again, it would cost a system call."""
        return asyncio.get_running_loop()

    def line(self, invocation: str | None, level: str, text: str, ray: str | None = None) -> None:
        if len(text) > LONGEST_LINE:
            text = text[:LONGEST_LINE] + f" ... ({len(text)} characters)"
        at = int(time.time() * 1000)
        told = {"t": "log", "invocation": invocation, "at": at, "level": level, "text": text}
        self.channel.send(told if ray is None else told | {"ray": ray})

    def full(self) -> bool:
        """Whether all places are taken. Open sockets and work after an answer take none."""
        most = self.limits.concurrency
        if len(self.active) < most:
            return False
        return sum(1 for each in self.active if each.trigger != "websocket" and not each.answered) >= most

    def enter(self, invocation: Invocation) -> None:
        self.active.add(invocation)
        if not self.watched:
            self.watch()
        if not self._ticking:
            self._ticking = True
            self.loop.call_later(TICK, self._tick)

    def leave(self, invocation: Invocation) -> None:
        self.active.discard(invocation)
        for each in invocation.ends or ():
            each()
        if not self.active:
            self.idle_since = time.monotonic()
            if self._quiet is not None:
                self._quiet.set()
        wall = (time.monotonic() - invocation.started) * 1000
        if not self.tallies.takes(invocation, wall):
            self.channel.send_soon(invocation.record(wall))

    async def quiet(self, seconds: float) -> None:
        """Wait until nothing runs, at most `seconds`."""
        self._quiet = asyncio.Event()
        if self.active:
            await asyncio.wait((asyncio.ensure_future(self._quiet.wait()),), timeout=seconds)

    def _tick(self) -> None:
        now = time.monotonic()
        for each in list(self.active):
            if each.cancelled_at is not None:
                if now - each.cancelled_at > GRACE and each.task is not None and not each.task.done():
                    self._stuck(each)
            elif each.deadline is not None and now > each.deadline:
                each.cancel("timeout")
        if self.active:
            self.loop.call_later(TICK, self._tick)
        else:
            self._ticking = False

    def memory(self) -> int:
        """Bytes resident, looked at no more than once a second: reading it costs more than a small request."""
        now = time.monotonic()
        if now - self._memory[0] > 1.0:
            self._memory = (now, _resident())
        return self._memory[1]


class Metered(Coroutine[Any, Any, Any]):
    """A coroutine whose turns are timed on the thread's processor clock, for its invocation."""

    __slots__ = ("_coroutine", "_invocation", "_send")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], invocation: Invocation) -> None:
        self._coroutine = coroutine
        self._invocation = invocation
        self._send = coroutine.send

    def send(self, value: Any) -> Any:
        invocation = self._invocation
        registry = invocation.registry
        outer = registry.running
        registry.step += 1
        registry.running = invocation
        registry.since = start = registry.read if _now() - registry.read_at < _FRESH else _cpu()
        try:
            return self._send(value)
        finally:
            registry.read = end = _cpu()
            registry.read_at = _now()
            invocation.cpu_ns += end - start
            registry.running = outer

    def throw(self, *error: Any) -> Any:
        invocation = self._invocation
        registry = invocation.registry
        outer = registry.running
        registry.step += 1
        registry.running = invocation
        registry.since = start = _cpu()
        try:
            return self._coroutine.throw(*error)
        finally:
            invocation.cpu_ns += _cpu() - start
            registry.running = outer

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Any:
        return self._coroutine.__await__()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._coroutine, name)


def task_factory(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
    """Tasks that user code starts count for the invocation that started them."""
    running = current.get()
    if isinstance(running, Invocation) and asyncio.iscoroutine(coroutine):
        coroutine = Metered(coroutine, running)
    return asyncio.Task(coroutine, loop=loop, **options)


def _resident() -> int:
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
