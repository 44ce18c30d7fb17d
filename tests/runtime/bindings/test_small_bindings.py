"""Rate limits and version metadata."""

from __future__ import annotations

import pytest
import uvloop
from bindings_served import Place, client, env, served, version
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.runtime.bindings.ratelimit import MOST_KEYS, Window
from holdfast.runtime.live import Binding

LIMITER = Binding("LIMITER", "ratelimit", {"namespace": "1001", "limit": 3, "period": 60})


def test_a_limit_answers_with_success_until_it_is_reached(place: Place) -> None:
    async def main() -> None:
        async with env(place, LIMITER) as found:
            limiter = found["LIMITER"]
            assert [(await limiter.limit({"key": "a"})).success for _ in range(4)] == [True, True, True, False]
            assert (await limiter.limit(key="b"))["success"] is True
            for wrong in ({}, {"key": 7}, None):
                with pytest.raises(TypeError):
                    await limiter.limit(wrong)
            with pytest.raises(TypeError, match="2048"):
                await limiter.limit({"key": "x" * 3000})

    uvloop.run(main())


def test_versions_of_an_environment_share_a_namespace_and_others_do_not(place: Place) -> None:
    async def main() -> None:
        other = version("c", [LIMITER], environment_id="other")
        async with (
            served(place, version("a", [LIMITER]), version("b", [LIMITER]), other),
            client(place, "a") as a,
            client(place, "b") as b,
            client(place, "c") as c,
        ):
            first, second, third = (
                made.env([{"name": "LIMITER", "kind": "ratelimit"}])["LIMITER"] for made in (a, b, c)
            )
            for _ in range(3):
                assert (await first.limit({"key": "k"})).success
            assert not (await second.limit({"key": "k"})).success
            assert (await third.limit({"key": "k"})).success

    uvloop.run(main())


@settings(max_examples=150, deadline=None)
@given(st.lists(st.floats(0, 30), max_size=60), st.integers(1, 5))
def test_no_window_ever_lets_through_twice_its_limit(waits: list[float], limit: int) -> None:
    """The sliding estimate may differ from an exact count, never by more than the window before it; and it lets the
    first calls after a whole quiet period through."""
    now = 0.0
    window = Window(limit, 10.0, lambda: now)
    allowed: list[float] = []
    for wait in waits:
        quiet = wait >= 20
        now += wait
        if window.allow("k"):
            allowed.append(now)
        else:
            assert not quiet
    for begin in allowed:
        assert sum(begin <= at < begin + 10 for at in allowed) <= 2 * limit
    periods = [sum(10 * n <= at < 10 * (n + 1) for at in allowed) for n in range(int(now // 10) + 1)]
    assert all(count <= limit for count in periods)


def test_a_burst_at_the_edge_of_two_periods_is_seen() -> None:
    now = 9.9
    window = Window(10, 10.0, lambda: now)
    assert sum(window.allow("k") for _ in range(20)) == 10
    now = 10.1
    assert sum(window.allow("k") for _ in range(20)) <= 1
    now = 15.0
    assert 4 <= sum(window.allow("k") for _ in range(20)) <= 6


def test_keys_beyond_the_most_are_forgotten_oldest_first() -> None:
    window = Window(1, 1e9, lambda: 1.0)
    assert window.allow("first")
    for number in range(MOST_KEYS):
        window.allow(str(number))
    assert window.allow("first")
    assert not window.allow(str(MOST_KEYS - 1))


def test_version_metadata_is_there_without_a_call(place: Place) -> None:
    async def main() -> None:
        async with env(place, Binding("VERSION", "version"), tag="blue") as found:
            meta = found["VERSION"]
            assert (meta.id, meta.tag, meta["timestamp"]) == ("version-a", "blue", "2026-11-22T08:00:00Z")

    uvloop.run(main())
