"""Retention policies against a model that asks each question in the slowest way, and against stock restic."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_model import model

from holdfast.features.retention.policy import SKEW, Decision, Item, Policy, decide
from holdfast.kernel.errors import Conflict, Invalid

NOW = datetime(2026, 11, 21, 17, 0, tzinfo=UTC)
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia"]
OFF: dict[str, Any] = {
    "last": None,
    "hourly": None,
    "daily": None,
    "weekly": None,
    "monthly": None,
    "yearly": None,
    "within": None,
}

counts = st.one_of(st.none(), st.integers(0, 6))
policies = st.builds(
    Policy,
    last=counts,
    hourly=counts,
    daily=counts,
    weekly=counts,
    monthly=counts,
    yearly=counts,
    within=st.one_of(st.none(), st.integers(0, 40)),
    minimum=st.integers(1, 5),
    tags=st.sampled_from([(), ("keep",), ("a\"b'; --", "keep")]),
)
moments = st.one_of(
    st.integers(-3 * 365 * 24 * 60, 5).map(lambda minutes: NOW + timedelta(minutes=minutes)),
    st.integers(0, 600).map(lambda m: datetime(2026, 10, 24, 20, tzinfo=UTC) + timedelta(minutes=m)),  # clocks go back
    st.integers(1, 60 * 24 * 800).map(lambda minutes: NOW + timedelta(minutes=minutes)),
)


@st.composite
def histories(draw: st.DrawFn) -> list[Item]:
    found = []
    for number, at in enumerate(draw(st.lists(moments, max_size=24))):
        good = draw(st.integers(0, 5)) > 0
        tags = draw(st.sampled_from([(), (), ("keep",), ("other",)]))
        hold = draw(st.integers(0, 9)) == 0
        found.append(Item(f"s{number}", at, good, good and draw(st.booleans()), hold, tags))
    return found


@settings(max_examples=150, deadline=None)
@given(histories(), policies, st.sampled_from(ZONES))
def test_it_keeps_what_the_model_keeps(items: list[Item], policy: Policy, zone: str) -> None:
    tz = ZoneInfo(zone)
    found = decide(items, policy, NOW, tz, trust_clock=True)
    assert {d.id for d in found if d.keep} == model(items, policy, tz, NOW)
    assert [d.id for d in found] == [i.id for i in sorted(items, key=lambda i: (i.at, i.id), reverse=True)]
    assert all(d.reasons for d in found)


@settings(max_examples=60, deadline=None)
@given(histories(), policies, st.sampled_from(ZONES))
def test_what_is_left_always_restores(items: list[Item], policy: Policy, zone: str) -> None:
    """Never the only good copy; never fewer than the minimum; held and tagged ones stay; a second look changes no
    mind."""
    kept = _kept(decide(items, policy, NOW, ZoneInfo(zone), trust_clock=True))
    good = [i for i in items if i.good]
    assert sum(i.id in kept for i in good) >= min(policy.minimum, len(good))
    proven = [i for i in good if i.proven and i.at <= NOW + SKEW]
    assert not proven or max(proven, key=lambda i: (i.at, i.id)).id in kept
    assert all(i.id in kept for i in items if i.hold)
    left = [i for i in items if i.id in kept]
    assert _kept(decide(left, policy, NOW, ZoneInfo(zone), trust_clock=True)) == kept


@settings(max_examples=60, deadline=None)
@given(histories(), policies)
def test_a_wrong_clock_deletes_no_more_than_a_right_one(items: list[Item], policy: Policy) -> None:
    """Set back, everything is from the future or kept by the same rules; set forward, the counted rules do not care."""
    usual = {i.id for i in items} - _kept(decide(items, policy, NOW, ZoneInfo("UTC"), trust_clock=True))
    past = [i for i in items if i.at <= NOW]
    if len(past) == len(items):
        for years in (1, 20):
            later = NOW + timedelta(days=365 * years)
            with suppress(Conflict):  # refused: nothing goes at all
                found = decide(items, policy, later, ZoneInfo("UTC"))
                assert {i.id for i in items} - _kept(found) == usual


def test_a_jump_forward_is_refused_and_believed_after_three_snapshots() -> None:
    policy = Policy(**{**OFF, "within": 30})
    daily = [Item(f"d{n}", NOW - timedelta(days=n)) for n in range(60)]
    assert sum(not d.keep for d in decide(daily, policy, NOW, UTC)) == 30
    jumped = NOW + timedelta(days=4000)
    with pytest.raises(Conflict) as refused:
        decide(daily, policy, jumped, UTC)
    assert refused.value.code == "clock_implausible"
    assert "--trust-clock" in (refused.value.hint or "")
    for taken in range(1, 4):
        daily.insert(0, Item(f"n{taken}", jumped + timedelta(hours=taken)))
        at = jumped + timedelta(hours=taken, minutes=1)
        if taken < 3:
            with pytest.raises(Conflict):
                decide(daily, policy, at, UTC)
    assert len(_kept(decide(daily, policy, at, UTC))) == 3


def test_a_snapshot_from_the_future_takes_nobodys_place() -> None:
    items = [Item("future", NOW + timedelta(days=900)), *(Item(f"d{n}", NOW - timedelta(days=n)) for n in range(9))]
    found = decide(items, Policy(**{**OFF, "daily": 4}), NOW, UTC)
    assert _kept(found) == {"future", "d0", "d1", "d2", "d3"}
    assert found[0].reasons == ("from the future",)


def test_the_hour_that_comes_twice_is_two_hours() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    night = [Item(f"h{n}", datetime(2026, 10, 24, 23, 30, tzinfo=UTC) + timedelta(hours=n)) for n in range(4)]
    assert [i.at.astimezone(berlin).hour for i in night] == [1, 2, 2, 3]
    policy = Policy(**{**OFF, "hourly": 4}, minimum=1)
    assert len(_kept(decide(night, policy, NOW, berlin))) == 4


def test_failed_and_red_ones_take_nobodys_place() -> None:
    items = [Item(f"d{n}", NOW - timedelta(days=n), good=n % 2 == 0, proven=n % 2 == 0) for n in range(8)]
    kept = _kept(decide(items, Policy(**{**OFF, "daily": 3}, minimum=1), NOW, UTC))
    assert kept == {"d0", "d2", "d4"}
    only_bad = [Item("a", NOW, good=False), Item("b", NOW - timedelta(days=9), good=False)]
    assert _kept(decide(only_bad, Policy(minimum=1), NOW, UTC)) == {"a", "b"}


def test_a_newer_one_that_is_not_proven_does_not_push_out_the_proven_one() -> None:
    items = [Item("new", NOW, proven=False), Item("old", NOW - timedelta(hours=3))]
    kept = _kept(decide(items, Policy(**{**OFF, "daily": 1}, minimum=1), NOW, UTC))
    assert kept == {"new", "old"}


@settings(max_examples=50, deadline=None)
@given(policies)
def test_it_comes_back_from_json(policy: Policy) -> None:
    assert Policy.from_json(policy.as_json()) == policy


@pytest.mark.parametrize(
    "data",
    [
        {"daily": -1},
        {"daily": True},
        {"daily": "7"},
        {"minimum": 0},
        {"minimum": None},
        {"tags": "x"},
        {"dayly": 7},
        {"within": 1.5},
        {"tags": [""]},
    ],
)
def test_what_is_no_policy_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(Invalid) as refused:
        Policy.from_json(data)
    assert refused.value.code == "retention_invalid"


def test_the_default_is_seven_days_four_weeks_twelve_months() -> None:
    assert Policy.from_json({}) == Policy(daily=7, weekly=4, monthly=12, minimum=3)


def _kept(decisions: list[Decision]) -> set[str]:
    return {d.id for d in decisions if d.keep}
