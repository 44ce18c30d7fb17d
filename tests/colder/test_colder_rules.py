"""What a rule means: which snapshots count as young, which pieces go where, what is refused, what is saved."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.features.backups.formats import Movable
from holdfast.features.backups.model import RepositoryRow
from holdfast.features.colder.deciding import Young, moves, moves_back, require_allowed, store_rules, taken_at
from holdfast.features.colder.model import ClassesRow, ColderRule
from holdfast.features.colder.savings import reckon
from holdfast.features.colder.store import Sums
from holdfast.kernel.errors import Conflict, Invalid
from holdfast.vault.repository import SnapshotInfo
from holdfast.vault.stores.classes import COLDER, HOT, LEAST_BYTES, Shelved, colder
from holdfast.vault.stores.s3_lifecycle import ASKS_FIRST, require_no_danger

NOW = datetime(2026, 11, 22, tzinfo=UTC)
LIES = {"endpoint": "https://s3.example", "bucket": "b", "prefix": "pre/fix"}
ROW = RepositoryRow("repo_1", "prj", "a\"b'; --", "s3", "ready", False, None, None, "usr", NOW, lies=LIES)
FILES = replace(ROW, format="plain")
CLASSES = st.sampled_from([HOT, *COLDER, "OUTPOSTS", ""])


def info(snapshot: str, at: str) -> SnapshotInfo:
    return SnapshotInfo(snapshot, at, "h", (), (), "")


@given(st.integers(-400, 400), st.integers(1, 300), st.booleans())
def test_young_is_newer_than_the_days_or_the_newest_good(age: int, after: int, newest: bool) -> None:
    young = Young(NOW, ColderRule(after, "GLACIER_IR"), {"x"} if newest else set())
    at = (NOW - timedelta(days=age)).isoformat()
    assert young(info("x", at)) is (newest or age < after)


@pytest.mark.parametrize(
    "text", ["2026-01-02T03:04:05.123456789+01:00", "2026-01-02T03:04:05.1Z", "2026-01-02T02:04:05Z"]
)
def test_times_of_stock_restic_are_read(text: str) -> None:
    found = taken_at(info("x", text))
    assert found is not None
    assert found.date().isoformat() == "2026-01-02"


@pytest.mark.parametrize("text", ["", "yesterday", "2026-01-02T03:04:05", "2026-13-02T03:04:05Z"])
def test_a_time_that_says_nothing_is_young(text: str) -> None:
    assert Young(NOW, ColderRule(1, "GLACIER_IR"), ())(info("x", text))


PIECES = st.lists(st.builds(Shelved, st.sampled_from("abcdef"), st.integers(0, 3 * LEAST_BYTES), CLASSES), max_size=12)


@given(PIECES, st.sets(st.sampled_from("abcdef")), st.sampled_from(COLDER))
def test_only_what_may_goes_and_only_down(pieces: list[Shelved], may: set[str], target: str) -> None:
    rule = ColderRule(30, target)
    made = moves(rule, pieces, Movable(frozenset(may)))
    for each in made:
        assert each.piece.name in may
        assert each.piece.size >= LEAST_BYTES
        assert colder(target, each.piece.storage_class)
    assert moves(rule, [replace(each.piece, storage_class=each.to) for each in made], Movable(frozenset(may))) == []
    assert all(each.to == HOT and colder(each.piece.storage_class, HOT) for each in moves_back(pieces))


@pytest.mark.parametrize(
    ("row", "rule", "code"),
    [
        (replace(ROW, kind="gcs"), ColderRule(30, "GLACIER_IR"), "colder_unsupported"),
        (replace(ROW, kind="local", lies=None), ColderRule(30, "GLACIER_IR"), "colder_unsupported"),
        (ROW, ColderRule(30, "GLACIER"), "colder_unsafe"),
        (ROW, ColderRule(30, "DEEP_ARCHIVE", "store"), "colder_unsafe"),
        (ROW, ColderRule(30, "GLACIER_IR", "store"), "colder_by_store"),
        (replace(FILES, lies={**LIES, "object_lock": "compliance"}), ColderRule(30, "GLACIER_IR"), "colder_locked"),
    ],
)
def test_what_would_not_be_safe_is_refused(row: RepositoryRow, rule: ColderRule, code: str) -> None:
    with pytest.raises(Conflict) as refused:
        require_allowed(row, rule)
    assert refused.value.code == code
    assert refused.value.hint


@pytest.mark.parametrize("rule", [ColderRule(30, "DEEP_ARCHIVE"), ColderRule(30, "GLACIER_IR", "store")])
def test_files_may_lie_in_an_archive(rule: ColderRule) -> None:
    require_allowed(FILES, rule)


@pytest.mark.parametrize(
    "wrong",
    [
        {"after_days": 0},
        {"storage_class": "STANDARD"},
        {"storage_class": "<x>"},
        {"parts_days": 7},
        {"by": "store", "old_versions_days": 0},
    ],
)
def test_what_is_no_rule_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        ColderRule(**{"after_days": 30, "storage_class": "GLACIER_IR", **wrong})


@given(st.integers(1, 36_500), st.sampled_from(COLDER), st.none() | st.integers(1, 36_500), st.booleans())
def test_rules_for_the_store_never_delete_what_is_current(after: int, name: str, old: int | None, parts: bool) -> None:
    found, stem = store_rules(FILES, ColderRule(after, name, "store", old, 7 if parts else None))
    require_no_danger(found)
    assert all(rule.id.startswith(stem) and rule.prefix.startswith("pre/fix/") for rule in found)
    assert found[0].moves == (name,)
    assert (found[0].least > 0) is (name in ASKS_FIRST), "documents stay where they are read"
    assert store_rules(FILES, None)[0] == []


def classes(counted: dict[str, int] | None, prices: dict[str, float] | None) -> ClassesRow:
    seen = {name: {"pieces": 1, "bytes": size} for name, size in (counted or {}).items()}
    told = {"at": NOW.isoformat(), "classes": seen} if counted is not None else None
    priced = {"currency": "CHF", "per_gb_month": prices} if prices is not None else None
    return ClassesRow("repo_1", None, priced, told, "usr", NOW)


def test_savings_are_of_counts_and_given_prices() -> None:
    sums, gb = Sums(snapshots=10, logical=1000 * 10**9, stored=90 * 10**9, gone=3, gone_bytes=5), 10**9
    bare = reckon(ROW, sums, None, 7)
    assert (bare.stored, bare.saved, bare.cost, bare.colder_saves, bare.collected) == (90 * gb, 910 * gb, None, None, 7)
    prices = {"STANDARD": 0.02, "GLACIER_IR": 0.004}
    found = reckon(ROW, sums, classes({"STANDARD": 40 * gb, "GLACIER_IR": 60 * gb}, prices), 0)
    assert (found.stored, found.colder_bytes, found.currency) == (100 * gb, 60 * gb, "CHF")
    assert found.cost == pytest.approx(40 * 0.02 + 60 * 0.004)
    assert found.colder_saves == pytest.approx(60 * (0.02 - 0.004))
    assert found.packing_saves == pytest.approx(900 * 0.02)
    unknown = reckon(ROW, sums, classes({"STANDARD": gb, "DEEP_ARCHIVE": gb}, prices), 0)
    assert (unknown.cost, unknown.colder_saves) == (None, None), "a sum with a hole in it is no sum"
