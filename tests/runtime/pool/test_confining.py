"""Who keeps the processor busy is confined to a part of the processors, and let go when it is calm."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.kernel.scheduling import LONG_SECONDS, SHORT_SECONDS
from holdfast.runtime.live import LiveVersion, WorkerLimits
from holdfast.runtime.pool.confining import Confinement, places
from holdfast.runtime.pool.face import NoGroups
from holdfast.runtime.pool.policy import Policy

BUSY = Policy().busy
ONE = ("one",)
VERSION = LiveVersion("v", 1, None, "w", "shop", "p", "e", Path("/app"), "entry.py", None, "token", 100, "")


@dataclass
class Told(NoGroups):
    """Groups that say what the test says."""

    seconds: dict[tuple[str, ...], float] = field(default_factory=dict)
    pids: dict[tuple[str, ...], set[int]] = field(default_factory=dict)
    yields: dict[tuple[str, ...], bool] = field(default_factory=dict)

    def spent(self, directories: tuple[str, ...]) -> float | None:
        return self.seconds.get(directories)

    def idle(self, directories: tuple[str, ...], *, only: bool) -> None:
        self.yields[directories] = only

    def members(self, directories: tuple[str, ...]) -> set[int]:
        return self.pids.get(directories, set())


class Machine:
    def __init__(self, processors: int = 4) -> None:
        self.groups, self.now = Told(), 0.0
        self.placed: dict[int, set[int]] = {}
        self.slices: dict[int, float] = {}
        self.confinement = Confinement(self.groups, BUSY, range(processors), self._place, lambda: self.now)

    def _place(self, task: int, processors: set[int], slice_seconds: float) -> None:
        self.placed[task] = set(processors)
        self.slices[task] = slice_seconds

    def passes(self, share: float, seconds: float = 0.25, version: LiveVersion = VERSION) -> frozenset[int] | None:
        self.now += seconds
        self.groups.seconds[ONE] = self.groups.seconds.get(ONE, 0.0) + share * seconds
        before = self.confinement.confined(version.id)
        begun = self.confinement.look([(version, [ONE])])
        assert begun == ([version.id] if before is None and self.confinement.confined(version.id) else [])
        return self.confinement.confined(version.id)


def test_two_busy_looks_confine_and_half_a_minute_of_calm_frees() -> None:
    machine = Machine()
    machine.groups.pids[ONE] = {os.getpid()}
    assert machine.passes(0) is None
    assert machine.passes(1.0) is None
    assert machine.passes(1.0) == frozenset({3})
    assert (machine.placed[os.getpid()], machine.slices[os.getpid()]) == ({3}, LONG_SECONDS)
    assert machine.groups.yields == {ONE: True}
    for _ in range(118):
        assert machine.passes(0.01) == frozenset({3})
    for _ in range(4):
        machine.passes(0.01)
    assert machine.confinement.confined("v") is None
    assert (machine.placed[os.getpid()], machine.slices[os.getpid()]) == ({0, 1, 2, 3}, SHORT_SECONDS)
    assert machine.groups.yields == {ONE: False}


def test_a_short_burst_confines_nobody() -> None:
    machine = Machine()
    for _ in range(20):
        machine.passes(0)
        assert machine.passes(1.0) is None


def test_what_it_starts_later_is_placed_too() -> None:
    machine = Machine()
    for _ in range(3):
        machine.passes(1.0)
    machine.groups.pids[ONE] = {os.getpid()}
    machine.passes(1.0)
    assert machine.placed[os.getpid()] == {3}


def test_a_share_of_the_whole_machine_is_not_confined() -> None:
    version = replace(VERSION, limits=WorkerLimits(cpus=4.0))
    machine = Machine()
    for _ in range(10):
        assert machine.passes(4.0, version=version) is None


def test_busy_ones_spread_over_what_is_theirs() -> None:
    groups = Told()
    now = [0.0]
    confinement = Confinement(groups, BUSY, range(4), lambda *_: None, lambda: now[0])
    versions = [(replace(VERSION, id=f"v{number}"), [(str(number),)]) for number in range(4)]
    for _ in range(4):
        now[0] += 0.25
        for _, (directories,) in versions:
            groups.seconds[directories] = now[0]
        confinement.look(versions)
    found = sorted(min(confinement.confined(version.id) or {-1}) for version, _ in versions)
    assert found == [1, 2, 3, 3]


@given(st.lists(st.integers(0, 200), max_size=64, unique=True).map(sorted))
def test_one_processor_at_least_is_left_to_all_others(processors: list[int]) -> None:
    found = places(processors)
    assert set(found) < set(processors) or not processors
    assert len(found) == max(0, len(processors) - max(1, len(processors) // 4))


@pytest.fixture
def spinning() -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        yield process.pid
        process.kill()


def test_a_real_process_is_moved(spinning: int) -> None:
    processors = sorted(os.sched_getaffinity(0))
    if len(processors) < 2:
        pytest.skip("never: one processor cannot be shared out")
    groups, now = Told(), [0.0]
    groups.pids[ONE] = {spinning}
    confinement = Confinement(groups, BUSY, clock=lambda: now[0])
    for _ in range(4):
        now[0] += 0.25
        groups.seconds[ONE] = now[0]
        confinement.look([(VERSION, [ONE])])
    assert os.sched_getaffinity(spinning) == {processors[-1]}
