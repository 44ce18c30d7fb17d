"""A limit was reached: who counted, how much there is, and when to come back."""

from __future__ import annotations

from datetime import datetime
from math import ceil

from holdfast.features.limits.words import UNITS, Subject, What
from holdfast.kernel.clock import timestamp
from holdfast.kernel.errors import HoldfastError


class Limited(HoldfastError):
    """429. `retryable` when waiting is enough; `subject` is for the record, `details` for the caller."""

    status = 429

    def __init__(
        self,
        code: str,
        subject: Subject,
        what: What,
        *,
        limit: int,
        window: int,
        used: int,
        reset_at: datetime | None,
        reset_in: float | None,
    ) -> None:
        per = f" in {_span(window)}" if window else ""
        super().__init__(
            f"the limit of {limit} {UNITS[what]}{per} for this {subject.kind} is reached",
            code=code,
            hint="Wait until `reset_at`, or ask an administrator for more."
            if reset_at
            else "Delete something, or ask an administrator for more.",
            details={
                "what": what,
                "subject": subject.kind,
                "limit": limit,
                "window_seconds": window,
                "used": used,
                "remaining": max(0, limit - used),
                "reset_at": timestamp(reset_at) if reset_at else None,
            },
        )
        self.subject = subject
        self.what = what
        self.window = window
        if reset_in is not None:
            self.details["retry_after_seconds"] = max(1, ceil(reset_in))

    def as_dict(self) -> dict[str, object]:
        return {**super().as_dict(), "retryable": "retry_after_seconds" in self.details}


def _span(seconds: int) -> str:
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds % size == 0:
            count = seconds // size
            return f"{count} {unit}s" if count > 1 else f"{'an' if unit == 'hour' else 'a'} {unit}"
    return f"{seconds} seconds"
