"""Children that do one deed each, and are killed, stopped or lied to by their store while they do it.

The driver itself never has a thread, so that forking it is safe; each deed runs in a process of its own.
"""

from __future__ import annotations

import json
import mmap
import os
import random
import signal
import struct
import sys
import time
import traceback
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

from holdfast.kernel.errors import DiskFull, HoldfastError, Retryable
from holdfast.vault import check, gc, gc_sweep, packing, pipeline
from holdfast.vault.stores.base import Pieces
from holdfast.vault.stores.local import LocalStore

KINDS = ("kill", "stop", "full", "failed", "late", "torn", "duplicate", "slow")
_HOOKED = (pipeline, packing, gc, gc_sweep)
_LOADED = (check,)  # by the driver once, not by every child


class OffsetClock:
    """The machine's clock, set wrong by so many seconds; monotonic time is right."""

    def __init__(self, seconds: float) -> None:
        self._offset = timedelta(seconds=seconds)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._offset

    def monotonic(self) -> float:
        return time.monotonic()


class Tally:
    """Counts that a killed child leaves behind: one number for each kind of fault in shared memory."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, mmap.PAGESIZE)

    def add(self, kind: str) -> None:
        at = KINDS.index(kind) * 8
        (count,) = struct.unpack_from("<q", self._memory, at)
        struct.pack_into("<q", self._memory, at, count + 1)

    def read(self) -> dict[str, int]:
        found = struct.unpack_from(f"<{len(KINDS)}q", self._memory, 0)
        self._memory.close()
        return {kind: count for kind, count in zip(KINDS, found, strict=True) if count}


class ShakenStore(LocalStore):
    """A local store that fails by chance: before the act, after it, half way, twice, late, or for want of room."""

    def __init__(self, root: Path, chance: float, rng: random.Random, tally: Tally) -> None:
        super().__init__(root)
        self._chance, self._rng, self._tally = chance, rng, tally

    def put(self, name: str, pieces: Pieces) -> None:
        kind = self._rng.choice(KINDS[2:]) if self._rng.random() < self._chance else ""
        if kind:
            self._tally.add(kind)
        if kind == "full":
            raise DiskFull("no room left, says the test", hint="-")
        if kind == "failed":
            raise Retryable("failed, says the test")
        if kind == "torn":
            self._tmp.mkdir(exist_ok=True)
            data = b"".join(pieces)
            (self._tmp / uuid.uuid4().hex).write_bytes(data[: len(data) // 2])
            raise Retryable("torn, says the test")
        if kind == "slow":
            time.sleep(0.02)
        super().put(name, pieces)
        if kind == "duplicate":
            super().put(name, pieces)
        if kind == "late":
            raise Retryable("the answer was lost, says the test")

    def delete(self, name: str) -> None:
        kind = self._rng.choice(("failed", "late", "slow")) if self._rng.random() < self._chance else ""
        if kind:
            self._tally.add(kind)
        if kind == "failed":
            raise Retryable("failed, says the test")
        if kind == "slow":
            time.sleep(0.02)
        super().delete(name)
        if kind == "late":
            raise Retryable("the answer was lost, says the test")


@dataclass(frozen=True)
class Harm:
    """What happens to a child: at the n-th passing of a crash point a signal, or a store that fails by chance."""

    point: str = ""
    nth: int = 1
    signal: int = signal.SIGKILL
    chance: float = 0.0
    seed: int = 0


@dataclass
class Ended:
    """`error` a code of ours; `bug` what nobody planned. Killed: neither, and no result."""

    result: Any = None
    error: str | None = None
    bug: str | None = None
    killed: bool = False
    faults: dict[str, int] = field(default_factory=dict)

    @property
    def succeeded(self) -> bool:
        return not self.killed and self.error is None and self.bug is None


@dataclass
class Child:
    pid: int
    pipe: int
    tally: Tally

    def stopped(self) -> bool:
        """Wait until it stops itself or ends; whether it stopped. One that ended is waited for by `end`."""
        done = os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        return done is not None and done.si_code == os.CLD_STOPPED

    def wake(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def end(self) -> Ended:
        with os.fdopen(self.pipe, "rb") as pipe:
            said = pipe.read()
        _, status = os.waitpid(self.pid, 0)
        ended = Ended(**json.loads(said)) if said else Ended(killed=True)
        ended.faults = self.tally.read()
        if not said and not os.WIFSIGNALED(status):
            ended.bug = f"a child ended with {status} and said nothing"
        return ended


Deed = Callable[[LocalStore], Any]


def start(root: Path, deed: Deed, harm: Harm) -> Child:
    """Fork; the child does the deed on a store of `root` and says how it went."""
    sys.stdout.flush()
    reading, writing = os.pipe()
    tally = Tally()
    pid = os.fork()
    if pid:
        os.close(writing)
        return Child(pid, reading, tally)
    os.close(reading)
    _live(root, deed, harm, tally, writing)


def _live(root: Path, deed: Deed, harm: Harm, tally: Tally, writing: int) -> NoReturn:
    """The child's whole life. Never returns: what the driver has on its stack is not the child's."""
    said: dict[str, Any] = {}
    try:
        _arm(harm, tally)
        store = ShakenStore(root, harm.chance, random.Random(harm.seed), tally)
        said["result"] = deed(store)
    except HoldfastError as error:
        said["error"] = error.code
    except BaseException:  # noqa: BLE001  told to the driver, who fails
        said["bug"] = traceback.format_exc()
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(json.dumps(said).encode())
    os._exit(0)


def _arm(harm: Harm, tally: Tally) -> None:
    passed = [0]

    def point(name: str) -> None:
        if name != harm.point:
            return
        passed[0] += 1
        if passed[0] == harm.nth:
            tally.add("kill" if harm.signal == signal.SIGKILL else "stop")
            os.kill(os.getpid(), harm.signal)

    for module in _HOOKED:
        module.crash_point = point  # type: ignore[attr-defined]


def done(root: Path, deed: Deed, harm: Harm | None = None) -> Ended:
    return start(root, deed, harm or Harm()).end()


def chosen(rng: random.Random, points: tuple[str, ...]) -> Iterator[Harm]:
    """Harms at random, for ever: a kill, a store that fails, or none."""
    while True:
        dice = rng.random()
        if dice < 0.5:
            yield Harm(rng.choice(points), rng.choice((1, 1, 2, 3)))
        elif dice < 0.85:
            yield Harm(chance=rng.choice((0.05, 0.2)), seed=rng.getrandbits(32))
        else:
            yield Harm()
