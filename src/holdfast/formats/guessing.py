"""What kind of value a column of texts or JSON values holds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any, Literal

Kind = Literal[
    "boolean",
    "integer",
    "decimal",
    "float",
    "text",
    "bytes",
    "date",
    "time",
    "timestamp",
    "timestamptz",
    "interval",
    "uuid",
    "json",
    "array",
    "other",
]
DateOrder = Literal["ymd", "dmy", "mdy"]

_MAX_INTEGER = 2**63 - 1
_TEXTS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("integer", re.compile(r"-?(0|[1-9]\d{0,18})")),
    ("decimal", re.compile(r"-?(0|[1-9]\d{0,130})(\.\d{1,130})?")),
    ("float", re.compile(r"-?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?|NaN|-?Infinity")),
    ("boolean", re.compile(r"true|false|True|False|TRUE|FALSE|t|f")),
    ("date", re.compile(r"\d{4}-\d{2}-\d{2}")),
    ("timestamptz", re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}(:?\d{2})?)")),
    ("timestamp", re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?")),
    ("uuid", re.compile(r"[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")),
    ("bytes", re.compile(r"\\x([0-9a-fA-F]{2})*")),
)
_OTHER_ORDERS = re.compile(r"(\d{1,2})[./-](\d{1,2})[./-](\d{4})(?:[T ](\d{1,2}:\d{2}(?::\d{2})?))?")
# Each may stand in for the ones before it: a column of 1 and 1.5 is decimal.
_WIDER: tuple[Kind, ...] = ("integer", "decimal", "float")


def kind_of_text(text: str, order: DateOrder = "ymd") -> Kind:
    """The narrowest kind that takes it. A number with leading zeros is text: a postcode must keep them."""
    for kind, pattern in _TEXTS:
        if pattern.fullmatch(text):
            if kind == "integer" and abs(int(text)) > _MAX_INTEGER:
                return "decimal"
            return kind
    if order != "ymd" and _OTHER_ORDERS.fullmatch(text) and (found := in_iso(text, order)) is not None:
        return "timestamp" if ":" in found else "date"
    return "text"


def kind_of_value(value: Any) -> Kind:
    """Of what JSON or Parquet gave."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer" if -_MAX_INTEGER - 1 <= value <= _MAX_INTEGER else "decimal"
    if isinstance(value, float):
        return "float"
    if isinstance(value, Decimal):
        return "decimal"
    if isinstance(value, bytes):
        return "bytes"
    if isinstance(value, str):
        kind = kind_of_text(value)
        return kind if kind in ("date", "timestamp", "timestamptz", "uuid") else "text"
    return "json"


def together(kinds: Iterable[Kind]) -> Kind:
    """One kind for a column that holds all these; text when nothing else takes them, and for none at all."""
    found = set(kinds)
    if not found:
        return "text"
    if len(found) == 1:
        return found.pop()
    if found <= set(_WIDER):
        return max(found, key=_WIDER.index)
    if found == {"date", "timestamp"}:
        return "timestamp"
    return "json" if "json" in found else "text"


def in_iso(text: str, order: DateOrder) -> str | None:
    """`31.12.2024 10:15` as 2024-12-31 10:15; None when it is no such date. `order` is "dmy" or "mdy"."""
    match = _OTHER_ORDERS.fullmatch(text)
    if match is None:
        return None
    first, second, year, clock = int(match[1]), int(match[2]), int(match[3]), match[4]
    day, month = (first, second) if order == "dmy" else (second, first)
    try:
        made = date(year, month, day).isoformat()
    except ValueError:
        return None
    return f"{made} {clock}" if clock else made
