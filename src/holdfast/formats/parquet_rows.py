"""Apache Parquet, written from rows in row groups and read back in batches. arro3 (arrow-rs) does the format.

arro3 builds no decimal, date or timestamp arrays from Python values: they are made as text or integers and cast.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

from arro3.compute import cast
from arro3.core import Array, DataType, Field, RecordBatch, RecordBatchReader, Schema
from arro3.io import read_parquet, write_parquet

from holdfast.formats.guessing import Kind
from holdfast.kernel.errors import Invalid

GROUP_ROWS = 100_000
GROUP_BYTES = 16 << 20  # of values, roughly: wide rows make smaller groups, so that memory stays bounded
READ_ROWS = 5_000
READ_BYTES = 8 << 20  # of values in a batch, roughly
_PROBE_ROWS = 64
MAX_FOOTER = 16 << 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_MICRO = 1_000_000
_DECIMAL = re.compile(r"(?:numeric|decimal)\((\d+)(?:,(-?\d+))?\)", re.I)
Row = Sequence[Any]


@dataclass(frozen=True)
class Wanted:
    """A column to write: `type` is the database's own spelling, for the digits of a decimal."""

    name: str
    kind: Kind
    type: str = ""


class _Fields:
    """How one column becomes an Arrow array."""

    def __init__(self, column: Wanted) -> None:
        self.column = column
        self.first: DataType = DataType.utf8()
        self.last: DataType | None = None
        self.make: Callable[[Any], Any] = _text
        self._choose()

    def _choose(self) -> None:
        kind = self.column.kind
        plain: dict[str, tuple[DataType, Callable[[Any], Any]]] = {
            "boolean": (DataType.bool(), _boolean),
            "integer": (DataType.int64(), _integer),
            "float": (DataType.float64(), float),
            "bytes": (DataType.binary(), _binary),
        }
        if kind in plain:
            self.first, self.make = plain[kind]
        elif kind == "date":
            self.first, self.last, self.make = DataType.int32(), DataType.date32(), _days
        elif kind == "time":
            self.first, self.last, self.make = DataType.int64(), DataType.time64("us"), _clock
        elif kind in ("timestamp", "timestamptz"):
            zone = "UTC" if kind == "timestamptz" else None
            self.first, self.last, self.make = DataType.int64(), DataType.timestamp("us", tz=zone), _micros
        elif kind == "decimal" and (digits := _DECIMAL.match(self.column.type)):
            precision, scale = int(digits[1]), int(digits[2] or 0)
            if 0 < precision <= 38 and 0 <= scale <= precision:
                self.last, self.make = DataType.decimal128(precision, scale), _decimal

    @property
    def field(self) -> Field:
        return Field(self.column.name, self.last or self.first, nullable=True)

    def array(self, values: Sequence[Any]) -> Array:
        made = [None if value is None else self._one(value) for value in values]
        array = Array(made, self.first)
        if self.last is None:
            return array
        done = cast(array, self.last)
        if done.null_count != array.null_count:
            raise self._unfit(next(v for v, out in zip(values, done.to_pylist(), strict=True) if v and out is None))
        return done

    def _one(self, value: Any) -> Any:
        try:
            return self.make(value)
        except (TypeError, ValueError, OverflowError, ArithmeticError):
            raise self._unfit(value) from None

    def _unfit(self, value: Any) -> Invalid:
        return Invalid(
            f"column {self.column.name!r} holds {str(value)[:80]!r}, which is no Parquet {self.column.kind}",
            code="value_unfit",
            hint="export a query that casts the column to text, or choose another format",
            details={"column": self.column.name},
        )


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        raise ValueError("bytes")
    if isinstance(value, list | tuple):
        return json.dumps(_plain(value), ensure_ascii=False)
    return value if isinstance(value, str) else str(value)


