"""A run that ends its runner each time must not be taken up for ever: after a few deaths it is undone, then failed."""

from __future__ import annotations

from holdfast.kernel.errors import NeedsOperator

SUSPECT_AFTER = 2  # from here on it runs beside no other suspect, so that the innocent are not counted with the guilty
UNDO_AFTER = 4
FAIL_AFTER = UNDO_AFTER + 2
REASON = "its runner died each time"


def error_of(deaths: int, *, undone: bool) -> NeedsOperator:
    """What the run says in the end."""
    left = "What it had made was removed." if undone else "What it had made may still be there: undoing it died too."
    return NeedsOperator(
        f"the process that carried this out died {deaths} times",
        code="run_ends_its_runner",
        hint=f"{left} Look for out-of-memory kills in the system's log, then ask for it again.",
        details={"deaths": deaths},
    )
