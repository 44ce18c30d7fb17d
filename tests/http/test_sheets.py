"""Lists as files: each kind read back by what reads such files, and nothing in a cell that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.web.sheets import MEDIA, cell, written

COLUMNS = ("id", "at", "details", "name")
AT = datetime(2026, 11, 22, 1, 0, tzinfo=timezone(timedelta(hours=2)))
ROWS = [
    {"id": 1, "at": AT, "details": {"b": [1, "ü"], "a": None}, "name": "a\"b'; --,\n", "not asked for": "x"},
    {"id": 2, "at": None, "details": {}, "name": None},
]


def whole(rows: list[dict[str, Any]], kind: str) -> str:
    return b"".join(written(iter(rows), COLUMNS, kind)).decode()


def test_every_kind_says_the_same() -> None:
    plain = [
        {"id": 1, "at": "2026-11-21T23:00:00.000000Z", "details": {"a": None, "b": [1, "ü"]}, "name": "a\"b'; --,\n"},
        {"id": 2, "at": None, "details": {}, "name": None},
    ]
    assert json.loads(whole(ROWS, "json")) == plain
    assert [json.loads(line) for line in whole(ROWS, "ndjson").splitlines()] == plain
    first, second = csv.DictReader(io.StringIO(whole(ROWS, "csv"), newline=""))
    assert first | {"details": json.loads(first["details"])} == plain[0] | {"id": "1"}
    assert second == {"id": "2", "at": "", "details": "{}", "name": ""}


@pytest.mark.parametrize("kind", MEDIA)
def test_nothing_is_a_whole_file_too(kind: str) -> None:
    assert whole([], kind) == {"csv": ",".join(COLUMNS) + "\r\n", "json": "[\n]\n", "ndjson": ""}[kind]
    assert json.loads(whole([], "json")) == []


@pytest.mark.parametrize("kind", MEDIA)
def test_pieces_are_small_whatever_the_length(kind: str) -> None:
    row = {"id": 1, "at": None, "details": None, "name": "x" * 1000}
    pieces = list(written((row for _ in range(1000)), COLUMNS, kind))
    assert max(map(len, pieces)) < 70_000
    assert b"".join(pieces).count(b"x" * 1000) == 1000


def test_an_array_that_was_cut_off_does_not_parse() -> None:
    *all_but_last, _ = written(iter(ROWS), COLUMNS, "json")
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(b"".join(all_but_last))


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@a", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert cell(text) == f"'{text}"


@given(st.text() | st.integers() | st.lists(st.text()) | st.dictionaries(st.text(), st.text()))
def test_no_cell_begins_as_a_formula(value: object) -> None:
    assert not cell(value).startswith(("=", "+", "-", "@", "\t", "\r"))
