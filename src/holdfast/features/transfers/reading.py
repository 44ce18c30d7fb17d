"""A file as it came: what it is, what is in it, and its rows one part after the other."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from holdfast.features.transfers.parquet_reading import SafeParquet
from holdfast.formats.delimited import Dialect, Record, parse, segments, transcoded
from holdfast.formats.guessing import DateOrder, Kind, kind_of_text, kind_of_value, together
from holdfast.formats.json_rows import BATCH, Found, document, read_array, read_lines
from holdfast.formats.sniffing import SAMPLE_BYTES, Form, form_of, sniff
from holdfast.formats.squeezing import PIECE, Squeeze, kind_of, opened
from holdfast.kernel.errors import Invalid

MOST_UNPACKED = 256 << 30
SAMPLE_ROWS = 1000
MOST_COLUMNS = 1600  # PostgreSQL's own bound
Seen = Callable[[int], None]


@dataclass(frozen=True)
class FileWish:
    """What the caller knows better than the first bytes; None = look."""

    form: Form | None = None
    delimiter: str | None = None
    quote: str | None = None
    header: bool | None = None
    null: str | None = None
    encoding: str | None = None
    date_order: DateOrder = "ymd"


@dataclass(frozen=True)
class Part:
    """Some rows of a file: (line, values by source column, or None and the problem). `raw`: the same rows as text."""

    rows: Callable[[], Iterator[tuple[int, Sequence[Any] | None, str, str]]]
    raw: bytes | None = None


@dataclass(frozen=True)
class Table:
    """A file opened: `names` are its columns, `kinds` what the sample holds, `sample` its first rows. `notes` say
    what of its values is not kept."""

    path: Path
    form: Form
    squeeze: Squeeze
    dialect: Dialect | None
    sure: bool
    names: Sequence[str]
    kinds: Sequence[Kind]
    sample: Sequence[Sequence[Any]] = field(default=())
    notes: Sequence[str] = ()

    def parts(self, seen: Seen, extra: Mapping[str, str] | None = None) -> Iterator[Part]:
        """All rows. `seen` hears how many bytes of the file were read."""
        if self.form == "parquet":
            yield from _parquet_parts(self.path, seen)
        elif self.dialect is not None:
            chunks = transcoded(unpacked(self.path, self.squeeze, seen), self.dialect.encoding)
            yield from _csv_parts(chunks, self.dialect, len(self.names))
        else:
            chunks = unpacked(self.path, self.squeeze, seen)
            found = read_array(chunks) if self.form == "json" else read_lines(chunks)
            yield from _json_parts(found, self.names, set(extra or ()))


def open_table(path: Path, name: str, wish: FileWish) -> Table:
    """Looks at the beginning only. Raises Invalid for a file of another kind, or an SQL dump, which is no table."""
    form, squeeze, head = look(path, name, wish.form)
    if form == "sql":
        raise Invalid("an SQL dump is run, not mapped", code="not_a_table")
    if form == "parquet":
        if squeeze != "none":
            raise Invalid("a Parquet file is compressed inside; send it as it is", code="parquet_invalid")
        columns, notes, rows = SafeParquet(path).head()
        names, kinds = [name for name, _ in columns], [kind for _, kind in columns]
        return _table(path, form, squeeze, None, True, names, kinds, rows[:SAMPLE_ROWS], notes)
    if form == "csv":
        return _open_csv(path, squeeze, head, wish)
    return _open_json(path, form, squeeze)


def look(path: Path, name: str, form: Form | None) -> tuple[Form, Squeeze, bytes]:
    """(format, compression, first bytes unpacked)."""
    with path.open("rb") as file:
        start = file.read(8)
    squeeze = kind_of(start)
    head = b""
    for piece in unpacked(path, squeeze, lambda _: None):
        head += piece
        if len(head) >= SAMPLE_BYTES:
            break
    for magic, what in ((b"PGDMP", "a pg_dump archive"), (b"SQLite format 3\0", "a SQLite database")):
        if head.startswith(magic):
            raise Invalid(f"this is {what}, not a file of rows", code="form_unknown", hint="Export it as SQL or CSV.")
    return form or form_of(name, head), squeeze, head[:SAMPLE_BYTES]


def unpacked(path: Path, squeeze: Squeeze, seen: Seen) -> Iterator[bytes]:
    def chunks() -> Iterator[bytes]:
        done = 0
        with path.open("rb") as file:
            while chunk := file.read(PIECE):
                done += len(chunk)
                seen(done)
                yield chunk

    return opened(chunks(), squeeze, MOST_UNPACKED)


def _table(*given: Any) -> Table:
    table = Table(*given)
    if not table.names:
        raise Invalid("the file has no columns", code="file_empty")
    if len(table.names) > MOST_COLUMNS:
        raise Invalid(f"the file has {len(table.names)} columns; {MOST_COLUMNS} are allowed", code="too_many_columns")
    return table


def _open_csv(path: Path, squeeze: Squeeze, head: bytes, wish: FileWish) -> Table:
    sniffed = sniff(head, whole=len(head) < SAMPLE_BYTES)
    known = sniffed.dialect
    dialect = Dialect(
        wish.delimiter or known.delimiter,
        known.quote if wish.quote is None else wish.quote,
        known.header if wish.header is None else wish.header,
        known.null if wish.null is None else wish.null,
        wish.encoding or known.encoding,
        known.newline,
    )
    chunks = transcoded(unpacked(path, squeeze, lambda _: None), dialect.encoding)
    rows: list[list[str | None]] = []
    for segment in segments(chunks, dialect, SAMPLE_BYTES):
        kept = (r.fields for r in parse(segment.data, dialect, segment.line) if r.problem is None)
        rows += islice((fields for fields in kept if fields not in ([None], [""])), SAMPLE_ROWS + 1 - len(rows))
        if len(rows) > SAMPLE_ROWS:
            break
    if dialect.header:
        names = _names(rows[0] if rows else [])
        rows = rows[1:]
    else:
        names = [f"column_{number}" for number in range(1, max((len(row) for row in rows), default=0) + 1)]
    sample = [row for row in rows if len(row) == len(names)]
    kinds = [
        together({kind_of_text(row[index] or "", wish.date_order) for row in sample if row[index] is not None})
        for index in range(len(names))
    ]
    return _table(path, "csv", squeeze, dialect, sniffed.sure, names, kinds, sample)


def _names(header: Sequence[str | None]) -> list[str]:
    """Every column has a name of its own."""
    made: list[str] = []
    for number, given in enumerate(header, 1):
        name, count = (given or "").strip() or f"column_{number}", 1
        unique = name
        while unique in made:
            count += 1
            unique = f"{name}_{count}"
        made.append(unique)
    return made


def _open_json(path: Path, form: Form, squeeze: Squeeze) -> Table:
    chunks = unpacked(path, squeeze, lambda _: None)
    found = read_array(chunks) if form == "json" else read_lines(chunks)
    names: dict[str, set[Kind]] = {}
    values = []
    for item in islice(found, SAMPLE_ROWS):
        if item.value is None:
            continue
        values.append(item.value)
        for key, value in item.value.items():
            kinds = names.setdefault(key, set())
            if value is not None:
                kinds.add("bytes" if _is_bytes(value) else kind_of_value(value))
    sample = [[_value(value.get(name)) for name in names] for value in values]
    return _table(path, form, squeeze, None, True, list(names), [together(k) for k in names.values()], sample)


def _csv_parts(chunks: Iterator[bytes], dialect: Dialect, width: int) -> Iterator[Part]:
    first = dialect.header
    for segment in segments(chunks, dialect):
        data, line = _after_header(segment.data, segment.line, dialect) if first else segment
        first = False
        if data:
            yield Part(lambda d=data, n=line: _csv_rows(d, n, dialect, width), data)  # type: ignore[misc]


def _after_header(data: bytes, line: int, dialect: Dialect) -> tuple[bytes, int]:
    newline, quote = dialect.newline.encode(), dialect.quote.encode()
    at = 0
    while True:
        at = data.find(newline, at) + 1
        if at == 0:
            return b"", line
        if not quote or data.count(quote, 0, at) % 2 == 0:
            return data[at:], line + data.count(newline, 0, at)


def _csv_rows(
    data: bytes, line: int, dialect: Dialect, width: int
) -> Iterator[tuple[int, Sequence[Any] | None, str, str]]:
    record: Record
    for record in parse(data, dialect, line):
        text = dialect.delimiter.join(field or "" for field in record.fields)[:200]
        if record.problem is not None:
            yield record.line, None, record.problem, text
        elif len(record.fields) != width:
            if width == 1 or record.fields not in ([None], [""]):
                yield record.line, None, f"{len(record.fields)} fields where {width} are wanted", text
        else:
            yield record.line, record.fields, "", ""


def _json_parts(found: Iterator[Found], names: Sequence[str], passed: set[str]) -> Iterator[Part]:
    known = {name: index for index, name in enumerate(names)}

    def row(item: Found) -> tuple[int, Sequence[Any] | None, str, str]:
        if item.value is None:
            return item.line, None, item.problem or "", item.text
        values: list[Any] = [None] * len(known)
        for key, value in item.value.items():
            index = known.get(key)
            if index is not None:
                values[index] = _value(value)
            elif key not in passed:
                return item.line, None, f"the field {key[:100]!r} is not in the first {SAMPLE_ROWS} rows", ""
        return item.line, values, "", ""

    while batch := list(islice(found, BATCH)):
        yield Part(lambda b=batch: map(row, b))  # type: ignore[misc]


def _parquet_parts(path: Path, seen: Seen) -> Iterator[Part]:
    size, done = path.stat().st_size, 0
    for rows in SafeParquet(path).rows():
        first, done = done + 1, done + len(rows)
        seen(min(size, done))
        yield Part(lambda r=rows, n=first: ((n + i, row, "", "") for i, row in enumerate(r)))  # type: ignore[misc]


def _is_bytes(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"$bytes"}


def _value(value: Any) -> Any:
    """As our own exports write what JSON has no word for."""
    if _is_bytes(value) and isinstance(value["$bytes"], str):
        try:
            return base64.b64decode(value["$bytes"], validate=True)
        except (binascii.Error, ValueError):
            return value
    if isinstance(value, dict) and set(value) == {"$json"}:
        return document(value["$json"])
    return value
