"""Frames into a kept buffer: zstd's own function and the fallback say the same, and neither takes what is not whole."""

from __future__ import annotations

import threading
import weakref

import pytest
from backports.zstd import compress
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.formats import inflating
from holdfast.formats.inflating import Inflater, inflater
from holdfast.kernel.errors import Corrupt

BOTH = pytest.mark.parametrize("library", [inflating.LIBRARY, None], ids=["zstd", "without"])


def test_this_build_shows_zstds_function() -> None:
    assert inflating.LIBRARY is not None


@BOTH
@settings(deadline=None)
@given(data=st.binary(min_size=1, max_size=5000), times=st.integers(1, 60), level=st.sampled_from([-1, 1, 3]))
def test_there_and_back(library: object, data: bytes, times: int, level: int) -> None:
    plain = data * times
    made = Inflater(library)  # type: ignore[arg-type]
    assert made.inflate(compress(plain, level), len(plain)) == plain
    assert made.buffer.startswith(plain)
    for wrong in (len(plain) - 1, len(plain) + 1):
        with pytest.raises(Corrupt, match=r"its length|inflated"):
            made.inflate(compress(plain, level), wrong)


@BOTH
@settings(deadline=None)
@given(data=st.binary(min_size=50, max_size=500), at=st.integers(1, 40))
def test_cut_short_or_with_something_behind(library: object, data: bytes, at: int) -> None:
    made, packed = Inflater(library), compress(data * 3)  # type: ignore[arg-type]
    for bent in (packed[: at % len(packed)], packed + b"\x01", b"", packed[at:]):
        with pytest.raises(Corrupt):
            made.inflate(bent, len(data) * 3)
    assert made.inflate(packed, len(data) * 3) == data * 3, "the next one is not spoilt"


def test_a_thread_has_its_own_and_leaves_nothing() -> None:
    found: list[weakref.ref[Inflater]] = []

    def work() -> None:
        assert inflater() is inflater()
        assert inflater().inflate(compress(b"x" * 200_000), 200_000) == b"x" * 200_000
        found.append(weakref.ref(inflater()))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found[0]() is not inflater()
    assert found[0]() is None
