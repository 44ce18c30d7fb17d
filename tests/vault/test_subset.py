"""Which packs a check reads: nothing is left out for ever."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit import BytesCapture, flip, new_repository, packs, snapshot

from holdfast.kernel.errors import Invalid
from holdfast.vault.subset import Part, Share, Wish, Within

NOW = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
RANDOM = random.Random(23)
sizes = st.dictionaries(st.binary(min_size=32, max_size=32), st.integers(1, 10_000), max_size=60)


@given(sizes, st.integers(1, 12))
def test_the_parts_are_all_and_none_is_in_two(of: dict[bytes, int], count: int) -> None:
    parts = [set(Part(number + 1, count).of(of)) for number in range(count)]
    assert set().union(*parts) == set(of)
    assert sum(map(len, parts)) == len(of)


@given(sizes, st.floats(0.01, 100), st.integers())
def test_a_share_is_at_least_one_and_about_as_much(of: dict[bytes, int], percent: float, seed: int) -> None:
    chosen = set(Share(percent, seed).of(of))
    assert chosen <= set(of)
    taken, wanted = sum(of[p] for p in chosen), sum(of.values()) * percent / 100
    assert bool(chosen) == bool(of)
    assert taken <= wanted + max(of.values(), default=0)
    assert taken >= wanted - 0.001
    assert percent < 100 or chosen == set(of)


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 40))
def test_everything_is_read_again_in_time_however_often_one_checks(data: st.DataObject, days: int) -> None:
    """While checks go on about as often as before. Packs come and go meanwhile."""
    rng = random.Random(data.draw(st.integers(0, 1 << 32)))
    hours = data.draw(st.integers(1, max(1, days * 12)))
    held = {rng.randbytes(32): rng.randrange(1, 5_000) for _ in range(rng.randrange(1, 50))}
    first_seen = dict.fromkeys(held, NOW)
    now, proven, since = NOW, dict[bytes, datetime](), None
    for _ in range(40):
        chosen = set(Within(days, now, proven, since).of(held))
        assert chosen <= set(held)
        assert chosen or all(now - proven.get(pack, NOW - timedelta(days=9)) < timedelta(days=1) for pack in held)
        proven |= dict.fromkeys(chosen, now)
        since = now
        now += timedelta(hours=hours)
        for pack in [p for p in proven if p in held]:
            assert now - proven[pack] <= timedelta(days=days), "none waits longer than asked for"
        for gone in [p for p in held if rng.random() < 0.02]:
            del held[gone]
            proven.pop(gone, None)
        for _ in range(rng.randrange(2)):
            new = rng.randbytes(32)
            held[new], first_seen[new] = rng.randrange(1, 5_000), now
    if hours * 39 > days * 24 + hours:
        assert all(p in proven for p in held if now - first_seen[p] > timedelta(days=days, hours=hours))


def test_a_clock_that_went_back_or_a_proof_from_the_future_reads_on() -> None:
    of = {bytes([n]) * 32: 100 for n in range(10)}
    assert len(set(Within(30, NOW, {}, NOW + timedelta(days=400)).of(of))) == 1
    ahead = dict.fromkeys(of, NOW + timedelta(days=9))
    assert len(set(Within(30, NOW, ahead, NOW - timedelta(days=1)).of(of))) == 1
    assert set(Within(30, NOW, {}, NOW - timedelta(days=300)).of(of)) == set(of)


@pytest.mark.parametrize(
    "subset", ["0/7", "8/7", "7", "1/0", "-1/7", "1/7/2", "0%", "101%", "10", "%", "1e1%", "ten%", "", " 1/7", "1/7\n"]
)
def test_what_is_no_subset(subset: str) -> None:
    with pytest.raises(Invalid):
        Wish(subset=subset)


@pytest.mark.parametrize("within", ["0d", "30", "d", "1.5d", "-3d", "30 d", "30h", "99999d"])
def test_what_is_no_number_of_days(within: str) -> None:
    with pytest.raises(Invalid):
        Wish(within=within)


@given(st.text(max_size=12))
def test_any_text_is_a_subset_or_invalid(text: str) -> None:
    try:
        choice = Wish(subset=text).fixed()
    except Invalid:
        return
    assert choice is not None
    assert len(choice.method) <= 40


def test_a_part_reads_just_its_packs_and_finds_their_damage(tmp_path: Path) -> None:
    repo = new_repository(tmp_path / "r")
    for _ in range(4):
        snapshot(repo, BytesCapture({"x": RANDOM.randbytes(300_000)}))
    names = {bytes.fromhex(p.name): p.stat().st_size for p in packs(tmp_path / "r")}
    damaged = packs(tmp_path / "r")[0]
    flip(damaged, 1000)
    found = 0
    for number in range(3):
        choice = Part(number + 1, 3)
        report = repo.check(choice=choice)
        expected = set(choice.of(names))
        assert set(report.sound) | set(report.damaged) == expected
        assert report.bytes == sum(names[p] for p in expected)
        assert report.packs_read == len(expected)
        assert report.method == f"part {number + 1}/3"
        assert bool(report.errors) == (bytes.fromhex(damaged.name) in expected)
        found += len(report.damaged)
    assert found == 1
    assert repo.check().errors == []
