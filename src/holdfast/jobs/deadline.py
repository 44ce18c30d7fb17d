"""A run that takes longer than it may is cancelled, and says so."""

from __future__ import annotations

from holdfast.kernel.errors import Permanent

REASON = "over its deadline"


def error_of(seconds: int | None) -> Permanent:
    """What such a run says in the end."""
    return Permanent(
        f"it took longer than the {seconds} seconds it may, and was cancelled",
        code="deadline_exceeded",
        hint="What it had begun was undone. Look at its log for what took so long, or give it more time.",
        details={"deadline_seconds": seconds},
    )
