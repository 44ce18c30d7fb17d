"""The history of plans as a file: JSON, or CSV that no spreadsheet mistakes for formulas."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any

from holdfast.features.audit.export import cell
from holdfast.features.plans.model import Turn
from holdfast.kernel.clock import timestamp

MEDIA = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
COLUMNS = (
    "id",
    "plan_id",
    "schedule",
    "trigger",
    "actor",
    "state",
    "requested_at",
    "due_at",
    "started_at",
    "ended_at",
    "total",
    "succeeded",
    "failed",
    "run_id",
    "correlation_id",
    "reason",
)


def written(turns: Iterable[Turn], kind: str) -> Iterator[bytes]:
    """The file, piece by piece."""
    return _csv(turns) if kind == "csv" else _json(turns)


def _row(turn: Turn) -> dict[str, Any]:
    values = asdict(turn)
    return {name: timestamp(v) if isinstance(v := values[name], datetime) else v for name in COLUMNS}


def _json(turns: Iterable[Turn]) -> Iterator[bytes]:
    before = b"["
    for turn in turns:
        yield before + json.dumps(_row(turn), ensure_ascii=False).encode()
        before = b",\n"
    yield b"[]\n" if before == b"[" else b"]\n"


def _csv(turns: Iterable[Turn]) -> Iterator[bytes]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for turn in turns:
        row = _row(turn)
        row["reason"] = (turn.reason or {}).get("message")
        writer.writerow([cell(row[name]) for name in COLUMNS])
        yield buffer.getvalue().encode()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue().encode()
