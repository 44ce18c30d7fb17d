"""Delimited text, JSON, Parquet and compression: what is written is read back the same, whatever is in it."""

from __future__ import annotations

import gzip
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as judge
import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.formats.delimited import Dialect, guarded, parse, quoter, segments, split_record, transcoded
from holdfast.formats.guessing import in_iso, kind_of_text, together
from holdfast.formats.json_rows import read_array, read_lines, write_rows
from holdfast.formats.parquet_rows import ParquetFile, Wanted
from holdfast.formats.parquet_rows import write_rows as write_parquet
from holdfast.formats.sniffing import encoding_of, form_of, sniff
from holdfast.formats.squeezing import opened, squeezed
from holdfast.kernel.errors import HoldfastError, Invalid


def _is_text(text: str) -> bool:
    return not any(0xD800 <= ord(char) < 0xE000 for char in text)


NASTY = st.text(alphabet=st.sampled_from(list("ab,;\t|\"'\r\n\\.=+-@N ü\U0001f600")), max_size=12)
FIELD = st.one_of(st.none(), st.just(""), NASTY, st.text(max_size=20).filter(_is_text))
ROWS = st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(FIELD, min_size=width, max_size=width), max_size=8))
DIALECTS = [Dialect(), Dialect(";", "'"), Dialect("\t"), Dialect("|", null="NULL"), Dialect(null="\\N", newline="\r")]


@given(ROWS, st.sampled_from(DIALECTS), st.integers(1, 40))
@settings(max_examples=300, deadline=None)
def test_delimited_rows_survive_however_the_bytes_are_cut(rows: list[Any], dialect: Dialect, cut: int) -> None:
    field = quoter(dialect)
    text = "".join(dialect.delimiter.join(map(field, row)) + dialect.newline for row in rows).encode()
    pieces = [text[at : at + cut] for at in range(0, len(text), cut)]
    found = []
    lines = 1
    for segment in segments(pieces, dialect, 8):
        assert segment.line == lines
        lines += segment.data.count(dialect.newline.encode())
        for record in parse(segment.data, dialect, segment.line):
            assert record.problem is None
            found.append(record.fields)
    assert found == rows


@given(st.lists(NASTY, min_size=1, max_size=3))
def test_no_field_of_a_guarded_file_is_a_formula(fields: list[str]) -> None:
    dialect = Dialect()
    line = ",".join(map(quoter(dialect), fields)) + "\n"
    for field in next(parse(guarded(line.encode(), dialect), dialect)).fields:
        assert not field or (field[0] not in "=@\t\r" and (field[0] not in "+-" or float(field) is not None))


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.text(max_size=8).filter(_is_text)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4).filter(_is_text), inner)),
    max_leaves=5,
)


@given(st.lists(st.tuples(VALUES, VALUES), max_size=6), st.booleans(), st.integers(1, 30))
@settings(deadline=None)
def test_json_rows_survive_however_the_bytes_are_cut(rows: list[Any], array: bool, cut: int) -> None:
    data = b"".join(write_rows(["a", 'b"\n'], [rows], lambda value: value, array=array))
    pieces = [data[at : at + cut] for at in range(0, len(data), cut)]
    found = list(read_array(pieces) if array else read_lines(pieces))
    assert [(item.value["a"], item.value['b"\n']) for item in found if item.value is not None] == rows
    if array:
        assert json.loads(data) == [{"a": a, 'b"\n': b} for a, b in rows]


@pytest.mark.parametrize("text", [b"[{}, ", b"{}", b"[{} {]", b'[{"a": 1}] x', b"[" * 100_000, b"[\xff]"])
def test_what_is_no_array_is_refused(text: bytes) -> None:
    with pytest.raises(Invalid, match="line 1"):
        list(read_array([text]))


def test_bad_lines_do_not_hide_good_ones() -> None:
    found = list(read_lines([b'{"a": 1}\n[1]\n\n{"a": \n{"a": 0.10}\n' + b'{"a":' * 100_000 + b"\n"]))
    assert [(item.line, item.value) for item in found if item.value] == [(1, {"a": 1}), (5, {"a": Decimal("0.10")})]
    assert [item.line for item in found if item.problem] == [2, 4, 6]


