"""What a process says on its channel is read with distrust: anybody in the sandbox may write there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.runtime.live import LiveVersion
from holdfast.runtime.pool import messages
from holdfast.runtime.telemetry import BOUNDS_MS

NOW = 1_790_000_000_000
VERSION = LiveVersion("v", 1, None, "w", "shop", "p", "e", Path("/app"), "entry.py", None, "token", 100, "")
GOOD: dict[str, Any] = {
    "t": "tally",
    "trigger": "http",
    "at": NOW,
    "count": 3,
    "wall_ms": 4.5,
    "cpu_ms": 1.0,
    "memory_bytes": 1000,
    "durations": [1, 2, *[0] * (len(BOUNDS_MS) - 1)],
}


def test_a_tally_is_taken_as_it_was_said() -> None:
    found = messages.tally(VERSION, GOOD, NOW)
    assert found is not None
    assert (found.worker_id, found.version_id, found.trigger, found.count) == ("w", "v", "http", 3)
    assert (found.wall_ms, found.cpu_ms, found.memory_bytes) == (4.5, 1.0, 1000)
    again = messages.tally(VERSION, GOOD | {"status": 404}, NOW)
    assert again is not None
    assert (found.status, again.status) == (None, 404)


def test_counts_of_answers_are_taken_with_distrust() -> None:
    assert messages.unfit({"at": NOW, "count": 3}, NOW) == (NOW, 3)
    assert messages.unfit({"at": "x", "count": 3}, NOW) == (NOW, 3)
    for lie in (0, -1, True, 2**60, 1.5, "3", None):
        assert messages.unfit({"at": NOW, "count": lie}, NOW) is None


@pytest.mark.parametrize(
    "lie",
    [
        {"count": 4},
        {"count": 0, "durations": [0] * (len(BOUNDS_MS) + 1)},
        {"count": True},
        {"durations": [3]},
        {"durations": [1, 2.0, *[0] * (len(BOUNDS_MS) - 1)]},
        {"durations": [4, -1, *[0] * (len(BOUNDS_MS) - 1)]},
        {"count": 2**60, "durations": [2**60, *[0] * len(BOUNDS_MS)]},
        {"durations": None},
    ],
)
def test_one_that_cannot_be_is_none(lie: dict[str, Any]) -> None:
    assert messages.tally(VERSION, GOOD | lie, NOW) is None


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=16) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=20,
)


@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys([*GOOD, "status"], anything)),
    st.lists(st.integers(-2, 2**62), max_size=16),
)
def test_whatever_is_said_can_be_stored_or_is_none(said: dict[str, Any], durations: list[int]) -> None:
    for message in (GOOD | said, GOOD | said | {"durations": durations, "count": sum(durations)}):
        found = messages.tally(VERSION, message, NOW)
        if found is not None:
            assert 0 < found.count == sum(found.durations) <= 1_000_000
            assert min(found.wall_ms, found.cpu_ms) >= 0
            assert abs(found.at - NOW) <= 3_600_000
