"""Cutting: the same bytes give the same chunks however they are read."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.kernel.stop import Stop
from holdfast.vault.cutting import AVERAGE, LARGEST, SMALLEST, cut_stream

DATA = random.Random(1).randbytes(14 << 20)


class InSteps:
    """A stream that gives as many bytes as the next number says."""

    def __init__(self, data: bytes, steps: list[int]) -> None:
        self._data, self._steps, self._turn, self._at = data, steps, 0, 0

    def readinto(self, buffer: memoryview) -> int:
        step = self._steps[self._turn % len(self._steps)]
        self._turn += 1
        taken = min(step, len(buffer), len(self._data) - self._at)
        buffer[:taken] = self._data[self._at : self._at + taken]
        self._at += taken
        return taken

    def close(self) -> None:
        return None


def chunks(data: bytes, steps: list[int]) -> list[bytes]:
    found: list[bytes] = []

    def emit(position: int, chunk: bytes) -> None:
        assert position == len(found)
        found.append(chunk)

    assert cut_stream(InSteps(data, steps), emit, Stop()) == len(found)
    return found


WHOLE = chunks(DATA, [1 << 20])


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(1_000, 3 << 20), min_size=1, max_size=6))
def test_the_cuts_do_not_depend_on_the_reads(steps: list[int]) -> None:
    assert chunks(DATA, steps) == WHOLE


def test_chunks_make_up_the_whole_and_keep_their_bounds() -> None:
    assert b"".join(WHOLE) == DATA
    assert all(SMALLEST <= len(c) <= LARGEST for c in WHOLE[:-1])
    assert AVERAGE / 3 < len(DATA) / len(WHOLE) < AVERAGE * 3


@settings(max_examples=8, deadline=None)
@given(at=st.integers(0, len(DATA)), put=st.binary(min_size=1, max_size=5000))
def test_an_insertion_changes_only_what_is_near(at: int, put: bytes) -> None:
    changed = chunks(DATA[:at] + put + DATA[at:], [1 << 20])
    assert len(set(changed) - set(WHOLE)) <= 6


@given(st.binary(max_size=2000))
def test_short_streams_are_one_chunk(data: bytes) -> None:
    assert chunks(data, [7]) == ([data] if data else [])
