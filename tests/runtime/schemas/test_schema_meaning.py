"""What a schema lets through, judged by the `jsonschema` package and, for patterns, by `re`."""

from __future__ import annotations

import re
import time
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.runtime.python.schemas.patterns import BadPattern, Budget, Pattern, TooCostly
from holdfast.runtime.python.schemas.reading import Unreadable, from_text, read_json
from holdfast.runtime.python.schemas.schema import BadSchema, Schema

NAMES = st.sampled_from(["a", "b", "ab", "x1", ""])
LEAVES = st.none() | st.booleans() | st.integers(-3, 12) | st.sampled_from([0.5, 1.0, -2.5, 1e300]) | NAMES
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=8
)
TYPES = st.sampled_from(["null", "boolean", "integer", "number", "string", "array", "object"])
SMALL = st.integers(0, 4)


def keywords(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    several = st.lists(inner, min_size=1, max_size=3)
    named = st.dictionaries(NAMES, inner, max_size=3)
    return st.fixed_dictionaries(
        {},
        optional={
            "type": TYPES | st.lists(TYPES, min_size=1, max_size=3, unique=True),
            "enum": st.lists(VALUES, min_size=1, max_size=3), "const": VALUES,
            "minimum": st.integers(-3, 9), "maximum": st.integers(-3, 9),
            "exclusiveMinimum": st.integers(-3, 9), "exclusiveMaximum": st.sampled_from([0.5, 3]),
            "multipleOf": st.integers(1, 4), "minLength": SMALL, "maxLength": SMALL,
            "pattern": st.sampled_from(["^a", "b$", "[a-b]+", "^(a|x)[0-9]?$"]),
            "minItems": SMALL, "maxItems": SMALL, "uniqueItems": st.booleans(),
            "minProperties": SMALL, "maxProperties": SMALL, "required": st.lists(NAMES, max_size=2, unique=True),
            "dependentRequired": st.dictionaries(NAMES, st.lists(NAMES, max_size=2, unique=True), max_size=2),
            "properties": named, "patternProperties": st.dictionaries(st.sampled_from(["^a", "b$"]), inner, max_size=2),
            "additionalProperties": inner, "propertyNames": inner, "dependentSchemas": named,
            "prefixItems": several, "items": inner, "contains": inner, "minContains": SMALL, "maxContains": SMALL,
            "allOf": several, "anyOf": several, "oneOf": several, "not": inner, "if": inner,
            "$ref": st.sampled_from(["#/$defs/one", "#/$defs/two", "#/$defs/tree"]),
        },
    )  # fmt: skip


SCHEMAS = st.recursive(st.booleans() | st.just({}), keywords, max_leaves=6)
DEFINITIONS = {
    "one": {"type": "integer"},
    "two": {"type": ["string", "array"], "minLength": 1},
    "tree": {"type": "object", "properties": {"a": {"$ref": "#/$defs/tree"}, "b": {"type": "number"}}},
}


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(keywords(SCHEMAS), st.lists(VALUES, min_size=1, max_size=5))
def test_it_says_what_the_jsonschema_package_says(raw: dict[str, Any], values: list[Any]) -> None:
    raw = {**raw, "$defs": DEFINITIONS}
    judge = jsonschema.Draft202012Validator(raw)
    ours = Schema(raw)
    for value in values:
        faults = ours.faults(value)
        assert (not faults) == judge.is_valid(value), (raw, value, faults)


ATOMS = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\d", r"\w", "(?:ab)", "x-y", r"\.", "(a|b)", "(ab|a)"])
PIECES = st.tuples(ATOMS, st.sampled_from(["", "", "*", "+", "?", "{2}", "{1,2}", "{0,1}", "*?", "{2,}"])).map("".join)
SEQUENCES = st.lists(PIECES, max_size=4).map("".join)
PATTERNS = st.tuples(
    st.sampled_from(["", "^", "^(?=.*a)", "^(?!b)", "^(?=a)(?!ab)"]), SEQUENCES, st.sampled_from(["", r"$"])
).map("".join) | st.lists(SEQUENCES, min_size=2, max_size=3).map("|".join)


@settings(max_examples=300, deadline=None)
@given(PATTERNS, st.lists(st.text("ab1x-.y", max_size=8), min_size=1, max_size=6))
def test_patterns_find_what_re_finds(pattern: str, texts: list[str]) -> None:
    ours = Pattern(pattern)
    for text in texts * 2:  # the second time by the sets that were kept
        budget = Budget(10**6)
        theirs = re.search(pattern.replace("$", r"\Z"), text, re.ASCII)
        assert ours.found(text, budget) == (theirs is not None), (pattern, text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("^(a+)+$", "a" * 5000 + "b"),
        ("^(a|a)*$", "a" * 5000 + "b"),
        ("(.*,){12}P", "1," * 2500),
        ("^(a?){50}a{50}$", "a" * 49),
        (r"^([a-z]+\.)*[a-z]+@x$", "a." * 2500),
    ],
)
def test_what_goes_on_for_ever_elsewhere_ends(pattern: str, text: str) -> None:
    began = time.thread_time()
    assert Pattern(pattern).found(text, Budget(10**7)) is False
    assert time.thread_time() - began < 1


