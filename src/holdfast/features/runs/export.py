"""The history of runs as a file: JSON, or CSV that no spreadsheet mistakes for formulas."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any

from holdfast.features.audit.export import cell
from holdfast.jobs import Run
from holdfast.kernel.clock import timestamp

MEDIA = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
COLUMNS = (
    "id", "kind", "state", "project_id", "environment_id", "resource_id", "actor", "trigger", "requested_at",
    "scheduled_at", "started_at", "finished_at", "correlation_id", "input", "result", "error",
)  # fmt: skip
_NESTED = ("input", "result", "error")


def written(runs: Iterable[Run], kind: str) -> Iterator[bytes]:
    """The file, piece by piece."""
    return _csv(runs) if kind == "csv" else _json(runs)


def _row(run: Run) -> dict[str, Any]:
    values = asdict(run) | {"scheduled_at": run.not_before}
    return {name: timestamp(v) if isinstance(v := values[name], datetime) else v for name in COLUMNS}


def _json(runs: Iterable[Run]) -> Iterator[bytes]:
    before = b"["
    for run in runs:
        yield before + json.dumps(_row(run), ensure_ascii=False).encode()
        before = b",\n"
    yield b"[]\n" if before == b"[" else b"]\n"


def _csv(runs: Iterable[Run]) -> Iterator[bytes]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for run in runs:
        row = _row(run)
        for name in _NESTED:
            row[name] = json.dumps(row[name], ensure_ascii=False) if row[name] else None
        writer.writerow([cell(row[name]) for name in COLUMNS])
        yield buffer.getvalue().encode()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue().encode()
