"""What a drill's questions may be, and how an answer is judged."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.features.drills.checks import MAX_CHECKS, checked, judged
from holdfast.kernel.errors import Invalid

GOOD = {"name": "orders", "statement": "select 1", "at_least": "1"}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": ""}, "checks.0.name"),
        ({"name": "a\nb"}, "checks.0.name"),
        ({"name": "n" * 101}, "checks.0.name"),
        ({"statement": "  "}, "checks.0.statement"),
        ({"statement": "select '\0'"}, "checks.0.statement"),
        ({"at_least": None}, "checks.0"),
        ({"at_most": "2"}, "checks.0"),
        ({"at_least": "many"}, "checks.0.at_least"),
        ({"at_least": "nan"}, "checks.0.at_least"),
        ({"at_least": "inf"}, "checks.0.at_least"),
        ({"at_least": None, "equals": "x" * 201}, "checks.0.equals"),
    ],
)
def test_a_wrong_question_is_refused_by_field(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        checked([{**GOOD, **wrong}])
    assert caught.value.details["fields"][0]["field"] == field


def test_names_are_told_apart_and_not_too_many() -> None:
    for wrong in ([GOOD, GOOD], [{**GOOD, "name": str(number)} for number in range(MAX_CHECKS + 1)]):
        with pytest.raises(Invalid):
            checked(wrong)
    assert len(checked([{**GOOD, "name": str(number)} for number in range(MAX_CHECKS)])) == MAX_CHECKS


@pytest.mark.parametrize(
    ("kind", "wanted", "value", "ok"),
    [
        ("equals", "3", 3, True),
        ("equals", "3.0", Decimal("3.00"), True),
        ("equals", "3", "3 ", False),
        ("equals", "null", None, True),
        ("equals", "true", True, True),
        ("equals", "1", True, False),
        ("equals", "né", "né", True),
        ("equals", "ab", b"ab", True),
        ("at_least", "1", 0, False),
        ("at_least", "1", None, False),
        ("at_least", "1", "text", False),
        ("at_least", "1", float("nan"), False),
        ("at_most", "1", float("-inf"), False),
        ("at_most", "1.5", 1.5, True),
    ],
)
def test_answers(kind: str, wanted: str, value: object, ok: bool) -> None:
    [question] = checked([{"name": "n", "statement": "s", kind: wanted}])
    found = judged(question, value)
    assert (found.ok, found.name) == (ok, "n")


@given(st.integers(), st.integers())
def test_bounds_are_numbers_not_texts(wanted: int, value: int) -> None:
    for kind, right in (("at_least", value >= wanted), ("at_most", value <= wanted), ("equals", value == wanted)):
        [question] = checked([{"name": "n", "statement": "s", kind: str(wanted)}])
        assert judged(question, value).ok is right
        assert judged(question, str(value)).ok is right


def test_a_long_answer_is_cut() -> None:
    [question] = checked([{"name": "n", "statement": "s", "equals": "x"}])
    assert len(judged(question, "y" * 10_000).actual) == 200
