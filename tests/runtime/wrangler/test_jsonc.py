"""The dialect: everything JSON says, comments and trailing commas besides, and nothing more."""

from __future__ import annotations

import json
import math
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.kernel.errors import Invalid
from holdfast.runtime import jsonc

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=20,
)


def _noisy(value: object, dice: random.Random) -> str:
    """The same document with comments and trailing commas wherever they are allowed."""

    def gap() -> str:
        return dice.choice(["", " ", "\n\t", '/* a, "b" } */', '// ] , "\n', "/**/", "/* // */ "])

    def end() -> str:
        return dice.choice(["", ","])

    if isinstance(value, dict):
        inner = ",".join(f"{gap()}{json.dumps(k)}{gap()}:{gap()}{_noisy(v, dice)}{gap()}" for k, v in value.items())
        return "{" + inner + (end() if value else "") + gap() + "}"
    if isinstance(value, list):
        return "[" + ",".join(gap() + _noisy(each, dice) + gap() for each in value) + (end() if value else "") + "]"
    return json.dumps(value, ensure_ascii=dice.random() < 0.5)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_VALUES, st.integers(0, 2**32))
def test_a_document_with_comments_is_the_document(value: object, seed: int) -> None:
    assert jsonc.parse(_noisy(value, random.Random(seed))).value == value


@given(st.text(alphabet="{}[]:,\"\\/* \n'0123456789.eE+-truefalsn\x00\ud800é", max_size=40))
@settings(max_examples=400, deadline=None)
def test_it_reads_what_json_reads_and_refuses_in_words(text: str) -> None:
    """Whatever the standard library takes is read alike; all else is Invalid with a position inside the text."""
    try:
        wanted = json.loads(text)
        json.dumps(wanted, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        _refused_or_read(text)
        return
    if _doubled(text) or _not_finite(wanted):
        with pytest.raises(Invalid):
            jsonc.parse(text)
    else:
        assert jsonc.parse(text).value == wanted


def _refused_or_read(text: str) -> None:
    refusal = None
    try:
        jsonc.parse(text)
    except Invalid as error:
        refusal = error.details
    if refusal is not None:
        lines = text.split("\n")
        assert 1 <= refusal["line"] <= len(lines)
        assert 1 <= refusal["column"] <= len(lines[refusal["line"] - 1]) + 1


def _doubled(text: str) -> bool:
    found = False

    def pairs(items: list[tuple[str, object]]) -> dict[str, object]:
        nonlocal found
        found = found or len({name for name, _ in items}) < len(items)
        return dict(items)

    json.loads(text, object_pairs_hook=pairs)
    return found


def _not_finite(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_not_finite, value.values()))
    if isinstance(value, list):
        return any(map(_not_finite, value))
    return isinstance(value, float) and not math.isfinite(value)


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ('{"a": 1,, "b": 2}', 1, 9, "expected a name"),
        ("{\n  'a': 1\n}", 2, 3, "double quotes"),
        ('{\n  "a": 1\n  "b": 2\n}', 3, 3, 'expected ","'),
        ('{"a": "x\ny"}', 1, 7, "does not end"),
        ('{"a": 1} /* end', 1, 10, "does not end"),
        ('{"a": "\\q"}', 1, 8, "escape"),
        ('{"a": 1, "a": 2}', 1, 10, "twice"),
        ('{"a": 01}', 1, 7, "cannot read"),
        ("[,]", 1, 2, "expected a value"),
        ("{} {}", 1, 4, "nothing more"),
        ("", 1, 1, "the end"),
        ('["\\ud800"]', 1, 2, "surrogate"),
        ("[1e999]", 1, 2, "too large"),
    ],
)
def test_faults_have_a_place(text: str, line: int, column: int, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        jsonc.parse(text)
    assert (caught.value.details["line"], caught.value.details["column"]) == (line, column)
    assert words in caught.value.message


def test_depth_and_size_are_bounded() -> None:
    jsonc.parse("[" * 64 + "]" * 64)
    with pytest.raises(Invalid, match="64 levels"):
        jsonc.parse("[" * 70_000)
    with pytest.raises(Invalid, match="million"):
        jsonc.parse(" " * (jsonc.MAX_CHARACTERS + 1))


def test_places_name_lines_and_columns() -> None:
    found = jsonc.parse('{\n  "env": {"staging": [\n    1, "é", 2]}}')
    assert found.position(("env", "staging", 2)) == (3, 13)
    assert found.position(("env", "staging", 9)) == (2, 22)  # the nearest around it