def test_a_request_that_costs_too_much_is_refused() -> None:
    schema = Schema({"type": "array", "items": {"anyOf": [{"pattern": "(a|b)*c"}, {"uniqueItems": True}]}})
    (fault,) = schema.faults(["ab" * 10_000] * 300)
    assert fault.keyword == "cost"
    with pytest.raises(TooCostly):
        Pattern("a").found("b" * 100, Budget(99))
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    tree = Schema({"$defs": {"t": {"items": {"$ref": "#/$defs/t"}, "uniqueItems": True}}, "$ref": "#/$defs/t"})
    assert [each.keyword for each in tree.faults(deep)] == ["depth"]
    many = Schema({"items": {"type": "string"}}).faults(list(range(1000)))
    assert len(many) == 50


@pytest.mark.parametrize(
    "pattern",
    ["(", ")", "[a", "a**", "*a", "a{2,1}", "{", "a{x}", r"\1", r"\k<a>", r"\b", "(?<=a)b", "a(?=b)", "(?i)a", r"\q",
     r"\u12", "[b-a]", r"[\d-z]", "^*", "(?<1>a)", "a{1001}{1001}", "\\", "(" * 60 + ")" * 60, "^(?=a)b|c", "a" * 2001,
     "((((a{99}){99}){99}){99})"],
)  # fmt: skip
def test_patterns_that_are_none(pattern: str) -> None:
    with pytest.raises(BadPattern):
        Pattern(pattern)


def test_repeating_nothing_costs_nothing() -> None:
    assert Pattern("((){9999}){9999}$").found("a", Budget(100))


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "unknown": ({"properties": {"a": {"minimun": 1}}}, "properties/a/minimun"),
    "nullable": ({"type": "string", "nullable": True}, "nullable"),
    "type": ({"type": "int"}, "type"),
    "items": ({"items": [{}]}, "items"),
    "pattern": ({"pattern": "("}, "pattern"),
    "format": ({"format": "telephone"}, "format"),
    "exclusive": ({"exclusiveMinimum": True}, "exclusiveMinimum"),
    "required": ({"required": True}, "required"),
    "elsewhere": ({"$ref": "https://example.org/a.json"}, "$ref"),
    "absent": ({"$ref": "#/$defs/none"}, "$ref"),
    "not shared": ({"$ref": "#/components/schemas/None"}, "$ref"),
    "endless": ({"$ref": "#"}, "$ref/#/$ref"),
    "endless by two": (
        {"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
        "$defs/a/anyOf/0/$ref/#/$defs/b/$ref/#/$defs/a/anyOf/0/$ref",
    ),
    "then": ({"then": {}}, "then"),
    "unused": ({"$defs": {"a": {"oops": 1}}}, "$defs/a/oops"),
    "number": ({"minimum": "1"}, "minimum"),
    "negative": ({"minLength": -1}, "minLength"),
    "schema": ({"properties": {"a": 1}}, "properties/a"),
}


