"""Parquet files made to break their reader: an error in our words, from a child that dies instead of us."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as judge
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.features.transfers import parquet_reading
from holdfast.features.transfers.parquet_reading import SafeParquet
from holdfast.features.transfers.reading import FileWish, open_table
from holdfast.kernel.errors import Invalid, LimitExceeded

MOMENT = datetime(1850, 1, 1, 12, 0, 0, 1, tzinfo=UTC)


def test_values_cross_from_the_child_as_they_are(tmp_path: Path) -> None:
    table = pa.table(
        {
            "i": pa.array([2**63 - 1, None]),
            "n": pa.array([Decimal("12345678901234567.125"), None]),
            "f": pa.array([float("-inf"), 1e-300]),
            "b": pa.array([b"\0\xff", b""]),
            "s": pa.array(["ü\U0001f600\"'\n\\", ""]),
            "d": pa.array([date(1, 1, 1), date(9999, 12, 31)]),
            "c": pa.array([time(23, 59, 59, 999999), None]),
            "t": pa.array([MOMENT, None]),
            "l": pa.array([[1, None], []]),
            "m": pa.array([{"a": Decimal("0.10"), "when": date(2024, 2, 29)}, None]),
            "ns": pa.array([1, None], pa.timestamp("ns")),
        }
    )
    path = tmp_path / "x.parquet"
    judge.write_table(table, path)
    columns, notes, rows = SafeParquet(path).head()
    assert [kind for _, kind in columns] == [
        "integer", "decimal", "float", "bytes", "text", "date", "time", "timestamptz", "json", "json", "timestamp",
    ]  # fmt: skip
    assert [row[:9] for row in rows] == [tuple(each.values()) for each in table.select(range(9)).to_pylist()]
    assert rows[0][9] == {"a": "0.10", "when": "2024-02-29"}
    assert notes == ["column 'ns' counts nanoseconds: microseconds are kept"], "what is lost is announced"
    assert open_table(path, "x.parquet", FileWish()).notes == notes
    assert list(SafeParquet(path).rows()) == [rows]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("parquet") / "sound.parquet"
    table = pa.table(
        {"a": list(range(300)), "b": [f"note {n}" for n in range(300)], "l": [[n, None] for n in range(300)]}
    )
    judge.write_table(table, path, compression="snappy", row_group_size=100)
    return path.read_bytes()


@given(
    flips=st.lists(st.tuples(st.floats(0, 1), st.integers(1, 255)), max_size=6),
    cut=st.floats(0, 1),
    whole=st.booleans(),
)
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_damage_anywhere_is_an_error_or_rows(
    sound: bytes, tmp_path: Path, flips: list[tuple[float, int]], cut: float, whole: bool
) -> None:
    data = bytearray(sound if whole else sound[: int(len(sound) * cut)] + sound[-8:])
    for at, mask in flips:
        data[int(at * (len(data) - 1))] ^= mask
    path = tmp_path / "x.parquet"
    path.write_bytes(data)
    with suppress(Invalid, LimitExceeded):
        for rows in SafeParquet(path, patience=10).rows():
            assert rows


def test_a_value_repeated_past_the_memory_ends_the_child_alone(tmp_path: Path) -> None:
    """3 MB on disk; a batch of it is a gigabyte and more."""
    path = tmp_path / "bomb.parquet"
    words = pa.DictionaryArray.from_arrays(pa.array([0] * 500, pa.int32()), pa.array(["x" * 20_000_000]))
    judge.write_table(pa.table({"a": words}), path, compression="zstd")
    assert path.stat().st_size < 4_000_000
    with pytest.raises(LimitExceeded, match="memory") as caught:
        list(SafeParquet(path).rows())
    assert (caught.value.code, bool(caught.value.hint)) == ("parquet_too_heavy", True)


def test_more_rows_than_a_file_can_hold_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "nulls.parquet"
    judge.write_table(pa.table({"a": pa.nulls(3_000_000, pa.bool_())}), path, compression="zstd")
    monkeypatch.setattr(parquet_reading, "FREE_BYTES", 1 << 20)
    monkeypatch.setattr(parquet_reading, "MAX_RATIO", 100)
    with pytest.raises(LimitExceeded) as caught:
        list(SafeParquet(path).rows())
    assert caught.value.code == "expands_too_much"


def test_a_reader_that_stands_still_is_ended(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    judge.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(LimitExceeded) as caught:
        list(SafeParquet(path, patience=0.0).rows())
    assert caught.value.code == "parquet_too_heavy"


def test_leaving_early_leaves_no_child(sound: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(sound)
    rows = SafeParquet(path).rows()
    assert next(rows)
    rows.close()
    children = Path("/proc/self/task").glob("*/children")
    pids = [pid for each in children for pid in each.read_text().split()]
    assert not any(b"parquet_child" in Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids)
