"""The history of plans as a file: JSON or CSV."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from holdfast.features.plans.model import Turn
from holdfast.web import sheets

COLUMNS = (
    "id", "plan_id", "schedule", "trigger", "actor", "state", "requested_at", "due_at", "started_at", "ended_at",
    "total", "succeeded", "failed", "run_id", "correlation_id", "reason",
)  # fmt: skip


def written(turns: Iterable[Turn], kind: str) -> Iterator[bytes]:
    """The file's pieces. `kind`: csv (of a reason just its message) or json."""
    make = _told if kind == "csv" else asdict
    return sheets.written(map(make, turns), COLUMNS, kind)


def _told(turn: Turn) -> dict[str, Any]:
    return asdict(turn) | {"reason": (turn.reason or {}).get("message")}