@pytest.mark.parametrize("name", BAD)
def test_schemas_that_are_none_say_where(name: str) -> None:
    raw, place = BAD[name]
    with pytest.raises(BadSchema) as wrong:
        Schema(raw)
    assert ["/".join(map(str, each)) for each, _ in wrong.value.faults][:1] == [place]


def test_a_fault_names_what_was_meant() -> None:
    cat = {"properties": {"kind": {"const": "cat"}, "lives": {"maximum": 9}}, "required": ["kind"], "type": "object"}
    dog = {"properties": {"kind": {"const": "dog"}, "age": {"type": "integer"}}, "required": ["kind"], "type": "object"}
    schema = Schema({"properties": {"pet": {"anyOf": [cat, dog, {"type": "null"}]}}})

    def told(value: Any) -> list[tuple[str, str]]:
        return [(each.named("body"), each.message) for each in schema.faults(value)]

    assert told({"pet": {"kind": "cat", "lives": 10}}) == [("body.pet.lives", "must be at most 9")]
    assert told({"pet": {"kind": "dog", "age": "x"}}) == [("body.pet.age", "must be a whole number")]
    assert told({"pet": 3}) == [("body.pet", "must be an object or null")]
    assert told({"pet": None}) == []
    whole = Schema({"properties": {"rows": {"items": {"required": ["id"], "additionalProperties": False}}}})
    assert [each.named("body") for each in whole.faults({"rows": [{}, {"x": 1}]})] == [
        "body.rows[0].id", "body.rows[1].id", "body.rows[1].x"
    ]  # fmt: skip


FORMATS = {
    "date-time": (["2026-01-31T12:00:00Z", "2026-01-31T12:00:00.123+05:30"], ["2026-02-30T00:00:00Z", "2026-01-31"]),
    "date": (["2024-02-29"], ["2023-02-29", "20240229", "2024-2-9"]),
    "time": (["23:59:60Z", "00:00:00.5+01:00"], ["24:00:00Z", "12:00", "12:00:00"]),
    "duration": (["P1D", "PT12H", "P2W", "P1Y2M3DT4H5M6S"], ["P", "PT", "1D", "P1DT"]),
    "email": (["a.b+c@example.org"], ["a@", "@b", "a b@c.d", ".a@b.c", "a..b@c.d", "a@-b"]),
    "hostname": (["example.org", "x"], ["-a", "a..b", "", "a" * 64]),
    "ipv4": (["127.0.0.1"], ["127.0.0.01", "256.0.0.1", "1.2.3"]),
    "ipv6": (["::1"], ["fe80::1%eth0", "127.0.0.1", ":::"]),
    "uri": (["https://example.org/a?b#c", "mailto:a@b"], ["//x", "a b:c", "https://\u00e9"]),
    "uuid": (["2eb8aa08-aa98-11ea-b4aa-73b441d16380"], ["2eb8aa08aa9811eab4aa73b441d16380"]),
    "int32": ([2**31 - 1], [2**31]),
}


@pytest.mark.parametrize("name", FORMATS)
def test_formats(name: str) -> None:
    good, bad = FORMATS[name]
    schema = Schema({"format": name})
    assert [schema.faults(each) for each in good] == [[]] * len(good)
    assert [bool(schema.faults(each)) for each in bad] == [True] * len(bad)
    assert schema.faults(None) == []


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"{} x", b"NaN", b"[Infinity]", b'{"a": 1, "a": 2}', b"1e999", b"[" * 100_000, b"\xff", b"9" * 5000,
     '{"a": 1}'.encode("utf-16")],
)  # fmt: skip
def test_json_with_two_meanings_or_none(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        read_json(raw)


def test_texts_are_read_by_their_type() -> None:
    number, whole, truth = frozenset(["number"]), frozenset(["integer"]), frozenset(["boolean"])
    assert (from_text("3", whole), from_text("3.5", number), from_text("true", truth)) == (3, 3.5, True)
    for text in ("3.0", "03", "+3", " 3", "3_0", "\u0663"):
        assert from_text(text, whole) == text, "the schema says what is wrong with it"
    assert from_text("3", frozenset()) == "3"
    assert from_text("3", frozenset(["string", "integer"])) == "3"
    assert from_text("", frozenset(["integer", "null"])) is None
