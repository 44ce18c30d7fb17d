"""The counters: within any window never more than the limit, exactly as many, and forgotten when it has passed."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.features.limits.meter import Gauge, Meter
from holdfast.features.limits.windows import PARTS, WindowStorage
from holdfast.features.limits.words import Limit, Subject
from holdfast.kernel.clock import ManualClock

STEPS = st.lists(st.tuples(st.floats(0, 40, allow_nan=False), st.integers(1, 4)), max_size=80)


@settings(max_examples=300, deadline=None)
@given(steps=STEPS, limit=st.integers(0, 12), window=st.integers(1, 60))
def test_within_any_window_never_more_than_the_limit(steps, limit: int, window: int) -> None:
    """And what is refused would be admitted a sixtieth of a window after it should be, at the latest."""
    clock = ManualClock()
    storage = WindowStorage(clock=clock)
    admitted: list[float] = []
    for wait, amount in steps:
        clock.advance(wait)
        now = clock.monotonic()
        if storage.acquire_entry("k", limit, window, amount):
            admitted += [now] * amount
            assert sum(now - window < at for at in admitted) <= limit
        else:
            late = window + window / PARTS
            assert sum(now - late <= at + 1e-6 for at in admitted) + amount > limit


def test_threads_are_admitted_exactly_as_often_as_allowed() -> None:
    clock = ManualClock()
    meter = Meter(clock)
    subject = Subject("key", "key_1")
    gauges = [gauge for what in ("calls", "burst") if (gauge := Gauge.of(subject, what, Limit(700, 3600)))]
    admitted, start = [], threading.Barrier(8)

    def ask() -> None:
        start.wait()
        for _ in range(200):
            if meter.take(gauges)[0] is None:
                admitted.append(1)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(admitted) == 700
    assert [meter.look(gauge).used for gauge in gauges] == [700, 700]


def test_what_refuses_in_one_limit_is_counted_in_none() -> None:
    clock = ManualClock()
    meter = Meter(clock)
    subject = Subject("key", "key_1")
    wide, narrow = Gauge.of(subject, "calls", Limit(100, 3600)), Gauge.of(subject, "burst", Limit(3, 10))
    assert wide
    assert narrow
    for _ in range(50):
        meter.take([wide, narrow])
    assert meter.look(wide).used == 3
    refusing, _ = meter.take([wide, narrow])
    assert refusing is not None
    assert (refusing.what, refusing.remaining) == ("burst", 0)
    assert 0 < refusing.reset_in <= 10 + 10 / PARTS
    clock.advance(refusing.reset_in)
    assert meter.take([wide, narrow])[0] is None


def test_a_wall_clock_set_back_frees_and_blocks_nobody() -> None:
    clock = ManualClock()
    storage = WindowStorage(clock=clock)
    assert storage.acquire_entry("k", 1, 60)
    clock.set_wall(clock.now().replace(year=2020))
    assert not storage.acquire_entry("k", 1, 60)
    clock.advance(62)
    assert storage.acquire_entry("k", 1, 60)


def test_memory_is_bounded_and_the_least_used_goes_first() -> None:
    storage = WindowStorage(clock=ManualClock(), most=100)
    for number in range(100):
        storage.acquire_entry(f"k{number}", 5, 60)
    storage.acquire_entry("k0", 5, 60)
    for number in range(100, 199):
        storage.acquire_entry(f"k{number}", 5, 60)
    assert storage.get_moving_window("k0", 5, 60)[1] == 2
    assert storage.get_moving_window("k1", 5, 60)[1] == 0
    assert storage.reset() == 100


def test_a_day_of_calls_is_sixty_one_numbers() -> None:
    clock = ManualClock()
    storage = WindowStorage(clock=clock)
    for _ in range(3_000):
        clock.advance(31)
        assert storage.acquire_entry("k", 10**9, 86_400)
    assert len(storage._windows["k"].parts) <= PARTS + 1


@pytest.mark.parametrize("url", ["holdfast-memory://", "memory://"])
def test_the_storage_is_named_by_url(url: str) -> None:
    """Ours, and any other of the library: a shared server is a matter of its URL."""
    meter = Meter(ManualClock(), url)
    gauge = Gauge.of(Subject("key", "key_1"), "calls", Limit(2, 60))
    assert gauge
    assert [meter.take([gauge])[0] is None for _ in range(3)] == [True, True, False]
    assert meter.look(gauge).remaining == 0
    assert 0 < meter.look(gauge).reset_in <= 61
