"""Values between COPY's text format and Python, by the kind of their column.

Text format: https://www.postgresql.org/docs/18/sql-copy.html, "File Formats". Arrays: "8.15.6. Array Input and Output".
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from holdfast.contract.bulk import BulkColumn
from holdfast.engines.postgresql.bulk_shape import kind_of
from holdfast.formats.json_rows import RawJson
from holdfast.formats.json_rows import document as exactly

_SPECIAL = re.compile(r"[\\\t\n\r]")
_ESCAPED = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_ESCAPE = re.compile(r"\\(.)", re.S)
_LETTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_PLAIN_ELEMENT = re.compile(r'[^{}",\\\s]+')
Reader = Callable[[str], Any]


def fields(line: str) -> list[str | None]:
    """One line of COPY text, without its end."""
    if "\\" not in line:
        return list(line.split("\t"))
    return [
        None if field == "\\N" else _ESCAPE.sub(lambda m: _LETTERS.get(m[1], m[1]), field) if "\\" in field else field
        for field in line.split("\t")
    ]


def readers(columns: Sequence[BulkColumn]) -> list[Reader]:
    return [_reader(column.kind, column.type) for column in columns]


def _reader(kind: str, spelling: str) -> Reader:
    """What Python's types cannot hold (infinite or BC dates) stays the server's own text."""
    if kind == "array":
        element = _reader(kind_of(spelling[:-2]), spelling[:-2])
        return lambda text: _array(text, element)
    found: dict[str, Reader] = {
        "boolean": lambda text: text == "t",
        "integer": int,
        "float": float,
        "decimal": Decimal,
        "bytes": lambda text: bytes.fromhex(text[2:]),
        "json": RawJson,
        "date": _or_text(date.fromisoformat),
        "time": _or_text(time.fromisoformat),
        "timestamp": _or_text(datetime.fromisoformat),
        "timestamptz": _or_text(datetime.fromisoformat),
    }
    return found.get(kind, str)


def _or_text(read: Reader) -> Reader:
    def reader(text: str) -> Any:
        with suppress(ValueError):
            return read(text)
        return text

    return reader


def _array(text: str, element: Reader) -> Any:
    """A list, nested as the array is; one with bounds of its own ("[0:1]={1,2}") stays text."""
    if not text.startswith("{"):
        return text
    found, _ = _elements(text, 1, element)
    return found


def _elements(text: str, at: int, element: Reader) -> tuple[list[Any], int]:
    found: list[Any] = []
    while True:
        char = text[at]
        if char == "{":
            inner, at = _elements(text, at + 1, element)
            found.append(inner)
        elif char == "}":
            return found, at + 1
        elif char == '"':
            value, at = _quoted(text, at + 1)
            found.append(element(value))
        elif char == ",":
            at += 1
        else:
            end = at
            while text[end] not in ",}":
                end += 2 if text[end] == "\\" else 1
            word, at = text[at:end], end
            found.append(None if word == "NULL" else element(_ESCAPE.sub(r"\1", word)))


def _quoted(text: str, at: int) -> tuple[str, int]:
    parts = []
    while (char := text[at]) != '"':
        if char == "\\":
            at += 1
        parts.append(text[at])
        at += 1
    return "".join(parts), at + 1


def lines(rows: Sequence[Sequence[Any]], columns: Sequence[BulkColumn]) -> list[bytes | str]:
    """Each row as one line of COPY text, or (text) why it cannot be one."""
    arrays = [column.kind == "array" for column in columns]
    documents = [column.kind == "json" for column in columns]
    if any(arrays):
        rows = [[_listed(v, c) if c.kind == "array" else v for v, c in zip(r, columns, strict=True)] for r in rows]
    return [_line(row, arrays, documents) for row in rows]


def _listed(value: Any, column: BulkColumn) -> Any:
    """A list, also from its JSON text (Parquet has no other form for it here); anything else as it is."""
    if isinstance(value, str) and value.startswith("["):
        with suppress(ValueError):  # [0:1]={1,2} is PostgreSQL's own
            value = json.loads(value, parse_float=Decimal)
    return _bytes_in(value) if column.type == "bytea[]" else value


def _bytes_in(value: Any) -> Any:
    if isinstance(value, list):
        return [_bytes_in(item) for item in value]
    if isinstance(value, dict) and set(value) == {"$bytes"}:
        with suppress(ValueError, TypeError):
            return base64.b64decode(value["$bytes"], validate=True)
    return value


def _line(row: Sequence[Any], arrays: Sequence[bool], documents: Sequence[bool]) -> bytes | str:
    cells = []
    for value, array, document in zip(row, arrays, documents, strict=True):
        if value is None:
            cells.append("\\N")
            continue
        text = value if type(value) is str else _written(value, array=array, document=document)
        if "\0" in text:
            return "PostgreSQL text cannot hold a zero byte"
        cells.append(text.translate(_ESCAPED) if _SPECIAL.search(text) else text)
    try:
        return "\t".join(cells).encode()
    except UnicodeEncodeError:
        return "the text is no Unicode"


def _written(value: Any, *, array: bool, document: bool) -> str:
    """A value as PostgreSQL's input functions read it."""
    if isinstance(value, RawJson):
        return str(value)
    if document and not isinstance(value, bytes | bytearray):
        return exactly(value)
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, bytes | bytearray | memoryview):
        return "\\x" + bytes(value).hex()
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else str(value)
    if isinstance(value, list | tuple):
        return "{" + ",".join(_element(item) for item in value) + "}" if array else exactly(value)
    if isinstance(value, dict):
        return exactly(value)
    if isinstance(value, timedelta):
        return f"{value.days} days {value.seconds} seconds {value.microseconds} microseconds"
    return value.isoformat() if isinstance(value, date | time) else str(value)


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, list | tuple):
        return "{" + ",".join(_element(item) for item in value) + "}"
    text = value if isinstance(value, str) else _written(value, array=True, document=False)
    if _PLAIN_ELEMENT.fullmatch(text) and text.upper() != "NULL":
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def batches(pieces: Iterator[bytes], size: int) -> Iterator[list[list[str | None]]]:
    """COPY text cut anywhere, as batches of fields."""
    held = b""
    rows: list[list[str | None]] = []
    for piece in pieces:
        *whole, held = (held + piece).split(b"\n")
        for line in whole:
            rows.append(fields(line.decode()))
            if len(rows) >= size:
                yield rows
                rows = []
    if rows:
        yield rows
