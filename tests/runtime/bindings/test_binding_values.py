"""The codec: what goes in comes out, and nothing else is ever accepted."""

from __future__ import annotations

import math
import os
import struct
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.runtime.bindings.attributes import JsError
from holdfast.runtime.bindings.values import DEPTH, Malformed, TooLong, Uncloneable, Unsendable, decode, encode

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(1 << 300), max_value=1 << 300)
    | st.floats()
    | st.text()
    | st.binary()
    | st.datetimes(timezones=st.just(UTC))
)
members = st.none() | st.integers(min_value=2) | st.text() | st.binary()  # True is 1 in a set of Python's
trees = st.recursive(
    scalars | st.sets(members),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=25,
)


def same(left: object, right: object) -> bool:
    if type(left) is not type(right):
        return False
    if isinstance(left, float) and isinstance(right, float):
        return struct.pack("d", left) == struct.pack("d", right) or (math.isnan(left) and math.isnan(right))
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    return left == right


@settings(max_examples=150, deadline=None)
@given(trees)
def test_every_value_comes_back_as_it_was(value: object) -> None:
    assert same(decode(encode(value)), value)


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=80))
def test_any_bytes_are_either_a_value_in_its_one_form_or_refused(data: bytes) -> None:
    try:
        value = decode(data)
    except Malformed:
        return
    assert encode(value) == data or b"\5" in data  # a NaN may lose its payload on the way


@settings(max_examples=80, deadline=None)
@given(trees, st.data())
def test_a_damaged_message_never_does_more_than_fail(value: object, data: st.DataObject) -> None:
    good = encode(value)
    at = data.draw(st.integers(0, len(good) - 1))
    for bad in (good[:at], good[:at] + bytes([data.draw(st.integers(0, 255))]) + good[at + 1 :], good + b"\0"):
        try:
            decode(bad)
        except Malformed:
            continue


class Colour(StrEnum):
    RED = "red"


class Attributes(dict):  # type: ignore[type-arg]
    pass


async def _coroutine() -> None: ...


def test_kinds_of_the_plain_types_travel_as_those() -> None:
    noon = datetime(2026, 5, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    sent = [Colour.RED, Attributes(a=1), memoryview(b"x"), noon, datetime(2026, 5, 1)]
    assert decode(encode(sent)) == ["red", {"a": 1}, b"x", noon, datetime(2026, 5, 1, tzinfo=UTC)]
    assert type(decode(encode(sent), Attributes)[1]) is Attributes


@pytest.mark.parametrize("value", [(1,), bytearray(b"x"), object(), {1: 2}, [(1,)], {"a": bytearray()}, "\ud800"])
def test_what_has_no_form_is_a_type_error(value: object) -> None:
    with pytest.raises(TypeError):
        encode(value)


@pytest.mark.parametrize("value", [object(), 1 + 2j, range(3), [object()]])
def test_what_is_no_plain_value_is_javascripts_error_as_well(value: object) -> None:
    with pytest.raises(Uncloneable, match=r"^DataCloneError") as caught:
        encode(value)
    assert isinstance(caught.value, JsError)
    assert caught.value.name == "DataCloneError"


def test_sets_have_one_form_and_errors_keep_their_name() -> None:
    assert encode({"b", "a", None}) == encode({None, "a", "b"})
    twice = struct.pack("<BI", 11, 2) + b"\0\0"
    backwards = struct.pack("<BI", 11, 2) + b"\1\0"
    with_list = struct.pack("<BIBI", 11, 1, 8, 0)
    for data in (twice, backwards, with_list, struct.pack("<BI", 11, 2) + encode(1) + encode(1.0)):
        with pytest.raises(Malformed):
            decode(data)
    for error, name in ((JsError("no"), "Error"), (KeyError("k"), "KeyError")):
        found = decode(encode(error))
        assert isinstance(found, JsError)
        assert (found.name, str(found)) == (name, str(error))


def test_something_awaitable_is_a_type_error_that_says_so() -> None:
    waiting = _coroutine()
    with pytest.raises(Unsendable, match="Awaitable"):
        encode([waiting])
    waiting.close()


def test_depth_size_and_counts_are_bounded() -> None:
    nested: object = None
    for _ in range(DEPTH):
        nested = [nested]
    assert same(decode(encode(nested)), nested)
    with pytest.raises(Unsendable, match="deeper"):
        encode([nested])
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(Unsendable, match="deeper"):
        encode(endless)
    with pytest.raises(Malformed, match="deeper"):
        decode(struct.pack("<BI", 8, 1) * 70 + b"\0")
    with pytest.raises(TooLong):
        encode("x" * 100, longest=50)
    with pytest.raises(Malformed, match="count leads"):
        decode(struct.pack("<BI", 8, 0xFFFFFFFF))
    with pytest.raises(Malformed, match="length leads"):
        decode(struct.pack("<BI", 6, 0xFFFFFFFF))
    with pytest.raises(Malformed, match="more than"):
        decode(struct.pack("<BI", 8, 1_000_001) + b"\0" * 1_000_001)
    with pytest.raises(Malformed, match="twice"):
        decode(struct.pack("<BI", 9, 2) + (struct.pack("<I", 1) + b"a\0") * 2)
    with pytest.raises(Malformed, match="outside the years"):
        decode(struct.pack("<Bq", 10, (1 << 63) - 1))


def test_the_inside_of_the_sandbox_loads_the_standard_library_and_itself() -> None:
    """It is forked by the thousand: a database library or a framework in it would be in each of them."""
    code = (
        "import sys; before = set(sys.modules); import holdfast.runtime.bindings.client\n"
        "new = {name.split('.')[0] for name in set(sys.modules) - before} - {'holdfast'}\n"
        "ours = {name for name in sys.modules if name.startswith('holdfast.') and 'runtime' not in name}\n"
        "print(sorted(new - sys.stdlib_module_names), sorted(ours))"
    )
    environ = {**os.environ, "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environ)
    assert done.stdout.strip() == "[] []"