def test_parquet_is_what_the_judge_reads(tmp_path: Path) -> None:
    columns = [Wanted("i", "integer"), Wanted("n", "decimal", "numeric(20,3)"), Wanted("t", "timestamptz")]
    columns += [
        Wanted("d", "date"),
        Wanted("b", "bytes"),
        Wanted("o", "boolean"),
        Wanted("f", "float"),
        Wanted("s", "text"),
    ]
    rows = [
        (
            2**63 - 1,
            "12345678901234567.125",
            "1850-01-01 00:00:00.000001+02",
            "0001-01-01",
            b"\0\xff",
            True,
            1e300,
            "ü",
        ),
        (None, None, None, None, None, None, None, None),
        (-(2**63), "-0.001", "2026-01-01 00:00:00+00", "9999-12-31", b"", False, float("inf"), ""),
    ]
    path = tmp_path / "x.parquet"
    with path.open("wb") as out:
        write_parquet(columns, iter([rows, []]), out)
    table = judge.read_table(path)
    assert table.column("n").to_pylist() == [Decimal("12345678901234567.125"), None, Decimal("-0.001")]
    assert table.column("t").to_pylist()[0].isoformat() == "1849-12-31T22:00:00.000001+00:00"
    assert [column.kind for column in ParquetFile(path).columns()] == [column.kind for column in columns]
    assert [row[0] for batch in ParquetFile(path).rows() for row in batch] == [2**63 - 1, None, -(2**63)]
    for kind, value in (("integer", "x"), ("date", "infinity"), ("integer", 2**63)):
        with pytest.raises(Invalid, match="column 'c'"):
            write_parquet([Wanted("c", kind)], iter([[(value,)]]), io.BytesIO())  # type: ignore[arg-type]


@given(st.binary(max_size=400), st.sampled_from(["none", "gzip", "zstd"]), st.integers(1, 50))
@settings(deadline=None)
def test_compression_survives_however_the_bytes_are_cut(data: bytes, how: Any, cut: int) -> None:
    packed = b"".join(squeezed([data], how))
    pieces = [packed[at : at + cut] for at in range(0, len(packed), cut)]
    assert b"".join(opened(pieces, how, 1 << 20)) == data


def test_a_bomb_stops_early_and_members_are_one_file() -> None:
    for how, packed in (("gzip", gzip.compress(b"0" * 100_000_000)), ("zstd", zstd.compress(b"0" * 100_000_000))):
        pieces = opened([packed], how, 1 << 40)  # type: ignore[arg-type]
        with pytest.raises(HoldfastError) as caught:
            list(pieces)
        assert caught.value.code == "expands_too_much"
    assert b"".join(opened([gzip.compress(b"a") + gzip.compress(b"b") + b"\0" * 9], "gzip", 99)) == b"ab"
    assert b"".join(opened([zstd.compress(b"a") + zstd.compress(b"b")], "zstd", 99)) == b"ab"
    with pytest.raises(Invalid, match="cut off"):
        list(opened([zstd.compress(b"abc" * 99)[:-3]], "zstd", 999))


@pytest.mark.parametrize(
    ("data", "delimiter", "header", "null", "encoding"),
    [
        (b"id,name\n1,a\n2,b\n", ",", True, "", "utf-8"),
        ("näme;größe\nx;1\n".encode("cp1252"), ";", True, "", "cp1252"),
        ("a\tb\n1\t2\n".encode("utf-16"), "\t", True, "", "utf-16"),
        ("a|b\n1|2\n".encode("utf-16-le"), "|", True, "", "utf-16-le"),
        (b"1,2\n3,NULL\n5,6\n", ",", False, "NULL", "utf-8"),
        (b"word,text\nNULL,x\ny,z\n", ",", True, "", "utf-8"),
        (b"only\nx\n", ",", True, "", "utf-8"),
        (b'"a","b, c"\n"1","2, 3"\n', ",", True, "", "utf-8"),
    ],
)
def test_a_dialect_is_told_from_the_beginning(
    data: bytes, delimiter: str, header: bool, null: str, encoding: str
) -> None:
    found = sniff(data, whole=True).dialect
    assert (found.delimiter, found.header, found.null, found.encoding) == (delimiter, header, null, encoding)
    assert not b"".join(transcoded([data], encoding)).startswith((b"\xef", b"\xff", b"\0"))


def test_kinds_keep_what_would_be_lost() -> None:
    kinds = {"1": "integer", "007": "text", "9" * 19: "decimal", "1e5": "float", "": "text", "2024-02-30x": "text"}
    assert {text: kind_of_text(text) for text in kinds} == kinds
    assert together(["integer", "decimal"]) == "decimal"
    assert together(["integer", "date"]) == "text"
    assert (in_iso("31/12/2024", "dmy"), in_iso("31/12/2024", "mdy")) == ("2024-12-31", None)
    assert form_of("x.json", b'{"a": 1}') == "ndjson"
    assert form_of("x", b"PAR1") == "parquet"
    assert encoding_of(b"caf\xe9", whole=True) == "cp1252"
    assert split_record('"a""b",,""', Dialect()) == ['a"b', None, ""]


def test_a_quote_left_open_does_not_eat_the_memory() -> None:
    def endless() -> Any:
        yield b'1,"'
        for _ in range(60):
            yield b"x" * (1 << 20)

    with pytest.raises(HoldfastError) as caught:
        list(segments(endless(), Dialect()))
    assert (caught.value.code, caught.value.details["line"]) == ("record_too_long", 1)
