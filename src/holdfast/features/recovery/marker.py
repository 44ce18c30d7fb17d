"""Whether a recovery into a data directory was cut off. Imports little: the keeper asks at every start."""

from __future__ import annotations

from pathlib import Path

from holdfast.kernel.errors import NeedsOperator

WORK = "recover"
MARKER = "recovering.json"


def require_finished(data: Path) -> None:
    """Raises NeedsOperator("recovery_unfinished"): half a recovery is no data directory."""
    if (data / WORK / MARKER).exists():
        raise NeedsOperator(
            f"a recovery into {data} was cut off before its end",
            code="recovery_unfinished",
            hint="Run the same `holdfast recover` again; it goes on where that is possible.",
        )
