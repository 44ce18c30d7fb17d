"""Lists as files: JSON, one object per line, or CSV that no spreadsheet mistakes for formulas. In bounded memory."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from holdfast.kernel.clock import timestamp

MEDIA = {"csv": "text/csv; charset=utf-8", "json": "application/json", "ndjson": "application/x-ndjson"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_PIECE = 64 * 1024
Row = Mapping[str, Any]


def written(rows: Iterable[Row], columns: Sequence[str], kind: str) -> Iterator[bytes]:
    """The file's pieces: of each row just these columns. `kind` is one of `MEDIA`; moments are timestamps in UTC."""
    plain = ({name: _plain(row[name]) for name in columns} for row in rows)
    if kind == "csv":
        return _csv(plain, columns)
    return _lines(plain) if kind == "ndjson" else _array(plain)


def cell(value: Any) -> str:
    """A leading quote before what Excel and others would run (OWASP, CSV injection); they hide it again."""
    text = _compact(value) if isinstance(value, Mapping | list | tuple) else "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _csv(rows: Iterable[Row], columns: Sequence[str]) -> Iterator[bytes]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([cell(row[name]) for name in columns])
        if buffer.tell() > _PIECE:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


def _lines(rows: Iterable[Row]) -> Iterator[bytes]:
    for row in rows:
        yield _compact(row).encode() + b"\n"


def _array(rows: Iterable[Row]) -> Iterator[bytes]:
    """Cut short, it does not parse: a part of a list must not look like all of it."""
    yield b"["
    for number, row in enumerate(rows):
        yield (b",\n" if number else b"\n") + _compact(row).encode()
    yield b"\n]\n"


def _plain(value: Any) -> Any:
    return timestamp(value) if isinstance(value, datetime) else value


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
