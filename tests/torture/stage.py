"""Children that do one deed each, and are killed, stopped or lied to by their store while they do it.

The driver itself never has a thread, so that forking it is safe; each deed runs in a process of its own.
"""

from __future__ import annotations

import faulthandler
import json
import os
import random
import select
import signal
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

from shaken import Dice, ShakenStore, Tally

from holdfast.kernel.errors import HoldfastError
from holdfast.vault import check, copying, gc, gc_sweep, packing, pipeline, repair
from holdfast.vault.stores.base import Store
from holdfast.vault.stores.retrying import RetryingStore

_LOADED = (check, copying, gc, gc_sweep, packing, pipeline, repair)  # by the driver once, not by every child
_PATIENCE = 40.0  # some seven tries: the waits are reckoned and not waited
_HANGS_AFTER = 120.0
PLANNED = frozenset(
    {  # what an honest repository may answer with while its store or its clock lies
        "unavailable",
        "storage_full",
        "disk_full",
        "repository_lock_lost",
        "repository_locked",
        "snapshot_missing",
        "cancelled",
    }
)
DAMAGED = frozenset({"corrupt", "gc_refused", "verification_failed"})

Place = Callable[[Path], Store]
Deed = Callable[[Place], Any]


class OffsetClock:
    """The machine's clock, set wrong by so many seconds; monotonic time is right."""

    def __init__(self, seconds: float) -> None:
        self._offset = timedelta(seconds=seconds)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._offset

    def monotonic(self) -> float:
        return time.monotonic()


@dataclass(frozen=True)
class Harm:
    """A signal at the n-th passing of a crash point ("" = of any, None = no signal); a store that fails by `chance`.

    `patient`: as in front of a cloud's store, what failed in passing is tried again."""

    point: str | None = None
    nth: int = 1
    signal: int = signal.SIGKILL
    chance: float = 0.0
    seed: int = 0
    patient: bool = False
    garble: bool = False

    @property
    def allowed(self) -> frozenset[str]:
        return PLANNED | DAMAGED if self.garble else PLANNED


@dataclass
class Ended:
    """`error` a code of ours; `bug` what nobody planned. Killed: neither, and no result."""

    result: Any = None
    error: str | None = None
    bug: str | None = None
    killed: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    harm: Harm = field(default_factory=Harm)

    @property
    def succeeded(self) -> bool:
        return not self.killed and self.error is None and self.bug is None


@dataclass
class Child:
    pid: int
    pipe: int
    tally: Tally
    harm: Harm

    def stopped(self) -> bool:
        """Wait until it stops itself or ends; whether it stopped. One that ended is waited for by `end`."""
        done = os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        return done is not None and done.si_code == os.CLD_STOPPED

    def wake(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def end(self) -> Ended:
        """A child that says nothing for two minutes hangs: that is a bug, and it is killed."""
        ready, _, _ = select.select([self.pipe], [], [], _HANGS_AFTER)
        if not ready:
            self.kill()
        with os.fdopen(self.pipe, "rb") as pipe:
            said = pipe.read()
        _, status = os.waitpid(self.pid, 0)
        ended = Ended(**json.loads(said)) if said else Ended(killed=True)
        ended.counts, ended.harm = self.tally.read(), self.harm
        if not ready:
            ended.bug = "it hung"
        elif not said and not os.WIFSIGNALED(status):
            ended.bug = f"a child ended with {status} and said nothing"
        return ended


def start(deed: Deed, harm: Harm) -> Child:
    """Fork; the child does the deed on shaken stores and says how it went."""
    sys.stdout.flush()
    reading, writing = os.pipe()
    tally = Tally()
    pid = os.fork()
    if pid:
        os.close(writing)
        return Child(pid, reading, tally, harm)
    os.close(reading)
    _live(deed, harm, tally, writing)


def _live(deed: Deed, harm: Harm, tally: Tally, writing: int) -> NoReturn:
    """The child's whole life. Never returns: what the driver has on its stack is not the child's."""
    faulthandler.dump_traceback_later(_HANGS_AFTER - 10)  # where, for who reads that it hung
    said: dict[str, Any] = {}
    shaken: list[ShakenStore] = []
    try:
        passed = _Passed(harm, tally)
        for name, module in list(sys.modules.items()):
            if name.startswith("holdfast.vault.") and hasattr(module, "crash_point"):
                module.crash_point = passed  # type: ignore[attr-defined]
        dice = Dice(harm.chance, harm.seed, tally, garble=harm.garble)

        def place(root: Path) -> Store:
            shaken.append(ShakenStore(root, dice, passed))
            if not harm.patient:
                return shaken[-1]
            return RetryingStore(shaken[-1], OffsetClock(0), _PATIENCE, lambda _seconds: None)

        try:
            said["result"] = deed(place)
        finally:
            for store in shaken:
                store.settle()
    except HoldfastError as error:
        said["error"] = error.code
    except BaseException:  # noqa: BLE001  told to the driver, who fails
        said["bug"] = traceback.format_exc()
    try:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(json.dumps(said).encode())
    finally:  # also when the driver is gone and nobody listens: a child must not go on as a driver
        os._exit(0)


class _Passed:
    def __init__(self, harm: Harm, tally: Tally) -> None:
        self._harm, self._tally = harm, tally
        self._turn = threading.Lock()
        self._count = 0

    def __call__(self, point: str) -> None:
        if self._harm.point is None or self._harm.point not in ("", point):
            return
        with self._turn:
            self._count += 1
            if self._count != self._harm.nth:
                return
            kind = "kill" if self._harm.signal == signal.SIGKILL else "stop"
            self._tally.signalled(kind, point)
            os.kill(os.getpid(), self._harm.signal)


def done(deed: Deed, harm: Harm | None = None) -> Ended:
    return start(deed, harm or Harm()).end()


def chosen(rng: random.Random, points: tuple[str, ...], turn: int) -> Iterator[Harm]:
    """Harms at random, for ever: a kill, a store that fails, both, or none. Each point has its turn."""
    while True:
        dice, storm = rng.random(), rng.random()
        patient = storm < 0.8
        seed, garble = rng.getrandbits(32), storm < 0.25
        chance = rng.choice((0.2, 0.35, 0.5)) if patient else rng.choice((0.05, 0.15))
        if dice < 0.35:
            turn += 1
            yield Harm(points[turn % len(points)], rng.choice((1, 1, 1, 2)))
        elif dice < 0.5:
            yield Harm("", rng.randint(1, 16), chance=chance / 2, seed=seed, patient=patient, garble=garble)
        elif dice < 0.93:
            yield Harm(chance=chance, seed=seed, patient=patient, garble=garble)
        else:
            yield Harm()
