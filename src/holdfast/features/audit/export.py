"""The log as a file: JSON, one object per line, or CSV that no spreadsheet mistakes for formulas."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from holdfast.features.audit.store import AuditEvent

MEDIA = {"csv": "text/csv; charset=utf-8", "json": "application/json", "ndjson": "application/x-ndjson"}
COLUMNS = tuple(AuditEvent.__dataclass_fields__)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def written(events: Iterable[AuditEvent], kind: str) -> Iterator[bytes]:
    """The file's pieces, in bounded memory."""
    if kind == "csv":
        return _csv(events)
    return _lines(events) if kind == "ndjson" else _array(events)


def cell(value: Any) -> str:
    """A leading quote before what Excel and others would run (OWASP, CSV injection); they hide it again."""
    text = value if isinstance(value, str) else "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _csv(events: Iterable[AuditEvent]) -> Iterator[bytes]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for event in events:
        values = _plain(event)
        writer.writerow([cell(_compact(values[name]) if name == "details" else values[name]) for name in COLUMNS])
        if buffer.tell() > 64 * 1024:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


def _lines(events: Iterable[AuditEvent]) -> Iterator[bytes]:
    for event in events:
        yield _compact(_plain(event)).encode() + b"\n"


def _array(events: Iterable[AuditEvent]) -> Iterator[bytes]:
    """Cut short, it does not parse: a part of the log must not look like all of it."""
    yield b"["
    for number, event in enumerate(events):
        yield (b",\n" if number else b"\n") + _compact(_plain(event)).encode()
    yield b"\n]\n"


def _plain(event: AuditEvent) -> dict[str, Any]:
    values = asdict(event)
    for name in ("at", "erased_at"):
        values[name] = values[name].isoformat() if values[name] else None
    return values


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
