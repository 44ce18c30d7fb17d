"""Versions that keep the processor busy give way: they share a part of the processors, and on these anyone else goes
first.

A quota alone lets many tasks of one version run on every processor for half its period and stops them all at once: each
time they come back, whoever wakes beside them waits. On as many processors as the quota is worth they never meet it.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path

from holdfast.kernel.scheduling import LONG_SECONDS, SHORT_SECONDS, slice_of
from holdfast.runtime.live import LiveVersion
from holdfast.runtime.pool.face import Groups

LOOK_SECONDS = 0.25
_LOOKS = 2  # busy ones in a row
KEPT_SECONDS = 30.0  # after the last busy look, also for processes that are started meanwhile
Directories = tuple[str, ...]
Place = Callable[[int, set[int], float], None]  # a task, its processors, its slice in seconds


@dataclass
class _Seen:
    spent: float
    at: float
    busy: int = 0
    last: float = 0.0
    processors: frozenset[int] | None = None
    placed: set[int] = field(default_factory=set)
    yielding: set[Directories] = field(default_factory=set)


def places(processors: Sequence[int]) -> list[int]:
    """Those that busy versions may have: all but a quarter, and but one at least."""
    return list(processors)[max(1, len(processors) // 4) :]


def place(task: int, processors: set[int], slice_seconds: float) -> None:
    """Raises OSError when the task has ended or is none of ours."""
    os.sched_setaffinity(task, processors)
    with suppress(OSError):  # a kernel without slices: the processors alone do most of it
        slice_of(task, slice_seconds)


class Confinement:
    """`look` again and again with all versions and the control groups of their processes."""

    def __init__(
        self,
        groups: Groups,
        busy: float,
        processors: Iterable[int] | None = None,
        place: Place = place,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._groups, self._busy, self._place, self._clock = groups, busy, place, clock
        self._all = sorted(os.sched_getaffinity(0) if processors is None else processors)
        self._seen: dict[str, _Seen] = {}

    def look(self, versions: Iterable[tuple[LiveVersion, Sequence[Directories]]]) -> list[str]:
        """Confine who has become busy, let go who has not been for a while. Returns who was confined just now."""
        now, there = self._clock(), set()
        begun = []
        for version, directories in versions:
            there.add(version.id)
            if self._judge(version, directories, now):
                begun.append(version.id)
        for gone in self._seen.keys() - there:
            del self._seen[gone]
        return begun

    def confined(self, version_id: str) -> frozenset[int] | None:
        """The processors that it has; None: all of them."""
        seen = self._seen.get(version_id)
        return None if seen is None else seen.processors

    def _judge(self, version: LiveVersion, directories: Sequence[Directories], now: float) -> bool:
        spent = sum(self._groups.spent(each) or 0.0 for each in directories)
        seen = self._seen.setdefault(version.id, _Seen(spent, now))
        share = min(version.limits.cpus or len(self._all), len(self._all))
        used = (spent - seen.spent) / max(now - seen.at, 1e-6) / share
        seen.spent, seen.at = spent, now
        if used >= self._busy:
            seen.busy += 1
            seen.last = now
        elif used < self._busy / 2:
            seen.busy = 0
        begins = False
        if seen.processors is None and seen.busy >= _LOOKS:
            seen.processors = self._choose(share)
            begins = seen.processors is not None
        elif seen.processors is not None and now - seen.last > KEPT_SECONDS:
            self._put(seen, directories, set(self._all), SHORT_SECONDS, anew=True)
            for each in seen.yielding & set(directories):
                self._groups.idle(each, only=False)
            seen.processors, seen.busy = None, 0
            seen.placed.clear()
            seen.yielding.clear()
        if seen.processors is not None:
            for each in set(directories) - seen.yielding:
                self._groups.idle(each, only=True)
            seen.yielding = set(directories)
            self._put(seen, directories, set(seen.processors), LONG_SECONDS)
        return begins

    def _choose(self, share: float) -> frozenset[int] | None:
        """As many as its share is worth, those with the fewest others; None when that would be all."""
        allowed = places(self._all)
        if ceil(share) >= len(self._all) or not allowed:
            return None
        crowd = Counter(number for each in self._seen.values() for number in each.processors or ())
        return frozenset(sorted(allowed, key=lambda number: (crowd[number], -number))[: ceil(share)])

    def _put(
        self,
        seen: _Seen,
        directories: Sequence[Directories],
        processors: set[int],
        slice_seconds: float,
        *,
        anew: bool = False,
    ) -> None:
        """Tasks that a placed one starts are born where it is."""
        living = {task for each in directories for task in _tasks(self._groups.members(each))}
        for task in living if anew else living - seen.placed:
            try:
                self._place(task, processors, slice_seconds)
            except OSError:
                continue  # it has ended, or it is not ours to place
        seen.placed = living


def _tasks(pids: Iterable[int]) -> list[int]:
    found: list[int] = []
    for pid in pids:
        try:
            found += [int(each.name) for each in Path(f"/proc/{pid}/task").iterdir()]
        except OSError:
            continue
    return found
