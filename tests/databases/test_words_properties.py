"""What values, names, labels and shapes of statements may be, and that none loses or leaks anything."""

from __future__ import annotations

import json
import math
import string
import unicodedata
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from journey import NAMES

from holdfast.catalog import ENGINES
from holdfast.features.databases.encoding import MAX_EXACT, decode_value, duration, encode_value, json_bytes
from holdfast.features.databases.fingerprint import MAX_LENGTH, fingerprint
from holdfast.features.databases.names import checked_name
from holdfast.features.databases.service import checked_labels
from holdfast.kernel.errors import Invalid
from holdfast.web.paging import decode_cursor, encode_cursor

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MAX_EXACT, MAX_EXACT)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.binary(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8) | st.just("$bytes"), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(plain)
@example({"$bytes": "x"})
@example({"$json": {"$bytes": b"\0"}})
def test_what_is_written_is_read_back(value: Any) -> None:
    assert decode_value(json.loads(json_bytes(encode_value(value)))) == value


@given(st.integers() | st.decimals() | st.floats() | st.binary())
def test_numbers_stay_exact_for_every_reader(value: Any) -> None:
    written = json.loads(json_bytes(encode_value(value)))
    if isinstance(value, int):
        assert int(written) == value
        assert isinstance(written, str) == (abs(value) > MAX_EXACT)
    elif isinstance(value, Decimal):
        assert str(Decimal(written)) == str(value)
    elif isinstance(value, float):
        assert float(written) == value or math.isnan(value)


@given(st.timedeltas())
def test_durations_keep_every_microsecond(value: timedelta) -> None:
    text = duration(value)
    sign = -1 if text.startswith("-") else 1
    days, _, seconds = text.lstrip("-").removeprefix("P").removesuffix("S").partition("DT")
    assert sign * (timedelta(days=int(days)) + timedelta(microseconds=int(Decimal(seconds) * 1_000_000))) == value


secrets = st.text(string.ascii_lowercase, min_size=6, max_size=12).map(lambda text: "zq" + text)
numbers = st.integers(10**6, 10**15)


@pytest.mark.parametrize("engine", NAMES)
@given(secret=secrets, number=numbers, left=st.text(max_size=12), right=st.text(max_size=12))
@settings(max_examples=60)
@example("zqsecret", 1234567, "\\", "")
@example("zqsecret", 1234567, "'", "\\'")
@example("zqsecret", 1234567, "--", "/*")
def test_no_literal_survives_in_a_shape(engine: str, secret: str, number: int, left: str, right: str) -> None:
    dialect = ENGINES.get(engine).capabilities.dialect
    value = (left + secret + right).replace("'", "''").replace("\0", "")
    for statement in (
        f"select * from t where a = '{value}' and b in ({number}, {number})",
        f"insert into t values ('{value}', -{number}.5, x'00'), ('b', {number}e3, null)",
        f"select 1 /* {secret} {number} */ from t where a='{value}'",
        f"select 1 -- {secret} {number}\n from t",
        f"select '{value}",
    ):
        shape = fingerprint(statement, dialect)
        assert secret not in shape, (statement, shape)
        assert str(number) not in shape, (statement, shape)
        assert len(shape) <= MAX_LENGTH


@given(st.text(max_size=40))
def test_a_name_is_shown_whole_or_refused(name: str) -> None:
    try:
        assert checked_name(name) == name
    except Invalid:
        return
    assert 1 <= len(name.encode()) <= 63
    assert name == name.strip()
    assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs"} for char in name)


@given(st.dictionaries(st.text(max_size=70), st.text(max_size=300), max_size=3))
def test_labels_are_kept_or_refused(labels: dict[str, str]) -> None:
    try:
        assert checked_labels(labels) == labels
    except Invalid:
        return
    assert all(1 <= len(key) <= 63 and "=" not in key and len(value) <= 255 for key, value in labels.items())


@given(st.text(), st.integers())
def test_cursors_come_back(text: str, number: int) -> None:
    assume(text.isprintable())
    assert decode_cursor(encode_cursor(text, number), str, int) == (text, number)


@given(st.text(max_size=60))
def test_other_cursors_are_refused_and_nothing_else(text: str) -> None:
    try:
        found = decode_cursor(text, str)
    except Invalid:
        return
    assert found is not None
    assert isinstance(found[0], str)
