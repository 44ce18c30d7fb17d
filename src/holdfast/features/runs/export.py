"""The history of runs as a file: JSON or CSV."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from holdfast.jobs import Run
from holdfast.web import sheets

COLUMNS = (
    "id", "kind", "state", "project_id", "environment_id", "resource_id", "actor", "trigger", "requested_at",
    "scheduled_at", "started_at", "finished_at", "correlation_id", "input", "result", "error",
)  # fmt: skip
MEDIA = {kind: sheets.MEDIA[kind] for kind in ("csv", "json")}


def written(runs: Iterable[Run], kind: str) -> Iterator[bytes]:
    """The file's pieces. `kind` is one of `MEDIA`."""
    return sheets.written(map(_row, runs), COLUMNS, kind)


def _row(run: Run) -> dict[str, Any]:
    return asdict(run) | {"scheduled_at": run.not_before}
