"""The watcher of one process: ends code that does not give the event loop back.

A thread looks at the main thread's processor clock every 50 ms while anything runs. A turn that uses more than its
invocation's `cpu_ms`, or blocks for longer than the timeout, gets SIGXCPU, whose handler raises inside that very turn,
so that other requests live on. Code that swallows this is given up with the process (exit EXIT_STUCK); code that never
lets the thread run either (a C call holding the interpreter's lock) dies by a timer of the kernel (exit EXIT_FROZEN).
"""

from __future__ import annotations

import _thread
import ctypes
import os
import signal
import threading
import time
from collections.abc import Callable

from holdfast.runtime.python.invocations import CpuExceeded, Invocation, Invocations

EXIT_STUCK = 75
EXIT_FROZEN = int(signal.SIGPROF)  # 27: the C function _exit is the handler, and gets the signal's number
_LOOK = 0.05
_INSIST = 1.0  # seconds between the exception and giving up
_FROZEN = 2.0  # seconds of processor time beyond every limit in which the watcher could not run once


class Guard:
    """`give_up(invocation)` is called in the watcher's thread, as the last thing before the process ends."""

    def __init__(self, registry: Invocations, give_up: Callable[[Invocation], None]) -> None:
        self._registry = registry
        self._give_up = give_up
        self._wake = threading.Event()
        self._begun = False
        self._main = threading.get_ident()
        self._clock = time.pthread_getcpuclockid(self._main)
        self._aimed: Invocation | None = None
        limits = registry.limits
        self._frozen = _FROZEN + max(limits.timeout_seconds, (limits.cpu_ms or 0) / 1000)

    def install(self) -> None:
        """In the main thread, before any user code."""
        signal.signal(signal.SIGXCPU, self._raise)
        library = ctypes.CDLL(None)
        library.signal.argtypes = (ctypes.c_int, ctypes.c_void_p)
        library.signal.restype = ctypes.c_void_p
        library.signal(int(signal.SIGPROF), ctypes.cast(library._exit, ctypes.c_void_p).value)
        self._registry.watch = self.watch

    def watch(self) -> None:
        """Something runs: look until nothing does. The timer is set here: what runs may never let the thread do it."""
        signal.setitimer(signal.ITIMER_PROF, self._frozen)
        if not self._begun:
            self._begun = True
            _thread.start_new_thread(self._run, ())  # a Thread's start waits for it: 5 ms of the first answer
        self._wake.set()

    def _raise(self, *_: object) -> None:
        """In the main thread, between two of its bytecodes, so that what runs is what is judged."""
        running, self._aimed = self._aimed, None
        if running is not None and self._registry.running is running:
            running.failed("exceededCpu" if self._over(running)[0] else "timeout")
            running.forced = True
            raise CpuExceeded("the invocation used its processor time up or blocked the event loop for too long")

    def _over(self, invocation: Invocation) -> tuple[bool, bool]:
        """Whether the processor time, the wall time of this turn are over."""
        registry = self._registry
        used = invocation.cpu_ns + time.clock_gettime_ns(self._clock) - registry.since
        budget = registry.limits.cpu_ms
        blocked = time.monotonic() - registry.since_wall
        return budget is not None and used > budget * 1_000_000, blocked > registry.limits.timeout_seconds

    def _run(self) -> None:
        registry = self._registry
        turn, insisted = -1, 0.0
        registry.watched = True
        while True:
            if not registry.active:
                signal.setitimer(signal.ITIMER_PROF, 0)
                registry.watched = False  # before the last look: what enters after it wakes us
                self._wake.clear()
                if not registry.active:
                    self._wake.wait()
                registry.watched = True
            signal.setitimer(signal.ITIMER_PROF, self._frozen)
            time.sleep(_LOOK)
            running, step, now = registry.running, registry.step, time.monotonic()
            if running is None or step != turn:
                turn, insisted = step, 0.0
                registry.since_wall = now
                if running is None:
                    continue
            if not any(self._over(running)):
                continue
            if not insisted:
                insisted = now
                self._aimed = running
                signal.pthread_kill(self._main, signal.SIGXCPU)
            elif now - insisted > _INSIST:
                self._give_up(running)
                os._exit(EXIT_STUCK)