def _plain(value: Any) -> Any:
    """An array's elements as JSON has them; what it has no word for as text."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, date | time):
        return value.isoformat()
    return value if value is None or isinstance(value, str | int | float) else str(value)


def _boolean(value: Any) -> bool:
    if value in (0, 1):
        return bool(value)
    raise ValueError("no boolean")


def _integer(value: Any) -> int:
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return int(value)
    raise ValueError("no 64-bit integer")


def _binary(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)


def _decimal(value: Any) -> str:
    made = Decimal(value)
    if not made.is_finite():
        raise ValueError("not finite")
    return format(made, "f")


def _days(value: Any) -> int:
    made = value if isinstance(value, date) else date.fromisoformat(value)
    return made.toordinal() - _EPOCH_DAY


def _clock(value: Any) -> int:
    made = value if isinstance(value, time) else time.fromisoformat(value)
    if made.tzinfo is not None:
        raise ValueError("a zone")
    return ((made.hour * 60 + made.minute) * 60 + made.second) * _MICRO + made.microsecond


def _micros(value: Any) -> int:
    made = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    since = (made if made.tzinfo else made.replace(tzinfo=UTC)) - _EPOCH
    return (since.days * 86_400 + since.seconds) * _MICRO + since.microseconds


def write_rows(columns: Sequence[Wanted], batches: Iterable[Sequence[Row]], out: IO[bytes]) -> None:
    """The whole file into `out`, row group by row group; zstd inside. Raises Invalid (code "value_unfit") when a value
    is none of its column's kind: what was written until then has no footer and is no Parquet."""
    fields = [_Fields(column) for column in columns]
    schema = Schema([field.field for field in fields])
    failed: list[Exception] = []

    def groups() -> Iterator[RecordBatch]:
        try:
            for rows in _grouped(batches):
                values = list(zip(*rows, strict=True))
                arrays = [field.array(column) for field, column in zip(fields, values, strict=True)]
                yield RecordBatch.from_arrays(arrays, schema=schema)
        except Exception as error:
            failed.append(error)  # arro3 wraps it in one of its own
            raise

    try:
        reader = RecordBatchReader.from_batches(schema, groups())
        write_parquet(reader, out, compression="zstd(1)", max_row_group_size=GROUP_ROWS)
    except BaseException:
        if failed:
            raise failed[0] from None
        raise


def _grouped(batches: Iterable[Sequence[Row]]) -> Iterator[list[Row]]:
    rows: list[Row] = []
    size = 0
    for batch in batches:
        rows += batch
        size += sum(len(value) for row in batch for value in row if isinstance(value, str | bytes)) + 8 * len(batch)
        if len(rows) >= GROUP_ROWS or size >= GROUP_BYTES:
            yield rows
            rows, size = [], 0
    if rows:
        yield rows


@dataclass(frozen=True)
class ParquetFile:
    """A file to read: its columns with the kinds they hold."""

    path: Path

    def columns(self) -> list[Wanted]:
        with _Sound():
            schema = read_parquet(_checked(self.path), batch_size=1).schema
            fields = [schema.field(name) for name in schema.names]
            return [Wanted(field.name, _kind(field.type)) for field in fields]

    def notes(self) -> list[str]:
        """What of its values Python's types, and so we, do not keep."""
        with _Sound():
            schema = read_parquet(_checked(self.path), batch_size=1).schema
            fields = [schema.field(name) for name in schema.names]
            return [
                f"column {field.name!r} counts nanoseconds: microseconds are kept"
                for field in fields
                if (_are.is_timestamp(field.type) or _are.is_time(field.type)) and field.type.time_unit == "ns"
            ]

    def rows(self) -> Iterator[list[tuple[Any, ...]]]:
        """Batches of rows in Python's types. Raises Invalid (code "parquet_invalid") for a damaged file."""
        with _Sound():
            path = _checked(self.path)
            probe = next(iter(read_parquet(path, batch_size=_PROBE_ROWS)), None)
            each = probe.nbytes // max(1, probe.num_rows) if probe is not None else 0
            del probe
            for batch in read_parquet(path, batch_size=max(1, min(READ_ROWS, READ_BYTES // max(1, each)))):
                columns = [batch.column(index).to_pylist() for index in range(batch.num_columns)]
                yield list(zip(*columns, strict=True))


class _Sound:
    """arro3's errors in our words. It panics on many damaged files, and a panic is a BaseException."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None and _is_arrows(error):
            reason = (str(error).splitlines() or [type(error).__name__])[0][:300]
            raise Invalid(f"this is no Parquet file we can read: {reason}", code="parquet_invalid") from None


def _is_arrows(error: BaseException) -> bool:
    module = type(error).__module__.split(".")[0]
    return module in ("arro3", "pyo3_runtime") or isinstance(error, ValueError | OSError | RuntimeError)


def _checked(path: Path) -> str:
    """Magic and footer as they must be: what is declared there is what arro3 sets memory aside for."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - 8))
        tail = file.read(8)
    length = int.from_bytes(tail[:4], "little")
    if size < 12 or tail[4:] != b"PAR1" or length > min(size - 12, MAX_FOOTER):
        raise Invalid("this is no whole Parquet file", code="parquet_invalid")
    return str(path)


_are: Any = DataType  # its stubs narrow types that have no subtypes


def _kind(kind: Any) -> Kind:
    if _are.is_boolean(kind):
        return "boolean"
    if _are.is_integer(kind):
        return "integer"
    if _are.is_floating(kind):
        return "float"
    if _are.is_decimal(kind):
        return "decimal"
    if _are.is_date(kind):
        return "date"
    if _are.is_time(kind):
        return "time"
    if _are.is_timestamp(kind):
        return "timestamptz" if kind.tz else "timestamp"
    if _are.is_binary(kind) or _are.is_large_binary(kind) or _are.is_fixed_size_binary(kind):
        return "bytes"
    if _are.is_nested(kind):
        return "json"
    return "text"
